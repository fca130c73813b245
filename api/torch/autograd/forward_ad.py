"""Forward mode with dual numbers: ``torch.autograd.forward_ad``."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

from ..dtypes import here
from ..levels import Level, add_tangent, depends, enter, primal, tangents_of
from ..modes import MODE
from ..tensors import Tensor

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]


class UnpackedDualTensor(NamedTuple):
    """A value and its tangent, None without one.

    >>> with torch.autograd.forward_ad.dual_level():
    ...     torch.autograd.forward_ad.unpack_dual(torch.ones(1)).tangent is None
    True
    """

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Begin a level in which tensors may have tangents; `dual_level` does that for a block.

    >>> level = torch.autograd.forward_ad.enter_dual_level()
    >>> torch.autograd.forward_ad.exit_dual_level()
    """
    if _current() is not None:
        raise RuntimeError(
            "Nested forward mode AD is not supported at the moment. Please open an issue if you "
            f"need this.{here()}"
        )
    MODE.levels = (*MODE.levels, Level("dual"))
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: tangents are forgotten.

    >>> level = torch.autograd.forward_ad.enter_dual_level()
    >>> torch.autograd.forward_ad.exit_dual_level()
    """
    current = _current()
    if current is None:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This "
            f"is not supported.{here()}"
        )
    MODE.levels = tuple(x for x in MODE.levels if x is not current)


def _current() -> Level | None:
    return next((x for x in reversed(MODE.levels) if x.kind == "dual"), None)


@contextmanager
def dual_level() -> Generator[int]:
    """A block in which tensors may have tangents.

    >>> import pullback.torch.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    ...     print(fwAD.unpack_dual(x * x).tangent)
    tensor(4.)
    """
    level = enter_dual_level()
    try:
        yield level
    finally:
        exit_dual_level(level=level)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """The tensor with a tangent.

    >>> import pullback.torch.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     fwAD.unpack_dual(fwAD.make_dual(torch.ones(1), torch.zeros(1))).tangent
    tensor([0.])
    """
    current = _current()
    if current is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            f"enter_dual_level() first.{here()}"
        )
    for name, x in (("primal", tensor), ("tangent", tangent)):
        if not x.is_floating_point():
            raise ValueError(
                f"Expected {name} to be floating point or complex, but got: {x.dtype}{here()}"
            )
    made = enter(tensor)
    add_tangent(current, made, tangent)
    if tangent.is_contiguous():
        current.given[made.node] = tangent
    return made


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor.

    >>> import pullback.torch.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    ...     fwAD.unpack_dual(x).primal
    tensor(2.)
    """
    current = _current()
    if current is None or not depends(current, tensor):
        return UnpackedDualTensor(tensor, None)
    tangent = current.given.get(tensor.node)
    if tangent is None:
        (tangent,) = tangents_of(current, [tensor])
    return UnpackedDualTensor(primal(current, tensor), tangent)
