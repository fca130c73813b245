"""Rows that move elements, as slices, indices and assignments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..ir import Node
from ..types import BOOL, FLOAT64, INT64
from .code import ATOM, Code, call, dtype_code, tuple_code

if TYPE_CHECKING:
    from .write import Writer

Expression: TypeAlias = "Callable[[Writer, Node], Code]"


def span(start: int, size: int, step: int, extent: int) -> str:
    """What stands between brackets for one axis."""
    if (start, size, step) == (0, extent, 1):
        return ":"
    last_place = start + step * (size - 1)
    if step < 0:
        first = str(start) if start < extent - 1 else ""
        last = str(last_place - 1) if last_place else ""
    else:
        first = str(start) if start else ""
        last = str(last_place + 1) if last_place + 1 < extent else ""
    return f"{first}:{last}" + (f":{step}" if step != 1 else "")


def _trimmed(parts: Sequence[str]) -> str:
    """An index without what is taken whole at its end."""
    kept = list(parts)
    while kept and kept[-1] == ":":
        kept.pop()
    return ", ".join(kept)


def slice_parts(node: Node) -> list[str]:
    """The index of a slice, axis by axis."""
    params, shape = node.params, node.operands[0].type.shape
    spans = zip(params["starts"], params["sizes"], params["steps"], shape, strict=True)
    return [span(*x) for x in spans]


def _slice(w: Writer, node: Node) -> Code:
    index = _trimmed(slice_parts(node))
    x = w.array(node.operands[0])
    return Code(f"{x.at(ATOM)}[{index}]") if index else x


def _reshape(w: Writer, node: Node) -> Code:
    (x,), shape = node.operands, node.params["shape"]
    if x.primitive.name == "slice" and w.is_written_in_place(x):
        kept = _without_ones(x, shape)
        if kept is not None:
            return Code(f"{w.array(x.operands[0]).at(ATOM)}[{_trimmed(kept)}]")
    if x.type.ndim and [n for n in shape if n != 1] == [n for n in x.type.shape if n != 1]:
        longer = _with_ones(x.type.shape, shape)
        if longer:
            return Code(f"{w.array(x).at(ATOM)}[{longer}]")
    if not x.type.ndim:
        return call("np.reshape", w.array(x), shape)
    inner = str(shape[0]) if len(shape) == 1 else tuple_code(shape)
    if len(shape) == 1:
        inner = "-1"
    return Code(f"{w.array(x).at(ATOM)}.reshape({inner})")


def _without_ones(x: Node, shape: Sequence[int]) -> list[str] | None:
    """The index of a slice with numbers for axes of one element that are gone; None if others."""
    parts = slice_parts(x)
    ones = [a for a, n in enumerate(x.type.shape) if n == 1]
    rest = [n for n in x.type.shape if n != 1]
    if list(shape) != rest or not ones:
        return None
    for axis in ones:
        parts[axis] = str(x.params["starts"][axis])
    return parts


def _with_ones(before: Sequence[int], after: Sequence[int]) -> str:
    """The index that adds axes of one element; empty if that is not all."""
    waiting, parts = list(before), []
    for n in after:
        if waiting and waiting[0] == n:
            waiting.pop(0)
            parts.append(":")
        elif n == 1:
            parts.append("None")
        else:
            return ""
    return "" if waiting or len(after) == len(before) else _trimmed(parts)


def _permute(w: Writer, node: Node) -> Code:
    (x,), axes = node.operands, node.params["axes"]
    if axes == tuple(range(len(axes))):
        return w.array(x)
    if len(axes) == 2:
        return Code(f"{w.array(x).at(ATOM)}.T")
    return call("np.transpose", w.array(x), axes)


def _flip(w: Writer, node: Node) -> Code:
    axes = node.params["axes"]
    if axes == (0,):
        return Code(f"{w.array(node.operands[0]).at(ATOM)}[::-1]")
    return call("np.flip", w.array(node.operands[0]), axes)


def loose_index(node: Node) -> str:
    """The index by which the operand of a broadcast has axes where NumPy looks for them."""
    axes, rank = node.params["axes"], len(node.params["shape"])
    if not axes:
        return ""
    parts = [":" if axis in axes else "None" for axis in range(axes[0], rank)]
    return ", ".join(parts) if "None" in parts else ""


def _broadcast(w: Writer, node: Node) -> Code:
    """As an array; where NumPy repeats it by itself, `Writer.loose` is asked."""
    (x,), shape = node.operands, node.params["shape"]
    value = w.literal_of(x)
    extents = shape[0] if len(shape) == 1 else shape
    dtype = node.type.dtype
    if value is not None:
        own = [] if dtype == FLOAT64 else [dtype_code(dtype)]
        if _is_zero(w, x):
            return call("np.zeros", extents, *own)
        own = [] if dtype in (FLOAT64, INT64, BOOL) else own
        return call("np.full", extents, w.bare(x), *own)
    return call("np.broadcast_to", w.loose(node), shape)


def _is_zero(w: Writer, node: Node) -> bool:
    """Whether a node is a zero without a sign."""
    value = w.literal_of(node)
    return value is not None and value == 0 and not np.signbit(np.real(value))


def _concatenate(w: Writer, node: Node) -> Code:
    parts, axis = [w.array(x) for x in node.operands], node.params["axis"]
    singles = [w.single(x) for x in node.operands]
    if node.type.ndim == 1 and all(x is not None for x in singles):
        return call("np.array", Code(f"[{', '.join(map(str, singles))}]"), *_dtype_of(node))
    joined = Code(f"[{', '.join(map(str, parts))}]")
    return call("np.concatenate", joined, *([axis] if axis else []))


def _dtype_of(node: Node) -> list[Code]:
    dtype = node.type.dtype
    return [] if dtype in (FLOAT64, INT64, BOOL) else [dtype_code(dtype)]


def _iota(w: Writer, node: Node) -> Code:
    own = {} if node.type.dtype == INT64 else {"dtype": dtype_code(node.type.dtype)}
    return call("np.arange", node.params["size"], **own)


def _pad(w: Writer, node: Node) -> Code:
    x, value = node.operands
    low, high, interior = (node.params[k] for k in ("low", "high", "interior"))
    if not any(interior):
        widths = tuple(zip(low, high, strict=True))
        given = widths[0] if len(widths) == 1 else widths
        named = {} if _is_zero(w, value) else {"constant_values": w.array(value)}
        return call("np.pad", w.array(x), given, **named)
    shape = node.type.shape
    if _is_zero(w, value):
        start = call("np.zeros", shape, dtype_code(node.type.dtype))
    else:
        start = call("np.full", shape, w.array(value), dtype_code(node.type.dtype))
    spans = zip(low, x.type.shape, interior, shape, strict=True)
    region = [span(first, size, gap + 1, extent) for first, size, gap, extent in spans]
    return w.changed(node, start, f"[{', '.join(region) or '...'}] = {w.array(x)}")


def _update_slice(w: Writer, node: Node) -> Code:
    x, update = node.operands
    shapes = zip(
        node.params["starts"], update.type.shape, node.params["steps"], x.type.shape, strict=True
    )
    region = _trimmed([span(*part) for part in shapes]) or "..."
    return w.changed(node, w.fresh(x), f"[{region}] = {w.of(update)}")


def _gather(w: Writer, node: Node) -> Code:
    x, *indices = node.operands
    index = ", ".join(str(w.array(i)) for i in indices)
    return Code(f"{w.array(x).at(ATOM)}[{index or '...'}]")


def _scatter(w: Writer, node: Node) -> Code:
    x, *indices, update = node.operands
    index = ", ".join(str(w.array(i)) for i in indices)
    return w.changed(node, w.fresh(x), f"[{index or '...'}] = {w.of(update)}")


def _scatter_add(w: Writer, node: Node) -> Code:
    x, *indices, update = node.operands
    target = w.begun(node, w.fresh(x))
    index = tuple_code([w.array(i) for i in indices])
    if len(indices) == 1:
        index = str(w.array(indices[0]))
    # What is added has the shape of the index, as NumPy does not repeat it rightly everywhere.
    added = w.bare(update) if w.literal_of(update) is not None else w.array(update)
    w.line(str(call("np.add.at", target, Code(index), added)))
    return target


MOVING: dict[str, Expression] = {
    "slice": _slice,
    "reshape": _reshape,
    "permute": _permute,
    "flip": _flip,
    "broadcast": _broadcast,
    "concatenate": _concatenate,
    "iota": _iota,
    "pad": _pad,
    "update_slice": _update_slice,
    "gather": _gather,
    "scatter": _scatter,
    "scatter_add": _scatter_add,
}
