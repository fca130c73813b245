"""Complex tensors: made of parts, and the parts of them, which share their memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar, where
from pullback.tracer.trace import Tracer

from .dtypes import complex_of, here
from .node import Row
from .rows import float_one, same
from .tensors import Tensor, record, view_of

Array = np.ndarray[Any, Any]


def _write_real(x: Any, value: Any) -> None:
    x[...] = value + 1j * x.imag


def _write_imag(x: Any, value: Any) -> None:
    x[...] = x.real + 1j * value


def _as_real(x: Any) -> Any:
    if isinstance(x, Tracer):
        return np.stack([x.real, x.imag], -1)
    return x[..., None].view(x.real.dtype)


def _as_complex(x: Any) -> Any:
    if isinstance(x, Tracer):
        return _joined(x[..., 0], x[..., 1])
    return x.view(complex_of(x.dtype))[..., 0]


def _joined(real: Any, imag: Any) -> Any:
    return (real + 1j * imag).astype(complex_of(real.dtype))


def _write_as_real(x: Any, value: Any) -> None:
    x[...] = _joined(value[..., 0], value[..., 1])


def _write_as_complex(x: Any, value: Any) -> None:
    x[...] = np.stack([value.real, value.imag], -1)


REAL = Row("real", lambda x: x.real, "SelectBackward0", view=True, write=_write_real)
IMAG = Row("imag", lambda x: x.imag, "SelectBackward0", view=True, write=_write_imag)
AS_REAL = Row("view_as_real", _as_real, "ViewAsRealBackward0", view=True, write=_write_as_real)
AS_COMPLEX = Row(
    "view_as_complex", _as_complex, "ViewAsComplexBackward0", view=True, write=_write_as_complex
)
JOIN = Row("complex", _joined, "ComplexBackward0", same)
POLAR = Row("polar", lambda r, t: _joined(r * np.cos(t), r * np.sin(t)), "PolarBackward0", same)
CONJ = Row("conj", lambda x: np.conj(x), "ConjBackward0")


def _angle(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.angle(x)
    straight = where(x < 0.0, broadcast_scalar(np.pi, x), broadcast_scalar(0.0, x))
    return where(np.isnan(x), x, straight)


ANGLE = Row("angle", _angle, "AngleBackward0", float_one)


def is_complex_tensor(input: Tensor) -> bool:
    """Whether elements have an imaginary part."""
    return input.node.info.kind.type.dtype.kind == "c"


def real(input: Tensor) -> Tensor:
    """The real parts; shares memory. A real tensor is its own.

    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    return view_of(input, REAL) if is_complex_tensor(input) else input


def imag(input: Tensor) -> Tensor:
    """The imaginary parts; shares memory.

    >>> torch.imag(torch.tensor([1 + 2j]))
    tensor([2.])
    """
    if not is_complex_tensor(input):
        raise RuntimeError(f"imag is not implemented for tensors with non-complex dtypes.{here()}")
    return view_of(input, IMAG)


def view_as_real(input: Tensor) -> Tensor:
    """Real and imaginary parts along a new last dimension; shares memory.

    >>> torch.view_as_real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if not is_complex_tensor(input):
        raise RuntimeError(f"view_as_real is only supported for complex tensors{here()}")
    return view_of(input, AS_REAL)


def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of the last dimension as complex numbers; shares memory.

    >>> torch.view_as_complex(torch.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    if not input.is_floating_point():
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {input.dtype.title}{here()}"
        )
    if not input.ndim or input.shape[-1] != 2:
        raise RuntimeError(f"Tensor must have a last dimension of size 2{here()}")
    if not input.is_contiguous():
        raise RuntimeError(f"Tensor must have a last dimension with stride 1{here()}")
    return view_of(input, AS_COMPLEX)


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers of their parts.

    >>> torch.complex(torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([1.+2.j])
    """
    if real.dtype is not imag.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {real.dtype.title} but got scalar type "
            f"{imag.dtype.title} for second argument{here()}"
        )
    return record(JOIN, (real, imag))


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers of their absolute values and angles.

    >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor([2.+0.j])
    """
    return record(POLAR, (abs, angle))


def conj(input: Tensor) -> Tensor:
    """Complex conjugates. A real tensor is its own.

    >>> torch.conj(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return record(CONJ, (input,)) if is_complex_tensor(input) else input


def angle(input: Tensor) -> Tensor:
    """The angle of a complex number; of a real one 0, or pi if it is negative.

    >>> torch.angle(torch.tensor([1j]))
    tensor([1.5708])
    """
    return record(ANGLE, (input,))


def adjoint_matrix(input: Tensor) -> Tensor:
    """Matrices transposed, complex conjugates of them."""
    return conj(input.transpose(-2, -1))  # type: ignore[attr-defined,no-any-return,unused-ignore]


def _matrix_adjoint(self: Tensor) -> Tensor:
    """The conjugate of the transpose of a matrix."""
    if self.ndim != 2:
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
            f"{here()}"
        )
    return adjoint_matrix(self)


def _write_part(part: Any) -> Any:
    def write(self: Tensor, value: Any) -> None:
        part(self)[...] = value

    return write


def _resolved(self: Tensor) -> Tensor:
    """The tensor itself: conjugates and negatives are computed when they are asked for."""
    return self


def _is_waiting(self: Tensor) -> bool:
    """Whether elements are yet to be conjugated or negated (never)."""
    return False


FUNCTIONS = {
    f.__name__: f for f in (real, imag, view_as_real, view_as_complex, complex, polar, conj, angle)
}
METHODS: dict[str, Any] = {
    "is_complex": is_complex_tensor,
    "conj": conj,
    "conj_physical": conj,
    "resolve_conj": _resolved,
    "resolve_neg": _resolved,
    "is_conj": _is_waiting,
    "is_neg": _is_waiting,
    "angle": angle,
    "real": property(real, _write_part(real)),
    "imag": property(imag, _write_part(imag)),
    "H": property(_matrix_adjoint),
    "mH": property(adjoint_matrix),
}
