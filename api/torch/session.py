"""Structures of what is recorded, found while it is recorded.

A session is what a thread records between two computations. Within it every operation has a `Form`,
shared by all that do the same to the same values: so a look-up tells that a sweep has been done
before, and its function and arguments are known without going through the record.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .node import Info, Node, Operand, Variable
    from .tensors import Tensor

Place: TypeAlias = "tuple[Session, Form | None]"


@dataclass(eq=False, slots=True)
class Form:
    """What a value is made of: an operation on other forms, or a value counted in its session."""

    info: Info
    tracked: bool


@dataclass(slots=True)
class Given:
    """A value from before the session: its node, and the leaf if derivatives by it are wanted."""

    source: Any
    tensor: Any

    def node(self) -> Node:
        """The node that has the value."""
        return self.source() if self.source.__class__ is weakref.ref else self.source  # type: ignore[no-any-return]


class Session:
    """What one thread records until something is computed.

    ``closed``: something happened that forms do not tell, such as a write to recorded memory. It
    keeps nothing alive: what it refers to belongs to the record itself.
    """

    __slots__ = ("closed", "given", "holders", "tracking")

    def __init__(self) -> None:
        self.closed = False
        self.tracking = False
        self.given: list[Given] = []
        self.holders: list[weakref.ref[Tensor]] = []

    def enter(self, x: Operand) -> Place:
        """The place of a value that was not recorded in this session, with a form if it has one."""
        form = self._form_of(x)
        place = (self, form)
        if form is not None:
            x.place = place
        return place

    def _form_of(self, x: Operand) -> Form | None:
        source: Any = x.operands[0] if x.leaf else x
        number = len(self.given)
        if source.tracked or source.modified or number > LIMIT:
            return None
        if source.value is None:
            within = source.place
            if not x.leaf or within is None or within[0] is not self or within[1] is None:
                return None
            key = (number, within[1])
        else:
            key = (number, source.info, x.tracked)
        holder = source if source.info.kind.number else weakref.ref(source)
        self.given.append(Given(holder, x.tensor if x.leaf else None))  # type: ignore[union-attr]
        form = FORMS.get(key)
        if form is None:
            form = remember(key, Form(x.info, x.tracked))
        return form

    def waiting(self) -> list[Node]:
        """The operations with forms that tensors hold and whose values are not there."""
        found: dict[Node, None] = {}
        for holder in self.holders:
            tensor = holder()
            if tensor is not None:
                node = tensor.node
                place = node.place
                if node.value is None and place is not None and place[0] is self and place[1]:
                    found[node] = None
        return list(found)

    def arguments(self, numbers: tuple[int, ...]) -> list[Any]:
        """The values that have these numbers."""
        given = self.given
        return [given[i].node().value for i in numbers]

    def numbers_of(self, inputs: Sequence[Operand]) -> tuple[int, ...] | None:
        """The numbers of operands; None if one has none."""
        known = {x.node(): i for i, x in enumerate(self.given)}
        numbers = [known.get(x.operands[0] if x.leaf else x) for x in inputs]  # type: ignore[call-overload]
        return None if None in numbers else tuple(numbers)  # type: ignore[arg-type]

    def numbers_of_leaves(self, leaves: Sequence[Variable]) -> tuple[int, ...]:
        """The numbers under which leaves have been counted."""
        known = {(x.node(), x.tensor): i for i, x in enumerate(self.given)}
        return tuple([known[x.source, x.tensor] for x in leaves])


@dataclass(slots=True)
class Plan:
    """What to do for a sweep that has been done before: a function, and whose numbers it takes.

    ``outputs``: which of those that wait are given by it, and in which place of the results.
    ``wanted``: the numbers of the leaves whose gradients it gives; ``lost``: which of those that
    wait cannot be gone through again.
    """

    function: Any
    inputs: tuple[int, ...]
    outputs: tuple[tuple[int, int], ...]
    wanted: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


UNKNOWN = Plan(None, (), ())
"""Stands for a plan that has not been looked for."""

LIMIT = 10_000
"""Values that a session counts: what is longer goes without forms."""

ROOM = 200_000
FORMS: dict[tuple[Any, ...], Form] = {}
"""All forms: values by number and type, operations by row, parameters and forms of operands."""


def remember(key: tuple[Any, ...], form: Form) -> Form:
    """Keep a form; those that were kept go when there are too many."""
    if len(FORMS) >= ROOM:
        FORMS.clear()
    FORMS[key] = form
    return form
