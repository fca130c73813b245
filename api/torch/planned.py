"""Backward passes that have been done before: found by the form of the scalar that they start from.

What forms do not tell, such as hooks, writes and several seeds, is left to the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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


def run_planned(root: Node, keep: bool) -> list[tuple[Tensor, np.ndarray[Any, Any]]] | None:
    """Gradients for the leaves that a scalar depends on, if a look-up tells what to do.

    ``keep``: the record can be gone through again.
    """
    session: Session = MODE.own.session
    if session.closed or root.session is not session or root.form is None:
        return None
    if not root.tracked or MODE.own.levels or ANOMALY.enabled:
        return None
    waiting = session.waiting()
    key = (root.form, *[x.form for x in waiting])
    plan = _plans.get(key, UNKNOWN)
    if plan is UNKNOWN:
        plan = _plans[key] = _plan(session, root, waiting)
    if plan is None:
        return None
    leaves = [session.leaves[i]() for i in plan.wanted]
    if not all(t is not None and t.wants_grad and t.watch is None for t in leaves):
        return None
    MODE.own.session = Session()
    results = plan.function(session.arguments(plan.inputs))
    for i, number in plan.outputs:
        store(waiting[i], results[number])
    if not keep:
        for i in plan.lost:
            waiting[i].freed = True
            release(waiting[i])
    return list(zip(leaves, results[len(results) - len(leaves) :], strict=True))  # type: ignore[arg-type]


def _plan(session: Session, root: Node, waiting: list[Node]) -> Plan | None:
    """The plan of a sweep; None where more must be looked at each time.

    That is where tensors hold what was recorded from the same values for another sweep.
    """
    part = slice_of([root], through_tracked=True)
    leaves = [x for x in check_usable(part) if isinstance(x, Variable)]
    inputs = session.inputs_of(part.inputs, part.steps)
    elsewhere = any(x.tracked and x not in part.numbers for x in waiting)
    if inputs is None or elsewhere or not is_scalar(root):
        return None
    function, numbers = function_of(
        Pull(part, [(root, None)], list(leaves)), [x for x in waiting if x in part.numbers]
    )
    found = [(i, part.numbers[x]) for i, x in enumerate(waiting) if x in part.numbers]
    lost = set(profile_of(part).lost)
    return Plan(
        function,
        inputs,
        tuple([(i, numbers.index(n)) for i, n in found]),
        session.numbers_of_leaves(leaves),
        tuple([i for i, n in found if n in lost]),
    )
