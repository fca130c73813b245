"""Which operations there are not for which dtypes, in torch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .dtypes import Kind, here, of_numpy, promoted


class Refusal(NamedTuple):
    """For kinds of dtypes: ``kinds`` are NumPy's letters of them."""

    kinds: str
    text: str
    error: type[Exception] = NotImplementedError


def _kernel(kinds: str, names: str, form: str = "{}_cpu") -> dict[str, tuple[Refusal, ...]]:
    """Operations whose kernel torch says not to be there; those of another name as ``ours=its``."""
    found: dict[str, tuple[Refusal, ...]] = {}
    for name in names.split():
        ours, _, theirs = name.partition("=")
        text = f"\"{form.format(theirs or ours)}\" not implemented for '{{0}}'"
        found[ours] = (Refusal(kinds, text),)
    return found


def _clamped(name: str) -> dict[str, tuple[Refusal, ...]]:
    return {name: (Refusal("c", "clamp is not supported for complex types"),)}


def _searching(name: str) -> dict[str, tuple[Refusal, ...]]:
    return {
        name: (
            Refusal("c", f"{name}(): does not support complex input", RuntimeError),
            Refusal("b", f"{name}(): does not support bool input", RuntimeError),
        )
    }


def _rounding(name: str) -> dict[str, tuple[Refusal, ...]]:
    return {
        name: (
            Refusal("c", f"{name} is not supported for complex inputs"),
            Refusal("b", f"\"{name}_vml_cpu\" not implemented for '{{0}}'"),
        )
    }


_NO_SPREAD = Refusal(
    "biu", "std and var only support floating point and complex dtypes", RuntimeError
)
_NEGATION = Refusal(
    "b",
    "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a "
    "mask, use the `~` or `logical_not()` operator instead.",
    RuntimeError,
)

REFUSALS: dict[str, tuple[Refusal, ...]] = {
    **_kernel("c", "lt le gt ge atan2 fmod erf=erf_vml erfc=erfc_vml"),
    **_kernel("cbiu", "hypot"),
    **_kernel("cb", "floor_divide=div_floor remainder median round=round_vml"),
    **_kernel("cbiu", "frac"),
    **_kernel("f", "bitwise_and bitwise_or bitwise_xor"),
    **_kernel("fcb", "bitwise_left_shift=lshift bitwise_right_shift=rshift"),
    **_kernel("b", "abs bincount"),
    **_kernel("b", "matmul=dot", "{}"),
    "pow of tensors": (Refusal("b", "\"pow\" not implemented for '{0}'"),),
    **_kernel("bui", "lerp=lerp_kernel_scalar", "{}"),
    **_kernel("c", "amax=max amin=min", "{}_values_cpu"),
    **_kernel("c", "max min", "{}_all"),
    **{k: v for name in ("clamp", "clamp_min", "clamp_max") for k, v in _clamped(name).items()},
    **{k: v for name in ("argmax", "argmin") for k, v in _searching(name).items()},
    **{k: v for name in ("floor", "ceil", "trunc") for k, v in _rounding(name).items()},
    "relu": (
        *_clamped("relu")["relu"],
        Refusal("b", "Boolean inputs not supported for relu", RuntimeError),
    ),
    "maximum": (Refusal("c", "maximum not implemented for complex tensors.", RuntimeError),),
    "minimum": (Refusal("c", "minimum not implemented for complex tensors.", RuntimeError),),
    "neg": (_NEGATION,),
    "positive": (
        Refusal("b", "The `+` operator, on a bool tensor is not supported.", RuntimeError),
    ),
    "var": (_NO_SPREAD,),
    "std": (_NO_SPREAD,),
    "norm": (
        Refusal(
            "biu",
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {0}",
            RuntimeError,
        ),
    ),
    **_kernel("biu", "softplus"),
    "addcmul": (Refusal("b", "\"addcmul_cpu_out\" not implemented for '{0}'"),),
    "sign": (
        Refusal(
            "c",
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn instead.",
        ),
    ),
    "softmax": (Refusal("c", "\"softmax_lastdim_kernel_impl\" not implemented for '{0}'"),),
    "log_softmax": (Refusal("c", "\"log_softmax_lastdim_kernel_impl\" not implemented for '{0}'"),),
    "sort": (Refusal("c", " Sort does not support complex dtypes on CPU", RuntimeError),),
    "topk": (Refusal("b", "topk does not support bool dtypes on CPU", RuntimeError),),
    "bitwise_not": (
        Refusal(
            "fc",
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors",
            TypeError,
        ),
    ),
}
"""By the names of rows."""

_COUNTED = {"lerp": 2, "addcmul": 3, "addcdiv": 3}
"""How many operands count; the rest are factors."""
_SUBTRACTING = frozenset(("sub", "rsub"))


def check_dtypes(name: str, kinds: Sequence[Kind]) -> None:
    """Whether an operation is there for these dtypes.

    Raises:
        NotImplementedError: torch's, as a rule; RuntimeError or TypeError where torch has these.
    """
    if name in _SUBTRACTING:
        _check_difference(kinds[:2])
    refusals = REFUSALS.get(name)
    if refusals is None or not kinds:
        return
    dtype = promoted(kinds[: _COUNTED.get(name)])
    for refusal in refusals:
        if dtype.kind in refusal.kinds:
            raise refusal.error(f"{refusal.text.format(of_numpy(dtype).title)}{here()}")


def _check_difference(kinds: Sequence[Kind]) -> None:
    bools = [k.type.dtype.kind == "b" for k in kinds]
    if all(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            f"`logical_xor()` operator instead.{here()}"
        )
    if any(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
            f"to invert a mask, use the `~` or `logical_not()` operator instead.{here()}"
        )
