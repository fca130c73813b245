"""Differentiation of recorded tensors: ``torch.autograd``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .compute import force, held, slice_of
from .dtypes import here
from .engine import FREED, Pull, check_usable, free, recorded, sweep
from .modes import MODE, enable_grad, inference_mode, no_grad, set_grad_enabled
from .node import Node, Operand, Variable
from .planned import run_planned
from .tensors import Tensor, of_node, operand, wrapped

__all__ = ["backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Tensor) or value is None else tuple(value)


def _seeds(outputs: Sequence[Tensor], gradients: Any) -> list[tuple[Operand, Node | None]]:
    """The outputs' nodes with their cotangents, checked."""
    given = _as_tuple(gradients) if gradients is not None else (None,) * len(outputs)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients{here()}")
    seeds: list[tuple[Operand, Node | None]] = []
    for i, (output, ct) in enumerate(zip(outputs, given, strict=True)):
        if not output.requires_grad:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn{here()}"
            )
        if output.node.freed and not output.node.operands:
            raise RuntimeError(f"{FREED}{here()}")
        if ct is None and output.numel() != 1:
            raise RuntimeError(f"grad can be implicitly created only for scalar outputs{here()}")
        if ct is None and output.dtype.is_complex:
            raise RuntimeError(
                "grad can be implicitly created only for real scalar outputs but got "
                f"{output.dtype}{here()}"
            )
        if ct is not None and ct.shape != output.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {ct.shape} and output[{i}] "
                f"has a shape of {output.shape}.{here()}"
            )
        if ct is not None and ct.dtype is not output.dtype:
            ct = ct.to(output.dtype)
        seeds.append((operand(output), None if ct is None else operand(ct)))  # type: ignore[arg-type]
    return seeds


class _Sweep:
    """A backward pass: the slice, what is asked of it, and where hooks wait."""

    def __init__(
        self,
        outputs: Sequence[Tensor],
        gradients: Any,
        inputs: Sequence[Tensor] | None,
        create_graph: bool,
    ) -> None:
        self.seeds = _seeds(outputs, gradients)
        stops: frozenset[Operand] = frozenset()
        if create_graph:
            stops = _stops([x for x, _ in self.seeds], inputs)
        roots = [x for x, _ in self.seeds]
        pending = [ct for _, ct in self.seeds if ct is not None and ct.value is None]
        if pending and not create_graph:
            force(pending)
        self.part = slice_of(roots, True, stops)
        active = check_usable(self.part)
        self.hooked: list[Node] = []
        self.wanted: list[Operand] = []
        asked = None if inputs is None else _asked(inputs)
        for x in active:
            if _wants_grad(x) if asked is None else _is_asked(x, asked):
                self.wanted.append(x)
            if x.tracked and isinstance(x, Node) and x.hooks:
                self.hooked.append(x)
        pending = [x for x in held(self.part.steps) if not x.tracked] if self.hooked else []
        if pending:  # Several sweeps go through the slice: it must not change between them.
            force(pending)
            self.part = slice_of(roots, True, stops)


def _asked(inputs: Sequence[Tensor]) -> set[Any]:
    return {t.node if t.node.tracked else id(t) for t in inputs}


def _is_asked(x: Operand, asked: set[Any]) -> bool:
    return (id(x.tensor()) if isinstance(x, Variable) else x) in asked


def _wants_grad(x: Operand) -> bool:
    if isinstance(x, Variable):
        tensor = x.tensor()
        return tensor is not None and tensor.wants_grad
    return x.retains and x.holder is not None and x.holder() is not None


