"""Tensors as text, as PyTorch prints them: 4 digits, 80 columns, long ones shortened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .dtypes import as_numpy, bool_, get_default_dtype, int64, of_numpy

if TYPE_CHECKING:
    from .tensors import Tensor

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS = _Options()
_PROFILES = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, np.inf, 3, 80)}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors are printed from now on.

    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1.12345])
    tensor([1.12])
    >>> torch.set_printoptions(profile="default")
    """
    if profile is not None:
        chosen = _PROFILES[profile]
        OPTIONS.precision, OPTIONS.threshold, OPTIONS.edgeitems, OPTIONS.linewidth = chosen
    for name, value in (
        ("precision", precision),
        ("threshold", threshold),
        ("edgeitems", edgeitems),
        ("linewidth", linewidth),
    ):
        if value is not None:
            setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


class _Formatter:
    """How the elements of one tensor are written: in the width of the widest."""

    def __init__(self, array: Array) -> None:
        self.floating = array.dtype.kind == "f"
        self.whole = True
        self.scientific = False
        self.width = 1
        flat = array.reshape(-1)
        if not self.floating:
            self.width = max([1, *(len(str(x)) for x in flat.tolist())])
            return
        numbers = flat[np.isfinite(flat) & (flat != 0)]
        if numbers.size:
            self._look_at(numbers)

    def _look_at(self, numbers: Array) -> None:
        sizes = np.abs(numbers).astype(np.float64)
        smallest, largest = float(sizes.min()), float(sizes.max())
        self.whole = bool((numbers == np.ceil(numbers)).all())
        self.scientific = (
            (largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4)
            if OPTIONS.sci_mode is None
            else OPTIONS.sci_mode
        )
        spec = self._spec()
        # A point follows whole numbers.
        extra = 1 if self.whole and not self.scientific else 0
        self.width = max(1, max(len(format(x, spec)) for x in numbers.tolist()) + extra)

    def _spec(self) -> str:
        if self.scientific:
            return f".{OPTIONS.precision}e"
        return ".0f" if self.whole else f".{OPTIONS.precision}f"

    def __call__(self, value: Any) -> str:
        text = format(value, self._spec()) if self.floating else str(value)
        if self.floating and self.whole and not self.scientific and np.isfinite(value):
            text += "."
        return text.rjust(self.width)


class _PairFormatter:
    """How complex elements are written: their parts side by side."""

    def __init__(self, array: Array) -> None:
        self._real, self._imag = _Formatter(array.real), _Formatter(array.imag)
        self.width = self._real.width + self._imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self._imag(value.imag).lstrip()
        sign = "" if imag[0] in "+-" else "+"
        return f"{self._real(value.real)}{sign}{imag}j"


def _formatter(array: Array) -> _Formatter | _PairFormatter:
    return _PairFormatter(array) if array.dtype.kind == "c" else _Formatter(array)


def _edges(array: Array) -> Array:
    """What is shown of a long tensor."""
    edge = OPTIONS.edgeitems
    for axis, extent in enumerate(array.shape):
        if extent > 2 * edge:
            places = [*range(edge), *range(extent - edge, extent)]
            array = np.take(array, places, axis)
    return array


def _vector_text(array: Array, indent: int, short: bool, form: _Formatter | _PairFormatter) -> str:
    per_line = max(1, (OPTIONS.linewidth - indent) // (form.width + 2))
    edge = OPTIONS.edgeitems
    if short and len(array) > 2 * edge:
        items = [form(x) for x in array[:edge].tolist()]
        items += [" ...", *(form(x) for x in array[-edge:].tolist())]
    else:
        items = [form(x) for x in array.tolist()]
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _array_text(array: Array, indent: int, short: bool, form: _Formatter | _PairFormatter) -> str:
    if array.ndim == 0:
        return form(array.item())
    if array.ndim == 1:
        return _vector_text(array, indent, short, form)
    edge = OPTIONS.edgeitems
    if short and len(array) > 2 * edge:
        parts = [_array_text(x, indent + 1, short, form) for x in array[:edge]]
        parts += ["...", *(_array_text(x, indent + 1, short, form) for x in array[-edge:])]
    else:
        parts = [_array_text(x, indent + 1, short, form) for x in array]
    return "[" + (",\n" + "\n" * (array.ndim - 2) + " " * (indent + 1)).join(parts) + "]"


def _suffixes(tensor: Tensor) -> list[str]:
    found: list[str] = []
    if tensor.numel() == 0:
        if tensor.ndim != 1:
            found.append(f"size={tuple(tensor.shape)}")
        if tensor.dtype is not get_default_dtype():
            found.append(f"dtype={tensor.dtype}")
    elif tensor.dtype not in (get_default_dtype(), of_numpy(as_numpy(complex)), int64, bool_):
        found.append(f"dtype={tensor.dtype}")
    if tensor.node.tracked:
        found.append(f"grad_fn=<{tensor.node.grad_name}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def tensor_text(tensor: Tensor) -> str:
    """The tensor as torch prints it."""
    array = tensor.value()
    prefix = "tensor("
    if array.size == 0:
        text = prefix + "[]"
    else:
        short = array.size > OPTIONS.threshold
        form = _formatter(_edges(array) if short else array)
        text = prefix + _array_text(array, len(prefix), short, form)
    last = len(text) - text.rfind("\n") + 1
    for suffix in _suffixes(tensor):
        if last + len(suffix) + 2 > OPTIONS.linewidth:
            text += ",\n" + " " * len(prefix) + suffix
            last = len(prefix) + len(suffix)
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"
