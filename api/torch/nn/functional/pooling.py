"""Pooling: the greatest, or the mean, of each window."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer.numpy.creation import positions
from pullback.tracer.numpy.promotion import spread
from pullback.tracer.primitives.elementwise import stop_gradient
from pullback.tracer.primitives.elementwise import where as choose
from pullback.tracer.trace import Tracer, literal

from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record, wrapped
from .windows import Ints, padded, per_axis, slices


def _pooled_counts(
    extents: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool
) -> Ints:
    """How many windows there are; with ``ceil`` the last may reach out of the padding."""
    found: list[int] = []
    for n, k, s, p, d in zip(extents, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = -(-room // s) + 1 if ceil else room // s + 1
        if ceil and (count - 1) * s >= n + p:
            count -= 1
        found.append(count)
    return tuple(found)


def _reaching(x: Any, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """The padding that all windows need."""
    extents = x.shape[x.ndim - len(kernel) :]
    ends = [
        max(s * (m - 1) + d * (k - 1) + 1 - n - p, 0)
        for n, m, k, s, p, d in zip(extents, out, kernel, stride, padding, dilation, strict=True)
    ]
    return list(zip(padding, ends, strict=True))


def _greatest(parts: Any, numbers: Any) -> tuple[Any, Any]:
    """The first of the greatest, which alone gets the derivative, and its number."""
    best: Any = None
    place: Any = None
    for part, number in zip(parts, numbers, strict=True):
        if best is None:
            best, place = part, number
        else:
            above = (part > best) | (part != part)
            best, place = choose(above, part, best), choose(above, number, place)
    return best, place


def _numbering(x: Any, count: int) -> Any:
    """The number of each element in its plane, in the shape of the input."""
    extents = x.shape[x.ndim - count :]
    flat = np.reshape(positions(math.prod(extents)), extents)
    return np.broadcast_to(flat, x.shape)


def _max_pool(
    x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil: bool, places: bool
) -> Any:
    extents = x.shape[x.ndim - len(kernel) :]
    out = _pooled_counts(extents, kernel, stride, padding, dilation, ceil)
    pairs = _reaching(x, out, kernel, stride, padding, dilation)
    windows = (kernel, stride, dilation, out)
    parts = slices(padded(x, pairs, -np.inf), *windows)
    if places:
        numbers = padded(_numbering(x, len(kernel)), pairs, 0)
        return _greatest(parts, slices(numbers, *windows))[1]
    values = list(parts)
    return _greatest(values, values)[0]


def _avg_pool(
    x: Any,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil: bool,
    include: bool,
    divisor: int | None,
) -> Any:
    ones = (1,) * len(kernel)
    extents = x.shape[x.ndim - len(kernel) :]
    out = _pooled_counts(extents, kernel, stride, padding, ones, ceil)
    pairs = _reaching(x, out, kernel, stride, padding, ones)
    total = sum(slices(padded(x, pairs), kernel, stride, ones, out))
    if divisor is not None:
        return total / divisor
    within = list(padding) if include else [0] * len(kernel)
    if all(b <= w and a <= w for (a, b), w in zip(pairs, within, strict=True)):
        return total / math.prod(kernel)
    for axis, size in enumerate(_sizes(extents, kernel, stride, padding, out, within)):
        total = total / _column(size, total, axis - len(kernel))
    return total


def _sizes(
    extents: Ints, kernel: Ints, stride: Ints, padding: Ints, out: Ints, within: list[int]
) -> list[Any]:
    """How many elements the windows have along each axis: those that count."""
    found: list[Any] = []
    for n, k, s, p, m, w in zip(extents, kernel, stride, padding, out, within, strict=True):
        starts = positions(m) * s - p
        ends = np.minimum(starts + k, n + w)
        found.append(ends - np.maximum(starts, -w))
    return found


def _column(values: Any, like: Any, axis: int) -> Any:
    shape = [1] * like.ndim
    shape[axis] = -1
    return np.reshape(values.astype(like.dtype), shape)


def _max_name(kinds: Any, kernel: Ints, *params: Any) -> str:
    if len(kernel) == 1:
        return "SqueezeBackward1"
    return f"MaxPool{len(kernel)}DWithIndicesBackward0"


def _avg_name(kinds: Any, kernel: Ints, *params: Any) -> str:
    return "SqueezeBackward1" if len(kernel) == 1 else f"AvgPool{len(kernel)}DBackward0"


MAX_POOL = Row("max_pool", _max_pool, _max_name)
AVG_POOL = Row("avg_pool", _avg_pool, _avg_name)


def _check(input: Tensor, count: int, kernel: Ints, padding: Ints, name: str) -> None:
    if input.ndim not in (count + 1, count + 2):
        raise RuntimeError(
            f"{name}() Expected {count + 1}D or {count + 2}D input tensor, but got "
            f"{list(input.shape)}{here()}"
        )
    for k, p in zip(kernel, padding, strict=True):
        if p > k // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, "
                f"kernel_size={k} and dilation=1{here()}"
            )


def _maximum(count: int) -> Callable[..., Any]:
    name = f"max_pool{count}d"

    def max_pool(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        kernel = per_axis(kernel_size, count, "kernel_size")
        steps = kernel if stride in (None, ()) else per_axis(stride, count, "stride")
        pads = per_axis(padding, count, "padding")
        apart = per_axis(dilation, count, "dilation")
        _check(input, count, kernel, pads, name)
        params = (kernel, steps, pads, apart, bool(ceil_mode))
        values = record(MAX_POOL, (input,), (*params, False))
        if not return_indices:
            return values
        return values, record(MAX_POOL, (input.detach(),), (*params, True))

    max_pool.__name__ = max_pool.__qualname__ = name
    fours, twos = ", ".join("4" * count), ", ".join("2" * count)
    max_pool.__doc__ = (
        f"The greatest element of each window over the last {count} dimensions.\n\n"
        "``return_indices``: its number in the plane, too.\n\n"
        f">>> torch.nn.functional.{name}(torch.ones(1, 1, {fours}), 2).shape\n"
        f"torch.Size([1, 1, {twos}])\n"
    )
    return max_pool


def _average(count: int) -> Callable[..., Tensor]:
    name = f"avg_pool{count}d"

    def avg_pool(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        kernel = per_axis(kernel_size, count, "kernel_size")
        steps = kernel if stride in (None, ()) else per_axis(stride, count, "stride")
        pads = per_axis(padding, count, "padding")
        _check(input, count, kernel, pads, name)
        if divisor_override == 0:
            raise RuntimeError(f"divisor must be not zero{here()}")
        options = (bool(ceil_mode), bool(count_include_pad), divisor_override)
        return record(AVG_POOL, (input,), (kernel, steps, pads, *options))

    avg_pool.__name__ = avg_pool.__qualname__ = name
    fours, twos = ", ".join("4" * count), ", ".join("2" * count)
    avg_pool.__doc__ = (
        f"The mean of each window over the last {count} dimensions.\n\n"
        f">>> torch.nn.functional.{name}(torch.ones(1, 1, {fours}), 2).shape\n"
        f"torch.Size([1, 1, {twos}])\n"
    )
    return avg_pool


max_pool1d, max_pool2d, max_pool3d = (_maximum(n) for n in (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = (_average(n) for n in (1, 2, 3))


def _lp(count: int, average: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def lp_pool(
        input: Tensor,
        norm_type: float,
        kernel_size: Any,
        stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        kernel = per_axis(kernel_size, count, "kernel_size")
        means: Any = average(input**norm_type, kernel, stride, 0, ceil_mode)
        sums = means.sign() * means.abs().relu() * math.prod(kernel)
        result: Tensor = sums ** (1.0 / norm_type)
        return result

    lp_pool.__name__ = lp_pool.__qualname__ = f"lp_pool{count}d"
    fours, twos = ", ".join("4" * count), ", ".join("2" * count)
    lp_pool.__doc__ = (
        "The p-norm of each window.\n\n"
        f">>> torch.nn.functional.lp_pool{count}d(torch.ones(1, 1, {fours}), 2, 2).shape\n"
        f"torch.Size([1, 1, {twos}])\n"
    )
    return lp_pool


lp_pool1d, lp_pool2d, lp_pool3d = (
    _lp(n, average) for n, average in ((1, avg_pool1d), (2, avg_pool2d), (3, avg_pool3d))
)

# -- a given number of windows ---------------------------------------------------------------


def _spans(extent: int, count: int) -> list[tuple[int, int]]:
    """From where to where the windows are, if so many are to cover the axis."""
    return [(i * extent // count, -(-(i + 1) * extent // count)) for i in range(count)]


def _output_size(size: Any, input: Tensor, count: int) -> Ints:
    given = (size,) * count if size is None or isinstance(size, int) else tuple(size)
    have = input.shape[-count:]
    return tuple(n if m is None else int(m) for n, m in zip(have, given, strict=True))


def _averaged_along(x: Any, *rest: Any) -> Any:
    *matrices, size = rest
    for matrix in matrices:
        # The axis that is contracted comes back last, so they go round.
        x = np.matmul(np.moveaxis(x, -len(size), -1), matrix)
    return x


ADAPTIVE_AVG = Row(
    "adaptive_avg_pool",
    _averaged_along,
    lambda kinds, size: (
        "SqueezeBackward1" if len(size) == 1 else f"AdaptiveAvgPool{len(size)}DBackward0"
    ),
)


def _mean_matrix(extent: int, count: int, dtype: Any) -> Tensor:
    matrix = np.zeros((extent, count), dtype)
    for column, (start, end) in enumerate(_spans(extent, count)):
        matrix[start:end, column] = 1.0 / (end - start)
    return wrapped(matrix)


def _adaptive_average(count: int) -> Callable[..., Tensor]:
    def adaptive_avg_pool(input: Tensor, output_size: Any) -> Tensor:
        size = _output_size(output_size, input, count)
        matrices = [
            _mean_matrix(n, m, input.dtype.numpy)
            for n, m in zip(input.shape[-count:], size, strict=True)
        ]
        return record(ADAPTIVE_AVG, (input, *matrices), (size,))

    name = f"adaptive_avg_pool{count}d"
    adaptive_avg_pool.__name__ = adaptive_avg_pool.__qualname__ = name
    fours, ones = ", ".join("4" * count), ", ".join("1" * count)
    adaptive_avg_pool.__doc__ = (
        "The means of so many windows that cover the whole.\n\n"
        f">>> torch.nn.functional.{name}(torch.ones(1, 1, {fours}), 1).shape\n"
        f"torch.Size([1, 1, {ones}])\n"
    )
    return adaptive_avg_pool


def _greatest_of_spans(x: Any, *rest: Any) -> Any:
    *tables, places = rest
    count = len(tables)
    numbers = _numbering(x, count)
    front = x.ndim - count
    for axis, table in enumerate(tables):
        x, numbers = (np.take(a, table, front + 2 * axis) for a in (x, numbers))
    # The axes are now (..., windows, place in the window, windows, place in the window).
    lengths = tuple(t.shape[1] for t in tables)
    parts: list[Any] = []
    theirs: list[Any] = []
    for place in np.ndindex(*lengths):
        cut: list[Any] = [...]
        for i in place:
            cut += [slice(None), i]
        parts.append(x[tuple(cut)])
        theirs.append(numbers[tuple(cut)])
    return _greatest(parts, theirs)[1 if places else 0]


ADAPTIVE_MAX = Row(
    "adaptive_max_pool",
    _greatest_of_spans,
    lambda kinds, places: (
        "SqueezeBackward1" if len(kinds) == 2 else f"AdaptiveMaxPool{len(kinds) - 1}DBackward0"
    ),
)


def _span_table(extent: int, count: int) -> Tensor:
    """The places of each window, the last repeated where others are longer."""
    spans = _spans(extent, count)
    longest = max((end - start for start, end in spans), default=1)
    rows = [[min(start + k, end - 1) for k in range(longest)] for start, end in spans]
    return wrapped(np.array(rows, np.int64).reshape(count, longest))


def _adaptive_maximum(count: int) -> Callable[..., Any]:
    def adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        size = _output_size(output_size, input, count)
        tables = [_span_table(n, m) for n, m in zip(input.shape[-count:], size, strict=True)]
        values = record(ADAPTIVE_MAX, (input, *tables), (False,))
        if not return_indices:
            return values
        return values, record(ADAPTIVE_MAX, (input.detach(), *tables), (True,))

    name = f"adaptive_max_pool{count}d"
    adaptive_max_pool.__name__ = adaptive_max_pool.__qualname__ = name
    fours, ones = ", ".join("4" * count), ", ".join("1" * count)
    adaptive_max_pool.__doc__ = (
        "The greatest elements of so many windows that cover the whole.\n\n"
        f">>> torch.nn.functional.{name}(torch.ones(1, 1, {fours}), 1).shape\n"
        f"torch.Size([1, 1, {ones}])\n"
    )
    return adaptive_max_pool


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    _adaptive_average(n) for n in (1, 2, 3)
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _adaptive_maximum(n) for n in (1, 2, 3)
)

# -- back ------------------------------------------------------------------------------------


def _unpool(x: Any, places: Any, size: Ints) -> Any:
    front = x.shape[: x.ndim - len(size)]
    planes = math.prod(front)
    extent = math.prod(size)
    starts = positions(planes)[:, None] * extent
    made = Tracer(spread(literal(0.0, x.dtype), (planes * extent,)).node)
    where = np.reshape(np.reshape(places, (planes, -1)) + starts, -1)
    values: Any = np.reshape(x, -1)
    made[where] = stop_gradient(values)
    # Of windows that have found the same element each takes the whole derivative, as in torch.
    np.add.at(made, where, values - stop_gradient(values))
    return np.reshape(Tracer(made.node), (*front, *size))


UNPOOL = Row(
    "max_unpool",
    _unpool,
    lambda kinds, size: "SqueezeBackward1" if len(size) == 1 else f"MaxUnpool{len(size)}DBackward0",
)


def _unpooling(count: int) -> Callable[..., Tensor]:
    def max_unpool(
        input: Tensor,
        indices: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:
        kernel = per_axis(kernel_size, count, "kernel_size")
        steps = kernel if stride is None else per_axis(stride, count, "stride")
        pads = per_axis(padding, count, "padding")
        size = tuple(
            (n - 1) * s - 2 * p + k
            for n, s, p, k in zip(input.shape[-count:], steps, pads, kernel, strict=True)
        )
        if output_size is not None:
            size = tuple(int(n) for n in tuple(output_size)[-count:])
        return record(UNPOOL, (input, indices), (size,))

    name = f"max_unpool{count}d"
    max_unpool.__name__ = max_unpool.__qualname__ = name
    fours = ", ".join("4" * count)
    max_unpool.__doc__ = (
        f"Elements put back to where `max_pool{count}d` found them, zeros elsewhere.\n\n"
        ">>> F = torch.nn.functional\n"
        f">>> values, places = F.max_pool{count}d(torch.ones(1, 1, {fours}), 2, "
        "return_indices=True)\n"
        f">>> F.{name}(values, places, 2).shape\ntorch.Size([1, 1, {fours}])\n"
    )
    return max_unpool


max_unpool1d, max_unpool2d, max_unpool3d = (_unpooling(n) for n in (1, 2, 3))
