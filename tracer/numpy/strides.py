"""Where NumPy would have the elements of a view: strides, which decide what reshapes to a view.

Strides count elements of the array that owns the memory, by axis. Traced values have no memory of
their own to speak of, but whether a reshape gives a view or a copy shows when it is written to.
"""

from __future__ import annotations

from ..types import Shape, row_major_strides

Strides = tuple[int, ...]


def reshaped(shape: Shape, strides: Strides, wanted: Shape) -> Strides | None:
    """The strides in another shape; None if only a copy can have it.

    Axes that run through memory as one are split and joined as the shape asks.
    """
    if 0 in shape:
        return row_major_strides(wanted)
    axes = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    result: list[int] = []
    last = 1
    at = 0
    remaining = list(wanted)
    while remaining:
        if remaining[0] == 1:
            remaining.pop(0)
            result.append(last)
            continue
        parts = [remaining.pop(0)]
        joined, stride = axes[at]
        at += 1
        size = parts[0]
        while size != joined:
            if size < joined:
                parts.append(remaining.pop(0))
                size *= parts[-1]
            else:
                extent, inner = axes[at]
                if stride != extent * inner:
                    return None
                joined, stride = joined * extent, inner
                at += 1
        result += [stride * step for step in row_major_strides(tuple(parts))]
        last = result[-1]
    return tuple(result)


def is_row_major(shape: Shape, strides: Strides) -> bool:
    """Whether the elements follow one another in memory in the order of their indices."""
    wanted = zip(shape, strides, row_major_strides(shape), strict=True)
    return 0 in shape or all(extent == 1 or stride == step for extent, stride, step in wanted)


def memory_order(shape: Shape, strides: Strides) -> tuple[int, ...]:
    """The axes by falling distance in memory."""
    return tuple(sorted(range(len(shape)), key=lambda a: (-abs(strides[a]), a)))
