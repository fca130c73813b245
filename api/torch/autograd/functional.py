"""Jacobians, Hessians and their products with vectors: ``torch.autograd.functional``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import here
from ..modes import enable_grad
from ..tensors import Tensor, wrapped

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]


def _tensors(value: Any, what: str, caller: str) -> tuple[bool, tuple[Tensor, ...]]:
    """The tensors of a tensor or tuple, and whether it was a tuple."""
    is_tuple = isinstance(value, tuple)
    given = value if is_tuple else (value,)
    for i, x in enumerate(given):
        if isinstance(x, Tensor):
            continue
        if is_tuple:
            raise TypeError(
                f"The {what} given to {caller} must be either a Tensor or a tuple of Tensors but "
                f"the value at index {i} has type {type(x)}.{here()}"
            )
        raise TypeError(
            f"The {what} given to {caller} must be either a Tensor or a tuple of Tensors but the "
            f"given {what} has type {type(x)}.{here()}"
        )
    return is_tuple, given


def _fresh(inputs: Sequence[Tensor], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs to differentiate by: themselves if that is recorded, else copies apart."""
    if create_graph:
        return tuple(
            x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs
        )
    return tuple(x.detach().requires_grad_() for x in inputs)


def _called(
    func: Function, inputs: tuple[Tensor, ...], caller: str
) -> tuple[bool, tuple[Tensor, ...]]:
    what = "outputs of the user-provided function"
    return _tensors(func(*inputs), what, caller)


def _check_outputs(outputs: Sequence[Tensor], strict: bool) -> None:
    for i, x in enumerate(outputs):
        if strict and not x.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                f"must be computed in a differentiable manner from the input when running in "
                f"strict mode.{here()}"
            )


def _shown(value: tuple[Any, ...], is_tuple: bool, create_graph: bool) -> Any:
    """Results as the caller gave things: one or several, recorded or not."""
    found = value if create_graph else tuple(x.detach() for x in value)
    return found if is_tuple else found[0]


def _vector(v: Any, like: tuple[Tensor, ...], is_tuple: bool, caller: str) -> tuple[Tensor, ...]:
    """The vector to multiply with, of the shapes of what it goes with; ones for one element."""
    if v is None:
        if len(like) != 1 or like[0].nelement() != 1:
            what = (
                "user-provided function returns"
                if caller == "vjp"
                else "input to the user-provided function is"
            )
            raise RuntimeError(
                f"The vector v can only be None if the {what} a single Tensor with a single "
                f"element.{here()}"
            )
        return (_ones(like[0]),)
    _, given = _tensors(v, "v", caller)
    if len(given) != len(like):
        if is_tuple:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}."
                f"{here()}"
            )
        raise RuntimeError(f"The given v should contain a single Tensor.{here()}")
    for i, (x, y) in enumerate(zip(given, like, strict=True)):
        if x.size() != y.size():
            at = f"Entry {i} in " if is_tuple else ""
            raise RuntimeError(
                f"{at}v has invalid size: should be {y.size()} but got {x.size()}.{here()}"
            )
    return given


def _ones(x: Tensor) -> Tensor:
    return wrapped(np.ones(x.shape, x.dtype.numpy))


def _zeros(x: Tensor) -> Tensor:
    return wrapped(np.zeros(x.shape, x.dtype.numpy))


def _gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    cotangents: Sequence[Tensor] | None,
    create_graph: bool,
) -> tuple[Any, ...]:
    """The gradients, None where nothing depends on an input."""
    from . import grad

    places = [i for i, x in enumerate(outputs) if x.requires_grad]
    if not places:
        return (None,) * len(inputs)
    seeds = None if cotangents is None else [cotangents[i] for i in places]
    return grad(
        [outputs[i] for i in places],
        inputs,
        seeds,
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
    )


