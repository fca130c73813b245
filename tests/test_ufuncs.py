"""Ufuncs with their options and by their methods: NumPy's dtypes, casts, shapes and errors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb
from pullback.testing import check_grads
from pullback.tracer.errors import (
    TracedValueError,
    UnsupportedFunctionError,
    UnsupportedTypeError,
)

from .test_indexing import trace

F = np.random.default_rng(3).normal(size=(4, 5))
B = F > 0
ARRAYS: list[Any] = [
    F,
    np.random.default_rng(4).integers(-5, 9, (4, 5)),
    B,
    F.astype(np.float32),
    np.random.default_rng(5).integers(1, 9, (4, 5), np.int32),
]
UFUNCS: list[np.ufunc] = [
    np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.maximum, np.minimum, np.fmax,
    np.fmin, np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or,
    np.bitwise_xor, np.hypot, np.logaddexp, np.logaddexp2, np.copysign, np.less,
]  # fmt: skip


def outcome(f: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    with np.errstate(all="ignore"):
        try:
            return f(), None
        except (TypeError, ValueError, IndexError) as error:
            return None, error


def same(f: Callable[..., Any], *arguments: Any) -> None:
    """The graph gives what NumPy gives, or both raise an error of one class.

    Dtypes that NumPy would use and that cannot be compiled are an error of ours.
    """
    want, refused = outcome(lambda: f(*map(np.array, arguments)))
    traced, error = outcome(lambda: trace(f, *arguments))
    if isinstance(error, UnsupportedTypeError):
        return
    for kind in (TypeError, ValueError, IndexError):
        assert isinstance(refused, kind) == isinstance(error, kind), (refused, error)
    if traced is None:
        return
    graph, captures = traced
    with np.errstate(all="ignore"):
        found = graph.evaluate(*arguments, *captures)
    for got, expected in zip(found, want if isinstance(want, tuple) else (want,), strict=True):
        assert got.dtype == np.asarray(expected).dtype
        assert got.shape == np.shape(expected)
        dtypes = {np.asarray(x).dtype for x in (*arguments, got) if np.asarray(x).dtype.kind == "f"}
        coarsest = max((float(np.finfo(d).eps) for d in dtypes), default=1e-15)
        assert_allclose(got, expected, rtol=64 * coarsest)


def changing(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that works on a copy of its first argument, which it gives."""

    def run(x: Any, *rest: Any) -> Any:
        x = x.copy()
        f(x, *rest)
        return x

    return run


@pytest.fixture(params=UFUNCS, ids=lambda u: u.__name__)
def ufunc(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=ARRAYS, ids=lambda x: str(x.dtype))
def x(request: pytest.FixtureRequest, ufunc: Any) -> Any:
    whole = request.param.dtype.kind in "ib" and ufunc is np.floor_divide
    return np.full_like(request.param, 1) if whole else request.param


OPTIONS: list[dict[str, Any]] = [
    {"axis": 0}, {"axis": 1}, {"axis": -1}, {"axis": None}, {"axis": (0, 1), "keepdims": True},
    {"axis": ()}, {"axis": 1, "initial": 2}, {"axis": 0, "dtype": float},
    {"axis": 0, "dtype": bool}, {"axis": 1, "where": B}, {"axis": 1, "where": B, "initial": 1},
]  # fmt: skip


def test_reduce(ufunc: Any, x: Any) -> None:
    for options in OPTIONS:
        if x.dtype != bool or "where" not in options:
            same(lambda x, options=options: ufunc.reduce(x, **options), x)
    same(lambda x: ufunc.reduce(x[:0]), x)
    same(lambda x: ufunc.reduce(x[0, 0]), x)


def test_accumulate(ufunc: Any, x: Any) -> None:
    for axis in (0, 1, -1):
        same(lambda x, axis=axis: ufunc.accumulate(x, axis), x)
    same(lambda x: ufunc.accumulate(x[:0]), x)
    same(lambda x: ufunc.accumulate(x[0, 0]), x)


