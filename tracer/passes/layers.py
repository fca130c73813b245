"""The cotangents of several slices of one value, put together.

Each alone is a pad, and a sum of pads asks at every place for every slice. So slices that do not
overlap are laid into one array side by side: each is computed at its own places alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ir import Node
from ..trace import Tracer, literal
from ..types import ArrayType

FEWEST = 2
"""Slices from which on laying them side by side costs less than adding up as many pads."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A regular grid of places of a value, and the slice that reads it."""

    node: Node
    starts: tuple[int, ...]
    steps: tuple[int, ...]

    @classmethod
    def of(cls, node: Node) -> Piece:
        """What a slice of at least one element reads, in ascending order."""
        starts, steps = node.params["starts"], node.params["steps"]
        pairs = zip(starts, node.type.shape, steps, strict=True)
        lowest = [min(start, start + (size - 1) * step) for start, size, step in pairs]
        sizes = node.type.shape
        spans = [abs(step) if size > 1 else 1 for size, step in zip(sizes, steps, strict=True)]
        return cls(node, tuple(lowest), tuple(spans))

    def value(self, ct: Tracer) -> Tracer:
        """What belongs to the slice, in the order of the places."""
        from ..primitives.structure import flip

        backward = tuple(axis for axis, step in enumerate(self.node.params["steps"]) if step < 0)
        return flip(ct, axes=backward)


def layers(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces, in groups of such as do not overlap; each goes into the first that it fits."""
    if len(pieces) < FEWEST:
        return [[piece] for piece in pieces]
    first = np.array([p.starts for p in pieces])
    step = np.array([p.steps for p in pieces])
    last = first + (np.array([p.node.type.shape for p in pieces]) - 1) * step
    made: list[list[int]] = []
    for i in range(len(pieces)):
        for layer in made:
            apart = (first[layer] > last[i]) | (last[layer] < first[i])
            apart |= (first[layer] - first[i]) % np.gcd(step[layer], step[i]) != 0
            if apart.any(axis=1).all():
                layer.append(i)
                break
        else:
            made.append([i])
    return [[pieces[i] for i in layer] for layer in made]


def laid(type: ArrayType, pieces: Sequence[Piece], values: Sequence[Tracer]) -> Tracer:
    """An array of the type with the values at the places of their pieces, and zeros elsewhere."""
    from ..primitives.structure import update_slice, zeros

    pairs = [(p, p.value(x)) for p, x in zip(pieces, values, strict=True)]
    if all(step == 1 for p in pieces for step in p.steps):
        whole = _joined(0, (0,) * type.ndim, type, pairs)
        if whole is not None:
            return whole
    whole = zeros(type)
    for piece, value in pairs:
        whole = update_slice(whole, value, starts=piece.starts, steps=piece.steps)
    return whole


def _joined(
    axis: int, low: Sequence[int], type: ArrayType, pairs: Sequence[tuple[Piece, Tracer]]
) -> Tracer | None:
    """A box of the array from ``low`` on, cut along an axis, and each part along the next ones.

    None if a part that holds more than one piece is left at the last axis.
    """
    from ..primitives.structure import concatenate, zeros

    if len(pairs) == 1:
        return _padded(low, type, *pairs[0])
    if axis == type.ndim:
        return None
    parts: list[Tracer] = []
    at, end = low[axis], low[axis] + type.shape[axis]
    for start, stop, group in _runs(axis, pairs):
        if start > at:
            parts.append(zeros(_resized(type, axis, start - at)))
        inner = _resized(type, axis, stop - start)
        part = _joined(axis + 1, (*low[:axis], start, *low[axis + 1 :]), inner, group)
        if part is None:
            return None
        parts.append(part)
        at = stop
    if end > at:
        parts.append(zeros(_resized(type, axis, end - at)))
    return concatenate(*parts, axis=axis)


def _runs(
    axis: int, pairs: Sequence[tuple[Piece, Tracer]]
) -> list[tuple[int, int, list[tuple[Piece, Tracer]]]]:
    """The intervals of an axis that pieces lie in together, from the first to the last."""
    runs: list[tuple[int, int, list[tuple[Piece, Tracer]]]] = []
    for pair in sorted(pairs, key=lambda pair: pair[0].starts[axis]):
        start = pair[0].starts[axis]
        stop = start + pair[1].shape[axis]
        if runs and start < runs[-1][1]:
            first, before, group = runs[-1]
            runs[-1] = (first, max(before, stop), [*group, pair])
        else:
            runs.append((start, stop, [pair]))
    return runs


def _resized(type: ArrayType, axis: int, extent: int) -> ArrayType:
    return type.with_shape((*type.shape[:axis], extent, *type.shape[axis + 1 :]))


def _padded(low: Sequence[int], type: ArrayType, piece: Piece, value: Tracer) -> Tracer:
    from ..primitives.structure import pad

    before = tuple(a - b for a, b in zip(piece.starts, low, strict=True))
    sides = zip(type.shape, before, value.shape, strict=True)
    after = tuple(extent - first - size for extent, first, size in sides)
    zero = literal(0, value.dtype)
    return pad(value, zero, low=before, high=after, interior=(0,) * type.ndim)
