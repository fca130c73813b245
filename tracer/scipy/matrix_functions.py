"""`scipy.linalg` on traced values: functions of matrices, and the equation of Sylvester."""

from __future__ import annotations

from typing import Any

from ..errors import at
from ..location import user_location
from ..numpy.linalg.matrices import in_one_batch, matrices, of_one_type, squares
from ..numpy.promotion import common_shape, spread
from ..primitives import matrix_functions
from ..primitives import sylvester as rows
from ..primitives.linear_algebra import matrix_adjoint
from ..trace import Tracer


def expm(A: Any) -> Tracer:
    """`scipy.linalg.expm`."""
    return matrix_functions.expm(squares(A))


def expm_frechet(
    A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    """`scipy.linalg.expm_frechet`: the exponential, and how it changes along ``E``."""
    x, change = in_one_batch(squares(A), squares(E))
    if x.shape != change.shape:
        raise ValueError(f"A and E must have the same shape{at(user_location())}")
    moved = matrix_functions.expm_change(x, change)
    return (matrix_functions.expm(x), moved) if compute_expm else moved


def sqrtm(A: Any, *deprecated: Any, **more_deprecated: Any) -> Tracer:
    """`scipy.linalg.sqrtm`, of the operand's kind: of real matrices it is real.

    Where SciPy's is complex, for a real matrix with negative eigenvalues, it is NaN; give it the
    matrix as a complex one then. The derivative of the root ``x`` is the solution of
    ``x dx + dx x = da``.
    """
    return rows.square_root(squares(A))


def solve_sylvester(a: Any, b: Any, q: Any) -> Tracer:
    """`scipy.linalg.solve_sylvester`: ``x`` with ``a x + x b = q``.

    Where an eigenvalue of ``a`` is one of ``-b`` it is huge, as SciPy's is, not an error.

    Raises:
        ValueError: when the extents do not fit.
    """
    left, right, sides = of_one_type(squares(a), squares(b), matrices(q))
    if sides.shape[-2:] != (left.shape[-1], right.shape[-1]):
        raise ValueError(
            f"solve_sylvester: a and b have shapes {left.shape} and {right.shape}, so q has to be "
            f"of {left.shape[-1]} x {right.shape[-1]}, got {sides.shape}{at(user_location())}"
        )
    batch = common_shape([x.shape[:-2] for x in (left, right, sides)])
    left, right, sides = (spread(x, (*batch, *x.shape[-2:])) for x in (left, right, sides))
    return rows.sylvester(left, right, sides, transposed=False)


def solve_continuous_lyapunov(a: Any, q: Any) -> Tracer:
    """`scipy.linalg.solve_continuous_lyapunov`: ``x`` with ``a x + x a^H = q``.

    Raises:
        ValueError: when the extents do not fit.
    """
    x, sides = squares(a), matrices(q)
    if sides.shape[-2:] != x.shape[-2:]:
        raise ValueError(f"Matrix a and q should have the same shape.{at(user_location())}")
    return solve_sylvester(x, matrix_adjoint(x), sides)
