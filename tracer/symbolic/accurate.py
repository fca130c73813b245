"""Expressions that lose digits, or overflow on the way, by functions that do not: a row for each.

All are equal as formulas. A row takes an expression of its class and gives another one, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy.codegen.cfunctions import expm1, log1p

from .functions import erfcx, logaddexp, logistic

ONE = sympy.S.One


def _exponential_less_one(total: Any) -> Any:
    """``exp(x) - 1``, which cancels for small x, and ``1 - exp(x)``."""
    for sign in (1, -1):
        if -sign not in total.args:
            continue
        for term in total.args:
            power = sign * term
            if isinstance(power, sympy.exp):
                rest = [x for x in total.args if x is not term and x != -sign]
                return sympy.Add(*rest, sign * expm1(power.args[0]))
    return None


def _logarithm_of_sum(logarithm: Any) -> Any:
    """``log(1 + x)``, which loses x if that is small; ``log(exp(x) + exp(y))``, which overflows."""
    total = logarithm.args[0]
    if not isinstance(total, sympy.Add):
        return None
    if all(x == 1 or isinstance(x, sympy.exp) for x in total.args):
        return logaddexp(*(sympy.log(x) if x == 1 else x.args[0] for x in total.args))
    if ONE in total.args:
        return log1p(sympy.Add(*(x for x in total.args if x != 1)))
    return None


def _exponent_of_denominator(x: Any) -> Any:
    """The y of ``1 / (1 + exp(y))``, else None."""
    if not (isinstance(x, sympy.Pow) and x.exp.is_Integer and x.exp < 0):
        return None
    total = x.base
    if isinstance(total, sympy.Add) and len(total.args) == 2 and ONE in total.args:
        (other,) = (y for y in total.args if y != 1)
        return other.args[0] if isinstance(other, sympy.exp) else None
    return None


def _logistic(power: Any) -> Any:
    """``1 / (1 + exp(x))`` and its powers: the exponential may overflow, and so may its slope."""
    exponent = _exponent_of_denominator(power)
    return None if exponent is None else logistic(-exponent) ** -power.exp


def _logistic_of_product(product: Any) -> Any:
    """``exp(x) / (1 + exp(x))``, inf / inf for large x."""
    for x in product.args:
        exponent = _exponent_of_denominator(x)
        if exponent is not None and sympy.exp(exponent) in product.args:
            others = [y for y in product.args if y not in (x, sympy.exp(exponent))]
            return sympy.Mul(logistic(exponent), *others, logistic(-exponent) ** (-x.exp - 1))
    return None


def _scaled_error_function(product: Any) -> Any:
    """``exp(x**2) erfc(x)``, inf * 0 for large x."""
    for x in product.args:
        if isinstance(x, sympy.erfc) and sympy.exp(x.args[0] ** 2) in product.args:
            power = sympy.exp(x.args[0] ** 2)
            others = [y for y in product.args if y not in (x, power)]
            return sympy.Mul(erfcx(x.args[0]), *others)
    return None


FORMS: dict[Any, Sequence[Callable[[Any], Any]]] = {
    sympy.Add: (_exponential_less_one,),
    sympy.log: (_logarithm_of_sum,),
    sympy.Pow: (_logistic,),
    sympy.Mul: (_logistic_of_product, _scaled_error_function),
}


def accurate(expression: Any) -> Any:
    """The expression by a function that is accurate where it is not; None if it is as it is."""
    for row in FORMS.get(type(expression), ()):
        found = row(expression)
        if found is not None:
            return found
    return None
