"""Numbers that differ from turn to turn, as arrays: counted where they are evenly spaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ..ir import Node
from ..primitives.elementwise import convert
from ..primitives.structure import concatenate, iota, reshape
from ..trace import Tracer, current_trace
from ..types import INT64, ArrayType, DType

Array: TypeAlias = "np.ndarray[Any, Any]"

EXACT = 2**53
"""Integers up to this are floats, too."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Arrays that a graph reads, by the parameters that stand for them; equal ones are one."""

    arrays: dict[Node, Array] = field(default_factory=dict)

    def array(self, values: Array) -> Tracer:
        """The values in the current trace."""
        counted = _counted(values)
        if counted is not None:
            return counted
        for parameter, known in self.arrays.items():
            same = known.dtype == values.dtype and known.shape == values.shape
            if same and known.tobytes() == values.tobytes():
                return Tracer(parameter)
        parameter = current_trace().builder.parameter(ArrayType(values.shape, values.dtype))
        self.arrays[parameter] = values
        return Tracer(parameter)

    def stacked(self, parameters: Sequence[Node]) -> Tracer:
        """The values of parameters of one type, along a new axis in front."""
        if all(p in self.arrays for p in parameters):
            return self.array(np.stack([self.arrays[p] for p in parameters]))
        rows = [reshape(Tracer(p), shape=(1, *p.type.shape)) for p in parameters]
        return concatenate(*rows, axis=0)


def numbers(values: Sequence[Any], dtype: DType) -> Array:
    """Literals' values as an array."""
    return np.array(values, dtype)


def _counted(values: Array) -> Tracer | None:
    """Evenly spaced whole numbers along one axis, computed of the number of the turn."""
    if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf":
        return None
    if not np.all(np.abs(values) < EXACT) or np.any(np.signbit(values) & (values == 0)):
        return None
    whole = values.astype(np.int64)
    step = int(whole[1] - whole[0])
    first = int(whole[0])
    if np.any(whole != values) or np.any(whole != first + step * np.arange(len(values))):
        return None
    places = iota(size=len(values), dtype=INT64) * step + first
    return places if values.dtype == INT64 else convert(places, dtype=values.dtype)
