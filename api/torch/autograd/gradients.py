"""Gradients of tensors: added to ``.grad``, or given."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import memory
from ..dtypes import here
from ..hooks import Watch, call_after, call_before, call_tensor_hooks
from ..modes import MODE, no_grad
from ..node import Node, Operand
from ..node import Variable as Leaf
from ..planned import run_planned
from ..tensors import Tensor, wrapped
from .traversal import as_tuple, places_of, sweep


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add to ``.grad`` of the leaves the derivatives of the tensors.

    Args:
        tensors: one tensor or several; those without a cotangent must have one element.
        grad_tensors: their cotangents, of their shapes.
        retain_graph: keep what is needed for going through again.
        create_graph: record the gradients, so that they can be differentiated.
        grad_variables: what ``grad_tensors`` was called once.
        inputs: add to these leaves only.

    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.backward(w * w)
    >>> w.grad
    tensor(6.)
    """
    if grad_variables is not None:
        grad_tensors = _renamed(grad_tensors, grad_variables)
    if grad_tensors is None and inputs is None and not create_graph and type(tensors) is Tensor:
        planned = run_planned(tensors.node, bool(retain_graph))
        if planned is not None:
            with no_grad():
                for leaf, value in planned:
                    _accumulate(leaf, wrapped(value))
                    _call_accumulated(leaf)
            return
    outputs = places_of(tensors)
    asked = None if inputs is None else places_of(inputs)
    if asked is not None and not asked:
        raise RuntimeError(f"`inputs` argument to `backward()` cannot be empty.{here()}")
    for x in asked or ():
        if x.node.tracked:
            x.retain_grad()

    sweep(outputs, grad_tensors, asked, retain_graph, create_graph, _deliver)


def _call_accumulated(leaf: Tensor) -> None:
    for hook in list(leaf.watch.accumulated.values()) if leaf.watch is not None else ():
        hook(leaf)


def _deliver(x: Operand, ct: Tensor) -> None:
    """Add a gradient to that of its tensor, and call what waits for it."""
    tensor = _tensor_of(x)
    if tensor is None:
        return
    watch = tensor.watch if isinstance(x, Leaf) else None
    ct = _through_leaf(watch, ct)
    _accumulate(tensor, ct)
    if watch is not None:
        _call_accumulated(tensor)
    call_after(watch, (), (ct,))


def _renamed(grad_tensors: Any, grad_variables: Any) -> Any:
    warnings.warn(
        "`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=3
    )
    if grad_tensors is not None:
        raise RuntimeError(
            "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
            f"`backward()`. Please only use `grad_tensors`.{here()}"
        )
    return grad_variables


def _tensor_of(x: Operand) -> Tensor | None:
    if isinstance(x, Leaf):
        return x.tensor()
    return None if x.holder is None else x.holder()


def _through_leaf(watch: Watch | None, ct: Tensor) -> Tensor:
    """The gradient as the hooks of a leaf leave it."""
    (ct,) = call_before(watch, (call_tensor_hooks(watch, ct),))
    return ct


def _accumulate_retained(x: Node, ct: Tensor) -> None:
    tensor = _tensor_of(x)
    if tensor is not None:
        _accumulate(tensor, ct)


_adding = threading.RLock()


def _accumulate(tensor: Tensor, ct: Tensor) -> None:
    """Add to a gradient, one thread at a time."""
    with _adding:
        _add(tensor, ct)


