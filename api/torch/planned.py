"""Backward passes that have been done before: found by the form of the scalar that they start from.

What forms do not tell, such as hooks, writes and several seeds, is left to the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.tracer.trace import checked_for
from pullback.tracer.types import is_complex

from .anomaly import ANOMALY
from .compute import slice_of, store
from .engine import Pull, check_usable, function_of, profile_of, release
from .modes import MODE
from .node import Node, Variable
from .session import UNKNOWN, Plan, Session, plan_table

if TYPE_CHECKING:
    from .tensors import Tensor


def is_scalar(root: Node) -> bool:
    """Whether derivatives of it are gradients."""
    type = root.info.kind.type
    return type.size == 1 and not is_complex(type.dtype)


_plans = plan_table()


def run_planned(
    root: Node, keep: bool, wanted: Sequence[Tensor] | None = None
) -> list[tuple[Tensor, np.ndarray[Any, Any]]] | None:
    """Gradients for the leaves that a scalar depends on, if a look-up tells what to do.

    ``keep``: the record can be gone through again. ``wanted``: these leaves only, in this order.
    """
    own = MODE.own
    session: Session = own.session
    if session.closed or root.session is not session or root.form is None:
        return None
    if not root.tracked or own.levels or ANOMALY.enabled or checked_for() is not None:
        return None
    numbers = None if wanted is None else session.numbers_of_tensors(wanted)
    if wanted is not None and numbers is None:
        return None
    waiting = session.waiting()
    key = (root.form, numbers, *[x.form for x in waiting])
    plan = _plans.get(key, UNKNOWN)
    if plan is UNKNOWN:
        plan = _plans[key] = _plan(session, root, waiting, numbers)
    if plan is None or plan is UNKNOWN:
        return None
    leaves = [session.leaves[i]() for i in plan.wanted]
    if not all(t is not None and t.wants_grad and not _is_watched(t) for t in leaves):
        return None
    own.session = Session()
    results = plan.function(session.arguments(plan.inputs))
    for i, number in plan.outputs:
        store(waiting[i], results[number])
    if not keep:
        for i in plan.lost:
            waiting[i].freed = True
            release(waiting[i])
    return list(zip(leaves, results[len(results) - len(leaves) :], strict=True))  # type: ignore[arg-type]


def _is_watched(leaf: Tensor) -> bool:
    """Whether the gradient is not just to arrive: somebody is called first, or it goes nowhere."""
    return leaf.nominal or (leaf.watch is not None and leaf.watch.on_the_way)


def _plan(
    session: Session, root: Node, waiting: list[Node], wanted: tuple[int, ...] | None
) -> Plan | None:
    """The plan of a sweep; None where more must be looked at each time.

    That is where tensors hold what was recorded from the same values for another sweep, or where
    what is wanted is not all reached.
    """
    part = slice_of([root], through_tracked=True)
    leaves = [x for x in check_usable(part) if isinstance(x, Variable)]
    inputs = session.inputs_of(part.inputs, part.steps)
    elsewhere = any(x.tracked and x not in part.numbers for x in waiting)
    if inputs is None or elsewhere or not is_scalar(root):
        return None
    numbers = session.numbers_of_leaves(leaves)
    if wanted is not None:
        if len(set(wanted)) < len(wanted) or not set(wanted) <= set(numbers):
            return None
        by_number = dict(zip(numbers, leaves, strict=True))
        numbers, leaves = wanted, [by_number[i] for i in wanted]
    pull = Pull(part, [(root, None)], list(leaves))
    function, places = function_of(pull, [x for x in waiting if x in part.numbers], planning=True)
    if function is None:
        return UNKNOWN
    found = [(i, part.numbers[x]) for i, x in enumerate(waiting) if x in part.numbers]
    lost = set(profile_of(part).lost)
    return Plan(
        function,
        inputs,
        tuple([(i, places.index(n)) for i, n in found]),
        numbers,
        tuple([i for i, n in found if n in lost]),
    )
