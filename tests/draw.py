"""What the tests over the table of primitives share: its cases, and operands drawn for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pytest

from pullback.tracer.ir import Builder, Graph
from pullback.tracer.primitive import TABLE, Domain, OfDtype, Primitive
from pullback.tracer.types import DTYPES, ArrayType, DType, Shape

import_module("pullback.tracer.primitives")  # fills the table

NARROW = ("i16", "i8", "u64", "u32", "u16", "u8", "f16")
"""Dtypes that go the way of the others: a few cases a row are tested."""

WIDE = tuple(name for name in DTYPES if name not in NARROW)

Array = np.ndarray[Any, Any]
TOLERANCES = {"f64": 1e-12, "f32": 1e-5, "c128": 1e-12, "c64": 1e-5}


class Case(NamedTuple):
    """One line of a row's domain, for one dtype."""

    row: Primitive
    dtype: str
    shapes: tuple[Shape, ...]
    params: dict[str, Any]

    @property
    def tolerance(self) -> float:
        """For results that may be rounded in another order; integers are exact."""
        return TOLERANCES.get(self.dtype, 0.0)

    def draw(self, rng: np.random.Generator) -> list[Array]:
        return draw_operands(self.row, self.shapes, self.params, self.dtype, rng)

    def graph(self) -> Graph:
        """The row alone, applied to parameters."""
        types = operand_types(self.row, self.shapes, self.dtype)
        builder = Builder()
        parameters = tuple([builder.parameter(type) for type in types])
        return builder.graph([builder.add(self.row, parameters, self.params)])


def cases(dtypes: Sequence[str] = WIDE) -> Iterator[Case]:
    """Every case of every row."""
    for row in TABLE.values():
        domain = domain_of(row)
        for dtype in domain.dtypes:
            if dtype in dtypes:
                for shapes, params in domain.cases:
                    yield Case(row, dtype, shapes, of_dtype(params, dtype))


def over_cases(
    dtypes: Sequence[str] = WIDE, where: Callable[[Case], bool] = lambda case: True
) -> pytest.MarkDecorator:
    """Parametrize a test by ``case``."""
    chosen = [case for case in cases(dtypes) if where(case)]
    return pytest.mark.parametrize("case", chosen, ids=[_name(case) for case in chosen])


def _name(case: Case) -> str:
    shapes = ",".join("x".join(map(str, shape)) or "0d" for shape in case.shapes)
    return f"{case.row.name}-{case.dtype}-{shapes}"


def of_dtype(params: dict[str, Any], dtype: str) -> dict[str, Any]:
    """The params of a case for a dtype."""
    return {k: v.make(DTYPES[dtype]) if isinstance(v, OfDtype) else v for k, v in params.items()}


def retyped(case: Case, dtype: str) -> Case:
    """The same case for another dtype."""
    for shapes, params in domain_of(case.row).cases:
        if shapes == case.shapes and of_dtype(params, case.dtype) == case.params:
            return Case(case.row, dtype, shapes, of_dtype(params, dtype))
    return case._replace(dtype=dtype)


def domain_of(row: Primitive) -> Domain:
    assert row.domain is not None, f"{row} has no domain to be tested on"
    return row.domain


def operand_types(row: Primitive, shapes: Sequence[Shape], dtype: str) -> list[ArrayType]:
    kinds = _kinds(row, len(shapes))
    return [
        ArrayType(shape, DTYPES[dtype if kind == "*" else kind])
        for shape, kind in zip(shapes, kinds, strict=True)
    ]


def _kinds(row: Primitive, count: int) -> Sequence[str]:
    """The kind of each operand; with fewer than the domain lists, inner ones are left out."""
    kinds = domain_of(row).kinds
    return ["*"] * count if kinds is None else [*kinds[: count - 1], *kinds[-1:]]


def draw_operands(
    row: Primitive,
    shapes: Sequence[Shape],
    params: dict[str, Any],
    dtype: str,
    rng: np.random.Generator,
) -> list[Array]:
    """Operands of these shapes from the domain of a row, at random, prepared as it says."""
    prepare = domain_of(row).prepare
    drawn = draw_unprepared(row, shapes, dtype, rng)
    return drawn if prepare is None else [np.asarray(x) for x in prepare(*drawn)]


def draw_unprepared(
    row: Primitive, shapes: Sequence[Shape], dtype: str, rng: np.random.Generator
) -> list[Array]:
    """Operands of these shapes, at random.

    Operands whose dtype the domain fixes to an integer are indices: below the upper bound, as in a
    Python range.
    """
    domain = domain_of(row)
    operands: list[Array] = []
    types = operand_types(row, shapes, dtype)
    for i, (type, kind) in enumerate(zip(types, _kinds(row, len(shapes)), strict=True)):
        low = domain.low[i] if isinstance(domain.low, tuple) else domain.low
        high = domain.high[i] if isinstance(domain.high, tuple) else domain.high
        operands.append(_draw(type.shape, type.dtype, low, high, kind != "*", rng))
    return operands


def _draw(
    shape: Shape, dtype: DType, low: float, high: float, index: bool, rng: np.random.Generator
) -> Array:
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind in "iu":
        stop = math.floor(high) + (0 if index else 1)
        first = math.ceil(low) if dtype.kind == "i" else max(math.ceil(low), 0)
        return np.asarray(rng.integers(first, max(stop, first + 1), shape)).astype(dtype)
    if dtype.kind == "c":
        parts = rng.uniform(low, high, shape) + 1j * rng.uniform(low, high, shape)
        return np.asarray(parts).astype(dtype)
    return np.asarray(rng.uniform(low, high, shape)).astype(dtype)
