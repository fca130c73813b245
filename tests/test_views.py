"""Views of traced arrays share memory where NumPy's do: random chains of views and writes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pullback as pb
from pullback.tracer.numpy.strides import reshaped
from pullback.tracer.types import row_major_strides

from .test_indexing import compare, numbers

MANY = settings(max_examples=400, deadline=None)

Step = tuple[str, Any]


@st.composite
def reshapes(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """A shape of so many elements."""
    shape: list[int] = []
    while size > 1 and len(shape) < 3:
        divisors = [n for n in range(1, size + 1) if size % n == 0]
        shape.append(draw(st.sampled_from(divisors)))
        size //= shape[-1]
    return (*shape, size)


@st.composite
def steps(draw: st.DrawFn, x: Any) -> Step:
    """A way from an array to another, a view of it or not."""
    kinds = ["index", "reshape", "transpose", "flip", "ravel", "copy", "new axis", "arrays", "F"]
    kinds += ["split", "diagonal", "same", "squeeze", "K"]
    kind = draw(st.sampled_from(kinds))
    if kind == "index" and x.ndim:
        return kind, draw(hnp.basic_indices(x.shape, allow_newaxis=True, max_dims=5))
    if kind == "arrays" and x.ndim and 0 not in x.shape:
        return kind, draw(hnp.integer_array_indices(x.shape))
    if kind in ("reshape", "F") and x.size:
        return kind, draw(reshapes(x.size))
    if kind == "transpose":
        return kind, draw(st.permutations(range(x.ndim)))
    if kind in ("flip", "new axis", "split") and x.ndim:
        return kind, draw(st.integers(0, x.ndim - 1))
    if kind == "diagonal" and x.ndim >= 2:
        return kind, draw(st.integers(-2, 2))
    return kind, None


def follow(x: Any, step: Step) -> Any:
    """Go one step, with NumPy's functions."""
    kind, detail = step
    if kind in WAYS and (detail is not None or kind in ("transpose", "ravel", "copy", "same")):
        return WAYS[kind](x, detail)
    if kind == "K":
        return x.ravel("K")
    return np.squeeze(x) if kind == "squeeze" else x


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "index": lambda x, index: x[index],
    "arrays": lambda x, index: x[index],
    "reshape": lambda x, shape: x.reshape(shape),
    "F": lambda x, shape: np.reshape(x, shape, order="F"),
    "transpose": lambda x, axes: x.transpose(axes),
    "flip": np.flip,
    "new axis": np.expand_dims,
    "split": lambda x, axis: np.array_split(x, 2, axis)[0],
    "diagonal": lambda x, offset: np.diagonal(x, offset),
    "ravel": lambda x, _: np.ravel(x),
    "copy": lambda x, _: x.copy(),
    "same": lambda x, _: x[...],
}


@st.composite
def programs(draw: st.DrawFn) -> tuple[Any, list[tuple[int, Step]], list[tuple[int, int]]]:
    """An array, steps from arrays made so far, and writes: which array, and after which step."""
    x = numbers(*draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)))
    made = [x.copy()]
    way: list[tuple[int, Step]] = []
    for _ in range(draw(st.integers(1, 5))):
        source = draw(st.integers(0, len(made) - 1))
        step = draw(steps(made[source]))
        result = follow(made[source], step)
        if isinstance(result, np.ndarray):
            way.append((source, step))
            made.append(result)
    writes = st.tuples(st.integers(0, len(way)), st.integers(0, len(way)))
    return x, way, draw(st.lists(writes, min_size=1, max_size=4))


@MANY
@given(programs())
def test_writing_anywhere_is_seen_wherever_numpy_sees_it(program: Any) -> None:
    x, way, writes = program

    def run(x: Any) -> Any:
        made = [x.copy()]
        refused = []
        for count in range(len(way) + 1):
            for number, (target, after) in enumerate(writes):
                if after == count and target < len(made):
                    try:
                        made[target][...] += 100.0 * (number + 1)
                        made[target].T[::2] = -number - 1.0
                    except (ValueError, IndexError) as error:
                        refused.append("read-only" in str(error))
            if count < len(way):
                source, step = way[count]
                made.append(follow(made[source], step))
        return [*made, np.asarray(refused)]

    compare(run, x)


@st.composite
def strided(draw: st.DrawFn) -> tuple[Any, tuple[int, ...]]:
    """A strided array, and a shape of its size."""
    x = np.arange(np.prod(shape := draw(hnp.array_shapes(max_dims=3, max_side=6)))).reshape(shape)
    x = x[tuple(slice(None, None, draw(st.sampled_from([1, 2, -1]))) for _ in shape)]
    x = x.transpose(draw(st.permutations(range(x.ndim))))
    return x, draw(reshapes(x.size))


@MANY
@given(strided())
def test_strides_of_reshapes_are_those_of_numpy(case: Any) -> None:
    x, shape = case
    strides = reshaped(x.shape, tuple(s // x.itemsize for s in x.strides), shape)
    y = x.reshape(shape)
    assert (strides is not None) == np.shares_memory(x, y)
    if strides is None:
        return
    found = zip(y.shape, strides, y.strides, strict=True)
    assert all(n == 1 or s == true // x.itemsize for n, s, true in found)
    assert len(row_major_strides(shape)) == len(strides)


def test_elements_with_an_ellipsis_are_views() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        corner = x[0, 0, ...]
        corner += 5.0
        corner[...] *= 2.0
        element = x[1, 1]
        element += 5.0
        return x, corner, element

    compare(f, numbers(3, 4))


def test_diagonals_are_read_only_views() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        whole, above, below = np.diagonal(x), x.diagonal(1), np.diag(x, -1)
        x[0, 1] = 50.0
        x[1:, :3] *= 2.0
        return whole, above, below, np.trace(x)

    compare(f, numbers(3, 4))
    compare(lambda x: np.diagonal(x, 1, 2, 0), numbers(3, 4, 5))
    for write in (np.diagonal, np.diag):
        with pytest.raises(ValueError, match="read-only"):
            pb.jit(lambda x, write=write: write(x.copy()).__setitem__(0, 1.0))(numbers(3, 3))


def test_flat_is_written_through_and_read_as_a_copy() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        x.flat[3] = 9.0
        x.T.flat[1:6] = [1.0, 2.0]
        x[:, ::2].flat = [7.0, 8.0]
        x.flat[[1, 1, 4]] += 2.0
        apart = x.flat[2:5]
        apart[...] = 0.0
        first = next(x.flat)
        return x, x.T.flat[1:7:2], x[::2].flat.copy(), first, *x[0].flat, len(x.flat)

    compare(f, numbers(3, 4))


def test_reshaping_without_a_copy() -> None:
    reshape: Any = np.reshape
    compare(lambda x: reshape(x[:, :1], (3,), copy=False), numbers(3, 4))
    with pytest.raises(ValueError, match="Unable to avoid creating a copy"):
        pb.jit(lambda x: reshape(x.T, (12,), copy=False))(numbers(3, 4))


def test_a_shape_is_assigned() -> None:
    def f(x: Any) -> Any:
        x = x.copy()
        y = x[1:]
        y.shape = (4, 2)
        y[3] = 0.0
        x.shape = -1
        return x, y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        compare(f, numbers(3, 4))
        with pytest.raises(AttributeError, match="Incompatible shape"):
            pb.jit(lambda x: setattr(x.T, "shape", 12))(numbers(3, 4))
