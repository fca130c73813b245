"""Factorisations of matrices without symmetry: eigenvalues and eigenvectors."""

from __future__ import annotations

import math

from pullback.tracer.ir import Node
from pullback.tracer.types import is_complex

from .factoring import BLOCK, bytes_of, check_finite, cube
from .writer import RoutineLowering, RoutineWriter

NOT_FINITE = "Array must not contain infs or NaNs"


def _geev_room(node: Node) -> int:
    """The elements that ``geev`` works with."""
    n = node.type.shape[-1]
    return (BLOCK + 4) * n + (BLOCK + 1) * BLOCK


def _emit_geev(r: RoutineWriter) -> None:
    """A row of eigenvalues, then each eigenvector as a row.

    Of real matrices these have the real parts of the eigenvalues first and the imaginary ones last.
    """
    *batch, rows, n = r.node.type.shape
    numbers, vectors = _geev_room(r.node), r.node.params["vectors"]
    a, work, rwork = (r.scratch_at(x) for x in (0, n * n, n * n + numbers))
    with r.batch(math.prod(batch)) as index:
        values = r.item(r.target, index, rows * n, r.node.type)
        last = r.element(values, (rows - 1) * n)
        r.copy(a, r.item(r.operands[0], index, n * n, r.node.type), bytes_of(r.node, n * n))
        check_finite(r, a, (n, n), "", NOT_FINITE)
        both = (values,) if r.complex else (values, last)
        right = (r.element(values, n), n) if vectors else (a, 1)
        room = work, numbers, *((rwork,) if r.complex else ())
        flags = "N", "V" if vectors else "N"
        failure = "Eigenvalues did not converge"
        r.lapack("geev", *flags, n, a, n, *both, a, 1, *right, *room, failure=failure)


def _geev_scratch(node: Node) -> int:
    n = node.type.shape[-1]
    reals = n if is_complex(node.type.dtype) else 0
    return bytes_of(node, n * n + _geev_room(node) + reals)


GEEV = RoutineLowering(_emit_geev, _geev_scratch, cube)
