"""What users get wrong: each gives NumPy's result, or an error of the right class that names their
line; nothing crashes the process, and the next call works.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb

X = np.array([1.0, 2.0, 3.0])
HERE = os.path.basename(__file__)


def line_of(function: Callable[..., Any], text: str) -> int:
    """The number of the line of a function that holds a text."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [i for i, line in enumerate(lines) if text in line and "line_of" not in line]
    return first + found


class Mistake:
    """Expect an error, in at most three lines, that names this file and, if given, the line.

    Errors of Python's own operators have no place in their text: they are raised there.
    """

    def __init__(self, kind: type[BaseException], text: str = "", line: int | None = None) -> None:
        self.kind, self.text, self.line = kind, text, line

    def __enter__(self) -> Mistake:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        assert error is not None, f"no {self.kind.__name__} was raised"
        if not isinstance(error, self.kind) or isinstance(error, AssertionError):
            return False
        message = str(error)
        assert re.search(self.text, message), message
        if message.startswith("unsupported operand type"):
            assert innermost(traceback) == __file__
            return True
        assert f"{HERE}:" in message, f"the place is missing in: {message}"
        assert len(message.splitlines()) <= 3, message
        if self.line is not None:
            assert f"{HERE}:{self.line} " in message, f"not line {self.line}: {message}"
        return True


def innermost(traceback: Any) -> str:
    """The file in which an error was raised."""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_filename


@pytest.fixture(autouse=True)
def the_next_call_works() -> Any:
    """Whatever went wrong, nothing is left behind."""
    from pullback.tracer.trace import tracing, under_way

    yield
    assert not tracing()
    assert under_way[0] == 0
    assert_allclose(pb.grad(lambda x: np.sum(x * x))(X), 2 * X)


# -- shapes and dtypes -------------------------------------------------------------------------


def test_shapes_that_do_not_go_together():
    def add(x: Any, y: Any) -> Any:
        return x + y

    def multiply(x: Any, y: Any) -> Any:
        return x @ y

    def join(x: Any, y: Any) -> Any:
        return np.concatenate([x, y], axis=0)

    for f in (add, multiply, join):
        with Mistake(ValueError, line=line_of(f, "return")):
            pb.jit(f)(np.ones((2, 3)), np.ones((4, 5)))

    def reshape(x: Any) -> Any:
        return x.reshape(4)

    with Mistake(ValueError, "reshape", line=line_of(reshape, "return")):
        pb.jit(reshape)(X)


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array(["a"]),
        np.array([b"a"]),
        np.array([1j], np.clongdouble),
        np.array([1.0], np.longdouble),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.zeros(2, [("a", float)]),
        np.longdouble(1.0),
        np.clongdouble(1.0),
        "text",
        b"bytes",
        object(),
        {1, 2},
        range(3),
        (i for i in range(3)),
        lambda x: x,
        np.ma.masked_array([1.0, 2.0], [True, False]),
    ],
    ids=lambda v: type(v).__name__ + str(getattr(v, "dtype", "")),
)
def test_types_that_cannot_be_compiled(value: Any):
    for transform in (pb.jit, pb.grad, pb.jacfwd, pb.vmap):
        with Mistake(pb.UnsupportedTypeError):
            transform(lambda x: np.sum(x))(value)
    with Mistake(pb.UnsupportedTypeError):
        pb.jit(lambda x, y: np.sum(x))(X, {"a": [value]})


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices_multiply_otherwise():
    with Mistake(pb.UnsupportedTypeError, "matrix.*np.asarray"):
        pb.jit(lambda x: x * x)(np.matrix([[1.0]]))
    outside = np.matrix([[1.0, 2.0, 3.0]])
    with Mistake(pb.UnsupportedTypeError, "matrix.*np.asarray"):
        pb.jit(lambda x: x * outside)(X)


