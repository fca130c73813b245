"""Traced masks and slices with traced ends: read, changed, written back, reduced."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb
import pullback.numpy as pnp
from pullback.tracer.errors import TracedValueError

from .test_indexing import compare, numbers

X = numbers(4, 5) - 9.0


def close(f: Callable[..., Any], *arguments: Any) -> None:
    """Compiled as NumPy computes it, up to the order of sums."""
    want = f(*map(np.array, arguments))
    for got, expected in zip(pb.jit(f)(*arguments), want, strict=True):
        assert np.asarray(got).dtype == np.asarray(expected).dtype
        assert_allclose(got, expected, rtol=1e-13)


def test_what_a_mask_selects_is_changed_and_written_back() -> None:
    def f(x: Any, y: Any) -> Any:
        x = x.copy()
        m = y > 2
        x[x < 0] *= -1
        x[m] += 1
        x[m] = np.sqrt(y[m]) * 2 + x[m]
        x[m] = y[m]
        x[:, y[0] > -3] -= 1
        x[y[:, 0] > -3] *= y[1]
        x[m] **= 2
        x[m] = -x[m]
        x[1, y[0] > -2] += 4
        x[y > 3] = np.floor(x[y > 3] / 3.0).astype(np.int64)
        x.T[m.T] += 1
        x[~m] = np.divmod(y[~m], 2.0)[1]
        return x

    compare(f, X, X + 1)


def test_what_a_mask_selects_is_reduced() -> None:
    def f(x: Any, y: Any) -> Any:
        s, rows = x[y > 2], x[y[:, 0] > -3]
        return (
            s.sum(),
            np.sum(s),
            np.mean(s),
            s.std(),
            rows.sum(axis=0),
            np.add.reduce(rows),
            np.multiply.reduce(s),
            np.any(s > 3),
            np.all(s),
            s.max(initial=0.0),
            np.min(s, initial=3.0),
            s.size,
            (s + y[y > 2]).var(),
            np.prod(rows, axis=0),
        )

    close(f, X, X + 1)


def test_derivatives_are_masked() -> None:
    def loss(x: Any) -> Any:
        x = x.copy()
        x[x > 0] = np.log(x[x > 0])
        return np.sum(x)

    with np.errstate(all="raise"):
        assert_array_equal(pb.grad(loss)(np.array([-1.0, 0.0, 2.0])), [1.0, 1.0, 0.5])


def test_dtypes_of_what_a_mask_selects() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        x[x > 2] = x[x > 2] * 2.5
        x[x > 6] //= 2
        return x

    compare(f, np.arange(8))
    with pytest.raises(TypeError, match="Cannot cast ufunc 'add' output"):
        pb.jit(lambda x: x[x > 2].__iadd__(1.5))(np.arange(8))


REFUSED: list[Callable[[Any, Any], Any]] = [
    lambda x, m: x[m],
    lambda x, m: x[m] + np.ones(3),
    lambda x, m: x[m] + x[~m],
    lambda x, m: x[m].shape,
    lambda x, m: len(x[m]),
    lambda x, m: x[m][0],
    lambda x, m: np.sort(x[m]),
    lambda x, m: np.array(x[m]),
    lambda x, m: next(iter(x[m])),
    lambda x, m: x[m[:, 0]].sum(axis=1),
    lambda x, m: x[0, :, None][m[0], [0]],
    lambda x, m: np.add.outer(x[m], x[m]),
    lambda x, m: x.copy().__setitem__(~m, x[m]),
    lambda x, m: pnp.sum([x[m], x[m]]),
]


@pytest.mark.parametrize("f", REFUSED, ids=range(len(REFUSED)))
def test_what_depends_on_their_number_is_refused(f: Any) -> None:
    with pytest.raises(TracedValueError, match=r"np\.where(.|\n)*test_selected.py"):
        pb.jit(lambda x, m: f(x[:1] if x.ndim == 3 else x, m))(X, X > 0)


# -- slices with traced ends ---------------------------------------------------------------------


def test_windows_are_read_and_written() -> None:
    def f(x: Any, i: Any, j: Any) -> Any:
        x = x.copy()
        y = x[i : i + 3, ::2]
        z = x[1, 2 * j - 1 : 2 * j + 1].copy()
        x[i : i + 3] += 1
        x[i - 1 : i + 1, j : j + 4 : 2] = -1
        y[0] = 100
        w = x[(i + 1) * 2 - 2 : 2 * i + 2]
        w *= 2
        return x, y, z, w, x[-i - 2 : -i], x[[0, 1], j : j + 2], x[i : i + 2].reshape(-1), x[i:i]

    compare(f, numbers(5, 6), np.int64(1), np.int64(2))
    compare(f, numbers(5, 6), np.int32(1), np.int64(2))


def test_windows_of_python_numbers_batches_and_derivatives() -> None:
    x = numbers(5)
    assert_array_equal(pb.jit(lambda x, i: x[i : i + 2])(x, 3), x[3:])
    assert_array_equal(pb.grad(lambda x, i: np.sum(x[i : i + 2] ** 2))(x, 2), [0, 0, 6, 8, 0])
    pairs = pb.vmap(lambda x, i: x[i : i + 2], in_axes=(None, 0))(x, np.array([0, 3]))
    assert_array_equal(pairs, [x[:2], x[3:]])


def test_windows_that_reach_outside() -> None:
    f = pb.jit(lambda x, i: x[i : i + 3])

    @pb.jit
    def write(x: Any, i: Any) -> Any:
        x = x.copy()
        x[i : i + 3] = 0.0
        return x

    x = numbers(5)
    for i in (-5, -4, 0, 2):
        assert_array_equal(f(x, i), x[i : i + 3])
    for i in (3, 5, -1, -2, -3, -6, 100):
        for g in (f, write):
            with pytest.raises(IndexError, match="out of bounds for axis 0 with size 5"):
                g(x, i)


def test_windows_of_unknown_length() -> None:
    for index in (
        lambda i: slice(i, None),
        lambda i: slice(None, i),
        lambda i: slice(i, 2 * i),
        lambda i: slice(0, 4, i),
    ):
        with pytest.raises(TracedValueError, match=r"pullback\.numpy\.window"):
            pb.jit(lambda x, i, index=index: x[index(i)])(X, 1)
    with pytest.raises(IndexError, match="slice indices must be integers"):
        pb.jit(lambda x, i: x[i : i + 2])(X, 1.5)


def test_window() -> None:
    x = numbers(4, 3)
    for start in (0, 2, -2, -3):
        assert_array_equal(x[pnp.window(start, 2), 1], x[start:][:2, 1])
        got = pb.jit(lambda x, i: x[pnp.window(i, 2), 1])(x, start)
        assert_array_equal(got, x[start:][:2, 1])


# -- tables ---------------------------------------------------------------------------------------


def test_tables_that_are_not_traced() -> None:
    table = numbers(3, 2)
    assert_array_equal(pb.jit(lambda i: pnp.take(table, i, axis=0))(2), table[2])
    assert pb.jit(lambda i: pnp.asarray([5, 6, 7])[i])(1) == 6
    for index in (lambda i: table[i], lambda i: [1, 2, 3][i]):
        with pytest.raises(TracedValueError, match=re.escape("pullback.numpy.asarray(table)[")):
            pb.vmap(index)(np.array([1, 2]))


def test_outside_arrays_are_not_written_to() -> None:
    table = numbers(3)
    for index in (0, slice(0, 2), [1, 2]):
        with pytest.raises(ValueError, match="from outside of the traced function"):
            pb.jit(lambda x, index=index: pnp.asarray(table).__setitem__(index, x))(1.0)

    def f(x: Any) -> Any:
        copy = pnp.array(table)
        copy[0] = x
        return copy

    assert_array_equal(pb.jit(f)(7.0), [7.0, 2.0, 3.0])
    assert_array_equal(table, [1.0, 2.0, 3.0])
