"""Random programs: compiled as interpreted, printed and read back, derivatives in both modes.

A program is grown a row at a time on traced values, and at the same time computed with the rows'
references on arrays; so a graph is also compared with what was asked of the builder, whose
simplifications come between. Functions are kept where they and their derivatives are tame. What
jumps (comparisons, rounding) only sees values that are not rounded, which machine code may round
otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

import pullback as pb
from pullback.codegen import split
from pullback.tracer.check import check_graph
from pullback.tracer.ir import Graph
from pullback.tracer.passes.adjoint import vjp
from pullback.tracer.passes.batch import batch
from pullback.tracer.passes.tangent import jvp
from pullback.tracer.primitive import TABLE
from pullback.tracer.trace import Tracer, literal, new_trace
from pullback.tracer.transform import inline
from pullback.tracer.types import (
    COMPLEX64,
    DTYPES,
    FLOAT16,
    FLOAT32,
    ArrayType,
    is_complex,
    is_float,
    is_inexact,
)

from .test_source import as_program

Array = np.ndarray[Any, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
LARGEST = 1500


@dataclass(frozen=True)
class Value:
    """A traced value, what it is at one point, and whether it is free of rounding."""

    tracer: Tracer
    array: Array
    exact: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def kind(self) -> str:
        return self.array.dtype.kind


EXACT = frozenset(
    (
        "neg",
        "abs",
        "sign",
        "floor",
        "ceil",
        "trunc",
        "round",
        "maximum",
        "minimum",
        "clip",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "bit_and",
        "bit_or",
        "bit_xor",
        "bit_not",
        "where",
        "stop_gradient",
        "broadcast",
        "reshape",
        "permute",
        "slice",
        "flip",
        "pad",
        "concatenate",
        "update_slice",
        "gather",
        "scatter",
        "reduce_max",
        "reduce_min",
        "reduce_any",
        "reduce_all",
        "argmax",
        "argmin",
        "is_nan",
        "is_finite",
    )
)
"""Rows that round nothing."""


def apply(name: str, *operands: Value, **params: Any) -> Value:
    row = TABLE[name]
    tracer = row(*[x.tracer for x in operands], **params)
    with np.errstate(all="ignore"):
        array = np.asarray(row.reference(*[x.array for x in operands], **params), tracer.dtype)
    whole = all(x.kind in "ib" for x in operands)
    exact = all(x.exact for x in operands) and (name in EXACT or whole)
    return Value(tracer, array, exact)


def number(value: Any, like: Value) -> Value:
    tracer = literal(value, like.dtype)
    array = np.asarray(value, like.dtype)
    return apply("broadcast", Value(tracer, array, True), shape=like.shape, axes=())


class Programmer:
    """Grows one program."""

    def __init__(self, draw: Draw, extents: Sequence[int], rng: np.random.Generator) -> None:
        self.draw = draw
        self.extents = extents
        self.rng = rng
        self.values: list[Value] = []

    # -- choosing ------------------------------------------------------------------------------

    def one_of(self, options: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def whole(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def flag(self) -> bool:
        return self.draw(st.booleans())

    def pick(self, where: Callable[[Value], bool] = lambda x: True) -> Value | None:
        """A value, the newest first."""
        options = [x for x in reversed(self.values) if where(x)]
        return self.one_of(options) if options else None

    def operand(self, kinds: str = "fib", exact: bool = False, axes: int = 0) -> Value:
        """A value of these kinds of dtype, converted to it if there is none."""
        found = self.pick(
            lambda x: x.kind in kinds and (x.exact or not exact) and len(x.shape) >= axes
        )
        return found if found is not None else self.parameter(kinds, axes)

    def like(self, x: Value) -> Value:
        """A value of the same type: there already, or made by broadcasting."""
        same = self.pick(lambda y: y.shape == x.shape and y.dtype == x.dtype)
        if same is not None and self.flag():
            return same
        y = self.pick(lambda y: self._spreads(y, x)) or x
        if y.dtype != x.dtype:
            y = self.converted(y, x.dtype)
        return self.spread(y, x.shape)

    def _spreads(self, y: Value, x: Value) -> bool:
        if y.kind == "f" and x.kind != "f":
            return False
        return y.shape == x.shape or self._axes(y.shape, x.shape) is not None

    def _axes(self, small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...] | None:
        """Increasing axes of ``large`` that have the extents of ``small``."""
        axes, at = [], 0
        for n in small:
            while at < len(large) and large[at] != n:
                at += 1
            if at == len(large):
                return None
            axes.append(at)
            at += 1
        return tuple(axes)

    def spread(self, y: Value, shape: tuple[int, ...]) -> Value:
        if y.shape == shape:
            return y
        axes = self._axes(y.shape, shape)
        assert axes is not None
        return apply("broadcast", y, shape=shape, axes=axes)

    def converted(self, x: Value, dtype: np.dtype[Any]) -> Value:
        result = apply("convert", x, dtype=dtype)
        wider = not (x.kind == "f" and dtype == np.float32) and x.kind in "fib"
        small = x.kind == "b" or bool(np.all(np.abs(x.array) < np.float64(2**20)))
        return Value(result.tracer, result.array, x.exact and wider and small)

    # -- parameters ----------------------------------------------------------------------------

    def parameter(self, kinds: str = "fffib", axes: int = 0) -> Value:
        names = {"f": ("f64", "f64", "f32"), "i": ("i64", "i32", "i16", "i8"), "b": ("bool",)}
        dtype = DTYPES[self.one_of(names[self.one_of(kinds)])]
        shape = tuple(self.one_of(self.extents) for _ in range(max(axes, self.whole(0, 3))))
        while math.prod(shape) > LARGEST:
            shape = (*shape[:-1], 2) if shape[-1] > 2 else shape[:-1]
        if dtype.kind == "f":
            array = np.asarray(self.rng.uniform(-2.0, 2.0, shape)).astype(dtype)
        elif dtype.kind == "i":
            array = np.asarray(self.rng.integers(-9, 10, shape)).astype(dtype)
        else:
            array = np.asarray(self.rng.random(shape) < 0.5)
        from pullback.tracer.trace import current_trace

        node = current_trace().builder.parameter(ArrayType(shape, dtype))
        value = Value(Tracer(node), array, True)
        self.values.append(value)
        self.parameters.append(array)
        return value

    # -- programs ------------------------------------------------------------------------------

    def grow(self, steps: int) -> tuple[Graph, list[Array], list[Array]]:
        """The graph, its arguments and its results."""
        self.parameters: list[Array] = []
        with new_trace() as trace:
            for _ in range(self.whole(1, 3)):
                self.parameter()
            for _ in range(steps):
                self.values.append(self.one_of(STEPS)(self))
            results = [self.values[-1]]
            for _ in range(self.whole(0, 2)):
                results.append(self.one_of(self.values))
            graph = trace.builder.graph([x.tracer.node for x in results])
        return graph, self.parameters, [x.array for x in results]

    # -- elementwise ---------------------------------------------------------------------------

    def unary(self) -> Value:
        x = self.operand("f")
        name = self.one_of(["sin", "cos", "tanh", "neg", "abs", "atan", "asinh", "logistic", "erf"])
        return apply(name, x)

    def tame(self) -> Value:
        """Functions of part of the line, of values that are in it."""
        x = self.operand("f")
        one = number(1.0, x)
        positive = apply("add", apply("mul", x, x), one)
        name = self.one_of(["sqrt", "log", "exp", "div", "cbrt", "log2", "pow", "hypot", "log1p"])
        match name:
            case "exp":
                return apply("exp", apply("tanh", x))
            case "div":
                return apply("div", self.like(x), positive)
            case "pow":
                return apply("pow", positive, apply("sin", self.like(x)))
            case "hypot":
                return apply("hypot", positive, self.like(x))
            case _:
                return apply(name, positive)

    def binary(self) -> Value:
        x = self.operand("fi")
        name = self.one_of(["add", "sub", "mul", "maximum", "minimum", "add", "sub", "mul"])
        y = self.like(x)
        return apply(name, y, x) if self.flag() else apply(name, x, y)

    def power(self) -> Value:
        return apply("integer_pow", self.operand("f"), n=self.one_of([2, 3, 4]))

    def with_number(self) -> Value:
        x = self.operand("fi")
        value = (
            self.one_of([0, 1, -1, 2, 3]) if x.kind == "i" else self.one_of([0.0, 1.0, -1.0, 0.5])
        )
        name = self.one_of(["add", "sub", "mul", "maximum"])
        y = number(value, x)
        return apply(name, y, x) if self.flag() else apply(name, x, y)

    def rounded(self) -> Value:
        name = self.one_of(["floor", "ceil", "trunc", "round", "sign"])
        return apply(name, self.operand("f", exact=True))

    def divided(self) -> Value:
        x = self.operand("i")
        return apply(self.one_of(["floor_divide", "remainder"]), x, self.like(x))

    def bits(self) -> Value:
        x = self.operand("ib")
        name = self.one_of(["bit_and", "bit_or", "bit_xor", "bit_not"])
        return apply(name, x) if name == "bit_not" else apply(name, x, self.like(x))

    def compared(self) -> Value:
        x = self.operand(exact=True)
        y = self.like(x)
        y = y if y.exact else number(0, x)
        return apply(self.one_of(["eq", "ne", "lt", "le", "gt", "ge"]), x, y)

    def chosen(self) -> Value:
        x = self.operand()
        condition = self.pick(lambda c: c.kind == "b" and self._spreads(c, x))
        if condition is None:
            threshold = x if x.exact and x.kind != "b" else None
            condition = (
                apply("gt", threshold, number(0, x))
                if threshold is not None
                else apply("broadcast", _true(), shape=x.shape, axes=())
            )
        return apply("where", self.spread(condition, x.shape), x, self.like(x))

    def guarded(self) -> Value:
        """A function outside of its domain, in the branch that is not taken."""
        x = self.operand("f", exact=True)
        positive = apply("gt", x, number(0.0, x))
        name = self.one_of(["log", "sqrt", "div"])
        risky = apply("div", number(1.0, x), x) if name == "div" else apply(name, x)
        far = apply("gt", x, number(0.25, x))
        return apply("where", apply("bit_and", positive, far), risky, self.like(x))

    def clipped(self) -> Value:
        x = self.operand("fi")
        return apply("clip", x, number(-1, x), number(1, x))

    def convert(self) -> Value:
        x = self.operand(exact=True)
        return self.converted(x, DTYPES[self.one_of(list(DTYPES))])

    def stopped(self) -> Value:
        return apply("stop_gradient", self.operand())

    # -- structure -----------------------------------------------------------------------------

    def broadcast(self) -> Value:
        x = self.operand()
        extent, at = self.one_of(self.extents), self.whole(0, len(x.shape))
        if extent * x.array.size > LARGEST or len(x.shape) > 3:
            return apply("neg", self.operand("fi"))
        shape = (*x.shape[:at], extent, *x.shape[at:])
        axes = tuple(a for a in range(len(shape)) if a != at)
        return apply("broadcast", x, shape=shape, axes=axes)

    def reshape(self) -> Value:
        x = self.operand()
        factors = [p for n in x.shape for p in _factors(n)]
        factors = self.draw(st.permutations(factors)) if self.flag() else factors
        shape: list[int] = []
        for p in factors:
            if shape and self.flag() and len(factors) - len(shape) > 1:
                shape[-1] *= p
            else:
                shape.append(p)
        while len(shape) > 4:
            shape[-2:] = [shape[-2] * shape[-1]]
        if self.flag() and len(shape) < 4:
            shape.insert(self.whole(0, len(shape)), 1)
        return apply("reshape", x, shape=tuple(shape))

    def permute(self) -> Value:
        x = self.operand(axes=2)
        return apply("permute", x, axes=tuple(self.draw(st.permutations(range(len(x.shape))))))

    def slice(self) -> Value:
        x = self.operand(axes=1)
        ranges = [self._range(n) for n in x.shape]
        starts, sizes, steps = zip(*ranges, strict=True)
        return apply("slice", x, starts=starts, sizes=sizes, steps=steps)

    def _range(self, n: int) -> tuple[int, int, int]:
        """Start, size and step of a slice, seldom empty."""
        if n == 0 or self.whole(0, 9) == 0:
            return 0, 0, 1
        start, step = self.whole(0, n - 1), self.one_of([1, 1, 2, 3, -1, -1, -2])
        most = (n - 1 - start) // step + 1 if step > 0 else start // -step + 1
        return start, self.whole(1, most), step

    def flip(self) -> Value:
        x = self.operand(axes=1)
        axes = tuple(a for a in range(len(x.shape)) if self.flag())
        return apply("flip", x, axes=axes)

    def pad(self) -> Value:
        x = self.operand(axes=1)
        width = st.integers(0, 2)
        low, high, interior = (
            tuple(self.draw(width) if on else 0 for _ in x.shape)
            for on in (True, True, self.flag())
        )
        zero = Value(literal(0, x.dtype), np.zeros((), x.dtype), True)
        scalar = self.pick(lambda y: y.shape == () and y.dtype == x.dtype) or zero
        return self._small(apply("pad", x, scalar, low=low, high=high, interior=interior))

    def concatenate(self) -> Value:
        x = self.operand(axes=1)
        axis = self.whole(0, len(x.shape) - 1)

        def fits(y: Value) -> bool:
            rest = [a for a in range(len(x.shape)) if a != axis]
            same = y.dtype == x.dtype and len(y.shape) == len(x.shape)
            return same and all(y.shape[a] == x.shape[a] for a in rest)

        others = [self.pick(fits) or x for _ in range(self.whole(1, 2))]
        return self._small(
            apply("concatenate", *self.draw(st.permutations([x, *others])), axis=axis)
        )

    def update_slice(self) -> Value:
        x = self.operand(axes=1)
        starts = tuple(self.whole(0, max(n - 1, 0)) for n in x.shape)
        steps = tuple(self.one_of([1, 1, 2]) for _ in x.shape)
        most = [
            (n - 1 - start) // step + 1 if n else 0
            for n, start, step in zip(x.shape, starts, steps, strict=True)
        ]
        shape = tuple(self.whole(min(m, 1), m) for m in most)
        y = self.pick(lambda y: y.dtype == x.dtype and self._axes(y.shape, shape) is not None)
        y = y or Value(literal(1, x.dtype), np.ones((), x.dtype), True)
        return apply("update_slice", x, self.spread(y, shape), starts=starts, steps=steps)

    def _small(self, x: Value) -> Value:
        """The value, or some of it where it has grown large."""
        if x.array.size <= LARGEST:
            return x
        sizes = tuple(min(n, 5) for n in x.shape)
        count = len(sizes)
        return apply("slice", x, starts=(0,) * count, sizes=sizes, steps=(1,) * count)

    # -- reductions ----------------------------------------------------------------------------

    def _some_axes(self, x: Value) -> tuple[int, ...]:
        return tuple(a for a in range(len(x.shape)) if self.flag())

    def reduce(self) -> Value:
        x = self.operand("fi", axes=1)
        name = self.one_of(["reduce_sum", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod"])
        if name in ("reduce_max", "reduce_min") and 0 in x.shape:
            name = "reduce_sum"
        if name == "reduce_prod" and x.kind == "f":
            x = apply("tanh", x)
        return apply(name, x, axes=self._some_axes(x))

    def mean(self) -> Value:
        x = self.operand("f", axes=1)
        axes = tuple(range(len(x.shape)))
        total = apply("reduce_sum", x, axes=axes)
        return apply("mul", total, number(1.0 / max(x.array.size, 1), total))

    def quantify(self) -> Value:
        x = self.operand("b", axes=1)
        return apply(self.one_of(["reduce_any", "reduce_all"]), x, axes=self._some_axes(x))

    def position(self) -> Value:
        x = self.operand(exact=True, axes=1)
        axis = self.whole(0, len(x.shape) - 1)
        if x.shape[axis] == 0:
            return apply("reduce_any", self.operand("b", axes=1), axes=(0,))
        return apply(self.one_of(["argmax", "argmin"]), x, axis=axis)

    def cumsum(self) -> Value:
        x = self.operand("fi", axes=1)
        return apply("cumsum", x, axis=self.whole(0, len(x.shape) - 1), reverse=self.flag())

    # -- products ------------------------------------------------------------------------------

    def dot(self) -> Value:
        x = self.operand("fi", axes=1)
        y = self.pick(lambda y: y.dtype == x.dtype and len(y.shape) >= 1) or x
        pairs = [
            (a, b)
            for a in range(len(x.shape))
            for b in range(len(y.shape))
            if x.shape[a] == y.shape[b]
        ]
        contract: list[tuple[int, int]] = []
        batch: list[tuple[int, int]] = []
        for a, b in self.draw(st.permutations(pairs)):
            used = [*contract, *batch]
            if a in [p for p, _ in used] or b in [q for _, q in used]:
                continue
            self.one_of([contract, contract, batch, []]).append((a, b))
        free = math.prod(x.shape) * math.prod(y.shape)
        free //= max(math.prod(x.shape[a] for a, _ in (*contract, *batch)) ** 2, 1)
        many = free * math.prod(x.shape[a] for a, _ in batch) > LARGEST
        if many or len(x.shape) + len(y.shape) - 2 * len(contract) - len(batch) > 4:
            x, y = self._vector(x), self._vector(y)
            return apply("mul", x, x) if x.shape != y.shape else apply("mul", x, y)
        return apply("dot", x, y, contract=_pairs(contract), batch=_pairs(batch))

    def _vector(self, x: Value) -> Value:
        return apply("reduce_sum", x, axes=tuple(range(1, len(x.shape))))

    # -- computed places -----------------------------------------------------------------------

    def _places(self, n: int, shape: tuple[int, ...] | None = None) -> Value:
        """Indices within an extent, some of them negative."""
        i = self.operand("i")
        if shape is not None:
            zero = Value(literal(0, i.dtype), np.zeros((), i.dtype), True)
            i = self.pick(lambda v: v.dtype == i.dtype and v.shape == shape) or apply(
                "broadcast", zero, shape=shape, axes=()
            )
        i = apply("remainder", i, number(n, i))
        return apply("sub", i, number(n, i)) if self.flag() else i

    def gather(self) -> Value:
        x = self.operand(axes=1)
        if 0 in x.shape:
            return apply("flip", x, axes=(0,))
        first = self._places(x.shape[0])
        indices = [first]
        if len(x.shape) > 1 and self.flag():
            second = self._places(x.shape[1], first.shape)
            if second.dtype == first.dtype:
                indices.append(second)
        rest = math.prod(x.shape[len(indices) :])
        if first.array.size * rest > LARGEST or len(first.shape) + len(x.shape) > 5:
            return apply("flip", x, axes=(0,))
        return apply("gather", x, *indices)

    def scatter(self) -> Value:
        x = self.operand("fi", axes=1)
        name = self.one_of(["scatter", "scatter_add", "scatter_add"])
        if 0 in x.shape:
            return apply("flip", x, axes=(0,))
        i = self._places(x.shape[0])
        shape = (*i.shape, *x.shape[1:])
        if math.prod(shape) > LARGEST or len(shape) > 4:
            return apply("flip", x, axes=(0,))
        y = self.pick(lambda y: y.dtype == x.dtype and self._axes(y.shape, shape) is not None)
        y = y or Value(literal(1, x.dtype), np.ones((), x.dtype), True)
        return apply(name, x, i, self.spread(y, shape))


STEPS = [
    Programmer.unary, Programmer.tame, Programmer.binary, Programmer.binary, Programmer.power,
    Programmer.with_number, Programmer.rounded, Programmer.divided, Programmer.bits,
    Programmer.compared, Programmer.chosen, Programmer.guarded, Programmer.clipped,
    Programmer.convert, Programmer.stopped, Programmer.broadcast, Programmer.reshape,
    Programmer.reshape, Programmer.permute, Programmer.slice, Programmer.slice, Programmer.flip,
    Programmer.pad, Programmer.concatenate, Programmer.update_slice, Programmer.reduce,
    Programmer.reduce, Programmer.mean, Programmer.quantify, Programmer.position,
    Programmer.cumsum, Programmer.dot, Programmer.dot, Programmer.gather, Programmer.scatter,
]  # fmt: skip


def _true() -> Value:
    return Value(literal(True, np.dtype(bool)), np.array(True), True)


def _factors(n: int) -> list[int]:
    """The prime factors; of zero itself."""
    factors, p = [], 2
    while n > 1:
        if n % p:
            p += 1
        else:
            factors.append(p)
            n //= p
    return factors or [n]


def _pairs(pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)


# -- checks ------------------------------------------------------------------------------------


def compiled(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
    """The results; all arguments but the first one may be overwritten, in copies."""
    donated = range(1, len(arguments))
    function = pb.jit(lambda *xs: tuple(inline(graph, xs)), donate_argnums=tuple(donated))
    results = function(*map(np.copy, arguments))
    return [np.asarray(x) for x in results]


def precision(graph: Graph) -> float:
    dtypes = dtypes_of(graph)
    return 1e-10 if dtypes.isdisjoint((FLOAT32, COMPLEX64)) else 1e-4


def dtypes_of(graph: Graph) -> set[np.dtype[Any]]:
    return {x.type.dtype for x in (*graph.parameters, *graph.nodes)}


def scale(values: Sequence[Array]) -> float:
    """The largest finite number."""
    finite = [np.abs(x[np.isfinite(x)]) for x in values if x.dtype.kind == "f"]
    return max((float(np.max(x)) for x in finite if x.size), default=0.0)


def assert_same(got: Sequence[Array], want: Sequence[Array], allowed: float, about: Graph) -> None:
    """Equal types; equal integers; floats as near as the largest number on the way lets them be."""
    assert len(got) == len(want)
    for i, (x, y) in enumerate(zip(got, want, strict=True)):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        if y.dtype.kind == "f":
            text = f"output {i} of\n{about.text(locations=False)}"
            np.testing.assert_allclose(x, y, rtol=allowed, atol=allowed, err_msg=text)
        else:
            np.testing.assert_array_equal(x, y, err_msg=f"output {i}")


def sound(graph: Graph) -> Graph:
    """The graph, checked, printed and read back."""
    check_graph(graph)
    again = pb.parse(graph.text())
    assert again.text() == graph.text()
    check_graph(again)
    return again


def values_of(graph: Graph, arguments: Sequence[Array]) -> list[Array]:
    """Every value of the graph."""
    every = Graph(graph.parameters, graph.nodes, (*graph.parameters, *graph.nodes))
    return list(every.evaluate(*arguments))


def is_tame(graph: Graph, arguments: Sequence[Array]) -> bool:
    return all(bool(np.all(np.isfinite(x))) for x in graph.evaluate(*arguments)) and (
        scale(values_of(graph, arguments)) < 1e6
    )


EXTENTS = {
    "small": (1, 2, 3, 4, 5, 0),
    "vectors": (1, 2, 7, 8, 9, 16, 17, 33),
    "matrices": (3, 16, 17, 20, 24),
    "parts": (1, 2, 9, 11, 67),
}


@pytest.fixture(autouse=True)
def in_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops of any size are shared by threads, where that is what is tested."""
    if "parts" in request.node.name:
        monkeypatch.setattr(split, "LEAST_WORK", 1)
        pb.clear_cache()
        pb.set_num_threads(3)