def test_reduceat(ufunc: Any, x: Any) -> None:
    same(lambda x: ufunc.reduceat(x, [0, 2, 1, 3], axis=1), x)


def test_outer(ufunc: Any, x: Any) -> None:
    same(lambda x: ufunc.outer(x[0], x[1:3]), x)


def test_at(ufunc: Any, x: Any) -> None:
    places = ([0, 1, 0, 0], [1, 1, 1, 2])
    same(changing(lambda x: ufunc.at(x, places, x[0, :4])), x)
    same(changing(lambda x: ufunc.at(x, slice(1, 3), 2)), x)
    same(changing(lambda x: ufunc.at(x, B, 1)), x)


CALLS: list[dict[str, Any]] = [
    {"dtype": np.float32}, {"dtype": np.int64}, {"casting": "unsafe", "dtype": np.int64},
    {"casting": "safe", "dtype": np.float32}, {"casting": "no"}, {"order": "F", "subok": False},
]  # fmt: skip


def test_casts(ufunc: Any, x: Any) -> None:
    for options in CALLS:
        same(lambda x, options=options: ufunc(x, x[0], **options), x)
        same(lambda x, options=options: ufunc(x, 2, **options), x)


@pytest.mark.parametrize("out", ARRAYS, ids=lambda x: str(x.dtype))
def test_out(ufunc: Any, x: Any, out: Any) -> None:
    same(changing(lambda o, x: ufunc(x, x[1], out=o)), out, x)
    same(changing(lambda o, x: ufunc(x[0], x[1], out=o)), out, x)
    same(changing(lambda o, x: ufunc(x, x, out=o[:1])), out, x)
    same(changing(lambda o, x: ufunc(x, x[1], out=o, where=B)), out, x)
    same(changing(lambda o, x: ufunc(x, x[1], out=o, where=B[0], casting="unsafe")), out, x)
    same(changing(lambda o, x: ufunc.reduce(x, axis=0, out=o[1])), out, x)
    same(changing(lambda o, x: ufunc.accumulate(x, axis=1, out=o[:, ::-1])), out, x)


def test_errors() -> None:
    same(lambda x: np.add.reduce(x, axis=2), F)
    same(lambda x: np.bitwise_or.reduce(x, axis=2), ARRAYS[1])
    same(lambda x: np.add.accumulate(x, axis=2), F)
    same(lambda x: np.add.reduceat(x, [0, 9]), F)
    same(lambda x: np.add.reduceat(x, [-1]), F)
    same(changing(lambda x: np.add.at(x, 0, x[:2])), F)
    same(changing(lambda x: np.add.at(x, 9, 1.0)), F)
    same(lambda x: np.subtract.reduce(x, axis=(0, 1)), F)


def test_ufuncs_of_one_operand() -> None:
    same(lambda x: np.sqrt(x, dtype=np.float32), np.abs(F))
    same(lambda x: np.negative(x, where=B, out=np.zeros_like(x)), F)
    same(changing(lambda x: np.negative.at(x, ([0, 0, 1], [1, 1, 2]))), F)
    at: list[Any] = [np.negative.at, np.add.at]
    same(changing(lambda x: at[0](x, 0, 1)), F)
    same(changing(lambda x: at[1](x, 0)), F)
    same(lambda x: np.sin.reduce(x), F)
    same(lambda x: np.sin(x, out=(x.copy(),)), F)
    same(lambda x: np.divmod(x, 2.0, out=(x.copy(), x.copy())), F)
    same(lambda x: np.divmod(x, 2.0, where=B, out=(x.copy(), x.copy())), F)


def test_writing_to_what_is_not_traced() -> None:
    outside = np.zeros((4, 5))
    calls: list[Callable[[Any], Any]] = [
        lambda x: np.add(x, x, out=outside),
        lambda x: np.add.reduce(x, out=outside[0]),
        lambda x: np.add.at(outside, 0, x),
    ]
    for f in calls:
        with pytest.raises(
            TracedValueError, match="cannot be stored in an array that is not traced"
        ):
            pb.jit(f)(F)