def _stops(roots: Sequence[Operand], inputs: Sequence[Tensor] | None) -> frozenset[Operand]:
    """Where the slice begins if the gradient is to be differentiated by what is there."""
    nodes = {t.node for t in inputs or () if t.node.tracked} - set(roots)
    stops: set[Operand] = set(nodes)
    seen: set[Operand] = set()
    stack = list(roots)
    while stack:
        x = stack.pop()
        if x in seen or x in nodes:
            continue
        seen.add(x)
        if type(x) is Variable:
            stops.add(x)
        elif isinstance(x, Node) and x.tracked:
            stack.extend(x.operands)
    return frozenset(stops)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    inputs: Any = None,
) -> None:
    """Add to ``.grad`` of the leaves the derivatives of the tensors.

    Args:
        tensors: one tensor or several; those without a cotangent must have one element.
        grad_tensors: their cotangents, of their shapes.
        retain_graph: keep what is needed for going through again.
        create_graph: record the gradients, so that they can be differentiated.
        inputs: add to these leaves only.

    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.backward(w * w)
    >>> w.grad
    tensor(6.)
    """
    if grad_tensors is None and inputs is None and not create_graph and type(tensors) is Tensor:
        planned = run_planned(tensors.node, bool(retain_graph))
        if planned is not None:
            for leaf, value in planned:
                _accumulate(leaf, _hooked(leaf, wrapped(value)))
            return
    outputs = _as_tuple(tensors)
    asked = None if inputs is None else _as_tuple(inputs)
    work = _Sweep(outputs, grad_tensors, asked, create_graph)
    for x, ct in _cotangents(work, create_graph):
        tensor = _tensor_of(x)
        if tensor is not None:
            _accumulate(tensor, ct)
    _finish(work, retain_graph, create_graph)


def _tensor_of(x: Operand) -> Tensor | None:
    if isinstance(x, Variable):
        return x.tensor()
    return None if x.holder is None else x.holder()


def _cotangents(work: _Sweep, create_graph: bool) -> list[tuple[Operand, Tensor]]:
    """The gradients that were asked for, as tensors; one of several for a tensor that changed."""
    if create_graph:
        nodes = recorded(Pull(work.part, work.seeds, work.wanted, []))  # type: ignore[arg-type]
        found = [(x, of_node(n)) for x, n in zip(work.wanted, nodes, strict=True)]
    else:
        values = sweep(work.part, work.seeds, work.wanted, work.hooked)  # type: ignore[arg-type]
        found = [(x, wrapped(values[x])) for x in work.wanted]
    return [(x, _hooked(x.tensor() if type(x) is Variable else None, ct)) for x, ct in found]


def _hooked(tensor: Tensor | None, ct: Tensor) -> Tensor:
    if tensor is None or not tensor.leaf_hooks:
        return ct
    for hook in list(tensor.leaf_hooks.values()):
        result = hook(ct)
        ct = ct if result is None else result
    return ct


def _accumulate(tensor: Tensor, ct: Tensor) -> None:
    from . import memory

    before = tensor.gradient
    if before is None:
        tensor.gradient = ct
    elif MODE.enabled and ct.requires_grad:
        tensor.gradient = before + ct
    else:
        before.value()
        memory.prepare_write(before)
        array = before.node.value
        np.add(array, ct.value(), out=array)


def _finish(work: _Sweep, retain_graph: bool | None, create_graph: bool) -> None:
    if not (create_graph if retain_graph is None else retain_graph):
        free(work.part)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
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
        allow_unused: give None for inputs that the outputs do not depend on.
        is_grads_batched: not supported.
        materialize_grads: give zeros for them.

    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> (first,) = torch.autograd.grad(x**3, x, create_graph=True)
    >>> torch.autograd.grad(first, x)
    (tensor(12.),)
    """
    if is_grads_batched:
        raise NotImplementedError(f"is_grads_batched is not supported{here()}")
    asked = _as_tuple(inputs)
    if not all(t.requires_grad for t in asked):
        raise RuntimeError(f"One of the differentiated Tensors does not require grad{here()}")
    work = _Sweep(_as_tuple(outputs), grad_outputs, asked, create_graph)
    found: dict[int, Tensor] = {}
    by_node = {t.node: t for t in asked}
    for x, ct in _cotangents(work, create_graph):
        tensor = x.tensor() if type(x) is Variable else by_node[x]
        known = found.get(id(tensor))
        found[id(tensor)] = ct if known is None else known + ct
    _finish(work, retain_graph, create_graph)
    return tuple(_result(found, t, i, allow_unused, materialize_grads) for i, t in enumerate(asked))


def _result(
    found: dict[int, Tensor], tensor: Tensor, place: int, allow_unused: bool | None, zeros: bool
) -> Tensor | None:
    ct = found.get(id(tensor))
    if ct is not None:
        return ct
    if zeros:
        return wrapped(np.zeros(tensor.shape, tensor.dtype.numpy))
    if not allow_unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {place} appears to not have been used in the "
            f"graph. Set allow_unused=True if this is the desired behavior.{here()}"
        )
    return None