@pytest.mark.parametrize("extents", EXTENTS)
@given(data=st.data())
def test_random_program(extents: str, data: st.DataObject):
    rng = np.random.default_rng(data.draw(st.integers(0, 1000), label="seed"))
    programmer = Programmer(data.draw, EXTENTS[extents], rng)
    steps = data.draw(st.integers(2, 15))
    graph, arguments, results = programmer.grow(steps)
    note(graph.text(locations=False))
    again = sound(graph)
    if not is_tame(graph, arguments):
        return
    allowed = precision(graph) * (1.0 + scale(values_of(graph, arguments)))
    assert_same(graph.evaluate(*arguments), results, allowed, graph)
    assert_same(again.evaluate(*arguments), results, allowed, graph)
    assert_same(compiled(graph, arguments), results, allowed, graph)
    assert_same(as_program(graph, arguments), results, allowed, graph)
    check_batch(graph, arguments, rng)
    check_derivatives(graph, arguments, rng)


def check_batch(graph: Graph, arguments: list[Array], rng: np.random.Generator) -> None:
    """Some parameters batched: as a loop over the batch."""
    flags = [bool(rng.random() < 0.7) for _ in arguments]
    result, of_outputs = batch(graph, flags, 2)
    sound(result)
    examples = [arguments, [np.flip(x) for x in arguments]]
    given_ = [np.stack([x, y]) if flag else x for x, y, flag in zip(*examples, flags, strict=True)]
    got = result.evaluate(*given_)
    for number, example in enumerate(examples):
        mixed = [x if flag else y for x, y, flag in zip(example, arguments, flags, strict=True)]
        if not is_tame(graph, mixed):
            return
        want = graph.evaluate(*mixed)
        allowed = precision(graph) * (1.0 + scale(values_of(graph, mixed)))
        one = [x[number] if flag else x for x, flag in zip(got, of_outputs, strict=True)]
        assert_same(one, want, allowed, result)


