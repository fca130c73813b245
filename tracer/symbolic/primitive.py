"""Rows of expressions: an elementwise function that SymPy differentiates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy

from ..errors import UnsupportedFunctionError, at
from ..ir import Graph
from ..location import user_location
from ..numpy.promotion import prepare
from ..primitives.formula import formula, graph_of_numbers
from ..trace import Tracer
from ..types import FLOAT64, is_float
from .program import Functions, Program, program
from .read import Reading


@dataclass(frozen=True)
class Row:
    """An expression of symbols, and its derivatives by each; None where SymPy knows none."""

    name: str
    program: Program
    slopes: tuple[Any, ...]

    def __call__(self, *args: Any) -> Tracer:
        """The row, of arguments that are broadcast with each other."""
        point = self.program.point(args)
        if not is_float(point.dtype):
            raise TypeError(f"{self.name} is not defined for {point.dtype}{at(user_location())}")
        value, slopes = self._graphs
        unknown = tuple(i for i, x in enumerate(self.slopes) if x is None)
        return formula(*point.values, name=self.name, value=value, slopes=slopes, unknown=unknown)

    @cached_property
    def _graphs(self) -> tuple[Graph, Graph]:
        symbols, (expression,) = self.program.arguments, self.program.expressions

        def reading(values: Sequence[Tracer]) -> Reading:
            made = dict(zip(symbols, values, strict=True))
            return Reading(FLOAT64, (), made, self.program.functions)

        def value(*values: Tracer) -> list[Tracer]:
            return [reading(values).read(expression)]

        def slopes(out: Tracer, *values: Tracer) -> list[Tracer]:
            found = reading(values)
            found.made.setdefault(expression, out)
            zero = prepare(0.0, FLOAT64, ())
            return [zero if x is None else found.read(x) for x in self.slopes]

        count = len(symbols)
        return graph_of_numbers(value, count), graph_of_numbers(slopes, count + 1)


def row(
    name: str,
    expression: Any,
    symbols: Sequence[Any] | None,
    derivatives: Sequence[Any] | None,
    functions: Functions,
) -> Row:
    """The row of an expression.

    Raises:
        TypeError: unless it is one expression of symbols, with as many derivatives if any.
    """
    found = program(expression, symbols, functions)
    if not found.of_symbols or found.shapes != [()] or not found.arguments:
        raise TypeError(
            f"a primitive is of one expression of symbols, got {expression}{at(user_location())}"
        )
    if derivatives is None:
        slopes = [_derivative(found.expressions[0], x) for x in found.arguments]
    else:
        slopes = [sympy.sympify(x) for x in derivatives]
    if len(slopes) != len(found.arguments):
        raise TypeError(
            f"{name} has {len(found.arguments)} arguments and {len(slopes)} derivatives"
            f"{at(user_location())}"
        )
    return Row(name, found, tuple(slopes))


def _derivative(expression: Any, symbol: Any) -> Any:
    """SymPy's derivative, None where it knows none."""
    try:
        found = sympy.diff(expression, symbol)
    except (sympy.polys.polyerrors.PolynomialError, ValueError, TypeError) as error:
        raise UnsupportedFunctionError(
            f"SymPy does not differentiate {expression} by {symbol}: {error}{at(user_location())}"
        ) from None
    return None if found.has(sympy.Derivative, sympy.Subs) else found
