"""What chains of views read and write, as operations: writing to a view is one on the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from pullback.tracer.primitives.elementwise import where
from pullback.tracer.primitives.structure import broadcast
from pullback.tracer.trace import Tracer, literal
from pullback.tracer.types import BOOL

from ..custom import custom_jvp
from .node import Node, Operand, Row, new_node

Step: TypeAlias = tuple[Row, tuple[Any, ...]]


def read_through(whole: Operand, chain: Sequence[Step]) -> Node:
    """What a view shows of the whole."""
    first, *rest = chain
    node = new_node(_reading(first[0]), (whole,), first[1])
    for row, params in rest:
        node = new_node(_reading(row), (node,), params)
    return node


@cache
def _reading(row: Row) -> Row:
    """The row as torch names it when a view is made again."""
    return row if row.grad_name is None else replace(row, grad_name="AsStridedBackward0")


@cache
def writing(chain: tuple[Step, ...]) -> Row:
    """The row that puts a new value of a view into the whole."""
    return Row("copy_slices", lambda base, value: _written(base, value, chain), "CopySlices")


def _written(base: Tracer, value: Tracer, chain: tuple[Step, ...]) -> Tracer:
    """The whole with a new value of the part that a chain of views shows."""
    if any(row.name == "expand" for row, _ in chain):
        return _put(Tracer(base.node), value, chain)
    parts = [base]
    for step, params in chain[:-1]:
        parts.append(step.apply(Tracer(parts[-1].node), *params))
    for (step, params), part in zip(reversed(chain), reversed(parts), strict=True):
        whole = Tracer(part.node)
        if step.write is not None:
            step.write(whole, value, *params)
        else:
            step.apply(whole, *params).assign(value)
        value = Tracer(whole.node)
    return value


def _put(whole: Tracer, value: Tracer, chain: Sequence[Step]) -> Tracer:
    """The value written to places that are found by looking where elements come from."""
    places = shown(np.arange(whole.size).reshape(whole.shape), chain)
    in_line: Any = np.reshape
    flat = Tracer(in_line(whole, -1).node)
    flat[places] = value
    put: Tracer = in_line(flat, whole.shape)
    return put


def shown(whole: Any, chain: Sequence[Step]) -> Any:
    for row, params in chain:
        whole = row.apply(whole, *params)
    return whole


@custom_jvp
def _changed(old: Any, new: Any) -> Any:
    return new


@_changed.defjvp
def _go_on_from_old(primals: Any, tangents: Any) -> Any:
    return primals[1], tangents[0]


def _overwritten(old: Tracer, new: Tracer) -> Tracer:
    never = broadcast(literal(False, BOOL), shape=old.shape, axes=())
    return where(never, old, new)


@cache
def overwriting(name: str) -> Row:
    """The row of a value in the place of another, whose derivatives are zero then."""
    return Row("overwritten", _overwritten, name)


UNNOTICED = Row("unnoticed", _changed, "AliasBackward0")
