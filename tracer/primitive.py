"""The row class: all that is true of one primitive.

A row states its types, its meaning in NumPy and its derivative, once; forward mode, reverse mode,
higher orders and the table-driven tests follow from it. The machine code for it stands in
``pullback.codegen`` under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from .errors import UnsupportedFunctionError, at
from .location import user_location

if TYPE_CHECKING:
    from .trace import Tracer
    from .types import ArrayType, DType

Infer: TypeAlias = "Callable[..., ArrayType]"
"""``infer(*operand_types, **params) -> result type``; raises TypeError or ValueError."""

Reference: TypeAlias = "Callable[..., Any]"
"""``reference(*arrays, **params) -> array``: the meaning, in NumPy."""

Partials: TypeAlias = "Callable[..., tuple[Tracer | float | NoDerivative | None, ...]]"
"""``partials(out, *operands, **params)``: the partial derivative by each operand, elementwise.

By a complex operand x + iy, that of a complex result is the derivative of a holomorphic function;
that of a real result is df/dx - i df/dy.
"""


Transpose: TypeAlias = "Callable[..., tuple[Tracer | None, ...]]"
"""``transpose(ct, *operands, **params)``: the cotangent of each operand, None for none."""

Jvp: TypeAlias = "Callable[..., Tracer | None]"
"""``jvp(tangents, out, *operands, **params)``: the tangent of the result, None if it is zero.

``tangents`` has an entry for each operand, None where the operand does not vary or the row has a
transpose for it.
"""


Vjp: TypeAlias = "Callable[..., Sequence[Tracer | None]]"
"""``vjp(cotangents, wants, *operands, **params)``: the cotangent of each operand, None for none.

``cotangents`` are those of the results by their numbers, ``wants`` tells for each operand whether
it is asked for.
"""


Batch: TypeAlias = "Callable[..., Tracer]"
"""``batch(batched, *operands, **params)``: the result for a whole batch, its axis in front.

``batched`` tells for each operand, one of them at least, whether it has the batch axis, in front.
"""


@dataclass(frozen=True)
class NoDerivative:
    """Stands for a partial derivative that is not zero and has no formula: using it raises."""

    what: str

    def __rmul__(self, factor: Any) -> NoReturn:
        """Refuse to be multiplied by a tangent or cotangent."""
        raise UnsupportedFunctionError(
            f"{self.what} is not known to pullback; hold that argument fixed, with "
            f"pb.stop_gradient or by differentiating by the others{at(user_location())}"
        )


@dataclass(frozen=True)
class OfDtype:
    """In a case of a domain: a parameter that is another one for each drawn dtype."""

    make: Callable[[DType], Any]


@dataclass(frozen=True)
class Domain:
    """Operands to test a row with: drawn types and params, and an interval for the values.

    ``cases`` are pairs of operand shapes and params, which may be `OfDtype`; ``low``/``high`` bound
    random values (one pair for all operands, or one for each); ``dtypes`` are the short names the
    row is tested for; ``kinds`` gives, where operands differ, the dtype of each operand ("*" for
    the drawn one).
    ``fixed`` lists operands that tests of derivatives hold fixed. ``prepare`` makes operands of a
    kind, such as symmetric matrices, of the drawn ones, of the same types; written in NumPy, it is
    differentiated along with the row.
    """

    cases: tuple[tuple[tuple[tuple[int, ...], ...], dict[str, Any]], ...]
    low: float | tuple[float, ...] = -2.0
    high: float | tuple[float, ...] = 2.0
    dtypes: tuple[str, ...] = ("f64", "f32")
    kinds: tuple[str, ...] | None = None
    smooth: bool = True
    fixed: tuple[int, ...] = ()
    prepare: Callable[..., tuple[Any, ...]] | None = None


@cache
def _bind() -> Callable[..., Tracer]:
    from .trace import bind

    return bind


@dataclass(frozen=True, eq=False)
class Primitive:
    """One operation that a graph is made of.

    Exactly one of ``partials``, ``transpose`` and ``jvp`` is given for a differentiable row, none
    for one whose derivative is zero or does not exist; a row that is linear in some operands only,
    such as the solution of a linear system, states ``transpose`` for those and ``jvp`` for the
    others. Loops and branches have several results: nodes that differ in the parameter ``result``
    alone are one computation. They state ``jvp``, result by result, and ``vjp`` for the cotangents
    of all results together; ``varies`` tells which results vary with the operands that do (None:
    every one). ``linear`` lists the operands that ``transpose`` is about (None: all);
    with ``jointly`` the row is linear in all of them together (like concatenation), else in each by
    itself (like a product). ``support`` tells for each operand where the result depends on it at
    all (None: everywhere), for rows that choose. ``batch`` is how the row moves through a batch;
    elementwise rows and those without operands need none. A row with an ``effect`` is kept although
    nothing reads it, and such rows stay in the order of the program.
    """

    name: str
    infer: Infer
    reference: Reference
    domain: Domain | None = None
    partials: Partials | None = None
    transpose: Transpose | None = None
    jvp: Jvp | None = None
    vjp: Vjp | None = None
    varies: Callable[..., Sequence[bool]] | None = None
    linear: tuple[int, ...] | None = None
    jointly: bool = False
    elementwise: bool = False
    support: Callable[..., tuple[Tracer | None, ...]] | None = None
    batch: Batch | None = None
    symbol: str | None = None
    effect: bool = False

    def linear_operands(self, count: int) -> tuple[int, ...]:
        """Which of ``count`` operands the row is linear in."""
        return tuple(range(count)) if self.linear is None else tuple(i % count for i in self.linear)

    @property
    def differentiable(self) -> bool:
        """Whether a derivative can pass through."""
        return not (self.partials is None and self.transpose is None and self.jvp is None)

    def __call__(self, *operands: Tracer, **params: Any) -> Tracer:
        """Add a node to the graph that is being traced."""
        return _bind()(self, operands, params)

    def __repr__(self) -> str:
        return f"Primitive({self.name})"


TABLE: dict[str, Primitive] = {}
"""Every primitive by name, in the order of definition."""

LOWERED: dict[str, Primitive] = {}
"""Primitives that only lowering makes, which have neither meaning in NumPy nor derivative."""


def register(primitive: Primitive) -> Primitive:
    """Enter a row into the table."""
    assert primitive.name not in TABLE, f"two primitives are called {primitive.name}"
    forms = [primitive.partials, primitive.transpose, primitive.jvp]
    partly = primitive.transpose is not None and primitive.linear is not None
    one = sum(form is not None for form in forms) <= 1 or (primitive.partials is None and partly)
    assert one, f"{primitive.name}: one derivative only"
    TABLE[primitive.name] = primitive
    return primitive
