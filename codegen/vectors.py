"""Vectors and memory: lanes read and written under masks, in either direction, or far apart."""

from __future__ import annotations

from .assembly import (
    I1,
    I64,
    FunctionWriter,
    Value,
    constant,
    intrinsic_suffix,
    lanes,
    like,
    vector,
)


def lane_numbers(w: FunctionWriter, first: Value, step: int, width: int) -> Value:
    """``first + lane * step`` in every lane."""
    if width == 1:
        return first
    steps = ", ".join(f"i64 {k * step}" for k in range(width))
    return w.op("add", w.splat(first, width), Value(vector(I64, width), f"<{steps}>"))


def level(w: FunctionWriter, *values: Value) -> list[Value]:
    """The values with as many lanes as the widest has."""
    width = max(lanes(x.type) for x in values)
    return [w.splat(x, width) if lanes(x.type) < width else x for x in values]


def both(w: FunctionWriter, a: Value, b: Value) -> Value:
    """``a and b``, by lane where one of them is a vector."""
    return w.op("and", *level(w, a, b))


def reverse(w: FunctionWriter, x: Value) -> Value:
    """The lanes in the opposite order."""
    order = ", ".join(f"i32 {k}" for k in reversed(range(lanes(x.type))))
    return w.make(x.type, f"shufflevector {x}, {x.type} poison, <{lanes(x.type)} x i32> <{order}>")


def _all_lanes(type: str) -> Value:
    return constant(like(type, I1), True)


def masked_load(
    w: FunctionWriter, type: str, pointer: Value, align: int, mask: Value | None
) -> Value:
    """Contiguous lanes; zeros where the mask is false, and no access there."""
    mask = mask or _all_lanes(type)
    suffix = intrinsic_suffix(type)
    arguments = [pointer, constant("i32", align), mask, constant(type, 0)]
    return w.call(f"llvm.masked.load.{suffix}.p0", type, arguments)


def masked_store(w: FunctionWriter, value: Value, pointer: Value, align: int, mask: Value) -> None:
    """Write the lanes for which the mask is true."""
    suffix = intrinsic_suffix(value.type)
    arguments = [value, pointer, constant("i32", align), mask]
    w.call(f"llvm.masked.store.{suffix}.p0", "void", arguments)


def masked_gather(
    w: FunctionWriter, type: str, pointers: Value, align: int, mask: Value | None
) -> Value:
    """A lane from each address; zeros where the mask is false."""
    name = f"llvm.masked.gather.{intrinsic_suffix(type)}.{intrinsic_suffix(pointers.type)}"
    arguments = [pointers, constant("i32", align), mask or _all_lanes(type), constant(type, 0)]
    return w.call(name, type, arguments)


def masked_scatter(
    w: FunctionWriter, value: Value, pointers: Value, align: int, mask: Value | None
) -> None:
    """Write a lane to each address, in the order of lanes, where the mask is true."""
    name = f"llvm.masked.scatter.{intrinsic_suffix(value.type)}.{intrinsic_suffix(pointers.type)}"
    arguments = [value, pointers, constant("i32", align), mask or _all_lanes(value.type)]
    w.call(name, "void", arguments)
