"""``torch.testing``: comparing results with what is expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dtypes import here, of_numpy
from .tensors import Tensor

_TOLERANCES = {2: (1e-3, 1e-5), 4: (1.3e-6, 1e-5), 8: (1e-7, 1e-7)}
"""Relative and absolute, by the bytes of a real number: what `torch.testing` takes."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a comparison is to look at; tolerances of None are those of the dtypes."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_dtype: bool
    msg: str | Callable[[str], str] | None

    def fail(self, text: str, path: tuple[Any, ...]) -> None:
        if path:
            where = "".join(f"[{step!r}]" for step in path)
            text += f"\n\nThe failure occurred for item {where}" if "\n" in text else ""
        if self.msg is not None:
            text = self.msg(text) if callable(self.msg) else self.msg
        raise AssertionError(text)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Check that tensors, numbers, or sequences and mappings of them are nearly equal.

    They are if ``|actual - expected| <= atol + rtol * |expected|``; the tolerances have to be given
    both, or neither: then they are those that `torch.testing` has for the dtypes.

    Raises:
        AssertionError: if shapes, dtypes or values differ; it tells where most.
        ValueError: for one tolerance without the other.
        TypeError: for what cannot be compared.

    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(
            f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
            f"{here()}"
        )
    asked = _Asked(rtol, atol, equal_nan, check_dtype, msg)
    waiting: list[tuple[Any, Any, tuple[Any, ...]]] = [(actual, expected, ())]
    while waiting:
        a, b, path = waiting.pop()
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            if a.keys() != b.keys():
                asked.fail(f"The keys of the mappings do not match: {set(a) ^ set(b)}", path)
            waiting.extend([(a[key], b[key], (*path, key)) for key in reversed(list(a))])
        elif _is_sequence(a) and _is_sequence(b):
            if len(a) != len(b):
                asked.fail(f"The length of the sequences mismatch: {len(a)} != {len(b)}", path)
            pairs = list(enumerate(zip(a, b, strict=True)))
            waiting.extend([(x, y, (*path, i)) for i, (x, y) in reversed(pairs)])
        else:
            _compare(a, b, asked, path)


def _is_sequence(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, str)


def _array(x: Any) -> Any:
    return x.value() if isinstance(x, Tensor) else np.asarray(x)


def _compare(actual: Any, expected: Any, asked: _Asked, path: tuple[Any, ...]) -> None:
    pair: tuple[Any, Any] | None = None
    kinds = (Tensor, np.ndarray), (int, float, complex, np.number)
    for kind in kinds:
        if isinstance(actual, kind) and isinstance(expected, kind):
            pair = _array(actual), _array(expected)
    if pair is None:
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and "
            f"{type(expected)}.{here()}"
        )
    numbers = not isinstance(actual, kinds[0])
    if not numbers:
        _compare_types(*pair, asked, path)
    _compare_values(*pair, numbers or not pair[0].ndim, asked, path)


def _compare_types(actual: Any, expected: Any, asked: _Asked, path: tuple[Any, ...]) -> None:
    if actual.shape != expected.shape:
        shapes = f"torch.Size({list(actual.shape)}) != torch.Size({list(expected.shape)})"
        asked.fail(f"The values for attribute 'shape' do not match: {shapes}.", path)
    if asked.check_dtype and actual.dtype != expected.dtype:
        dtypes = f"{of_numpy(actual.dtype)} != {of_numpy(expected.dtype)}"
        asked.fail(f"The values for attribute 'dtype' do not match: {dtypes}.", path)


def _tolerances(asked: _Asked, *dtypes: Any) -> tuple[float, float]:
    if asked.rtol is not None and asked.atol is not None:
        return asked.rtol, asked.atol
    sizes = [d.itemsize // (2 if d.kind == "c" else 1) for d in dtypes if d.kind in "fc"]
    found = [_TOLERANCES[n] for n in sizes] or [(0.0, 0.0)]
    return max(r for r, _ in found), max(a for _, a in found)


def _compare_values(
    actual: Any, expected: Any, one: bool, asked: _Asked, path: tuple[Any, ...]
) -> None:
    rtol, atol = _tolerances(asked, actual.dtype, expected.dtype)
    wide = np.result_type(actual, expected)
    wide = np.dtype(np.int64) if wide.kind in "bu" else wide
    a, b = actual.astype(wide), expected.astype(wide)
    with np.errstate(all="ignore"):
        near = np.isclose(a, b, rtol, atol, asked.equal_nan)
        apart = np.abs(a - b)
        kind = apart.dtype if wide.kind in "fc" else np.dtype(np.float32)
        relative = apart.astype(kind) / np.abs(b).astype(kind)
    if near.all():
        return
    exact = not rtol and not atol
    allowed = ("", "") if exact else (f" (up to {atol} allowed)", f" (up to {rtol} allowed)")
    head = f"{'Scalars' if one else 'Tensor-likes'} are not {'equal' if exact else 'close'}!\n\n"
    if one:
        difference = abs(a.item() - b.item())
        share = difference / abs(b.item()) if b.item() else math.inf
        asked.fail(
            f"{head}Expected {b.item()} but got {a.item()}.\n"
            f"Absolute difference: {difference}{allowed[0]}\n"
            f"Relative difference: {share}{allowed[1]}",
            path,
        )
    count = int(near.size - near.sum())
    worst = [
        (x[place].item(), tuple(int(i) for i in place))
        for x in (np.where(near, 0, apart), np.where(near, 0, relative))
        for place in [np.unravel_index(int(np.argmax(x)), x.shape)]
    ]
    asked.fail(
        f"{head}Mismatched elements: {count} / {near.size} ({count / near.size:.1%})\n"
        f"Greatest absolute difference: {worst[0][0]} at index {worst[0][1]}{allowed[0]}\n"
        f"Greatest relative difference: {worst[1][0]} at index {worst[1][1]}{allowed[1]}",
        path,
    )
