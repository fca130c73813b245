"""Differentiation of recorded tensors: ``torch.autograd``."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import memory
from ..anomaly import ANOMALY, detect_anomaly, set_detect_anomaly
from ..compute import force, slice_of
from ..dtypes import here
from ..engine import Pull, check_usable, free, recorded, run
from ..hooks import FREED, Watch, call_after, call_before, call_tensor_hooks
from ..levels import OUTSIDE
from ..modes import MODE, enable_grad, inference_mode, no_grad, set_grad_enabled
from ..node import Node, Operand, new_node
from ..node import Variable as Leaf
from ..planned import run_planned
from ..sweep import Deliver, Sweep, by_serial, operands_of, passing, reached
from ..tensors import Tensor, of_node, operand, wrapped
from . import anomaly_mode, forward_ad, function, functional, grad_mode, graph
from .function import Function
from .grad_mode import set_multithreading_enabled
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def Variable(data: Any, requires_grad: bool = False) -> Tensor:
    """A tensor of the same memory, as older programs ask for it.

    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
    made: Tensor = data.detach()
    return made.requires_grad_(requires_grad)


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Tensor) or value is None else tuple(value)


def _places(value: Any) -> tuple[Tensor, ...]:
    """Tensors for what derivatives are asked of or by: tensors, or edges of the graph.

    Raises:
        RuntimeError: torch's, for anything else.
    """
    given = (value,) if isinstance(value, (Tensor, graph.GradientEdge)) else tuple(value)
    for x in given:
        if not isinstance(x, (Tensor, graph.GradientEdge)):
            raise RuntimeError(
                f"all inputs have to be Tensors or GradientEdges, but got {type(x).__name__}"
                f"{here()}"
            )
    return tuple([graph.tensor_at(x) if isinstance(x, graph.GradientEdge) else x for x in given])


def _seeds(outputs: Sequence[Tensor], gradients: Any) -> list[tuple[Operand, Tensor | None]]:
    """The outputs' nodes with their cotangents, checked."""
    given = _as_tuple(gradients) if gradients is not None else (None,) * len(outputs)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients{here()}")
    seeds: list[tuple[Operand, Tensor | None]] = []
    for i, (output, ct) in enumerate(zip(outputs, given, strict=True)):
        if not output.requires_grad:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn{here()}"
            )
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
        if output.node.freed and not output.node.operands:
            raise RuntimeError(f"{FREED}{here()}")
        if ct is not None and ct.dtype is not output.dtype:
            ct = ct.to(output.dtype)
        seeds.append((operand(output), ct))
    return seeds


def _asked(inputs: Sequence[Tensor]) -> set[Any]:
    """The places of the inputs: nodes; of leaves what tells them."""
    for t in inputs:
        if t.broken:
            raise RuntimeError(f"{t.broken}{here()}")
    return {t.node.standing if t.node.tracked else id(t) for t in inputs}


def _is_asked(x: Operand, asked: set[Any]) -> bool:
    if isinstance(x, Leaf):
        tensor = x.tensor()
        return id(tensor) in asked and not (tensor is None or tensor.nominal)
    return x in asked


def _leading_to(order: Sequence[Operand], asked: set[Any]) -> set[Operand]:
    """What has to be gone through to get to the inputs, and these, in order of recording.

    Raises:
        RuntimeError: torch's, if the way to one of them has been freed.
    """
    found: set[Operand] = set()
    reached: set[Any] = set()
    for x in order:
        if _is_asked(x, asked):
            reached.add(id(x.tensor()) if isinstance(x, Leaf) else x)
            found.add(x)
        elif any(y in found for y in operands_of(x)):
            found.add(x)
    missing = {x for x in asked - reached if isinstance(x, Node)}
    for x in order:
        if isinstance(x, Node) and x.freed and not x.operands and _led_to(x, asked, missing):
            raise RuntimeError(f"{FREED}{here()}")
    return found


def _led_to(x: Node, asked: set[Any], missing: set[Node]) -> bool:
    """Whether there was a way to one of the inputs before it was freed."""
    return not x.cut_off.isdisjoint(asked) or any(
        id(y) in x.cut_off and y.serial < x.serial for y in missing
    )


def _through(needed: set[Operand] | None) -> set[Operand] | None:
    """Of what leads to the inputs, what derivatives go on from."""
    return needed and {x for x in needed if any(y in needed for y in operands_of(x))}


def _wanted(order: Sequence[Operand], asked: set[Any] | None) -> list[Operand]:
    """Where gradients are to be kept: of what is asked for, else of leaves; of retained ones."""
    if asked is None:
        return [x for x in order if _wants_grad(x)]
    return [x for x in order if _is_asked(x, asked) or (not x.leaf and _wants_grad(x))]


