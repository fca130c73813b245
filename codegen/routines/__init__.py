"""Routines: machine code that makes one whole array from others, such as a sort or a factorisation.

Fusion leaves these primitives alone: their operands and their result are in memory, contiguous.
``ROUTINES`` has the lowering of each by its name.
"""

from __future__ import annotations

from collections.abc import Mapping

from pullback.tracer.ir import Node

from ..assembly import FunctionWriter, Value
from ..entry import Site
from ..kernel import Buffer, Routine
from . import factoring, fourier, searching, sorting, spectra, triangular
from .writer import RoutineLowering, RoutineWriter, meant

ROUTINES: dict[str, RoutineLowering] = {
    "triangular_solve": triangular.SOLVE,
    "fft": fourier.FFT,
    "rfft": fourier.RFFT,
    "irfft": fourier.IRFFT,
    "sort": sorting.SORT,
    "argsort": sorting.ARGSORT,
    "searchsorted": searching.SEARCHSORTED,
    "cholesky": factoring.CHOLESKY,
    "lu": factoring.LU,
    "lu_solve": factoring.LU_SOLVE,
    "permutation": factoring.PERMUTATION,
    "qr": factoring.QR,
    "eigh": factoring.EIGH,
    "svd": factoring.SVD,
    "geev": spectra.GEEV,
    "schur": spectra.SCHUR,
    "triangular_sylvester": spectra.SYLVESTER,
    "triangular_root": spectra.ROOT,
    "squared": factoring.SQUARED,
}


def routine_work(node: Node) -> int:
    """A rough count of the steps that a routine takes."""
    return ROUTINES[node.primitive.name].work(meant(node))


def routine_scratch(node: Node) -> int:
    """How many bytes of memory a routine needs beside its operands and its result."""
    return ROUTINES[node.primitive.name].scratch(meant(node))


def emit_routine(
    w: FunctionWriter,
    kernel: Routine,
    pointers: Mapping[Buffer, Value],
    sites: list[Site],
    status: Value,
    vector_bytes: int,
) -> None:
    """Write the body of a routine's function."""
    operands = tuple(pointers[b] for b in kernel.operands)
    scratch = pointers[kernel.scratch] if kernel.scratch is not None else None
    target, node = pointers[kernel.target], meant(kernel.node)
    routine = RoutineWriter(w, node, operands, target, scratch, sites, status, vector_bytes)
    ROUTINES[kernel.node.primitive.name].emit(routine)
