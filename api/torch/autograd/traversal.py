"""One backward pass over what has been recorded: where it begins, what it goes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..anomaly import ANOMALY
from ..compute import force, slice_of
from ..dtypes import here
from ..engine import Pull, check_usable, free, recorded, run
from ..hooks import FREED
from ..levels import OUTSIDE
from ..modes import MODE, no_grad
from ..node import Node, Operand, new_node
from ..node import Variable as Leaf
from ..sweep import Deliver, Sweep, by_serial, operands_of, passing, reached
from ..tensors import Tensor, of_node, operand, wrapped
from . import graph


def as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Tensor) or value is None else tuple(value)


def places_of(value: Any) -> tuple[Tensor, ...]:
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
    given = as_tuple(gradients) if gradients is not None else (None,) * len(outputs)
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