def random_like(rng: np.random.Generator, shape: Any, dtype: Any) -> Array:
    drawn = np.asarray(rng.uniform(-1, 1, shape))
    return (drawn + 1j * rng.uniform(-1, 1, shape) if is_complex(dtype) else drawn).astype(dtype)


HALF_PRECISION = 4 * float(np.finfo(np.float16).eps)


def check_derivatives(graph: Graph, arguments: list[Array], rng: np.random.Generator) -> None:
    """Reverse against forward mode, and both compiled."""
    wrt = [i for i, x in enumerate(arguments) if is_float(x.dtype)]
    floating = [x for x in graph.outputs if is_inexact(x.type.dtype)]
    if not wrt or not floating:
        return
    tangents = [random_like(rng, arguments[i].shape, arguments[i].dtype) for i in wrt]
    cts = [random_like(rng, x.type.shape, x.type.dtype) for x in floating]
    forward, backward = jvp(graph, wrt), vjp(graph, wrt)
    note(backward.text(locations=False))
    for derived, given_ in ((forward, tangents), (backward, cts)):
        sound(derived)
        everything = [*arguments, *map(np.asarray, given_)]
        if not is_tame(derived, everything):
            assert all(np.all(np.isfinite(x)) for x in derived.evaluate(*everything))
            return
    count = len(graph.outputs)
    pushed = forward.evaluate(*arguments, *tangents)
    pulled = backward.evaluate(*arguments, *cts)
    allowed = precision(graph) * (1.0 + scale(values_of(forward, [*arguments, *tangents])))
    allowed = max(
        allowed, precision(graph) * (1.0 + scale(values_of(backward, [*arguments, *cts])))
    )
    left = [np.sum(t * np.complex128(ct)) for t, ct in zip(pushed[count:], cts, strict=True)]
    right = [np.sum(t * np.float64(ct)) for t, ct in zip(tangents, pulled[count:], strict=True)]
    terms = 1 + sum(x.size for x in (*tangents, *cts))
    # Each mode rounds to half precision what is of it.
    rounded = HALF_PRECISION / precision(graph) if FLOAT16 in dtypes_of(graph) else 1.0
    assert abs(np.real(sum(left)) - sum(right)) <= allowed * terms * rounded
    if scale(pulled[count:]) and precision(graph) < 1e-6:
        check_second_order(graph, wrt, arguments, tangents, cts)
    assert_same(compiled(forward, [*arguments, *tangents]), pushed, allowed, forward)
    assert_same(compiled(backward, [*arguments, *cts]), pulled, allowed, backward)
    assert_same(as_program(backward, [*arguments, *cts]), pulled, allowed, backward)


def check_second_order(
    graph: Graph,
    wrt: list[int],
    arguments: list[Array],
    tangents: list[Array],
    cts: list[Array],
) -> None:
    """Forward over reverse mode against reverse over forward mode: the Hessian is symmetric."""
    count = len(graph.outputs)
    one = sound(jvp(vjp(graph, wrt), wrt))
    floating = [i for i, x in enumerate(graph.outputs) if is_inexact(x.type.dtype)]
    two = sound(vjp(jvp(graph, wrt), wrt, range(count, count + len(floating))))
    first, second = [*arguments, *cts, *tangents], [*arguments, *tangents, *cts]
    if not (is_tame(one, first) and is_tame(two, second)):
        return
    size = scale(values_of(one, first)) + scale(values_of(two, second))
    along = one.evaluate(*first)[-len(wrt) :]
    pulled = two.evaluate(*second)[-len(wrt) :]
    allowed = HALF_PRECISION if FLOAT16 in dtypes_of(graph) else 1e-9
    assert_same(along, pulled, allowed * (1.0 + size), one)
