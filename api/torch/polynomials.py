"""Orthogonal polynomials of `torch.special`, by their recurrences in three terms.

Formulas: M. Abramowitz and I. Stegun, "Handbook of mathematical functions", 22.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer.primitives.elementwise import broadcast_scalar, trunc
from pullback.tracer.primitives.elementwise import where as choose

from .node import Row
from .rows import floating
from .tensors import Tensor, record

First = Callable[[Any], Any]
Next = Callable[[Any, int, Any, Any], Any]
"""The polynomial of degree 1; and the next one, by x, the degree and the two before."""


def _chebyshev(x: Any, k: int, p: Any, q: Any) -> Any:
    return 2.0 * x * p - q


def _shifted(first: First) -> tuple[First, Next]:
    def moved(x: Any) -> Any:
        return first(2.0 * x - 1.0)

    return moved, lambda x, k, p, q: _chebyshev(2.0 * x - 1.0, k, p, q)


def _line(slope: float, start: float = 0.0) -> First:
    return lambda x: slope * x + start


_T, _U, _V, _W = _line(1.0), _line(2.0), _line(2.0, -1.0), _line(2.0, 1.0)

FAMILIES: dict[str, tuple[First, Next, str]] = {
    "chebyshev_polynomial_t": (_T, _chebyshev, "tensor([-0.5000,  7.0000])"),
    "chebyshev_polynomial_u": (_U, _chebyshev, "tensor([ 0., 15.])"),
    "chebyshev_polynomial_v": (_V, _chebyshev, "tensor([-1., 11.])"),
    "chebyshev_polynomial_w": (_W, _chebyshev, "tensor([ 1., 19.])"),
    "shifted_chebyshev_polynomial_t": (*_shifted(_T), "tensor([-1., 17.])"),
    "shifted_chebyshev_polynomial_u": (*_shifted(_U), "tensor([-1., 35.])"),
    "shifted_chebyshev_polynomial_v": (*_shifted(_V), "tensor([-1., 29.])"),
    "shifted_chebyshev_polynomial_w": (*_shifted(_W), "tensor([-1., 41.])"),
    "hermite_polynomial_h": (
        _U,
        lambda x, k, p, q: 2.0 * x * p - 2.0 * k * q,
        "tensor([-1., 14.])",
    ),
    "hermite_polynomial_he": (_T, lambda x, k, p, q: x * p - k * q, "tensor([-0.7500,  3.0000])"),
    "laguerre_polynomial_l": (
        _line(-1.0, 1.0),
        lambda x, k, p, q: ((2.0 * k + 1.0 - x) * p - k * q) / (k + 1.0),
        "tensor([ 0.1250, -1.0000])",
    ),
    "legendre_polynomial_p": (
        _T,
        lambda x, k, p, q: ((2.0 * k + 1.0) * x * p - k * q) / (k + 1.0),
        "tensor([-0.1250,  5.5000])",
    ),
}
"""Families by name: the recurrence, and what torch prints of degree 2 at 0.5 and 2."""


def _polynomial(first: First, following: Next) -> Callable[..., Any]:
    def apply(x: Any, n: Any, top: int) -> Any:
        degree: Any = trunc(n)
        total: Any = broadcast_scalar(0.0, x)
        before, now = broadcast_scalar(0.0, x), broadcast_scalar(1.0, x)
        for k in range(top + 1):
            total = choose(degree == float(k), now, total)
            before, now = now, first(x) if k == 0 else following(x, k, now, before)
        return total

    return apply


def _function(name: str, first: First, following: Next, gives: str) -> Callable[..., Tensor]:
    row = Row(name, _polynomial(first, following), None, floating)

    def function(input: Any, n: Any) -> Tensor:
        degrees = n.value() if isinstance(n, Tensor) else np.asarray(n)
        return record(row, (input, n), (int(degrees.max(initial=-1)),))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The {name.replace('_', ' ')} of degree n, element by element; 0 if n is negative.\n\n"
        f"    >>> torch.special.{name}(torch.tensor([0.5, 2.0]), 2)\n    {gives}\n    "
    )
    return function


FUNCTIONS = {name: _function(name, *parts) for name, parts in FAMILIES.items()}
