"""Derivatives beside differences: ``torch.autograd.gradcheck``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import here
from ..modes import enable_grad, no_grad
from ..tensors import Tensor, wrapped
from .forward_ad import dual_level, make_dual, unpack_dual

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Function = Callable[..., Any]
Array = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """What `gradcheck` raises where derivative and differences disagree.

    >>> issubclass(torch.autograd.GradcheckError, RuntimeError)
    True
    """


def _failed(text: str) -> GradcheckError:
    return GradcheckError(f"{text}{here()}")


class _Check:
    """A function with the inputs to check its derivatives at."""

    def __init__(self, func: Function, inputs: Any, eps: float, atol: float, rtol: float) -> None:
        self.func = func
        self.inputs: tuple[Any, ...] = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.places = [
            i for i, x in enumerate(self.inputs) if isinstance(x, Tensor) and x.requires_grad
        ]

    def outputs(self) -> list[Tensor]:
        """The outputs that have derivatives."""
        result = self.func(*self.inputs)
        given = result if isinstance(result, (tuple, list)) else (result,)
        return [x for x in given if isinstance(x, Tensor) and x.is_floating_point()]

    def values(self, place: int, array: Array) -> list[Array]:
        """The outputs' values where one input has other values."""
        inputs = list(self.inputs)
        inputs[place] = wrapped(array).requires_grad_()
        result = self.func(*inputs)
        given = result if isinstance(result, (tuple, list)) else (result,)
        floating = [x for x in given if isinstance(x, Tensor) and x.is_floating_point()]
        return [x.detach().value().copy() for x in floating]

    def numerical(self, place: int) -> list[Array]:
        """The Jacobian of each output by an input, by central differences: a row an element.

        It is of the real parts of outputs; by a complex number, the imaginary part of a row is the
        derivative by that of the number.
        """
        x = self.inputs[place].detach().value()
        found = self._differences(place, x, self.eps)
        if x.dtype.kind != "c":
            return found
        across = self._differences(place, x, 1j * self.eps)
        return [a + 1j * b for a, b in zip(found, across, strict=True)]

    def _differences(self, place: int, x: Array, step: complex) -> list[Array]:
        columns: list[list[Array]] = []
        for index in np.ndindex(x.shape):
            low, high = x.copy(), x.copy()
            low[index] -= step
            high[index] += step
            pairs = zip(self.values(place, high), self.values(place, low), strict=True)
            columns.append([(np.real(b - a) / (2 * self.eps)).reshape(-1) for b, a in pairs])
        count = len(columns[0]) if columns else len(self.outputs())
        return [
            np.stack([c[i] for c in columns]) if columns else np.zeros((0, 0)) for i in range(count)
        ]

    def analytical(self, output: Tensor, scale: float = 1.0) -> list[Array]:
        """The Jacobian of an output by each input, by reverse mode, a row a sweep."""
        from . import grad

        inputs = [self.inputs[i] for i in self.places]
        found = [np.zeros((x.numel(), output.numel()), x.dtype.numpy) for x in inputs]
        if not output.requires_grad:
            return found
        for column in range(output.numel()):
            seed = np.zeros(output.numel(), output.dtype.numpy)
            seed[column] = scale
            ct = wrapped(seed.reshape(output.shape))
            parts = grad(output, inputs, ct, retain_graph=True, allow_unused=True)
            for jacobian, part in zip(found, parts, strict=True):
                if part is not None:
                    jacobian[:, column] = part.value().reshape(-1)
        return found


def _fitting(check: _Check, a: Array, b: Array) -> bool:
    return bool(np.allclose(a, b, rtol=check.rtol, atol=check.atol))


def _mismatch(output: int, place: int, numerical: Array, analytical: Array, kind: str = "") -> str:
    return (
        f"{kind}Jacobian mismatch for output {output} with respect to input {place},\n"
        f"numerical:{wrapped(numerical)}\nanalytical:{wrapped(analytical)}\n"
    )


def _check_inputs(inputs: Sequence[Any], eps: float) -> None:
    if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            f"have requires_grad=True.{here()}"
        )
    for i, x in enumerate(inputs):
        single = isinstance(x, Tensor) and x.requires_grad and x.dtype.itemsize < 8
        if single and eps < 1e-4:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                UserWarning,
                stacklevel=4,
            )


def _check_reverse(check: _Check, outputs: Sequence[Tensor], nondet_tol: float) -> None:
    numerical = {i: check.numerical(i) for i in check.places}
    for o, output in enumerate(outputs):
        analytical = check.analytical(output)
        again = check.analytical(output)
        for k, i in enumerate(check.places):
            if np.abs(analytical[k] - again[k]).max(initial=0.0) > nondet_tol:
                raise _failed(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient.The tolerance for nondeterminism was "
                    f"{nondet_tol}."
                )
            if not _fitting(check, analytical[k], numerical[i][o]):
                raise _failed(_mismatch(o, i, numerical[i][o], analytical[k]))


def _check_forward(check: _Check) -> None:
    for i in check.places:
        numerical = check.numerical(i)
        x = check.inputs[i].detach()
        columns: list[list[Array]] = []
        for index in np.ndindex(tuple(x.shape)):
            tangent = np.zeros(x.shape, x.dtype.numpy)
            tangent[index] = 1.0
            columns.append(_pushed(check, i, wrapped(tangent)))
        for o, expected in enumerate(numerical):
            found = np.stack([c[o] for c in columns]) if columns else expected
            if not _fitting(check, found, expected):
                text = _mismatch(o, i, expected, found)
                raise _failed(f"{text}(the derivative in forward mode)")


