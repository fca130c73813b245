"""Python called from compiled code: results, errors, memory, derivatives, and effects in order."""

from __future__ import annotations

import contextlib
import functools
import gc
import random
import sys
import threading
import traceback
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import ShapeDtype
from pullback.testing import check_grads
from pullback.tracer import tree
from pullback.tracer.errors import TracedValueError, UnsupportedFunctionError, UnsupportedTypeError

Array = np.ndarray[Any, Any]
NUMBER = ShapeDtype(())
X = np.array([0.3, 1.2, -2.0])


def called(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A function of arrays of one type, which gives one of that type."""

    def call(x: Any, *others: Any) -> Any:
        return pb.pure_callback(function, ShapeDtype(x.shape, x.dtype), x, *others, **options)

    return call


def same(got: Any, want: Any) -> None:
    for a, b in zip(pb.ravel_tree(got)[0], pb.ravel_tree(want)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


# -- arguments and results ---------------------------------------------------------------------


@pytest.mark.parametrize("run", [pb.jit, lambda f: f], ids=["compiled", "at once"])
def test_trees(run: Any) -> None:
    seen = []

    def function(point: Any, *, scale: Any) -> Any:
        seen.append((point, scale))
        return {"sum": point["x"] + point["z"][0] * scale, "n": 3, "none": None}

    @run
    def f(x: Any, z: Any) -> Any:
        results = {"sum": x, "n": ShapeDtype((), np.float32), "none": None}
        return pb.pure_callback(function, results, {"x": x, "z": (z,)}, scale=2)

    got = f(X, 1.5)
    same(got["sum"], X + 3.0)
    assert type(got["n"]) is np.float32
    assert got["none"] is None
    ((point, scale),) = seen
    assert [type(x) for x in (point["x"], point["z"][0], scale)] == [np.ndarray] * 3
    assert (point["z"][0].dtype, scale.dtype, scale.shape) == (np.float64, np.int64, ())


@pytest.mark.parametrize("dtype", ["f8", "f2", "c8", "u2", "?"])
@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.T,
        lambda x: np.repeat(x.T, 2, 1)[:, ::2],
        lambda x: x.T.astype(x.dtype.newbyteorder()),
        lambda x: np.lib.stride_tricks.as_strided(x.T.copy(), x.T.shape, x.T.copy().strides),
    ],
    ids=["view", "strided", "swapped", "plain"],
)
def test_layouts_of_results(dtype: str, form: Callable[[Array], Array]) -> None:
    x = (np.arange(6).reshape(2, 3) % 2).astype(dtype)
    got = pb.jit(lambda x: pb.pure_callback(form, ShapeDtype((3, 2), dtype), x))(x)
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(got, x.T)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(True, "?"), (True, "f4"), (2, "u1"), (2, "f4"), (0.5, "f2"), (0.5, "c8"), (1j, "c16")],
)
def test_numbers_of_python_as_results(value: Any, dtype: str) -> None:
    got = pb.jit(lambda: pb.pure_callback(lambda: value, ShapeDtype((), dtype)))()
    assert got.dtype == dtype
    assert got == value


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ((1.0, 2.0), TypeError, r"return an array, returned \(array, array\)"),
        (None, TypeError, "return an array, returned None"),
        (np.ones(2, np.float32), TypeError, r"return f64\[2\], returned dtype float32"),
        (np.ones(3), ValueError, r"return f64\[2\], returned shape \(3,\)"),
        (1.0, ValueError, r"returned shape \(\)"),
        (1j, TypeError, "returned dtype complex128"),
        ("ab", TypeError, "returned dtype <U2"),
    ],
)
def test_wrong_results(value: Any, error: type[Exception], message: str) -> None:
    def wrong(x: Any) -> Any:
        return pb.pure_callback(lambda x: value, ShapeDtype((2,)), x)

    for f in (wrong, pb.jit(wrong)):
        with pytest.raises(error, match=f"(?s){message}.*test_callbacks.py"):
            f(np.ones(2))


def test_a_number_that_does_not_fit():
    f = pb.jit(lambda: pb.pure_callback(lambda: 300, ShapeDtype((), np.uint8)))
    with pytest.raises(OverflowError):
        f()


def test_the_arrays_handed_over_are_the_functions_own():
    kept: list[Array] = []

    def keep(x: Array) -> Array:
        x += 1.0
        kept.append(x)
        return x

    rows = np.arange(12.0).reshape(4, 3)
    f = pb.jit(lambda rows: pb.map(called(keep), rows))
    for g in (f, lambda x: np.stack([called(keep)(row) for row in x])):
        kept.clear()
        got = g(rows)
        same(rows, np.arange(12.0).reshape(4, 3))
        got[:] = 0.0
        gc.collect()
        same(kept, list(rows + 1.0))


def test_dead_calls_are_left_out_and_equal_ones_made_once():
    seen: list[float] = []

    def count(x: Array) -> Array:
        seen.append(float(x))
        return x

    @pb.jit
    def f(x: Any) -> Any:
        called(count)(x + 1.0)
        return called(count)(x) + called(count)(x)

    assert f(1.0) == 2.0
    assert seen == [1.0]


def test_two_functions_of_one_name_are_two():
    made = [pb.jit(called(functools.partial(np.add, n))) for n in (1.0, 2.0)]
    assert [f(1.0) for f in made] == [2.0, 3.0]


def test_static_arguments_and_captured_arrays():
    captured = np.array([1.0, 2.0])

    @functools.partial(pb.jit, static_argnames="key")
    def f(x: Any, key: str = "") -> Any:
        y = pb.pure_callback(lambda x, c: len(key) + x @ c, NUMBER, x, captured)
        return {key: y}

    assert f(np.ones(2), key="abc") == {"abc": 6.0}
    assert f(np.ones(2), key="ab") == {"ab": 5.0}
    captured[0] = 3.0
    assert f(np.ones(2), key="ab") == {"ab": 7.0}


# -- errors --------------------------------------------------------------------------------------


class Odd(Exception):
    """Raised by callbacks."""


@pytest.mark.parametrize("error", [Odd("x"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_exception_reaches_the_caller(error: BaseException) -> None:
    def fail(x: Array) -> Array:
        raise error

    @pb.jit
    def f(x: Any) -> Any:
        return pb.scan(lambda c, a: (c + called(fail)(a), None), 0.0, x)[0]

    for _ in range(3):
        with pytest.raises(type(error)) as info:
            f(np.ones(3))
        assert info.value is error
    text = "".join(traceback.format_exception(error))
    assert "in fail" in text
    assert error.__notes__ == [n for n in error.__notes__ if n.startswith("in the callback fail")]
    assert len(error.__notes__) == 1
    assert "test_callbacks.py" in error.__notes__[0]


def test_nothing_is_left_behind():
    """Random exceptions in loops, collections of garbage meanwhile."""
    draw = random.Random(0)

    def sometimes(x: Array) -> Array:
        if draw.random() < 0.005:
            gc.collect()
        if draw.random() < 0.2:
            raise Odd
        return x * 2.0

    @pb.jit
    def f(x: Any) -> Any:
        return pb.scan(lambda c, a: (c + called(sometimes)(a), c), np.zeros(40), x)[1]

    x = np.ones((5, 40))

    def run(times: int) -> int:
        good = 0
        for _ in range(times):
            try:
                same(f(x)[4], np.full(40, 8.0))
                good += 1
            except Odd:
                pass
        gc.collect()
        return good

    run(20)
    references = sys.getrefcount(sometimes)
    tracemalloc.start()
    try:
        run(10)
        before = tracemalloc.get_traced_memory()[0]
        assert 0 < run(60) < 60
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 2000, grown
    assert sys.getrefcount(sometimes) == references


def test_a_function_is_collected_after_what_calls_it():
    class Identity:
        def __call__(self, x: Array) -> Array:
            return x

    def make() -> tuple[Any, weakref.ref[Identity]]:
        function = Identity()
        f = pb.jit(called(function))
        f(X)
        return f, weakref.ref(function)

    f, function = make()
    gc.collect()
    same(f(X), X)
    del f
    gc.collect()
    assert function() is None


def test_infinite_recursion():
    @pb.jit
    def f(x: Any) -> Any:
        return called(lambda x: f(x))(x)

    with pytest.raises(RecursionError):
        f(1.0)


def test_a_result_that_is_traced():
    f = pb.jit(lambda x: pb.pure_callback(lambda y: x, x, 1.0))
    with pytest.raises(pb.LeakedTracerError, match="pass it as an argument"):
        f(1.0)


# -- what else may happen during a call ----------------------------------------------------------


def test_a_callback_may_call_the_same_function():
    """With a workspace that is too large for the stack; each call has one of its own."""

    @pb.jit
    def f(x: Any, n: Any) -> Any:
        big = np.outer(x, x) @ np.outer(x, x)
        inner = pb.pure_callback(below, NUMBER, n)
        return np.sum(np.tanh(big @ big)) + inner

    def below(n: Array) -> Any:
        gc.collect()
        return f(x, int(n) - 1) if n else 0.0

    x = np.full(60, 0.1)
    same(f(x, 4), 5.0 * f(x, 0))


def test_a_callback_may_do_away_with_the_function():
    kept: dict[str, Any] = {}

    def drop() -> float:
        kept.clear()
        pb.clear_cache()
        gc.collect()
        return 1.0

    kept["f"] = pb.jit(lambda x: pb.pure_callback(drop, NUMBER) + np.sum(np.outer(x, x)))
    assert kept["f"](np.ones(100)) == 10001.0


def test_a_callback_may_have_it_compiled_again():
    @pb.jit
    def f(x: Any) -> Any:
        return pb.pure_callback(again, NUMBER) + np.sum(np.outer(x, x))

    turns = iter([f, None, None])

    def again() -> float:
        other = next(turns)
        return 0.0 if other is None else float(other(np.ones(50))) * 0.0

    assert f(np.ones(100)) == 10000.0


def test_a_callback_may_compile_while_something_is_traced():
    """The answer that Python asks for on the way is computed there and then."""
    square = pb.jit(lambda x: x * x)

    @pb.grad
    def f(x: Any) -> Any:
        y = called(lambda x: square(x))(pb.stop_gradient(x))
        return x * 3.0 if y > 2.0 else x

    assert [f(1.0), f(2.0)] == [1.0, 3.0]


def test_threads():
    draw = random.Random(0)

    def sometimes(x: Array) -> Array:
        if draw.random() < 0.01:
            raise Odd
        return x + 1.0

    @pb.jit
    def f(x: Any) -> Any:
        total = pb.scan(lambda c, a: (called(sometimes)(c) * a, None), x, np.ones(10))[0]
        return np.sum(np.tanh(np.outer(total, total)))

    @pb.jit
    def g(x: Any) -> Any:
        return np.sum(np.sqrt(np.outer(x, x))) + pb.pure_callback(np.sum, NUMBER, x)

    want = 200 * 200 * np.tanh(121.0)
    wrong: list[float] = []

    def work(n: float) -> None:
        for _ in range(40):
            with contextlib.suppress(Odd):
                wrong.extend(v for v in [f(np.ones(200))] if abs(v - want) > 1e-6)
            total = g(np.full(200, n)) - 40200.0 * n
            wrong.extend([total] if abs(total) > 1e-6 else [])

    threads = [threading.Thread(target=work, args=(float(n),)) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -- vmap ----------------------------------------------------------------------------------------

SHAPES = {
    "sequential": [((3,), (3,))] * 2,
    "sequential_unrolled": [((3,), (3,))] * 2,
    "expand_dims": [((2, 3), (1, 3))],
    "broadcast_all": [((2, 3), (2, 3))],
}


@pytest.mark.parametrize("method", SHAPES)
def test_vmap(method: str) -> None:
    seen = []

    def add(x: Array, y: Array) -> Array:
        seen.append((x.shape, y.shape))
        return x + y

    f = pb.vmap(called(add, vmap_method=method), in_axes=(0, None))
    x = np.arange(6.0).reshape(2, 3)
    same(f(x, X), x + X)
    assert seen == SHAPES[method]
    twice = pb.vmap(pb.vmap(called(add, vmap_method=method)), in_axes=(1, None))
    same(twice(x[:, None], x), 2.0 * x[None])


@pytest.mark.parametrize("method", SHAPES)
def test_vmap_is_that_of_jax(method: str) -> None:
    jax = pytest.importorskip("jax")
    seen: list[Any] = []

    def add(x: Any, y: Any) -> Any:
        seen.append((np.shape(x), np.shape(y)))
        return np.asarray(x) + np.asarray(y)

    shape = jax.ShapeDtypeStruct((3,), np.float32)
    x, y = np.ones((2, 3), np.float32), np.ones(3, np.float32)
    f = functools.partial(jax.pure_callback, add, shape, vmap_method=method)
    np.asarray(jax.vmap(f, in_axes=(0, None))(x, y))
    assert seen == SHAPES[method]


def test_vmap_asks_for_a_method():
    with pytest.raises(UnsupportedFunctionError, match=r"(?s)vmap_method=.*test_callbacks.py"):
        pb.vmap(called(np.sin))(X)
    with pytest.raises(ValueError, match="got 'loop'"):
        called(np.sin, vmap_method="loop")(X)


# -- derivatives ---------------------------------------------------------------------------------


def test_derivatives_are_stated_around_the_call():
    with pytest.raises(UnsupportedFunctionError, match=r"(?s)custom_jvp.*test_callbacks.py"):
        pb.grad(lambda x: np.sum(called(np.sin)(x)))(X)
    with pytest.raises(UnsupportedFunctionError, match="custom_vjp"):
        pb.jvp(called(np.sin), (X,), (X,))
    with pytest.raises(UnsupportedFunctionError, match="custom_vjp"):
        pb.grad(lambda x: pb.scan(lambda c, a: (called(np.sin)(c), None), x, X)[0])(1.0)
    same(pb.grad(lambda x: np.sum(x * called(np.sin)(pb.stop_gradient(x))))(X), np.sin(X))


cosine = called(np.cos, vmap_method="sequential")


@pb.custom_jvp
def pushed_sine(x: Any) -> Any:
    return called(np.sin, vmap_method="expand_dims")(x)


@pushed_sine.defjvp
def pushed_sine_rule(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return pushed_sine(x), pushed_cosine(x) * t


@pb.custom_jvp
def pushed_cosine(x: Any) -> Any:
    return cosine(x)


@pushed_cosine.defjvp
def pushed_cosine_rule(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return pushed_cosine(x), -pushed_sine(x) * t


@pb.custom_vjp
def pulled_sine(x: Any) -> Any:
    return called(np.sin, vmap_method="broadcast_all")(x)


pulled_sine.defvjp(lambda x: (pulled_sine(x), x), lambda x, ct: (cosine(x) * ct,))


def in_loop(sine: Any) -> Callable[[Any], Any]:
    return lambda x: pb.scan(lambda c, a: (sine(c) * a, sine(c)), x, np.array([1.0, 2.0]))


def in_while(sine: Any) -> Callable[[Any], Any]:
    def going(state: Any) -> Any:
        return pb.pure_callback(
            lambda n: n < 3, ShapeDtype((), bool), state[1], vmap_method="broadcast_all"
        )

    return lambda x: pb.while_loop(going, lambda s: (sine(s[0]), s[1] + 1), (x, 0))[0]


def in_branch(sine: Any) -> Callable[[Any], Any]:
    return lambda x: pb.cond(np.sum(x) > 0.0, sine, lambda x: x * sine(x), x)


@pytest.mark.parametrize("sine", [pushed_sine, pulled_sine], ids=["pushed", "pulled"])
@pytest.mark.parametrize("around", [lambda f: f, in_loop, in_while, in_branch, pb.checkpoint])
def test_derivatives_by_rules(sine: Any, around: Any) -> None:
    f, plain = around(sine), around(np.sin)
    order, modes = (1, ("rev",)) if sine is pulled_sine else (2, ("fwd", "rev"))
    check_grads(f, (X,), order=order, modes=modes)
    one, two = pb.grad(total(f)), pb.grad(total(plain))
    same(one(X), two(X))
    rows = np.stack([X, 2.0 * X])
    same(pb.vmap(one)(rows), pb.vmap(two)(rows))


def total(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: sum(np.sum(y) for y in tree.flatten(f(x))[0])


def test_a_rule_does_not_call_more_often_than_needed():
    counts = [0, 0]

    def sine(x: Array) -> Array:
        counts[0] += 1
        return np.sin(x)

    def cosine(x: Array) -> Array:
        counts[1] += 1
        return np.cos(x)

    @pb.custom_jvp
    def f(x: Any) -> Any:
        return called(sine)(x)

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        return f(*primals), called(cosine)(*primals) * tangents[0]

    pb.value_and_grad(lambda x: f(x) ** 2)(0.5)
    assert counts == [1, 1]
    pb.grad(lambda x: pb.scan(lambda c, a: (f(c), None), x, np.ones(10))[0])(0.5)
    assert counts == [11, 11]


# -- effects -------------------------------------------------------------------------------------

Seen = list[tuple[Any, ...]]
seen: Seen = []


def note(*values: Any) -> None:
    seen.append(tuple(float(x) if isinstance(x, np.ndarray) else x for x in values))


def shown(x: Any, name: str, value: Any) -> None:
    pb.debug.callback(note, x, name, value)


def straight(x: Any) -> Any:
    shown(x, "first", x)
    y = np.sin(x)
    shown(x, "second", y)
    shown(x, "second", y)
    return y * x


def looped(x: Any) -> Any:
    def step(c: Any, a: Any) -> Any:
        shown(x, "step", c)
        c = np.sin(c) * a
        shown(x, "stepped", a)
        return c, None

    shown(x, "before", x)
    c = pb.scan(step, x, np.array([1.0, 2.0, 3.0]))[0]
    shown(x, "after", c)
    return c


def chosen(x: Any) -> Any:
    def large() -> Any:
        shown(x, "large", x)
        return x * x

    def small() -> Any:
        shown(x, "small", x)
        return -x

    pb.cond(x > 0.7, lambda: shown(x, "alone", x), lambda: None)
    return pb.cond(x > 0.6, large, small)


def while_small(x: Any) -> Any:
    def going(c: Any) -> Any:
        shown(x, "going", c)
        return c < 1.0

    def body(c: Any) -> Any:
        shown(x, "body", c)
        return c * 1.5

    return pb.while_loop(going, body, x)


def nested(x: Any) -> Any:
    def body(state: Any) -> Any:
        c, n = state
        pb.cond(c > 0.3, lambda: shown(x, "above", c), lambda: shown(x, "below", n))
        return 0.5 * c, n + 1.0

    def step(c: Any, a: Any) -> Any:
        c, n = pb.while_loop(lambda state: state[0] > 0.2, body, (c + a, 0.0))

        def many() -> Any:
            shown(x, "many", n)
            return c

        return pb.cond(n > 1.5, many, lambda: c * x), None

    return pb.scan(step, x, np.array([0.1, 0.9]))[0]


def for_effects_alone(x: Any) -> Any:
    pb.map(lambda a: shown(x, "turn", a), np.arange(2.0))
    return 2.0 * x


def remade(x: Any) -> Any:
    return pb.checkpoint(looped)(x)


PROGRAMS = [straight, looped, chosen, while_small, nested, for_effects_alone, remade]


def noted(run: Callable[[], Any]) -> Seen:
    seen.clear()
    run()
    return list(seen)


@functools.cache
def by_python(f: Callable[[Any], Any], x: float) -> Seen:
    """What is seen where the graph is run by NumPy."""
    with pb.disable_jit():
        return noted(lambda: f(x))


def test_what_is_seen_of_the_programs():
    assert by_python(straight, 0.5) == [
        (0.5, "first", 0.5),
        (0.5, "second", np.sin(0.5)),
        (0.5, "second", np.sin(0.5)),
    ]
    names = [name for _, name, _ in by_python(looped, 0.5)]
    assert names == ["before", *["step", "stepped"] * 3, "after"]
    assert by_python(chosen, 0.65) == [(0.65, "large", 0.65)]
    assert by_python(chosen, 0.5) == [(0.5, "small", 0.5)]
    names = [name for _, name, _ in by_python(while_small, 0.5)]
    assert names == ["going", "body", "going", "body", "going"]
    assert by_python(for_effects_alone, 0.5) == [(0.5, "turn", 0.0), (0.5, "turn", 1.0)]


CHANGES: dict[str, Callable[[Callable[[Any], Any], float], Any]] = {
    "jit": lambda f, x: pb.jit(f)(x),
    "grad": lambda f, x: pb.grad(f)(x),
    "jvp": lambda f, x: pb.jvp(f, (x,), (1.0,)),
    "vjp": lambda f, x: pb.vjp(f, x)[1](1.0),
    "linearize": lambda f, x: pb.linearize(f, x)[1](1.0),
    "hessian": lambda f, x: pb.hessian(f)(x),
    "hvp": lambda f, x: pb.hvp(f, (x,), (1.0,)),
    "jet": lambda f, x: pb.jet(f, (x,), ((1.0, 0.0),)),
    "interpreted": lambda f, x: without_code(pb.value_and_grad(f), x),
}


def without_code(f: Any, x: float) -> Any:
    with pb.disable_jit():
        return f(x)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("change", CHANGES)
def test_effects_happen_once_and_in_order(f: Any, change: str) -> None:
    for x in (0.5, 0.9):
        assert noted(functools.partial(CHANGES[change], f, x)) == by_python(f, x)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("change", [lambda f: f, pb.grad], ids=["value", "gradient"])
def test_effects_of_each_item(f: Any, change: Callable[..., Callable[[Any], Any]]) -> None:
    items = (0.5, 0.9, 0.65)
    found = noted(lambda: pb.vmap(change(f))(np.array(items)))
    for x in items:
        assert [entry for entry in found if entry[0] == x] == by_python(f, x)
    assert len(found) == sum(len(by_python(f, x)) for x in items)
    if f in (straight, looped, for_effects_alone, remade):
        # Of one call, the items come in order.
        of_items = [by_python(f, x) for x in items]
        assert found == [entry for entries in zip(*of_items, strict=True) for entry in entries]


def test_effects_in_rules():
    @pb.custom_vjp
    def ident(x: Any) -> Any:
        return x

    def backward(_: Any, ct: Any) -> Any:
        pb.debug.callback(note, ct)
        return (ct,)

    ident.defvjp(lambda x: (x, None), backward)
    assert noted(lambda: pb.grad(lambda x: 3.0 * ident(x))(0.5)) == [(3.0,)]
    loop = pb.grad(lambda x: pb.scan(lambda c, a: (2.0 * ident(c), None), x, np.ones(2))[0])
    assert noted(lambda: loop(0.5)) == [(2.0,), (4.0,)]
    _, pull = pb.vjp(lambda x: 3.0 * ident(x), 0.5)
    assert noted(lambda: [pull(1.0), pull(2.0)]) == [(3.0,), (6.0,)]


def test_effects_of_tangents():
    """There are tangents in forward mode only."""

    @pb.custom_jvp
    def f(x: Any) -> Any:
        return x * x

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        pb.debug.callback(note, "x", x)
        pb.debug.callback(note, "t", t)
        return f(x), 2.0 * x * t

    assert noted(lambda: pb.jvp(f, (3.0,), (0.5,))) == [("x", 3.0), ("t", 0.5)]
    assert noted(lambda: pb.grad(f)(3.0)) == [("x", 3.0)]
    _, push = pb.linearize(f, 3.0)
    assert noted(lambda: push(0.5)) == [("t", 0.5)]


def test_effects_on_paths_of_python():
    """A call that is on another path than the last one shows nothing of that."""

    @pb.jit
    def f(x: Any) -> Any:
        pb.debug.callback(note, x)
        if x > 1.0:
            pb.debug.callback(note, "large")
        return x

    assert noted(lambda: [f(x) for x in (0.5, 2.0, 0.5, 2.0)]) == [
        *[(0.5,), (2.0,), ("large",)] * 2
    ]


def test_an_effect_may_raise():
    def fail(x: Array) -> None:
        raise Odd

    @pb.jit
    def f(x: Any) -> Any:
        pb.debug.callback(fail, x)
        return x

    with pytest.raises(Odd):
        f(1.0)


def test_print(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any, z: Any) -> Any:
        pb.debug.print("{} {:.2f} {name!r} {z[0]} {{}}", "x", x, name="a", z=z, ordered=True)
        return x

    z = np.array([1 + 2j, 3j])
    f(1.0, z)
    pb.jit(f)(1.0, z)
    pb.grad(f)(1.0, z)
    assert capsys.readouterr().out == "x 1.00 'a' (1+2j) {}\n" * 3
    assert "debug_callback %0 %1 [callback='print']" in pb.jit(f).ir(1.0, z).text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("{} {}", 1.0), "asks for 1"),
        (("{x}",), "asks for 'x'"),
        (("{}", 1.0, 2.0), "does not ask for 1"),
    ],
)
def test_print_checks_its_format(args: Any, message: str) -> None:
    def f() -> None:
        pb.debug.print(*args)

    for call in (f, pb.jit(f)):
        with pytest.raises(ValueError, match=f"(?s){message}.*test_callbacks.py"):
            call()


# -- NaN, and nothing compiled -------------------------------------------------------------------


def test_check_nan():
    def f(x: Any) -> Any:
        y = np.sum(x)
        return pb.scan(lambda c, a: (np.sqrt(c - a), c), y, np.ones(3))[0]

    checked = pb.debug.check_nan(f)
    same(checked(np.full(3, 10.0)), f(np.full(3, 10.0)))
    for g in (checked, pb.debug.check_nan(pb.grad(f)), pb.debug.check_nan(pb.jit(f))):
        with pytest.raises(FloatingPointError, match=r"sqrt of f64\[\] made a NaN\n  at .*lambda"):
            g(np.ones(3))
    with pytest.raises(
        FloatingPointError, match=r"^x, f64\[1\], has a NaN to begin with\n  at \[0\]$"
    ):
        checked(np.array([np.nan]))
    # Traced it is part of the function around.
    assert np.isnan(pb.jit(checked)(np.ones(1)))


def test_check_nan_of_what_is_written():
    def halve(x: Any) -> Any:
        x -= 2.0
        return np.log(x)

    with pytest.raises(FloatingPointError, match="log"):
        pb.debug.check_nan(halve)(np.array([3.0, 1.0]))
    same(pb.debug.check_nan(halve)(np.array([5.0])), np.log([3.0]))


def test_disable_jit():
    kinds = []

    @pb.jit
    def f(x: Any) -> Any:
        kinds.append(type(x))
        return np.sum(x * x)

    f(X)
    compiled = len(f.signatures)
    with pb.disable_jit():
        same(f(X), np.sum(X * X))
        same(pb.grad(f)(X), 2.0 * X)
        same(pb.vmap(f)(np.stack([X, X])), np.full(2, np.sum(X * X)))
        same(pb.scan(lambda c, a: (c + a, c), 0.0, X)[0], np.sum(X))
        same(pb.vjp(f, X)[1](1.0)[0], 2.0 * X)
        with pb.disable_jit(False):
            f(np.ones(2))
        with pytest.raises(TypeError, match="ShapeDtype"):
            pb.grad(f)(ShapeDtype((2,)))
    assert kinds[1] is np.ndarray
    assert len(f.signatures) == compiled + 1
    same(f(X), np.sum(X * X))


# -- text ----------------------------------------------------------------------------------------


def test_text_of_callbacks():
    graph = pb.trace(called(np.sin), X)
    again = pb.parse(graph.text())
    assert again.text() == graph.text()
    with pytest.raises(UnsupportedFunctionError, match="does not hold the callback sin"):
        again.evaluate(X)


def test_what_cannot_be_an_argument_or_a_result():
    for f in (
        lambda x: pb.pure_callback(len, NUMBER, x),
        pb.jit(lambda: pb.pure_callback(len, NUMBER, "a")),
    ):
        with pytest.raises((UnsupportedTypeError, TracedValueError)):
            f("a")
    with pytest.raises(UnsupportedTypeError):
        pb.pure_callback(len, ShapeDtype((), "U3"), 1.0)