@pytest.mark.parametrize(
    "value",
    [np.array([1j], np.clongdouble), np.array(["a"]), np.array([1.0], np.longdouble), "text"],
)
def test_types_that_cannot_be_captured(value: Any):
    with Mistake(TypeError, line=line_of(test_types_that_cannot_be_captured, "x * value")):
        pb.jit(lambda x: x * value)(X)


def test_none_is_a_tree_without_leaves():
    assert pb.jit(lambda x, y: x if y is None else y)(X, None) is not None
    assert pb.jit(lambda x: None)(X) is None
    with Mistake(TypeError):
        pb.jit(lambda x, y: x * y)(X, None)


def test_ragged_lists_are_trees():
    """A list is a tree of its elements, so it may be ragged; arithmetic on it is Python's."""
    got = pb.jit(lambda x: np.sum(x[0][1] * x[1][0]))([[1.0, 2.0], [3.0]])
    assert got == 6.0


def test_a_list_among_the_arguments_is_no_array():
    with pytest.raises(TypeError):
        pb.jit(lambda x: x * 2.0)([1.0, 2.0])


def test_a_list_beside_an_array_is_one():
    functions: list[Callable[[Any], Any]] = [
        lambda x: x * [1.0, 2.0, 3.0],
        lambda x: [1.0, 2.0, 3.0] * x,
        lambda x: (1, 2, 3) - x,
        lambda x: x @ [1, 2, 3],
        lambda x: x == [1, 2, 4],
        lambda x: np.array([[1], [2]]) + x - [[1], [2]],
        lambda x: np.hypot([1.0, 2.0, 3.0], x),
    ]
    for f in functions:
        assert_array_equal(pb.jit(f)(X), f(X))
    assert_array_equal(pb.jit(lambda x: x * [x[0], 1.0, x[2]])(X), X * [X[0], 1.0, X[2]])
    with pytest.raises(TypeError):
        pb.jit(lambda x: x * [1.0, 2.0])(2.0)


class Sub(np.ndarray):
    pass


def test_subclasses_without_rules_of_their_own_are_arrays():
    got = pb.jit(lambda x: x * 2)(X.view(Sub))
    assert type(got) is np.ndarray
    assert_array_equal(got, 2 * X)


# -- odd arrays --------------------------------------------------------------------------------


def test_empty_arrays():
    for shape in ((0,), (0, 3), (3, 0), (2, 0, 3)):
        x = np.ones(shape)
        assert pb.jit(np.sum)(x) == 0.0
        assert pb.grad(lambda x: np.sum(np.sin(x)))(x).shape == shape
        assert pb.jit(lambda x: x @ x.T)(x).shape == (x @ x.T).shape if x.ndim < 3 else True
        assert_array_equal(pb.jit(lambda x: np.cumsum(x, 0))(x), x)
    assert pb.grad(np.prod)(np.zeros(0)).shape == (0,)
    assert pb.jit(np.mean)(np.ones((1, 1))) == 1.0


def test_reductions_of_nothing():
    for f in (lambda x: np.max(x), lambda x: np.argmin(x)):
        with Mistake(ValueError, line=line_of(test_reductions_of_nothing, "for f in")):
            pb.jit(f)(np.zeros(0))


def test_zero_dimensional_arrays():
    f = pb.jit(lambda x: np.sin(x) * 2)
    for x in (np.array(1.0), np.float64(1.0), 1.0):
        assert f(x) == np.sin(1.0) * 2
    with Mistake(IndexError):
        pb.jit(lambda x: x[0])(np.array(1.0))
    with Mistake(TypeError):
        pb.jit(lambda x: len(x))(np.array(1.0))


def test_many_axes():
    x = np.arange(2.0**10).reshape((2,) * 10)
    assert_array_equal(pb.jit(lambda x: x.transpose() + x)(x), x.T + x)
    assert_allclose(
        pb.grad(lambda x: np.sum(np.sum(x, 3) ** 2))(x), 2 * np.sum(x, 3, keepdims=True) + 0 * x
    )