def _pushed(check: _Check, place: int, tangent: Tensor) -> list[Array]:
    with dual_level():
        inputs = list(check.inputs)
        inputs[place] = make_dual(check.inputs[place], tangent)
        result = check.func(*inputs)
        given = result if isinstance(result, (tuple, list)) else (result,)
        floating = [x for x in given if isinstance(x, Tensor) and x.is_floating_point()]
        found = [(x, unpack_dual(x).tangent) for x in floating]
        return [
            np.zeros(x.numel(), x.dtype.numpy) if t is None else t.detach().value().reshape(-1)
            for x, t in found
        ]


def _check_batched(check: _Check, outputs: Sequence[Tensor]) -> None:
    from . import grad

    inputs = [check.inputs[i] for i in check.places]
    for o, output in enumerate(x for x in outputs if x.requires_grad):
        rng = np.random.default_rng(0)
        cts = wrapped(rng.normal(size=(2, *output.shape)).astype(output.dtype.numpy))
        options: dict[str, Any] = {"retain_graph": True, "allow_unused": True}
        together = grad(output, inputs, cts, is_grads_batched=True, **options)
        apart = [grad(output, inputs, cts[i], **options) for i in range(2)]
        for k, found in enumerate(together):
            if found is None:
                continue
            expected = np.stack([row[k].value() for row in apart])
            if not _fitting(check, found.value(), expected):
                raise _failed(
                    f"For output {o} and input {check.places[k]}: the gradients of a batch of "
                    "cotangents differ from those of one after the other"
                )


def _check_undefined(check: _Check, outputs: Sequence[Tensor]) -> None:
    from . import grad

    inputs = [check.inputs[i] for i in check.places]
    for output in (x for x in outputs if x.requires_grad):
        zeros = wrapped(np.zeros(output.shape, output.dtype.numpy))
        for found in grad(output, inputs, zeros, retain_graph=True, allow_unused=True):
            if found is not None and found.value().any():
                raise _failed("backward not multiplied by grad_output")


def gradcheck(
    func: Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the derivatives of a function with central differences.

    Args:
        func: gives a tensor or several.
        inputs: tensors, of float64 best, and what else the function takes.
        eps: the step of the differences.
        atol: how far the two may be apart,
        rtol: and how far for their size.
        raise_exception: raise where they disagree, instead of giving False.
        nondet_tol: how far two sweeps may be apart.
        check_undefined_grad: cotangents of zero must give zero.
        check_grad_dtypes: no matter: gradients have the dtype of what they belong to.
        check_batched_grad: check gradients of a batch of cotangents, too.
        check_batched_forward_grad: no matter.
        check_forward_ad: check forward mode, too.
        check_backward_ad: check reverse mode.
        fast_mode: no matter: whole Jacobians are compared.
        masked: no matter.

    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x.sin() * x, x)
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            f"Expected at least one of check_forward_ad or check_backward_ad to be True{here()}"
        )
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    _check_inputs(given, eps)
    check = _Check(func, given, eps, atol, rtol)
    try:
        with enable_grad():
            outputs = check.outputs()
            if not any(x.requires_grad for x in outputs):
                _check_constant(check)
                return True
            if check_backward_ad:
                _check_reverse(check, outputs, nondet_tol)
            if check_backward_ad and check_undefined_grad:
                _check_undefined(check, outputs)
            if check_forward_ad:
                _check_forward(check)
            if check_batched_grad:
                _check_batched(check, outputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_constant(check: _Check) -> None:
    """Outputs that nothing is known to depend on must not depend on anything."""
    for i in check.places:
        for found in check.numerical(i):
            if not _fitting(check, found, np.zeros_like(found)):
                raise _failed("Numerical gradient for function expected to be zero")


def gradgradcheck(
    func: Function,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare second derivatives with central differences of the first.

    Args:
        func: gives a tensor or several.
        inputs: as for `gradcheck`.
        grad_outputs: cotangents to take the first derivatives with; random ones by default.
        eps: as for `gradcheck`, and so are the others.
        atol: as for `gradcheck`.
        rtol: as for `gradcheck`.
        gen_non_contig_grad_outputs: no matter.
        raise_exception: as for `gradcheck`.
        nondet_tol: as for `gradcheck`.
        check_undefined_grad: as for `gradcheck`.
        check_grad_dtypes: no matter.
        check_batched_grad: as for `gradcheck`.
        check_fwd_over_rev: check forward mode over reverse mode, too.
        check_rev_over_rev: check reverse mode over reverse mode.
        fast_mode: no matter.
        masked: no matter.

    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x.sin() * x, x)
    True
    """
    from . import grad

    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    first = _Check(func, given, eps, atol, rtol)
    with enable_grad():
        outputs = [x for x in first.outputs() if x.requires_grad]
    seeds = _seeds(grad_outputs, outputs)
    count = len(seeds)

    def gradient(*args: Any) -> tuple[Any, ...]:
        cts, rest = args[len(args) - count :], args[: len(args) - count]
        wanted = [x for x in rest if isinstance(x, Tensor) and x.requires_grad]
        check = _Check(func, rest, eps, atol, rtol)
        made = [x for x in check.outputs() if x.requires_grad]
        found = grad(made, wanted, cts, create_graph=True, allow_unused=True)
        return tuple(x for x in found if x is not None)

    return gradcheck(
        gradient,
        (*given, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )


def _seeds(given: Any, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The cotangents that first derivatives are taken with."""
    if given is not None:
        return (given,) if isinstance(given, Tensor) else tuple(given)
    rng = np.random.default_rng(0)
    with no_grad():
        drawn = [rng.normal(size=x.shape).astype(x.dtype.numpy) for x in outputs]
    return tuple(wrapped(np.asarray(x)).requires_grad_() for x in drawn)