def _wants_grad(x: Operand) -> bool:
    if isinstance(x, Leaf):
        tensor = x.tensor()
        return tensor is not None and tensor.wants_grad and not tensor.nominal
    return x.retains and x.holder is not None and x.holder() is not None


def _has_stations(active: Sequence[Operand]) -> bool:
    """Whether Python has to be called on the way."""
    if ANOMALY.enabled:
        return True
    for x in active:
        if not isinstance(x, Node):
            continue
        if x.call is not None or x.packed is not None:
            return True
        if x.watch is not None and x.watch.on_the_way:
            return True
    return False


def sweep(
    outputs: Sequence[Tensor],
    gradients: Any,
    inputs: Sequence[Tensor] | None,
    retain_graph: bool | None,
    create_graph: bool,
    deliver: Deliver,
) -> None:
    """One backward pass: ``deliver`` is called with what is wanted, and its gradient."""
    seeds = _seeds(outputs, gradients)
    roots = [x for x, _ in seeds]
    create = create_graph or bool(MODE.levels)
    retain = create_graph if retain_graph is None else retain_graph
    pending = [ct.node for _, ct in seeds if ct is not None and ct.node.value is None]
    within = frozenset(t.node.standing for t in inputs or () if t.node.tracked) - set(roots)
    pending += [] if create else [x for x in within if x.value is None]
    if pending and not create:
        force(pending)
    stops = _stops(roots, within) if create else frozenset[Operand](within)
    part = slice_of(roots, True, stops)
    asked = None if inputs is None else _asked(inputs)
    dual = create and any(isinstance(x, Node) and x.dual for x in part.steps)
    if dual or (within and len(inputs or ()) > 1) or _has_stations(list(part.numbers)):
        _in_stretches(seeds, asked, create_graph, retain, deliver)
        return
    needed = None if asked is None else _leading_to(sorted(part.numbers, key=by_serial), asked)
    through = _through(needed)
    active = check_usable(part, through)
    wanted = _wanted(active if needed is None else [x for x in active if x in needed], asked)
    given = [(x, None if ct is None else operand(ct)) for x, ct in seeds]
    pull = Pull(part, given, wanted)
    with passing(active):
        if create:
            found = [of_node(x) for x in recorded(pull)]
        else:
            found = [wrapped(x) for x in run(pull)] if wanted else []
        MODE.enabled = create_graph
        for x, ct in _by_leaf(wanted, found):
            deliver(x, _unrecorded(ct) if create and not create_graph else ct)
    if not retain:
        free(part, through)


def _by_leaf(wanted: Sequence[Operand], found: Sequence[Tensor]) -> list[tuple[Operand, Tensor]]:
    """Gradients by place: a leaf that was written to between has several in the record."""
    sums: dict[Any, tuple[Operand, Tensor]] = {}
    for x, ct in zip(wanted, found, strict=True):
        place = id(x.tensor()) if isinstance(x, Leaf) else x
        sums[place] = (x, sums[place][1] + ct if place in sums else ct)
    return list(sums.values())


def _unrecorded(ct: Tensor) -> Tensor:
    """The same without derivatives in reverse mode."""
    with no_grad():
        return of_node(new_node(OUTSIDE, (ct.node,)))


def _in_stretches(
    seeds: Sequence[tuple[Operand, Tensor | None]],
    asked: set[Any] | None,
    create_graph: bool,
    retain: bool,
    deliver: Deliver,
) -> None:
    order = reached([x for x, _ in seeds])
    needed = order if asked is None else _leading_to(order, asked)
    wanted = _wanted([x for x in order if x in needed], asked)
    with passing(order):
        MODE.enabled = create_graph
        create = create_graph or bool(MODE.levels)

        def given(x: Operand, ct: Tensor) -> None:
            deliver(x, _unrecorded(ct) if create and not create_graph else ct)

        work = Sweep(order, wanted, create, given, partial=asked is not None)
        work.run(seeds)
    if not retain:
        work.finish()


def _stops(roots: Sequence[Operand], nodes: frozenset[Operand]) -> frozenset[Operand]:
    """Where the slice begins if the gradient is to be differentiated by what is there."""
    stops: set[Operand] = set(nodes)
    seen: set[Operand] = set()
    stack = list(roots)
    while stack:
        x = stack.pop()
        if x in seen or x in nodes:
            continue
        seen.add(x)
        if type(x) is Leaf:
            stops.add(x)
        elif isinstance(x, Node) and x.tracked:
            stack.extend(x.operands)
        else:
            stops.add(x)
    return frozenset(stops)


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
    outputs = _places(tensors)
    asked = None if inputs is None else _places(inputs)
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
    outputs, asked = _places(outputs), _places(inputs)
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

    given = _as_tuple(cotangents)
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
