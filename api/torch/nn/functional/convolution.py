"""Convolutions, as products of matrices: a column of each window's elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record
from .windows import Ints, counts, padded, per_axis, places, slices, spread_out


def _columns(x: Any, kernel: Ints, stride: Ints, dilation: Ints) -> Any:
    """(n, channels, places of the window, number of windows)."""
    out = counts(x.shape[2:], kernel, stride, dilation)
    parts = list(slices(x, kernel, stride, dilation, out))
    columns = np.stack(parts, 2) if len(parts) > 1 else parts[0]
    return np.reshape(columns, (*x.shape[:2], len(parts), math.prod(out)))


def _convolved(x: Any, weight: Any, stride: Ints, dilation: Ints, groups: int) -> Any:
    kernel = weight.shape[2:]
    out = counts(x.shape[2:], kernel, stride, dilation)
    columns = _columns(x, kernel, stride, dilation)
    batch, made, inner = x.shape[0], weight.shape[0], math.prod(weight.shape[1:])
    if groups == 1:
        product = np.matmul(
            np.reshape(weight, (made, inner)), np.reshape(columns, (batch, inner, -1))
        )
    else:
        product = np.matmul(
            np.reshape(weight, (groups, made // groups, inner)),
            np.reshape(columns, (batch, groups, inner, -1)),
        )
    return np.reshape(product, (batch, made, *out))


def _with_bias(result: Any, bias: tuple[Any, ...]) -> Any:
    if not bias:
        return result
    return result + np.reshape(bias[0], (-1,) + (1,) * (result.ndim - 2))


def _convolution(x: Any, weight: Any, *rest: Any) -> Any:
    *bias, stride, pairs, dilation, groups = rest
    single = x.ndim < weight.ndim
    whole = padded(x[None] if single else x, pairs)
    result = _with_bias(_convolved(whole, weight, stride, dilation, groups), tuple(bias))
    return result[0] if single else result


def _transposed(x: Any, weight: Any, *rest: Any) -> Any:
    # The same as a convolution with the mirrored window, over elements that lie apart.
    *bias, stride, padding, extra, dilation, groups = rest
    single = x.ndim < weight.ndim
    whole = x[None] if single else x
    kernel = weight.shape[2:]
    given, made = weight.shape[:2]
    parts = np.reshape(weight, (groups, given // groups, made, *kernel))
    turned = np.reshape(np.swapaxes(parts, 1, 2), (groups * made, given // groups, *kernel))
    mirrored = np.flip(turned, tuple(range(2, turned.ndim)))
    reach = [d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    pairs = [(n, n + e) for n, e in zip(reach, extra, strict=True)]
    apart = padded(spread_out(whole, stride), pairs)
    ones = (1,) * len(kernel)
    result = _with_bias(_convolved(apart, mirrored, ones, dilation, groups), tuple(bias))
    return result[0] if single else result


def _name(kinds: Any, *params: Any) -> str:
    single = len(kinds[0].type.shape) < len(kinds[1].type.shape)
    return "SqueezeBackward1" if single else "ConvolutionBackward0"


CONVOLUTION = Row("convolution", _convolution, _name)
TRANSPOSED = Row("conv_transpose", _transposed, _name)


def _pairs(padding: Any, kernel: Ints, dilation: Ints, stride: Ints) -> Any:
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise RuntimeError(f"padding='same' is not supported for strided convolutions{here()}")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((n // 2, n - n // 2) for n in totals)
    if isinstance(padding, str):
        raise RuntimeError(f"Invalid padding string: '{padding}'{here()}")
    return tuple((n, n) for n in per_axis(padding, len(kernel), "padding"))


def _check(x: Tensor, weight: Tensor, count: int, groups: int, channels: int, name: str) -> None:
    if x.ndim not in (count + 1, count + 2):
        raise RuntimeError(
            f"Expected {count + 1}D (unbatched) or {count + 2}D (batched) input to {name}, but got "
            f"input of size: {list(x.shape)}{here()}"
        )
    have = x.shape[-count - 1]
    if have != channels:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected "
            f"input{list(x.shape)} to have {channels} channels, but got {have} channels instead"
            f"{here()}"
        )


def _check_sizes(x: Tensor, weight: Tensor, pairs: Any, dilation: Ints) -> None:
    kernel = weight.shape[2:]
    sizes = [n + a + b for n, (a, b) in zip(x.shape[-len(kernel) :], pairs, strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    if any(n < r for n, r in zip(sizes, reach, strict=True)):
        have, want = (" x ".join(map(str, s)) for s in (sizes, reach))
        raise RuntimeError(
            f"Calculated padded input size per channel: ({have}). Kernel size: ({want}). Kernel "
            f"size can't be greater than actual input size{here()}"
        )


def _check_dtypes(x: Tensor, weight: Tensor) -> None:
    if x.dtype is not weight.dtype:
        raise RuntimeError(
            f"Input type ({x.dtype.name}) and bias type ({weight.dtype.name}) should be the same"
            f"{here()}"
        )


def convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    """A convolution over as many axes as the weight has behind its channels."""
    count = weight.ndim - 2
    _check(input, weight, count, groups, weight.shape[1] * groups, f"conv{count}d")
    _check_dtypes(input, weight)
    steps, apart = per_axis(stride, count, "stride"), per_axis(dilation, count, "dilation")
    pairs = _pairs(padding, weight.shape[2:], apart, steps)
    _check_sizes(input, weight, pairs, apart)
    given = (input, weight) if bias is None else (input, weight, bias)
    return record(CONVOLUTION, given, (steps, pairs, apart, groups))


def convolve_transposed(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    """What takes a convolution's result back to its input's shape: its derivative's formula."""
    count = weight.ndim - 2
    name = f"conv_transpose{count}d"
    if input.shape[-count - 1] != weight.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, expected "
            f"input{list(input.shape)} to have {weight.shape[0]} channels, but got "
            f"{input.shape[-count - 1]} channels instead{here()}"
        )
    _check(input, weight, count, groups, weight.shape[0], name)
    _check_dtypes(input, weight)
    steps, apart, pads, extra = (
        per_axis(x, count, what)
        for x, what in (
            (stride, "stride"),
            (dilation, "dilation"),
            (padding, "padding"),
            (output_padding, "output_padding"),
        )
    )
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, apart, strict=True)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got output_padding"
            f"={list(extra)}, stride={list(steps)}, dilation={list(apart)}{here()}"
        )
    given = (input, weight) if bias is None else (input, weight, bias)
    return record(TRANSPOSED, given, (steps, pads, extra, apart, groups))