def _filled(
    found: Sequence[Any], like: Sequence[Tensor], strict: bool, text: str, twice: bool = False
) -> tuple[Tensor, ...]:
    """Zeros where there is no gradient, which is an error if strict.

    What is to be differentiated ``twice`` must not be constant then.
    """
    filled: list[Tensor] = []
    for i, (x, y) in enumerate(zip(found, like, strict=True)):
        if x is None and strict:
            raise RuntimeError(text.format(i) + here())
        if twice and strict and x is not None and not x.requires_grad:
            raise RuntimeError(_CONSTANT.format(i) + here())
        filled.append(_zeros(y) if x is None else x)
    return tuple(filled)


_UNUSED = (
    "The output of the user-provided function is independent of input {}. This is not allowed in "
    "strict mode."
)
_UNUSED_TWICE = (
    "The jacobian of the user-provided function is independent of input {}. This is not allowed in "
    "strict mode."
)
_UNUSED_COTANGENT = (
    "The gradient with respect to the input is independent of entry {} in the grad_outputs when "
    "using the double backward trick to compute forward mode gradients. This is not allowed in "
    "strict mode."
)
_CONSTANT = (
    "While computing the hessian, found that the jacobian of the user-provided function with "
    "respect to input {} is independent of the input. This is not allowed in strict mode. You "
    "should ensure that your function is twice differentiable and that the jacobian depends on the "
    "inputs (this would be violated by a linear function for example)."
)


# -- products --------------------------------------------------------------------------------


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value, and the product of a vector with the Jacobian.

    >>> torch.autograd.functional.vjp(torch.exp, torch.zeros(2), torch.ones(2))
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    with enable_grad():
        is_tuple, given = _tensors(inputs, "inputs", "vjp")
        given = _fresh(given, create_graph)
        several, outputs = _called(func, given, "vjp")
        _check_outputs(outputs, strict)
        vector = _vector(v, outputs, several, "vjp")
        found = _gradients(outputs, given, vector, create_graph)
        filled = _filled(found, given, strict, _UNUSED)
    return _shown(outputs, several, create_graph), _shown(filled, is_tuple, create_graph)


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value, and the product of the Jacobian with a vector.

    >>> torch.autograd.functional.jvp(torch.exp, torch.zeros(2), torch.ones(2))
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    with enable_grad():
        is_tuple, given = _tensors(inputs, "inputs", "jvp")
        given = _fresh(given, create_graph)
        vector = _vector(v, given, is_tuple, "jvp")
        several, outputs = _called(func, given, "jvp")
        _check_outputs(outputs, strict)
        # The product with a vector is the derivative, by the cotangents, of the pull-back.
        seeds = tuple(_zeros(x).requires_grad_() for x in outputs)
        pulled = _gradients(outputs, given, seeds, create_graph=True)
        pulled = _filled(pulled, given, strict, _UNUSED)
        found = _gradients(pulled, seeds, vector, create_graph)
        filled = _filled(found, outputs, strict, _UNUSED_COTANGENT)
    return _shown(outputs, several, create_graph), _shown(filled, several, create_graph)


def _scalar(outputs: Sequence[Tensor], several: bool, caller: str) -> None:
    if several:
        raise RuntimeError(f"The function given to {caller} should return a single Tensor{here()}")
    if outputs[0].nelement() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {caller} should contain a single "
            f"element{here()}"
        )


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a scalar function, and the product of a vector with its Hessian.

    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
    (tensor(2.), tensor([6., 6.]))
    """
    with enable_grad():
        is_tuple, given = _tensors(inputs, "inputs", "vhp")
        given = _fresh(given, create_graph)
        vector = _vector(v, given, is_tuple, "vhp")
        several, outputs = _called(func, given, "vhp")
        _scalar(outputs, several, "vhp")
        pulled = _gradients(outputs, given, None, True)
        first = _filled(pulled, given, strict, _UNUSED, twice=True)
        second = _gradients(first, given, vector, create_graph)
        found = _filled(second, given, strict, _UNUSED_TWICE)
    return _shown(outputs, False, create_graph), _shown(found, is_tuple, create_graph)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a scalar function, and the product of its Hessian, symmetric, with a vector.

    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
    (tensor(2.), tensor([6., 6.]))
    """
    with enable_grad():
        is_tuple, given = _tensors(inputs, "inputs", "hvp")
        given = _fresh(given, create_graph)
        vector = _vector(v, given, is_tuple, "hvp")
        several, outputs = _called(func, given, "hvp")
        _scalar(outputs, several, "hvp")
        pulled = _gradients(outputs, given, None, True)
        first = _filled(pulled, given, strict, _UNUSED, twice=True)
        second = _gradients(first, given, vector, create_graph)
        found = _filled(second, given, strict, _UNUSED_TWICE)
    return _shown(outputs, False, create_graph), _shown(found, is_tuple, create_graph)


