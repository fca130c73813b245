"""The body of a kernel: each step as instructions, at one place of the innermost loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pullback.tracer.ir import Node
from pullback.tracer.types import INT64, is_float

from .access import Access, Place
from .assembly import FunctionWriter, Value, constant
from .combine import combine_pair, continued
from .elements import ELEMENTS, convert
from .fuse import MOVES, SCANS
from .interleaved import first_among, read_together
from .kernel import Affine, Buffer, LoopKernel, Step
from .positions import Positions
from .scalar import literal_value, lower, multiply_add, sine_and_cosine
from .vectors import level

Env = dict[int, Value]
"""What has been computed, by the number of the step."""

SINE_AND_COSINE = ("sin", "cos")


def _applies(step: Step, name: str) -> bool:
    return step.kind == "apply" and step.node.primitive.name == name


@dataclass
class Body:
    """What writes the steps of a kernel."""

    access: Access
    positions: Positions
    turned: dict[Value, tuple[Value, Value]] = field(default_factory=dict)

    @property
    def w(self) -> FunctionWriter:
        """The function being written."""
        return self.access.w

    @property
    def kernel(self) -> LoopKernel:
        """The kernel being written."""
        return self.access.kernel

    @property
    def depth(self) -> int:
        """Number of loops."""
        return self.access.depth

    @cached_property
    def read_together(self) -> dict[tuple[Buffer, Affine], int]:
        """Interleaved values that are read, by the first of them."""
        return read_together(self.kernel)

    def step(self, step: Step, place: Place, env: Env) -> Value:
        """The value of a step at a place, given those before it."""
        w = self.w
        match step.kind:
            case "literal":
                return literal_value(step.node)
            case "load":
                assert step.index is not None
                return self._load(step, step.index, place)
            case "iota":
                assert step.index is not None
                number = self.access.row(step.index, place)
                return convert(w, number, INT64, step.node.type.dtype)
            case "select":
                inside, outside = (env[i] for i in step.operands)
                if self.access.never(step.mask):
                    return outside
                condition = self.access.condition(step.mask, place)
                if condition is None:
                    return inside
                return w.select(*level(w, condition, inside, outside))
            case "gather":
                return self.positions.gather(step, place, [env[i] for i in step.operands])
            case "combine":
                return self._combined(step, [env[i] for i in step.operands])
            case "apply":
                return self._apply(step, place, env)

    def _combined(self, step: Step, operands: Sequence[Value]) -> Value:
        if step.node.primitive.name in SCANS:
            carried, *factors, value = operands
            return continued(self.w, step.node, carried, value, next(iter(factors), None))
        pair = [[x] for x in operands]
        return combine_pair(self.w, step.node, *pair)[0]

    def _apply(self, step: Step, place: Place, env: Env) -> Value:
        if step.node.primitive.name in SINE_AND_COSINE and step.operands[0] in self.angles:
            return self._sine_or_cosine(step, env[step.operands[0]])
        if step.node.primitive.name == "fit":
            return self.positions.fitting(step.node, env[step.operands[0]], place)
        contracted = self._contracted(step, env)
        return contracted or lower(self.w, step.node, [env[i] for i in step.operands])

    def _contracted(self, step: Step, env: Env) -> Value | None:
        """A sum or difference with a product, rounded once; None for other steps."""
        node = step.node
        if node.primitive.name not in ("add", "sub") or not is_float(node.type.dtype):
            return None
        for number in (0, 1):
            product = self._product(step, number)
            if product is not None:
                a, b = (env[i] for i in product.operands)
                other = env[step.operands[1 - number]]
                return multiply_add(self.w, node, number == 0, a, b, other)
        return None

    def _product(self, step: Step, number: int) -> Step | None:
        """The step of a product that goes unrounded into a sum.

        Kernels that compute a sum again must get the same bits, or a value differs from its own
        maximum. So whether the product is rounded does not depend on the kernel, only on whether
        the product, or a move of it on the way, is in memory.
        """
        product = self.kernel.steps[step.operands[number]]
        if product.kind != "apply" or product.node.primitive.name != "mul":
            return None
        node = step.node.operands[number]
        while node is not product.node and node.primitive.name in MOVES:
            if node in self.roots:
                return None
            node = node.operands[0]
        return product if node is product.node and node not in self.roots else None

    @cached_property
    def roots(self) -> frozenset[Node]:
        """The nodes that the kernel makes and that others read from memory."""
        return frozenset(self.kernel.roots)

    @cached_property
    def angles(self) -> set[int]:
        """The steps of which both sine and cosine are wanted: for little more than one of them."""
        of = {
            name: {s.operands[0] for s in self.kernel.steps if _applies(s, name)}
            for name in SINE_AND_COSINE
        }
        return of["sin"] & of["cos"]

    def _sine_or_cosine(self, step: Step, angle: Value) -> Value:
        both = self.turned.get(angle)
        if both is None:
            both = self.turned[angle] = sine_and_cosine(self.w, angle)
        return both[SINE_AND_COSINE.index(step.node.primitive.name)]

    def _load(self, step: Step, index: Affine, place: Place) -> Value:
        assert step.buffer is not None
        known = self.access.held.get(step.buffer, index)
        if known is not None:
            return known
        if self.access.never(step.mask):
            return constant(ELEMENTS[step.node.type.dtype], 0)
        if place.width > 1 and step.depth == self.depth and not step.mask and index.coefs[-1] > 1:
            reach = self.read_together.get((step.buffer, first_among(index)[0]))
            if reach is not None:
                return self.access.read_among(step.buffer, index, reach, place)
        condition = self.access.condition(step.mask, place)
        pointer = self.access.address(step.buffer, index, place)
        inner = index.coefs[-1] if index.coefs and step.depth == self.depth else 0
        return self.access.read(step.buffer, pointer, inner, place, condition)