def _forward(count: int) -> Callable[..., Tensor]:
    def conv(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        return convolve(input, weight, bias, stride, padding, dilation, groups)

    name = f"conv{count}d"
    conv.__name__ = conv.__qualname__ = name
    twos, fours = ", ".join("2" * count), ", ".join("4" * count)
    three = ", ".join("3" * count)
    conv.__doc__ = (
        f"Windows over the last {count} dimensions, multiplied by a kernel and added up.\n\n"
        "``input`` is (batch, channels, ...), ``weight`` (made, channels / groups, ...);\n"
        "``padding`` is numbers, ``'valid'`` or ``'same'``.\n\n"
        f">>> x = torch.ones(1, 1, {fours})\n"
        f">>> torch.nn.functional.{name}(x, torch.ones(1, 1, {twos})).shape\n"
        f"torch.Size([1, 1, {three}])\n"
    )
    return conv


def _backward(count: int) -> Callable[..., Tensor]:
    def conv_transpose(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Tensor:
        return convolve_transposed(
            input, weight, bias, stride, padding, output_padding, groups, dilation
        )

    name = f"conv_transpose{count}d"
    conv_transpose.__name__ = conv_transpose.__qualname__ = name
    threes, twos, fours = (", ".join(n * count) for n in "324")
    conv_transpose.__doc__ = (
        f"The transpose of `conv{count}d`: each element times a kernel, added up where they meet.\n"
        "\n``weight`` is (channels, made / groups, ...).\n\n"
        f">>> x = torch.ones(1, 1, {threes})\n"
        f">>> torch.nn.functional.{name}(x, torch.ones(1, 1, {twos})).shape\n"
        f"torch.Size([1, 1, {fours}])\n"
    )
    return conv_transpose


conv1d, conv2d, conv3d = (_forward(n) for n in (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = (_backward(n) for n in (1, 2, 3))

# -- columns by themselves -------------------------------------------------------------------


def _unfold(x: Any, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    single = x.ndim == 3
    whole = padded(x[None] if single else x, [(p, p) for p in padding])
    columns = _columns(whole, kernel, stride, dilation)
    rows = whole.shape[1] * math.prod(kernel)
    joined = np.reshape(columns, (whole.shape[0], rows, columns.shape[-1]))
    return joined[0] if single else joined


def _fold(x: Any, size: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    single = x.ndim == 2
    whole = x[None] if single else x
    extents = [n + 2 * p for n, p in zip(size, padding, strict=True)]
    out = counts(extents, kernel, stride, dilation)
    parts = np.reshape(whole, (whole.shape[0], -1, math.prod(kernel), *out))
    total: Any = 0.0
    for number, place in enumerate(places(kernel)):
        apart = spread_out(parts[:, :, number], stride)
        pairs = []
        for i, d, n, have in zip(place, dilation, extents, apart.shape[2:], strict=True):
            pairs.append((i * d, n - i * d - have))
        total = total + padded(apart, pairs)
    result = padded(total, [(-p, -p) for p in padding])
    return result[0] if single else result


UNFOLD = Row("unfold", _unfold, "Im2ColBackward0")
FOLD = Row("fold", _fold, "Col2ImBackward0")


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The elements of each window over the last two dimensions as a column.

    >>> torch.nn.functional.unfold(torch.ones(1, 2, 3, 3), 2).shape
    torch.Size([1, 8, 4])
    """
    if input.ndim not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}{here()}"
        )
    given = [
        per_axis(x, 2, name)
        for x, name in (
            (kernel_size, "kernel_size"),
            (dilation, "dilation"),
            (padding, "padding"),
            (stride, "stride"),
        )
    ]
    return record(UNFOLD, (input,), tuple(given))


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns added up at the places of their windows: the transpose of `unfold`.

    >>> torch.nn.functional.fold(torch.ones(1, 4, 4), (3, 3), 2)
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    size, kernel, apart, pads, steps = (
        per_axis(x, 2, name)
        for x, name in (
            (output_size, "output_size"),
            (kernel_size, "kernel_size"),
            (dilation, "dilation"),
            (padding, "padding"),
            (stride, "stride"),
        )
    )
    window = math.prod(kernel)
    if input.shape[-2] % window:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={input.shape[-2]} and kernel_size={kernel}.{here()}"
        )
    extents = [n + 2 * p for n, p in zip(size, pads, strict=True)]
    blocks = math.prod(counts(extents, kernel, steps, apart))
    if input.shape[-1] != blocks:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={apart}, padding={pads}, "
            f"stride={steps}, expected size of input's dimension 2 to match the calculated number "
            f"of sliding blocks, but got input.size(2)={input.shape[-1]} instead of {blocks}."
            f"{here()}"
        )
    return record(FOLD, (input,), (size, kernel, apart, pads, steps))