def test_nan_and_infinity_pass_through():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])
    with np.errstate(all="ignore"):
        assert_array_equal(pb.jit(lambda x: x * 2 + 1)(x), x * 2 + 1)
        assert_array_equal(pb.jit(lambda x: 1 / x)(x), 1 / x)
        assert_array_equal(pb.jit(lambda x: np.max(x))(x), np.nan)
        assert_array_equal(pb.jit(lambda x: x[1:] // 1.0)(x), x[1:] // 1.0)


def test_arithmetic_warns_of_nothing_and_traps_nowhere():
    i = np.array([1, 0, -5])
    assert_array_equal(pb.jit(lambda x, y: x // y)(i, np.zeros(3, int)), [0, 0, 0])
    assert_array_equal(pb.jit(lambda x: 1.0 / x)(np.zeros(2)), [np.inf, np.inf])


def test_large_results_that_memory_cannot_hold():
    with pytest.raises(MemoryError):
        pb.jit(lambda x: np.broadcast_to(x, (2**24, 2**24)) * 2.0)(1.0)


def test_arrays_that_share_memory():
    x = np.arange(10.0)
    assert_array_equal(pb.jit(lambda a, b: a - b)(x[:-1], x[1:]), -np.ones(9))
    assert_array_equal(pb.jit(lambda a: a)(x), x)
    result = pb.jit(lambda a: a)(x)
    result[:] = 0.0
    assert x[3] == 3.0


# -- calls -------------------------------------------------------------------------------------


def two(x: Any, y: Any) -> Any:
    return x + y


@pytest.mark.parametrize("transform", [pb.jit, pb.grad, pb.value_and_grad, pb.vmap, pb.jacrev])
def test_wrong_arguments(transform: Callable[..., Any]):
    f = transform(two)
    for args in ((), (X,), (X, X, X)):
        with pytest.raises((TypeError, ValueError)):
            f(*args)
    if transform is not pb.vmap:
        with pytest.raises(TypeError, match="unknown"):
            f(X, X, unknown=1.0)
    assert_array_equal(pb.jit(two)(X, X), 2 * X)


def test_transforms_of_what_is_no_function():
    transforms: list[Any] = [pb.jit, pb.grad, pb.value_and_grad, pb.jacfwd, pb.jacrev, pb.vmap]
    for transform in transforms:
        with pytest.raises(TypeError, match="function"):
            transform(X)
        with pytest.raises(TypeError):
            transform(two, nonsense=True)


def test_static_arguments_are_hashable():
    with Mistake(TypeError, "hashable"):
        pb.jit(lambda x, y: x, static_argnums=1)(X, [1.0])
    with Mistake(TypeError, "hashable"):
        pb.jit(lambda x, y: x, static_argnames="y")(X, y=X)


def test_static_arguments_that_compare_badly():
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError("no comparison")

        def __hash__(self) -> int:
            return 1

    f = pb.jit(lambda x, y: x * 2, static_argnums=1)
    assert_array_equal(f(X, Odd()), 2 * X)
    with pytest.raises(ValueError, match="no comparison"):
        f(X, Odd())


def test_argnums_out_of_range():
    with Mistake(TypeError, "argument 3"):
        pb.grad(two, 3)(X, X)
    with Mistake(TypeError, "argument -3"):
        pb.grad(two, (0, -3))(X, X)


# -- what can be differentiated ----------------------------------------------------------------


@pytest.mark.parametrize("value", [1, True, np.arange(3), np.array([True])])
@pytest.mark.parametrize(
    "transform", [pb.grad, pb.value_and_grad, pb.jacfwd, pb.jacrev, pb.hessian]
)
def test_inputs_of_derivatives_are_floating(transform: Callable[..., Any], value: Any):
    with Mistake(TypeError, "floating-point.*\n?.*astype"):
        transform(lambda x: np.sum(x * 1.0))(value)


def test_gradients_are_of_one_number():
    with Mistake(TypeError, r"one.*f64\[3\](.|\n)*jac"):
        pb.grad(np.sin)(X)
    with Mistake(TypeError, "one"):
        pb.grad(lambda x: (np.sum(x), np.sum(x)))(X)
    with Mistake(TypeError, "one"):
        pb.grad(lambda x: None)(X)
    with Mistake(TypeError, "one"):
        pb.grad(lambda x: np.argmax(x))(X)
    with Mistake(TypeError, "aux"):
        pb.grad(np.sum, has_aux=True)(X)
    with Mistake(TypeError):
        pb.grad(lambda x: "text")(X)


def test_outputs_that_do_not_depend_on_the_input():
    assert_array_equal(pb.grad(lambda x: 1.0)(X), np.zeros(3))
    assert_array_equal(pb.grad(lambda x: np.sum(X) * 2)(X), np.zeros(3))
    assert_array_equal(pb.grad(lambda x: np.sum(np.floor(x)))(X), np.zeros(3))
    assert_array_equal(pb.grad(lambda x: np.sum(x.astype(int)) * 1.0)(X), np.zeros(3))
    assert_array_equal(pb.grad(lambda x, y: np.sum(y))(X, X), np.zeros(3))
    assert_array_equal(pb.jacfwd(lambda x: X)(X), np.zeros((3, 3)))
    assert_array_equal(pb.jacrev(lambda x: X)(X), np.zeros((3, 3)))
    assert_array_equal(pb.hessian(np.sum)(X), np.zeros((3, 3)))
    assert_array_equal(pb.grad(lambda x: x["a"] * 0 + 2.0)({"a": 1.0, "b": X})["b"], np.zeros(3))


def test_tangents_and_cotangents_that_do_not_fit():
    with Mistake(ValueError, "shape"):
        pb.jvp(np.sin, (X,), (X[:2],))
    with Mistake(TypeError):
        pb.jvp(np.sin, (X,), (X, X))
    no_tuples: list[Any] = [X, X]
    with Mistake(TypeError):
        pb.jvp(np.sin, *no_tuples)
    _, pull = pb.vjp(np.sin, X)
    with Mistake(ValueError, "shape"):
        pull(np.ones(2))
    with Mistake(TypeError, "structure"):
        pull((X, X))
    assert_allclose(pull(X)[0], np.cos(X) * X)


def test_vmap_of_what_cannot_be_mapped():
    with Mistake(ValueError, "extent"):
        pb.vmap(two)(X, X[:2])
    with Mistake(ValueError, "axis 1"):
        pb.vmap(np.sum, in_axes=1)(X)
    with Mistake(ValueError, "in_axes"):
        pb.vmap(two, in_axes=(0,))(X, X)
    with Mistake(ValueError):
        pb.vmap(two, in_axes=None)(X, X)
    with Mistake(ValueError):
        pb.vmap(np.sum)(1.0)
    with Mistake(ValueError, "out_axes 3"):
        pb.vmap(np.sin, out_axes=3)(X)


# -- traced values where Python needs actual ones ----------------------------------------------


def branch(x: Any) -> Any:
    if x > 0:  # the branch
        return x
    return -x


def loop(x: Any) -> Any:
    while x < 10:  # the loop
        x = x * 2
    return x


def short_circuit(x: Any) -> Any:
    return x and 1.0


def chain(x: Any) -> Any:
    return 0 < x < 1


CONVERSIONS: list[tuple[Callable[..., Any], str]] = [
    (branch, "np.where"),
    (loop, "while"),
    (short_circuit, "np.where"),
    (chain, "np.where"),
    (lambda x: float(x), "numpy"),
    (lambda x: int(x), "astype"),
    (lambda x: bool(x), "np.where"),
    (lambda x: complex(x), "array"),
    (lambda x: range(x.astype(int)), "range"),
    (lambda x: [1, 2, 3][x.astype(int)], "index"),
    (lambda x: x.item(), "array"),
    (lambda x: x.tolist(), "array"),
    (lambda x: [*map(np.array, [[x, x]])], r"pullback\.numpy"),
    (lambda x: [*map(np.asarray, [x])], r"pullback\.numpy"),
    (lambda x: max(x, 0.0), "np.where"),
    (lambda x: "{:.3f}".format(x), ""),  # noqa: UP032
    (lambda x: f"{x:.3f}", ""),
    (lambda x: round(x), ""),
    (lambda x: hash(x), ""),
    (lambda x: __import__("math").sin(x), ""),
]


@pytest.mark.parametrize(
    ("f", "way_out"), CONVERSIONS, ids=[str(i) for i in range(len(CONVERSIONS))]
)
def test_traced_values_have_no_value(f: Callable[..., Any], way_out: str):
    first = inspect.getsourcelines(f)[1]
    """Where there is no call, or where there are many at once."""
    typed, many = pb.ShapeDtype((), np.dtype(np.float64)), np.full(2, 1.5)
    for call in (lambda: pb.trace(f, typed), lambda: pb.vmap(pb.grad(f))(many)):
        try:
            call()
        except TypeError as error:
            message = str(error)
        else:
            if way_out:
                pytest.fail("no error was raised")
            return
        if way_out:
            assert re.search(way_out, message), message
            (number,) = re.findall(rf"{HERE}:(\d+)", message)
            assert first <= int(number) <= first + 4
            assert isinstance(error_of(call), pb.TracedValueError)


def error_of(call: Callable[[], Any]) -> BaseException:
    try:
        call()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("no error")


def test_functions_without_a_traced_meaning():
    def f(x: Any) -> Any:
        return np.unique(x)

    with Mistake(TypeError, "unique", line=line_of(f, "np.unique")):
        pb.jit(f)(X)


def test_leaked_tracers():
    kept: list[Any] = []

    def leak(x: Any) -> Any:
        kept.append(np.sin(x))
        return x

    assert_array_equal(pb.jit(leak)(X), X)
    line = line_of(leak, "kept.append")
    for use in (
        lambda: kept[0] + 1,
        lambda: np.sum(kept[0]),
        lambda: kept[0][0],
        lambda: pb.jit(lambda x: x + kept[0])(X),
        lambda: pb.jit(lambda x: x)(kept[0]),
        lambda: pb.grad(lambda x: np.sum(x * kept[0]))(X),
    ):
        error = error_of(use)
        assert isinstance(error, (pb.LeakedTracerError, TypeError)), error
        assert f"{HERE}:" in str(error), error
    with pytest.raises(pb.LeakedTracerError, match=rf"{HERE}:{line}"):
        pb.jit(lambda x: x + kept[0])(X)
    assert "Tracer" in repr(kept[0])
    assert kept[0].shape == (3,)


def test_writing_into_an_argument():
    def f(x: Any) -> Any:
        x[0] = 1.0
        return x

    def g(x: Any) -> Any:
        x += 1.0
        return x

    for function, text in ((f, "x[0] ="), (g, "x +=")):
        x = X.copy()
        for transform in (pb.jacfwd(function), pb.jacrev(function), pb.jit(pb.jacrev(function))):
            with Mistake(ValueError, r"copy\(\)", line=line_of(function, text)):
                transform(x)
        with Mistake(ValueError, r"copy\(\)", line=line_of(function, text)):
            pb.trace(function, x)
        assert_array_equal(x, X)


def test_writing_into_a_captured_array():
    outside = X.copy()

    def f(x: Any) -> Any:
        outside[0] = x[0]
        return x

    # NumPy asks for a float, and wraps the error that says where and what to do instead.
    with Mistake(pb.TracedValueError, r"pullback\.numpy", line=line_of(f, "outside[0] =")):
        pb.jit(f)(X)
    assert_array_equal(outside, X)


# -- indices -----------------------------------------------------------------------------------


def test_static_indices_out_of_range():
    for f in (lambda x: x[5], lambda x: x[-4], lambda x: x[0, 0], lambda x: x[[0, 7]]):
        with Mistake(IndexError, line=line_of(test_static_indices_out_of_range, "for f in")):
            pb.jit(f)(X)


def test_computed_indices_out_of_range():
    def read(x: Any, i: Any) -> Any:
        return x[i] * 2.0

    def write(x: Any, i: Any) -> Any:
        y = np.zeros_like(x)
        y[i] = 1.0
        return y

    def many(x: Any, i: Any) -> Any:
        return np.take(x, np.array([0, 1]) * i)

    def add_up(x: Any, i: Any) -> Any:
        y = x.copy()
        np.add.at(y, i, 1.0)
        return y

    for f, text in ((read, "x[i]"), (write, "y[i]"), (many, "np.take"), (add_up, "np.add.at")):
        compiled = pb.jit(f)
        for good in (0, 1, 2, -1, -3):
            assert_array_equal(compiled(X, good), f(X, good)) if f is not many or abs(
                good
            ) < 3 else None
        for bad in (3, -4, 10**12, -(2**63), 2**63 - 1):
            with Mistake(
                IndexError,
                rf"index {bad} is out of bounds for axis 0 with size 3|out of bounds",
                line=line_of(f, text),
            ):
                compiled(X, bad)
        assert_array_equal(compiled(X, 1), f(X, 1))


def test_vectors_of_indices_out_of_range():
    f = pb.jit(lambda x, i: x[i])
    for n in (1, 3, 8, 9, 40):
        x = np.arange(float(n))
        assert_array_equal(f(x, np.arange(n)), x)
        for place in {0, n // 2, n - 1}:
            i = np.arange(n)
            i[place] = n
            with Mistake(IndexError, f"index {n} is out of bounds for axis 0 with size {n}"):
                f(x, i)


def test_gradients_at_indices_out_of_range():
    gradient = pb.grad(lambda x, i: np.sum(x[i] ** 2))
    assert_allclose(gradient(X, np.array([0, 0, -1])), [4 * X[0], 0.0, 2 * X[2]])
    with Mistake(IndexError, "index 7"):
        gradient(X, np.array([0, 7]))


def test_an_empty_table():
    f = pb.jit(lambda x, i: x[i])
    assert f(np.zeros(0), np.zeros(0, int)).shape == (0,)
    with Mistake(IndexError, "index 0"):
        f(np.zeros(0), np.zeros(2, int))


# -- exceptions while tracing ------------------------------------------------------------------


class Unusual(BaseException):
    pass


@pytest.mark.parametrize(
    "kind", [ValueError, KeyboardInterrupt, SystemExit, Unusual, RecursionError]
)
def test_exceptions_of_the_function_come_through(kind: type[BaseException]):
    fails = True

    def f(x: Any) -> Any:
        y = np.sin(x)
        if fails:
            raise kind("of the user")
        return np.sum(y)

    for transform in (pb.jit, pb.grad, lambda f: pb.jit(pb.grad(f)), pb.hessian, pb.jacfwd):
        fails = True
        made = transform(f)
        for _ in range(2):
            with pytest.raises(kind, match="of the user"):
                made(X)
        fails = False
        made(X)
    fails = True
    with pytest.raises(kind):
        pb.vjp(f, X)


def test_an_exception_that_the_function_catches():
    def f(x: Any) -> Any:
        try:
            return np.sum(x + np.ones(7))
        except ValueError:
            return np.sum(x)

    assert pb.jit(f)(X) == 6.0
    assert_array_equal(pb.grad(f)(X), np.ones(3))


def test_a_function_that_calls_itself():
    def power(x: Any, n: int) -> Any:
        return x if n == 1 else x * power(x, n - 1)

    assert_allclose(pb.grad(lambda x: np.sum(power(x, 5)))(X), 5 * X**4)

    @pb.jit
    def endless(x: Any) -> Any:
        return endless(x) + 1.0

    with pytest.raises(RecursionError):
        endless(X)
    assert_array_equal(pb.jit(two)(X, X), 2 * X)


def test_generators_as_functions():
    def f(x: Any) -> Any:
        yield x

    with Mistake(TypeError, "generator"):
        pb.jit(f)(X)


# -- threads -----------------------------------------------------------------------------------


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run in several threads that begin at once; an exception in one fails the test."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads_that_call_one_function():
    f = pb.value_and_grad(lambda x: np.sum(np.sin(x) * x))

    def work(number: int) -> None:
        for n in (3, 4, 5, 50, 100):
            x = np.linspace(0, number + 1, n)
            for _ in range(20):
                value, gradient = f(x)
                assert_allclose(value, np.sum(np.sin(x) * x))
                assert_allclose(gradient, np.sin(x) + x * np.cos(x))

    in_threads(8, work)
    assert len(f.signatures) == 5


def test_threads_that_compile_and_trace():
    def work(number: int) -> None:
        for n in range(6):
            f = pb.grad(lambda x, n=n: np.sum(x ** (n + number % 3 + 1)))
            power = n + number % 3 + 1
            assert_allclose(f(X), power * X ** (power - 1))

    in_threads(8, work)


@pytest.mark.filterwarnings("ignore::pullback.RecompilationWarning")
def test_threads_that_rebind_what_others_read():
    box: dict[str, Any] = {"scale": 1.0}
    f = pb.jit(lambda x: x * box["scale"])
    allowed = {1.0, 2.0, 3.0}

    def work(number: int) -> None:
        for i in range(60):
            if number == 0:
                box["scale"] = float(i % 3 + 1)
            assert float(f(1.0)) in allowed

    in_threads(4, work)


def test_an_error_in_one_thread_leaves_others_alone():
    f = pb.jit(lambda x, i: x[i])

    def work(number: int) -> None:
        for _ in range(50):
            if number % 2:
                with pytest.raises(IndexError):
                    f(X, 5)
            else:
                assert f(X, 1) == 2.0

    in_threads(4, work)


def test_tracing_in_one_thread_does_not_disturb_calls_in_another():
    go, done = threading.Event(), threading.Event()
    f = pb.jit(lambda x: x * 2)
    f(X)
    got = []

    def slow(x: Any) -> Any:
        go.set()
        assert done.wait(10)
        return x + 1

    def work(number: int) -> None:
        if number == 0:
            got.append(pb.jit(slow)(X))
        else:
            assert go.wait(10)
            for _ in range(10):
                assert_array_equal(f(X), 2 * X)
            assert_array_equal(f(np.ones(7)), 2 * np.ones(7))
            done.set()

    in_threads(2, work)
    assert_array_equal(got[0], X + 1)


# -- the process -------------------------------------------------------------------------------


def run_python(source: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parent,
        check=False,
    )


def test_the_interpreter_ends_quietly():
    done = run_python(
        """
        import builtins, sys
        import numpy as np
        import pullback as pb

        f = pb.grad(lambda x: np.sum(np.sin(x @ x.T)))
        f(np.ones((20, 20)))

        class Keeper:
            def __del__(self):
                self.f = None

        keeper = Keeper()
        keeper.f, keeper.me = f, keeper
        sys.kept = builtins.kept = keeper
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_forked_child_goes_on():
    done = run_python(
        """
        import os
        import numpy as np
        import pullback as pb

        f = pb.jit(lambda x: np.sum(np.sin(x)))
        f(np.ones(3))
        child = os.fork()
        if not child:
            ok = f(np.ones(3)) == f(np.ones(3)) and pb.grad(lambda x: x * x)(2.0) == 4.0
            os._exit(0 if ok else 1)
        _, status = os.waitpid(child, 0)
        raise SystemExit(os.waitstatus_to_exitcode(status))
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_while_compiling():
    done = run_python(
        """
        import signal, threading, time, os
        import numpy as np
        import pullback as pb

        def f(x):
            for i in range(3000):
                x = np.sin(x) + i
            return x

        compiled = pb.jit(f)
        threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            compiled(np.ones(3))
            time.sleep(2.0)
        except KeyboardInterrupt:
            pass
        assert np.allclose(pb.jit(lambda x: x * 2)(np.ones(3)), 2.0)
        assert np.allclose(compiled(np.ones(3)), f(np.ones(3)))
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
