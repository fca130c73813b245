"""SymPy's expressions as nodes, in the trace that is under way.

Every part of an expression is read once, however often it stands there. A constant part stays
SymPy's until it meets a traced value, and is then the nearest number. Indices of sums are axes in
front of those that the arguments have in common; an inner index is before an outer one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import sympy

from ..errors import UnsupportedFunctionError, at
from ..location import user_location
from ..numpy.promotion import common_shape, prepare, shape_of, spread
from ..primitives import elementwise as rows
from ..primitives.reduction import reduce_prod, reduce_sum
from ..primitives.structure import reshape
from ..trace import Tracer
from ..types import BOOL, DType, Shape
from .accurate import accurate
from .functions import BOOLEAN, REWRITTEN, ROWS, WHOLE_ORDER
from .places import Places, elements

Value: TypeAlias = Any
"""A tracer, or a part of an expression without symbols."""

DIGITS, LARGEST = 30, 2**1023

_ELEMENT = sympy.matrices.expressions.matexpr.MatrixElement


@dataclass(frozen=True)
class Index:
    """The index of a sum and its values, in order."""

    symbol: Any
    values: range


@dataclass
class Reading:
    """What has been read of expressions of symbols that stand for traced values.

    ``shape`` is what the arguments broadcast to; all numbers are of ``dtype``. ``functions`` are
    the user's, by name. What is read counts ``within`` some values of the indices, as a piece of a
    whole does.
    """

    dtype: DType
    shape: Shape
    made: dict[Any, Value]
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    indices: tuple[Index, ...] = ()
    within: Any = True

    def read(self, expression: Any) -> Tracer:
        """The value of an expression."""
        waiting = [expression]
        while waiting:
            x = waiting[-1]
            if x in self.made:
                waiting.pop()
                continue
            if x.is_Atom and not isinstance(x, sympy.Indexed):
                self.made[x] = self._atom(x)
                continue
            other = self._replacement(x)
            needed = [other] if other is not None else self._parts(x)
            missing = [y for y in needed if y not in self.made]
            if missing:
                waiting += reversed(missing)
            else:
                found = self._built(x) if other is None else self.made[other]
                self.made[x] = found if isinstance(found, Tracer) else x
        found = self.made[expression]
        return found if isinstance(found, Tracer) else prepare(number(found), self.dtype, ())

    # -- parts -------------------------------------------------------------------------------------

    def _parts(self, x: Any) -> Sequence[Any]:
        """What is to be read before an expression."""
        if isinstance(x, (sympy.Sum, sympy.Product)):
            return ()
        if isinstance(x, sympy.Piecewise) and self._is_by_index(x):
            return ()
        if isinstance(x, (sympy.Indexed, _ELEMENT)):
            return (x.args[0],)
        found: Sequence[Any] = x.args
        return found

    def _atom(self, x: Any) -> Value:
        if x.free_symbols:
            raise ValueError(f"{x} is none of the symbols{at(user_location())}")
        return x

    def _replacement(self, x: Any) -> Any:
        """Another expression that is read instead."""
        if x.func.__name__ in self.functions or _row_of_order(x) is not None:
            return None
        if x.func in REWRITTEN:
            return REWRITTEN[x.func](*x.args)
        if isinstance(x, (sympy.Derivative, sympy.Subs)):
            other = x.doit()
            return None if other == x else other
        return accurate(x)

    def _built(self, x: Any) -> Value:
        reader = _READERS.get(x.func)
        if reader is not None:
            return reader(self, x)
        operands = [self.made[y] for y in x.args]
        given = self.functions.get(x.func.__name__)
        if given is not None:
            found = given(*self.together(operands))
            return prepare(found, self.dtype, shape_of(found))
        if not any(isinstance(y, Tracer) for y in operands):
            return x
        if x.func in BOOLEAN:
            relation = isinstance(x, sympy.core.relational.Relational)
            return BOOLEAN[x.func](*self.together(operands, None if relation else BOOL))
        return self._applied(x, operands)

    def _applied(self, x: Any, operands: Sequence[Value]) -> Tracer:
        ordered = _row_of_order(x)
        if ordered is not None:
            return ordered(*self.together(operands[1:]))
        if x.func in ROWS:
            return ROWS[x.func](*self.together(operands))
        raise UnsupportedFunctionError(
            f"{x.func.__name__} of SymPy has no meaning in compiled code: {_short(x)}\n"
            f"  evaluate it first with .doit() or .rewrite(), or give functions={{"
            f"{x.func.__name__!r}: a function of arrays}}{at(user_location())}"
        )

    def together(self, values: Sequence[Value], dtype: DType | None = None) -> list[Tracer]:
        """Values as tracers of one shape and dtype."""
        dtype = dtype or self.dtype
        shape = common_shape([x.shape if isinstance(x, Tracer) else () for x in values])
        return [
            spread(x, shape) if isinstance(x, Tracer) else prepare(number(x), dtype, shape)
            for x in values
        ]

    # -- sums and products -------------------------------------------------------------------------

    def add(self, x: Any) -> Value:
        """The traced terms, and a number for all that are constant."""
        values = [self.made[y] for y in x.args]
        traced = [v for v in values if isinstance(v, Tracer)]
        if not traced:
            return x
        constants = [v for v in values if not isinstance(v, Tracer)]
        total = reduce(lambda a, b: self._binary(rows.add, a, b), traced)
        if constants:
            return self._binary(rows.add, total, sympy.Add(*constants))
        return total

    def mul(self, x: Any) -> Value:
        """The factors over the denominators."""
        if not any(isinstance(self.made[y], Tracer) for y in x.args):
            return x
        over: list[Value] = []
        under: list[Value] = []
        constant: Any = sympy.S.One
        for y in x.args:
            value = self.made[y]
            if not isinstance(value, Tracer):
                constant = constant * value
            elif isinstance(y, sympy.Pow) and _is_negative_number(y.exp) and y.base in self.made:
                under.append(self._power(self.made[y.base], -y.exp))
            else:
                over.append(value)
        return self._quotient(constant, over, under)

    def _quotient(self, constant: Any, over: Sequence[Value], under: Sequence[Value]) -> Tracer:
        found: Value = constant
        if over:
            found = reduce(lambda a, b: self._binary(rows.mul, a, b), over)
            if constant == -1:
                found = -found
            elif constant != 1:
                found = self._binary(rows.mul, constant, found)
        if under:
            found = self._binary(
                rows.div, found, reduce(lambda a, b: self._binary(rows.mul, a, b), under)
            )
        assert isinstance(found, Tracer)
        return found

    def _binary(self, row: Callable[..., Tracer], a: Value, b: Value) -> Tracer:
        return row(*self.together((a, b)))

    def pow(self, x: Any) -> Value:
        """A power, by multiplications, roots or exponentials where it can be."""
        base, exponent = self.made[x.base], self.made[x.exp]
        if not isinstance(base, Tracer) and not isinstance(exponent, Tracer):
            return x
        return self._power(base, exponent)

    def _power(self, base: Value, exponent: Value) -> Tracer:
        if not isinstance(base, Tracer):
            if base == sympy.E:
                return rows.exp(exponent)
            return rows.exp2(exponent) if base == 2 else self._binary(rows.pow, base, exponent)
        if isinstance(exponent, Tracer):
            return self._binary(rows.pow, base, exponent)
        if exponent.is_negative:
            return self._binary(rows.div, sympy.S.One, self._power(base, -exponent))
        if exponent.is_Integer and exponent > 0:
            return base ** int(exponent)
        if exponent.is_Rational and exponent.q == 2:
            whole, root = exponent.p // 2, rows.sqrt(base)
            return root if whole == 0 else base**whole * root
        return self._binary(rows.pow, base, exponent)

    # -- choices -----------------------------------------------------------------------------------

    def pair(self, x: Any) -> Value:
        """A piece, which is read by the whole."""
        return x

    def piecewise(self, x: Any) -> Value:
        """From the last piece to the first; NaN where no condition holds."""
        if self._is_by_index(x):
            pieces = list(self._pieces(x))
        else:
            pieces = [(self.made[value], self.made[condition]) for value, condition in x.args]
        found: Value = sympy.nan
        for value, condition in reversed(pieces):
            if not isinstance(condition, Tracer):
                found = value if condition else found
                continue
            pair = self.together((value, found)) if value is not found else [found, found]
            shape = common_shape([condition.shape, pair[0].shape])
            chosen = [spread(y, shape) for y in (condition, *pair)]
            found = rows.where(*chosen)
        return found

    def _is_by_index(self, x: Any) -> bool:
        """Whether pieces are told by indices, and elements are picked in them."""
        symbols = {i.symbol for i in self.indices}
        return x.has(sympy.Indexed, _ELEMENT) and any(
            condition.free_symbols and condition.free_symbols <= symbols for _, condition in x.args
        )

    def _pieces(self, x: Any) -> Iterator[tuple[Value, Value]]:
        """Values and conditions of pieces, each read for the indices that it is for."""
        symbols, grid = self._grid()
        rest = self.within
        for value, condition in x.args:
            holds: Any = True
            if condition.free_symbols <= set(symbols):
                holds = _holds(condition, symbols, grid)
            if np.any(rest & holds):
                inner = replace(self, made=dict(self.made), within=rest & holds)
                yield (
                    inner.read(value),
                    self.read(condition) if condition.free_symbols else condition,
                )
            rest = rest & ~holds if condition.free_symbols <= set(symbols) else rest

    # -- indices -----------------------------------------------------------------------------------

    def _grid(self) -> tuple[list[Any], list[Any]]:
        """The indices, and their values along axes that are counted from the last."""
        grid = [
            np.arange(i.values.start, i.values.stop).reshape(-1, *(1 for _ in self.indices[:n]))
            for n, i in enumerate(self.indices)
        ]
        return [i.symbol for i in self.indices], grid

    def indexed(self, x: Any) -> Value:
        """An element of an argument; indices run along the axes that are theirs."""
        array, wanted = self.made[x.args[0]], x.args[1:]
        if len(wanted) != array.ndim:
            raise IndexError(f"{x} is an element of {array.ndim} axes{at(user_location())}")
        symbols, grid = self._grid()
        places = [
            _places(index, symbols, grid, extent, self.within)
            for index, extent in zip(wanted, array.shape, strict=True)
        ]
        found = elements(array, places)
        return reshape(found, shape=(*found.shape, *(1 for _ in self.shape)))

    def repeated(self, x: Any, row: Callable[..., Tracer]) -> Value:
        """A sum or product: the term for all values of the indices at once."""
        if any(a.free_symbols or b.free_symbols for _, a, b in x.limits):
            return self._by_outermost(x, row)
        limits = [(i, *_whole_numbers(x, a, b)) for i, a, b in x.limits]
        if any(b < a for _, a, b in limits):
            return self.read(x.doit())
        indices = [Index(i, range(a, b + 1)) for i, a, b in reversed(limits)]
        return self.over(indices, x.function, row)

    def _by_outermost(self, x: Any, row: Callable[..., Tracer]) -> Value:
        """A sum or product whose bounds are of indices: terms out of bounds change nothing."""
        *inner, (index, a, b) = x.limits
        term = x.func(x.function, *inner) if inner else x.function
        nothing = sympy.S.Zero if x.func is sympy.Sum else sympy.S.One
        if a.free_symbols or b.free_symbols:
            inside = sympy.And(index >= a, index <= b)
            term = sympy.Piecewise((term, inside), (nothing, True))
        least, most = self._extreme(x, a, np.min), self._extreme(x, b, np.max)
        if most < least:
            return nothing
        return self.over([Index(index, range(least, most + 1))], term, row)

    def _extreme(self, x: Any, bound: Any, row: Callable[..., Any]) -> int:
        """The least or the greatest value of a bound."""
        symbols, grid = self._grid()
        if not bound.free_symbols <= set(symbols):
            _whole_numbers(x, bound)
        return int(row(sympy.lambdify(symbols, bound, "numpy")(*grid)))

    def over(
        self, indices: Sequence[Index], term: Any, row: Callable[..., Tracer] | None = None
    ) -> Tracer:
        """A term for all values of indices, reduced along them if there is a row for that."""
        fresh = {i.symbol: sympy.Dummy(integer=True) for i in indices if i.symbol in self.made}
        indices = [Index(fresh.get(i.symbol, i.symbol), i.values) for i in indices]
        inner = replace(self, made=dict(self.made), indices=(*self.indices, *indices))
        for n, i in enumerate(indices, len(self.indices)):
            values = np.arange(i.values.start, i.values.stop, dtype=np.float64)
            grid = values.reshape(-1, *(1 for _ in range(n + len(self.shape))))
            inner.made[i.symbol] = prepare(grid, self.dtype, grid.shape)
        found = inner.read(term.xreplace(fresh))
        axes = tuple(len(i.values) for i in reversed(indices))
        rest = (1,) * (len(self.indices) + len(self.shape))
        full = spread(found, common_shape([found.shape, (*axes, *rest)]))
        return full if row is None else row(full, axes=tuple(range(len(axes))))


def _row_of_order(x: Any) -> Callable[..., Tracer] | None:
    if len(x.args) != 2 or not x.args[0].is_Integer:
        return None
    return WHOLE_ORDER.get((x.func, int(x.args[0])))


def _is_negative_number(x: Any) -> bool:
    return bool(x.is_number and x.is_negative)


def _places(
    index: Any, symbols: Sequence[Any], grid: Sequence[Any], extent: int, within: Any
) -> Places:
    """A number, or whole numbers along the axes of the indices; others do for what does not count.

    Raises:
        IndexError: if there is no element at a place within.
    """
    found = sympy.lambdify(symbols, index, "numpy")(*grid)
    places = np.asarray(found).astype(int)
    if np.any(((places < 0) | (places >= extent)) & within):
        raise IndexError(f"index {index} is out of bounds for {extent}{at(user_location())}")
    places = np.clip(places, 0, extent - 1)
    return int(places) if places.ndim == 0 else places


def _holds(condition: Any, symbols: Sequence[Any], grid: Sequence[Any]) -> Any:
    """For which values of the indices a condition on them holds."""
    if condition in (sympy.true, sympy.false):
        return np.bool_(condition == sympy.true)
    if isinstance(condition, (sympy.And, sympy.Or, sympy.Not)):
        parts = [_holds(x, symbols, grid) for x in condition.args]
        if isinstance(condition, sympy.Not):
            return ~parts[0]
        return reduce(np.logical_and if isinstance(condition, sympy.And) else np.logical_or, parts)
    return np.asarray(sympy.lambdify(symbols, condition, "numpy")(*grid), bool)


def _whole_numbers(x: Any, *bounds: Any) -> list[int]:
    if not all(b.is_Integer for b in bounds):
        raise UnsupportedFunctionError(
            f"the bounds of a sum are whole numbers in compiled code, got {_short(x)}\n"
            f"  .doit() writes it out{at(user_location())}"
        )
    return [int(b) for b in bounds]


def _short(x: Any) -> str:
    text = str(x)
    return text if len(text) <= 60 else text[:57] + "..."


def number(x: Any) -> float | complex | bool:
    """The nearest number to an expression without symbols.

    Raises:
        UnsupportedFunctionError: if it has no value.
    """
    if x in (sympy.true, sympy.false):
        return bool(x)
    if x.is_Rational and abs(x) < LARGEST:
        return int(x.p) / int(x.q)
    if x is sympy.nan or x is sympy.zoo:
        return math.nan
    try:
        value = complex(x.evalf(DIGITS))
    except TypeError:
        raise UnsupportedFunctionError(
            f"{_short(x)} of SymPy has no value{at(user_location())}"
        ) from None
    return value if value.imag else value.real


_READERS: dict[Any, Callable[[Reading, Any], Value]] = {
    sympy.Add: Reading.add,
    sympy.Mul: Reading.mul,
    sympy.Pow: Reading.pow,
    sympy.Piecewise: Reading.piecewise,
    sympy.functions.elementary.piecewise.ExprCondPair: Reading.pair,
    sympy.Indexed: Reading.indexed,
    _ELEMENT: Reading.indexed,
    sympy.Sum: lambda reading, x: reading.repeated(x, reduce_sum),
    sympy.Product: lambda reading, x: reading.repeated(x, reduce_prod),
}
