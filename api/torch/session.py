"""Structures of what is recorded, found while it is recorded.

A session is what a thread records between two computations. Within it every operation has a `Form`,
shared by all that do the same to the same values: so a look-up tells that a sweep has been done
before, and its function and arguments are known without going through the record.
"""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .node import Info, Node, Operand, Variable
    from .tensors import Tensor


@dataclass(eq=False, slots=True)
class Form:
    """What a value is made of: an operation on other forms, or a value counted in its session.

    ``depth`` counts operations on top of one another that are not computed; ``leaves`` tells that
    some operand is a `Variable`. One that is not ``lasting`` tells nothing of what is made of it.
    """

    info: Info
    tracked: bool
    constants: tuple[Node, ...] = ()
    depth: int = 0
    leaves: bool = False
    lasting: bool = True


_ref = weakref.ref

LIMIT = 10_000
"""Values that a session counts, what is longer goes without forms; and tensors that it looks after,
those before are not computed along with others.
"""


class Session:
    """What one thread records until something is computed.

    ``given``: the values from before, Python numbers and references to others; those of ``leaves``
    belong to tensors by which derivatives are wanted. ``closed``: something happened that forms do
    not tell, such as a write to recorded memory. It keeps nothing alive but numbers.
    """

    __slots__ = ("closed", "given", "holders", "leaves", "tracking")

    def __init__(self) -> None:
        self.closed = False
        self.tracking = False
        self.given: list[Node | weakref.ref[Node]] = []
        self.leaves: dict[int, weakref.ref[Tensor]] = {}
        self.holders: deque[weakref.ref[Tensor]] = deque(maxlen=LIMIT)

    def enter(self, x: Any) -> Form | None:
        """The form of an operand that was not recorded in this session; None if it has none."""
        given = self.given
        number = len(given)
        info = x.info
        if info.kind.number:
            given.append(x)
        else:
            source = x.source if x.leaf else x
            if source.value is None:
                info = self._pending(x, source)
            if info is None or source.tracked or source.modified or number > LIMIT:
                return None
            given.append(weakref.ref(source))
            if x.leaf:
                self.leaves[number] = x.tensor
        key = (number, info, x.tracked)
        form = FORMS.get(key) or remember(key, Form(x.info, x.tracked))
        x.session, x.form = self, form
        return form

    def _pending(self, x: Any, source: Node) -> Form | None:
        """The form of what a leaf will be, recorded in this session."""
        return source.form if x.leaf and source.session is self else None

    def waiting(self) -> list[Node]:
        """The operations with forms that tensors hold and whose values are not there."""
        found: dict[Node, None] = {}
        for holder in self.holders:
            tensor = holder()
            if tensor is not None:
                node = tensor.node
                if node.value is None and node.session is self and node.form is not None:
                    found[node] = None
        return list(found)

    def arguments(self, inputs: tuple[int | Node, ...]) -> list[Any]:
        """The values that have these numbers, and those of constants."""
        given = self.given
        values: list[Any] = []
        for i in inputs:
            x: Any = given[i] if type(i) is int else i
            node: Any = x() if type(x) is _ref else x
            values.append(node.value)
        return values

    def inputs_of(
        self, operands: Sequence[Operand], steps: Sequence[Operand]
    ) -> tuple[int | Node, ...] | None:
        """The numbers of what some steps start from, and their constants; None if there is more.

        Also None where a value has been counted twice: other values may have the same forms.
        """
        nodes = self._nodes()
        known: dict[Any, int | Node] = {x: i for i, x in enumerate(nodes) if x is not None}
        if len(known) < len(nodes) - nodes.count(None):
            return None
        known.update({x: x for step in steps if not step.leaf for x in step.info.constants})
        inputs = [known.get(x.source if x.leaf else x) for x in operands]  # type: ignore[union-attr]
        return None if None in inputs else tuple(inputs)  # type: ignore[arg-type]

    def numbers_of_leaves(self, leaves: Sequence[Variable]) -> tuple[int, ...]:
        """The numbers under which leaves have been counted."""
        nodes = self._nodes()
        known = {(nodes[i], id(tensor)): i for i, tensor in self.leaves.items()}
        return tuple([known[x.source, id(x.tensor)] for x in leaves])

    def numbers_of_tensors(self, tensors: Sequence[Tensor]) -> tuple[int, ...] | None:
        """The numbers under which these leaves have been counted; None if not all of them have."""
        found = {id(reference()): i for i, reference in self.leaves.items()}
        numbers = [found.get(id(x)) for x in tensors]
        return None if None in numbers else tuple(numbers)  # type: ignore[arg-type]

    def _nodes(self) -> list[Node | None]:
        return [x() if isinstance(x, weakref.ref) else x for x in self.given]


@dataclass(slots=True)
class Plan:
    """What to do for a sweep that has been done before: a function, and its arguments.

    ``inputs``: the numbers of values, or constants.
    ``outputs``: which of those that wait are given by it, and in which place of the results.
    ``wanted``: the numbers of the leaves whose gradients it gives; ``lost``: which of those that
    wait cannot be gone through again.
    """

    function: Any
    inputs: tuple[int | Node, ...]
    outputs: tuple[tuple[int, int], ...]
    wanted: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


UNKNOWN = Plan(None, (), ())
"""Stands for a plan that has not been looked for."""

ROOM = 50_000
FORMS: dict[tuple[Any, ...], Form] = {}
"""All forms: values by number and type, operations by row, parameters and forms of operands."""


PLANS: list[dict[tuple[Any, ...], Plan | None]] = []
"""Plans by the forms that they are for, a table for each kind of sweep."""


def plan_table() -> dict[tuple[Any, ...], Plan | None]:
    """A table of plans, emptied along with the forms."""
    PLANS.append({})
    return PLANS[-1]


def remember(key: tuple[Any, ...], form: Form) -> Form:
    """Keep a form; those that were kept go when there are too many."""
    if len(FORMS) >= ROOM:
        FORMS.clear()
        for plans in PLANS:
            plans.clear()
    FORMS[key] = form
    return form
