"""A graph as statements of Python, one node after another.

What is used once goes into the expression that uses it, unless the user has a name for it. Slices
and what NumPy repeats by itself are written where they are used, however often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..ir import LITERAL, Graph, Node, family, literal_value
from ..location import Location
from ..types import FLOAT16, is_inexact
from .bundle import Wanted, plain_name
from .code import ATOM, Code, call, dtype_code, is_weak, number, typed_number
from .loops import LOOPS, write_loop
from .moving import loose_index
from .naming import Names, is_updated, kind_of, text_at, variable_at
from .rows import expression_of

LONGEST = 60
"""Characters of an expression that is written into another one."""


class Writer:
    """The lines of a function, and what stands for each node."""

    def __init__(self, names: Names) -> None:
        self.lines: list[str] = []
        self.needs: dict[Wanted, None] = {}
        self.constants: dict[str, Any] = {}
        self.special_used = False
        self._names = names
        self._depth = 1
        self._code: dict[Node, Code] = {}
        self._uses: Counter[Node] = Counter()
        self._users: dict[Node, list[Node]] = {}
        self._told: tuple[Location, bool] | None = None

    # -- lines -----------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """What is written within stands under the line."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1
        self._told = None

    @contextmanager
    def aside(self) -> Generator[list[str]]:
        """What is written within, one level deeper, is given instead of added."""
        before, self.lines = self.lines, []
        self._depth += 1
        yield self.lines
        self._depth -= 1
        self.lines = before

    def new(self, wish: str) -> str:
        """A name that is free."""
        return self._names.new(wish)

    def bring(self, module: str, name: str) -> str:
        """The name of a definition, which the program brings along."""
        self.needs[module, name] = None
        return plain_name(name)

    def special(self, node: Node, name: str, *arguments: Code) -> Code:
        """A function of ``scipy.special``, which knows no half precision."""
        self.special_used = True
        found = call(f"special.{name}", *arguments)
        narrow = node.type.dtype == FLOAT16
        return Code(f"{found}.astype(np.float16)") if narrow else found

    # -- graphs ----------------------------------------------------------------------------------

    def set(self, node: Node, code: Code) -> None:
        """Let code stand for a node."""
        self._code[node] = code

    def graph(self, graph: Graph) -> None:
        """The statements of a graph, for whose parameters something stands already."""
        self._count(graph)
        families: dict[Any, list[Node]] = {}
        for node in graph.nodes:
            if node.primitive.name in LOOPS:
                families.setdefault(family(node), []).append(node)
        for node in graph.nodes:
            if node.primitive is LITERAL or self.is_written_in_place(node):
                continue
            if node.primitive.name in LOOPS:
                members = families[family(node)]
                if members[0] is node:
                    self._tell(node)
                    write_loop(self, members)
                continue
            expression = expression_of(node)
            assert expression is not None, f"{node.primitive} is not written in NumPy"
            if node.type.size or node.type.is_stack:
                self.settle(node, expression(self, node))
            else:
                self.set(node, call("np.zeros", node.type.shape, dtype_code(node.type.dtype)))

    def _count(self, graph: Graph) -> None:
        uses, users = self._uses, self._users
        for node in (*graph.nodes, *graph.parameters):
            uses[node] = 0
            users[node] = []
        for x in graph.outputs:
            uses[x] += 1
        for node in reversed(graph.nodes):
            in_place = self.is_written_in_place(node)
            for x in node.operands:
                uses[x] += uses[node] if in_place else 1
                users[x] += users[node] if in_place else [node]

    def is_written_in_place(self, node: Node) -> bool:
        """Whether a node is written wherever it is used."""
        name = node.primitive.name
        return name in ("broadcast", "slice") or (
            name == "reshape" and not node.operands[0].type.ndim
        )

    def settle(self, node: Node, code: Code) -> None:
        """Let code stand for a node, under a name if it is to have one."""
        if code.text.isidentifier():
            self.set(node, code)
            return
        wish = self.wish(node)
        short = len(code.text) <= LONGEST
        inline = wish is None or self._is_part(node, wish) or self._is_result(node)
        if inline and short and self._uses[node] <= 1:
            self.set(node, code)
        else:
            self._assign(node, wish or kind_of(node), code)

    def _is_part(self, node: Node, wish: str) -> bool:
        """Whether a node is only added to something of the same name."""
        users = self._users[node]
        return len(users) == 1 and users[0].primitive.name == "add" and self.wish(users[0]) == wish

    def _is_result(self, node: Node) -> bool:
        """Whether a node is only there for a loop or branch around it."""
        return self._depth > 1 and not self._users[node]

    def _assign(self, node: Node, wish: str, code: Code) -> None:
        self._tell(node)
        name = self.new(wish)
        self.line(f"{name} = {code}")
        self.set(node, Code(name))

    def wish(self, node: Node) -> str | None:
        """The name that a node should have: the user's, or that of a derivative by something."""
        users = self._users.get(node, [])
        if node.primal is None:
            here = [x for x in users if x.where == node.where and x.primal is None]
            return None if here and not is_updated(node) else variable_at(node.where)
        node = self._end_of_sum(node)
        if any(x.primal is node.primal for x in self._users[node]):
            return None
        assert node.primal is not None
        targets = [
            x
            for x in node.primal.operands
            if x.type == node.type and is_inexact(x.type.dtype) and x.primitive is not LITERAL
        ]
        return f"d_{self.name_of(targets[0])}" if len(set(targets)) == 1 else None

    def _end_of_sum(self, node: Node) -> Node:
        """What a part of a derivative is added up to."""
        while True:
            users = self._users[node]
            if len(users) != 1 or users[0].primitive.name != "add" or users[0].primal is None:
                return node
            (node,) = users

    def name_of(self, node: Node) -> str:
        """What a node is called, or would be."""
        while node.primitive.name in ("broadcast", "reshape", "stop_gradient"):
            node = node.operands[0]
        code = self._code.get(node)
        if code is not None and code.text.isidentifier():
            return code.text
        return kind_of(node)

    def _tell(self, node: Node) -> None:
        """Say which of the user's lines comes, unless that has been said."""
        if node.where is None or self._told == (node.where, node.primal is not None):
            return
        self._told = node.where, node.primal is not None
        text = text_at(node.where)
        if text:
            self.line(f"# {'derivative of: ' if node.primal is not None else ''}{text}")

    # -- operands --------------------------------------------------------------------------------

    def literal_of(self, node: Node) -> Any:
        """The value of a literal, repeated or not; None for others."""
        return literal_value(node)

    def bare(self, node: Node) -> Code:
        """A literal as a number of Python's."""
        return number(literal_value(node), node.type.dtype)

    def typed(self, node: Node) -> Code:
        """A literal as a number of NumPy's."""
        return typed_number(literal_value(node), node.type.dtype)

    def array(self, node: Node) -> Code:
        """A node as an array of its own shape and dtype."""
        if node.primitive is LITERAL:
            return self.bare(node) if is_weak(node.type.dtype) else self.typed(node)
        if node not in self._code:
            expression = expression_of(node)
            assert expression is not None
            return expression(self, node)
        return self._code[node]

    def loose(self, node: Node) -> Code:
        """A node that NumPy may still have to repeat along axes."""
        if node.primitive.name != "broadcast":
            return self.array(node)
        (x,) = node.operands
        index = loose_index(node)
        code = self.array(x)
        return Code(f"{code.at(ATOM)}[{index}]") if index else self.loose(x)

    def of(self, node: Node) -> Code:
        """A node as what is assigned to a part of an array."""
        return self.bare(node) if literal_value(node) is not None else self.loose(node)

    def elementwise(self, node: Node) -> list[Code]:
        """The operands of a row that works element by element."""
        operands = node.operands
        numbers = [literal_value(x) is not None for x in operands]
        shape = np.broadcast_shapes(*map(_loose_shape, operands)) if operands else ()
        codes = [
            self.bare(x) if n else self.loose(x) for x, n in zip(operands, numbers, strict=True)
        ]
        typed = self._one_typed(node, numbers)
        if typed is not None:
            codes[typed] = self.typed(operands[typed])
        if shape != node.type.shape:
            place = next(i for i, x in enumerate(operands) if x.primitive.name == "broadcast")
            codes[place] = self.array(operands[place])
        return codes

    def _one_typed(self, node: Node, numbers: Sequence[bool]) -> int | None:
        """The literal that has to bring its dtype along, if all that could are literals."""
        first = 1 if node.primitive.name == "where" else 0
        return first if len(numbers) > first and all(numbers[first:]) else None

    def named(self, node: Node) -> Code:
        """A node under a name, so that it is computed once."""
        code = self.array(node)
        if node.primitive is LITERAL:
            return self.typed(node)
        if code.text.isidentifier():
            return code
        name = self.new(self.wish(node) or kind_of(node))
        self.line(f"{name} = {code}")
        if not self.is_written_in_place(node):
            self.set(node, Code(name))
        return Code(name)

    def settled(self, node: Node) -> Code:
        """A node as what a variable is to begin with."""
        return self.typed(node) if node.primitive is LITERAL else self.array(node)

    def single(self, node: Node) -> Code | None:
        """The number of which an array of one element is made; None for others."""
        if node.type.shape == (1,) and node.primitive.name in ("reshape", "broadcast"):
            (x,) = node.operands
            if not x.type.ndim:
                return self.bare(x) if x.primitive is LITERAL else self.array(x)
        return None

    # -- arrays that are written to --------------------------------------------------------------

    def fresh(self, node: Node) -> Code:
        """A node as a new array, which may be written to."""
        code = self.array(node)
        new = code.text.startswith(("np.zeros(", "np.full("))
        return code if new else call("np.array", code)

    def begun(self, node: Node, start: Code) -> Code:
        """A new array for a node, under its name."""
        self._tell(node)
        name = self.new(self.wish(node) or kind_of(node))
        self.line(f"{name} = {start}")
        return Code(name)

    def changed(self, node: Node, start: Code, rest: str) -> Code:
        """A new array with an assignment to a part of it."""
        target = self.begun(node, start)
        self.line(f"{target}{rest}")
        return target


def _loose_shape(node: Node) -> tuple[int, ...]:
    """The shape before NumPy repeats it."""
    if node.primitive.name != "broadcast":
        return node.type.shape
    if literal_value(node) is not None:
        return ()
    (x,), axes = node.operands, node.params["axes"]
    if not axes:
        return _loose_shape(x)
    extents = dict(zip(axes, x.type.shape, strict=True))
    return tuple(extents.get(axis, 1) for axis in range(axes[0], node.type.ndim))
