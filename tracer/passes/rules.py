"""What rows of simplifications are made of: (primitive, rule, reason, what it changes).

A rule gives the simpler node or None. One that changes ``"nothing"`` gives the same bits for every
operand; ``"rounding"`` is one that differs by rounding, its range or the sign of a zero, as its
reason says. One that changes the ``"domain"`` has a value where the row itself has none, such as
x / x at 0: these are for those who ask for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..ir import Builder, Node, Params
from ..primitive import TABLE

Rule = Callable[[Builder, tuple[Node, ...], Params], "Node | None"]
Changes = Literal["nothing", "rounding", "domain"]


@dataclass(frozen=True)
class Simplification:
    """One rule with its reason."""

    primitive: str
    rule: Rule
    reason: str
    changes: Changes = "nothing"


RULES: dict[str, list[Simplification]] = {}
"""Those that are always applied, by primitive."""

DOMAIN_RULES: dict[str, list[Simplification]] = {}
"""Those that change the domain."""


def simplification(
    primitive: str, reason: str, changes: Changes = "nothing"
) -> Callable[[Rule], Rule]:
    """Enter a rule into the table."""

    def enter(rule: Rule) -> Rule:
        row = Simplification(primitive, rule, reason, changes)
        table = DOMAIN_RULES if changes == "domain" else RULES
        table.setdefault(primitive, []).append(row)
        return rule

    return enter


def added(builder: Builder, name: str, operands: tuple[Node, ...], **params: Any) -> Node:
    """A node by the name of its row."""
    return builder.add(TABLE[name], operands, params)


def spread(builder: Builder, value: Node, shape: tuple[int, ...]) -> Node:
    """A number in a shape."""
    if value.type.shape == shape:
        return value
    return added(builder, "broadcast", (value,), shape=shape, axes=())