# -- matrices --------------------------------------------------------------------------------


def _rows(
    output: Tensor, inputs: tuple[Tensor, ...], create_graph: bool, strict: bool, number: int
) -> list[Tensor]:
    """The Jacobian of one output by each input."""
    from . import grad

    count = output.nelement()
    if not output.requires_grad:
        found: tuple[Any, ...] = (None,) * len(inputs)
    else:
        basis = wrapped(np.eye(count, dtype=output.dtype.numpy).reshape(count, *output.shape))
        found = grad(
            output,
            inputs,
            basis,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=True,
        )
    text = (
        f"Output {number} of the user-provided function is independent of input {{}}. This is not "
        "allowed in strict mode."
    )
    made = []
    for i, (x, y) in enumerate(zip(found, inputs, strict=True)):
        if x is None and strict:
            raise RuntimeError(text.format(i) + here())
        shape = (*output.shape, *y.shape)
        made.append(wrapped(np.zeros(shape, y.dtype.numpy)) if x is None else x.reshape(shape))
    return made


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of a function.

    Args:
        func: takes and gives a tensor or several.
        inputs: a tensor or a tuple of them.
        create_graph: record the result.
        strict: raise where an output does not depend on an input, instead of giving zeros.
        vectorize: no matter: all rows are always found at once.
        strategy: ``"reverse-mode"``, or ``"forward-mode"`` with ``vectorize``.

    Returns:
        For each output and each input a tensor whose shape is both of theirs.

    >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            f'Otherwise, prefer to use "reverse-mode".{here()}'
        )
    if strategy == "forward-mode" and (create_graph or not vectorize):
        what = "create_graph=True" if create_graph else "vectorize=False"
        raise NotImplementedError(
            f'torch.autograd.functional.jacobian: `{what}` and `strategy="forward-mode"` are '
            f"not supported together (yet).{here()}"
        )
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            f"supported together. Please either set `strict=False` or `vectorize=False`.{here()}"
        )
    with enable_grad():
        is_tuple, given = _tensors(inputs, "inputs", "jacobian")
        given = _fresh(given, create_graph)
        several, outputs = _called(func, given, "jacobian")
        _check_outputs(outputs, strict)
        rows = [_rows(y, given, create_graph, strict, i) for i, y in enumerate(outputs)]
    found = tuple(_shown(tuple(row), is_tuple, create_graph) for row in rows)
    return found if several else found[0]


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function that gives one element.

    Args:
        func: takes a tensor or several.
        inputs: a tensor or a tuple of them.
        create_graph: record the result.
        strict: raise where something does not depend on an input, instead of giving zeros.
        vectorize: no matter: all rows are always found at once.
        outer_jacobian_strategy: as for `jacobian`.

    Returns:
        For each pair of inputs a tensor whose shape is both of theirs.

    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.ones(2))
    tensor([[6., 0.],
            [0., 6.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            f"Expected strategy to be either 'forward-mode' or 'reverse-mode'.{here()}"
        )
    is_tuple, given = _tensors(inputs, "inputs", "hessian")

    def gradient(*xs: Tensor) -> Any:
        inner = tuple(x if x.requires_grad else x.detach().requires_grad_() for x in xs)
        several, outputs = _called(func, inner, "hessian")
        _scalar(outputs, several, "hessian")
        found = _gradients(outputs, inner, None, create_graph=True)
        return _filled(found, inner, strict, _UNUSED, twice=True)

    found = jacobian(gradient, given, create_graph, strict, vectorize)
    return found if is_tuple else found[0][0]