def _add(tensor: Tensor, ct: Tensor) -> None:
    before = tensor.gradient
    if before is None:
        tensor.gradient = ct
    elif tensor.node.tracked or (MODE.enabled and ct.requires_grad):
        tensor.gradient = before + ct
    else:
        before.value()
        memory.prepare_write(before)
        array = before.node.value
        np.add(array, ct.value(), out=array)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The derivatives of the outputs by the inputs, without touching ``.grad``.

    Args:
        outputs: tensors; those without a cotangent must have one element.
        inputs: tensors to differentiate by, leaves or not.
        grad_outputs: cotangents of the outputs.
        retain_graph: keep what is needed for going through again.
        create_graph: record the gradients, so that they can be differentiated.
        only_inputs: no matter: nothing is added to the gradients of other leaves.
        allow_unused: give None for inputs that the outputs do not depend on.
        is_grads_batched: the cotangents have a leading axis, and so have the results.
        materialize_grads: give zeros for them.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> (first,) = torch.autograd.grad(x**3, x, create_graph=True)
    >>> torch.autograd.grad(first, x)
    (tensor(12.),)
    """
    outputs, asked = places_of(outputs), places_of(inputs)
    if not asked:
        raise RuntimeError(f"`inputs` argument to `grad()` cannot be empty.{here()}")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            f"allow_unused=False.{here()}"
        )
    if is_grads_batched:
        return _batched(outputs, asked, grad_outputs, retain_graph, create_graph, allow_unused)
    if grad_outputs is None and not create_graph:
        planned = _planned(outputs, asked, bool(retain_graph))
        if planned is not None:
            return planned
    if not all(t.requires_grad for t in asked):
        raise RuntimeError(f"One of the differentiated Tensors does not require grad{here()}")
    found = _gradients(outputs, asked, grad_outputs, retain_graph, create_graph)
    for t in asked if materialize_grads else ():
        if id(t) not in found:
            found[id(t)] = wrapped(np.zeros(t.shape, t.dtype.numpy), create_graph)
    return tuple(_result(found, t, i, allow_unused) for i, t in enumerate(asked))


def _gradients(
    outputs: Sequence[Tensor],
    asked: tuple[Tensor, ...],
    cotangents: Any,
    retain_graph: bool | None,
    create_graph: bool,
) -> dict[int, Tensor]:
    """The gradients that there are, by what tells the tensors."""
    found: dict[int, Tensor] = {}
    by_node = {t.node.standing: t for t in asked}

    def deliver(x: Operand, ct: Tensor) -> None:
        tensor = x.tensor() if isinstance(x, Leaf) else by_node.get(x)
        if isinstance(x, Leaf):
            ct = call_tensor_hooks(None if tensor is None else tensor.watch, ct)
        elif x.retains:
            _accumulate_retained(x, ct)
        if tensor is None:
            return
        known = found.get(id(tensor))
        found[id(tensor)] = ct if known is None else known + ct

    sweep(outputs, cotangents, asked, retain_graph, create_graph, deliver)
    return found


def _planned(
    outputs: Sequence[Tensor], asked: Sequence[Tensor], keep: bool
) -> tuple[Tensor, ...] | None:
    """The gradients, if a look-up tells how."""
    found = run_planned(outputs[0].node, keep, asked) if len(outputs) == 1 else None
    return None if found is None else tuple([wrapped(value) for _, value in found])


def _batched(
    outputs: Any,
    inputs: tuple[Tensor, ...],
    cotangents: Any,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool | None,
) -> tuple[Any, ...]:
    """The gradients for each of a batch of cotangents, by one sweep."""
    from ..vmapping import vmap

    given = as_tuple(cotangents)
    unused: list[int] = []

    def one(*cts: Tensor) -> tuple[Tensor, ...]:
        found = grad(outputs, inputs, cts, True, create_graph, allow_unused=allow_unused)
        unused[:] = [i for i, x in enumerate(found) if x is None]
        return tuple(x for x in found if x is not None)

    rows = iter(vmap(one)(*given))
    result = tuple(None if i in unused else next(rows) for i in range(len(inputs)))
    if not (create_graph if retain_graph is None else retain_graph):
        for x in result:
            if x is not None:
                x.value()
    return result


def _result(
    found: dict[int, Tensor], tensor: Tensor, place: int, allow_unused: bool | None
) -> Tensor | None:
    ct = found.get(id(tensor))
    if ct is None and not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {place} appears to not have been used in the "
            f"graph. Set allow_unused=True if this is the desired behavior.{here()}"
        )
    return ct