@pytest.mark.parametrize("extent", [1, 2, 3, 64, 65, 1000])
def test_long_axes(extent: int) -> None:
    x = np.random.default_rng(extent).normal(size=(3, extent))
    longer = [np.logaddexp, np.hypot, np.fmax, np.subtract]

    @pb.jit
    def f(x: Any) -> Any:
        return [(u.reduce(x, 1) if u is not np.subtract else x, u.accumulate(x, 1)) for u in longer]

    for ufunc, (total, carried) in zip(longer, f(x), strict=True):
        want = ufunc.reduce(x, 1) if ufunc is not np.subtract else x
        assert_allclose(total, want, rtol=1e-12)
        assert_allclose(carried, ufunc.accumulate(x, 1), rtol=1e-12)
    if extent > 64:
        for g in (np.divide.reduce, np.divide.accumulate):
            with pytest.raises(UnsupportedFunctionError, match="more than 64"):
                pb.jit(lambda x, g=g: g(x, 1))(x)


def test_sums_of_exponentials_do_not_overflow() -> None:
    inf = np.inf
    x = np.array([[1000.0, 1000.0], [-1000.0, -inf], [-inf, -inf], [inf, 1.0], [np.nan, 1.0]])
    f = pb.jit(lambda x: np.logaddexp.reduce(x, axis=1))
    with np.errstate(invalid="ignore"):
        assert_allclose(f(x), np.logaddexp.reduce(x, axis=1), rtol=1e-15)
    weights = pb.grad(lambda x: np.sum(f(x)))(x[:2])
    assert_array_equal(weights, [[0.5, 0.5], [1.0, 0.0]])


def test_derivatives() -> None:
    x = np.random.default_rng(1).normal(size=(3, 4))
    functions: list[Callable[[Any], Any]] = [
        lambda x: np.logaddexp.reduce(x, axis=1),
        lambda x: np.hypot.reduce(x, axis=0),
        lambda x: np.multiply.accumulate(x, axis=1),
        lambda x: np.maximum.accumulate(x, axis=0),
        lambda x: np.logaddexp.accumulate(x, axis=1),
        lambda x: np.divide.reduce(x, axis=1),
        changing(lambda x: np.multiply.at(x, ([0, 0, 1], [1, 1, 2]), x[2, :3])),
    ]
    for f in functions:
        check_grads(f, (x,), order=2)


def test_traced_positions_that_may_repeat() -> None:
    @pb.jit
    def f(x: Any, i: Any, v: Any) -> Any:
        x = x.copy()
        np.add.at(x, i, v)
        np.subtract.at(x, (i, i), 0.5)
        np.multiply.at(x, i[0], 2.0)
        return x

    x, i, v = F.copy(), np.array([0, 2, 0, -1]), F[:, 1:2]
    got = f(x, i, v)
    np.add.at(x, i, v)
    np.subtract.at(x, (i, i), 0.5)
    np.multiply.at(x, i[0], 2.0)
    assert_allclose(got, x, rtol=1e-15)
    with pytest.raises(UnsupportedFunctionError, match="traced positions"):
        pb.jit(lambda x, i: np.multiply.at(x.copy(), i, 2.0))(F, i)


def test_positions_that_repeat_often() -> None:
    places = np.zeros(100, np.int64)
    same(changing(lambda x: np.add.at(x, places, 1.0)), F)
    with pytest.raises(UnsupportedFunctionError, match="more than 64 times"):
        trace(changing(lambda x: np.multiply.at(x, places, 1.0)), F)


def test_operators_in_place_keep_the_dtype() -> None:
    operations: list[Callable[[Any, Any], Any]] = [
        lambda x, y: x.__iadd__(y),
        lambda x, y: x.__itruediv__(y),
        lambda x, y: x.__ipow__(y),
        lambda x, y: x.__iand__(y),
        lambda x, y: x.__ifloordiv__(y),
    ]
    for operation, x, y in itertools.product(operations, ARRAYS, (1.5, 2, True)):
        same(changing(lambda x, y=y, operation=operation: operation(x, y)), x)
