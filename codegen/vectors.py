"""Vectors and memory: lanes read and written under masks, in either direction, or far apart."""

from __future__ import annotations

from collections.abc import Sequence

from .assembly import (
    I1,
    I64,
    FunctionWriter,
    Value,
    constant,
    element,
    intrinsic_suffix,
    lanes,
    like,
    vector,
)


def lane_numbers(w: FunctionWriter, first: Value, step: int, width: int) -> Value:
    """``first + lane * step`` in every lane."""
    if width == 1:
        return first
    steps = ", ".join(f"{first.type} {k * step}" for k in range(width))
    numbers = Value(vector(first.type, width), f"<{steps}>")
    return numbers if first.name == "0" else w.op("add", w.splat(first, width), numbers)


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
    return w.pure(x.type, f"shufflevector {x}, {x.type} poison, <{lanes(x.type)} x i32> <{order}>")


def shuffle(w: FunctionWriter, a: Value, b: Value, order: Sequence[int | None]) -> Value:
    """Lanes picked out of two vectors, those of the second counted on; None where any will do."""
    picks = ", ".join("i32 poison" if k is None else f"i32 {k}" for k in order)
    type = vector(element(a.type), len(order))
    return w.pure(type, f"shufflevector {a}, {b}, <{len(order)} x i32> <{picks}>")


LARGEST_STRIDE = 4
"""How far apart lanes may be for whole vectors and shuffles to be quicker than single accesses."""


def _positions(width: int, stride: int) -> list[int]:
    """Where the lanes are among the elements that they span, first to last in memory."""
    span = (width - 1) * abs(stride)
    return [(0 if stride > 0 else span) + k * stride for k in range(width)]


Masks = list[Value]
"""Of the vectors that lanes a few elements apart span, one each."""


def spread(w: FunctionWriter, mask: Value, stride: int) -> Masks:
    """The mask of lanes as masks of the elements of each vector that the lanes span."""
    width = lanes(mask.type)
    lane_at = {position: lane for lane, position in enumerate(_positions(width, stride))}
    none = constant(mask.type, False)
    return [
        shuffle(w, mask, none, [lane_at.get(chunk * width + k, width) for k in range(width)])
        for chunk in range(abs(stride))
    ]


def first_lanes(w: FunctionWriter, count: Value, stride: int, width: int, reach: int = 0) -> Masks:
    """The same for so many lanes from the first on, at least one: all between them count too.

    Each mask is one comparison, where those of arbitrary lanes are moved element by element. With
    ``reach``, so many elements behind the last lane count as well.
    """
    first = _positions(width, stride)[0]
    last = w.add_index(w.scale_index(w.add_index(count, -1), stride), first + reach)
    masks = []
    for chunk in range(abs(stride)):
        numbers = lane_numbers(w, constant(I64, chunk * width), 1, width)
        mask = w.compare("sle" if stride > 0 else "sge", numbers, w.splat(last, width))
        if stride < 0:
            mask = both(w, mask, w.compare("sle", numbers, constant(numbers.type, first)))
        masks.append(mask)
    return masks


def strided_load(
    w: FunctionWriter, type: str, pointer: Value, stride: int, align: int, masks: Masks | None
) -> Value:
    """Lanes a few elements apart; zeros where a mask is false, and no access there."""
    positions = _positions(lanes(type), stride)
    first = w.address(pointer, -positions[0], element(type))
    parts = load_span(w, type, first, max(positions) + 1, align, masks)
    return pick_lanes(w, parts, positions)


Parts = list[tuple[int, Value]]
"""Vectors read one after another, each with the number of its first element."""


def load_span(
    w: FunctionWriter, type: str, pointer: Value, count: int, align: int, masks: Masks | None
) -> Parts:
    """So many elements in whole vectors, of which the last one ends with the last element."""
    width, kind = lanes(type), element(type)
    parts = []
    for chunk in range(-(-count // width)):
        start = chunk * width if masks is not None else min(chunk * width, count - width)
        place = w.address(pointer, start, kind)
        if masks is None:
            parts.append((start, w.load(type, place, align)))
        else:
            parts.append((start, masked_load(w, type, place, align, masks[chunk])))
    return parts


def pick_lanes(w: FunctionWriter, parts: Parts, positions: Sequence[int]) -> Value:
    """A lane from each of the positions among elements that have been read."""
    width = len(positions)
    result = constant(parts[0][1].type, 0)
    for chunk, (start, part) in enumerate(parts):
        inside = [chunk == p // width for p in positions]
        order = [width + p - start if inside[k] else k for k, p in enumerate(positions)]
        result = shuffle(w, result, part, order)
    return result


def store_interleaved(
    w: FunctionWriter, values: Sequence[Value], pointer: Value, align: int, masks: Masks | None
) -> None:
    """Write vectors so that their lanes take turns: the first of each, then the second of each."""
    count, width, kind = len(values), lanes(values[0].type), element(values[0].type)
    for chunk in range(count):
        places = [divmod(chunk * width + k, count) for k in range(width)]
        part = values[0]
        for number in range(1, count):
            order: list[int | None] = [None] * width
            for k, (lane, turn) in enumerate(places):
                if turn <= number:
                    order[k] = width + lane if turn == number else lane if number == 1 else k
            part = shuffle(w, part, values[number], order)
        target = w.address(pointer, chunk * width, kind)
        if masks is None:
            w.store(part, target, align)
        else:
            masked_store(w, part, target, align, masks[chunk])


def strided_store(
    w: FunctionWriter, value: Value, pointer: Value, stride: int, align: int, masks: Masks | None
) -> None:
    """Write the lanes to places a few elements apart, and nothing between them."""
    width, kind = lanes(value.type), element(value.type)
    positions = _positions(width, stride)
    first = w.address(pointer, -positions[0], kind)
    lane_at = {position: lane for lane, position in enumerate(positions)}
    own = spread(w, _all_lanes(value.type), stride)
    masks = own if masks is None else [both(w, a, b) for a, b in zip(own, masks, strict=True)]
    for chunk in range(abs(stride)):
        order = [lane_at.get(chunk * width + k) for k in range(width)]
        part = shuffle(w, value, value, order)
        target = w.address(first, chunk * width, kind)
        masked_store(w, part, target, align, masks[chunk])


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
