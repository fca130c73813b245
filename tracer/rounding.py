"""Rounding errors to first order, line by line.

An operation that rounds makes a relative error of at most the unit roundoff u. What that changes in
the result is, to first order, the adjoint of the value times the error: the sum of
``|adjoint * value| * u`` over all operations of a line is what the line adds to the error of the
result (H. Menon et al., ADAPT: algorithmic differentiation applied to floating-point precision
tuning, SC18; G. Singh et al., Fast and automatic floating point error analysis with CHEF-FP, IPDPS
2023). A sum of n terms counts as ``sqrt(n)`` roundings of the sum of their magnitudes
(N. Higham, T. Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput.
41, 2019), and what is carried along an axis as as many independent ones. A routine of linear
algebra counts as roundings of its operands, as stable ones do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .colour import shown
from .ir import Graph
from .location import Location
from .passes.quiet import quiet
from .primitives.cumulative import recurrence
from .tape import Entry, Tape, seed
from .types import is_inexact

Array = np.ndarray[Any, Any]

EXACT = frozenset(
    (
        "neg", "abs", "copysign", "sign", "floor", "ceil", "trunc", "round", "maximum", "minimum",
        "clip", "where", "stop_gradient", "complex", "real", "imag", "conj", "nextafter",
    )
)  # fmt: skip
"""Rows that work element by element and do not round."""

BASIC = frozenset(("add", "sub", "mul", "div", "sqrt", "convert"))
"""Rows that are rounded once; the others count as two roundings."""

SINGLE = float(np.finfo(np.float32).eps) / 2


@dataclass(frozen=True, slots=True)
class LineError:
    """What one line of the user's adds to the error of the result.

    ``error`` is in the precision that is computed in, ``single`` what it would be if the line's
    results were rounded to float32; ``derivative`` tells the line's adjoint part from its forward
    part. ``where`` is None for arguments, which are rounded where they come from: their ``name``.
    """

    name: str
    where: Location | None
    derivative: bool
    error: float
    single: float
    operations: int


@dataclass(frozen=True, slots=True)
class ErrorEstimate:
    """The rounding error of one call, by lines, the largest first.

    ``value`` is the sum of all elements of the results, which the error is one of; ``arguments``
    tell what an error of one unit roundoff in them would add, and are not counted in ``error``.
    """

    value: complex
    lines: tuple[LineError, ...]
    arguments: tuple[LineError, ...]

    @property
    def error(self) -> float:
        """The absolute error of the value, in the precision that is computed in."""
        return sum(line.error for line in self.lines)

    @property
    def relative(self) -> float:
        """The error as a part of the value."""
        return self.error / abs(self.value) if self.value else float("inf")

    def float32(self, tolerance: float) -> tuple[LineError, ...]:
        """Lines that could be computed in float32, with an absolute error below the tolerance.

        Those that add least come first; all of them together are below it.

        >>> def f(x):
        ...     small = 1e-6 * np.sin(x)
        ...     return np.sum(x * x + small)
        >>> estimate = pb.jit(f).estimate_error(np.ones(10))
        >>> [line.where.line for line in estimate.float32(1e-10)]
        [2]
        """
        chosen: list[LineError] = []
        total = self.error
        for line in sorted(self.lines, key=lambda line: line.single):
            total += line.single - line.error
            if total > tolerance:
                break
            chosen.append(line)
        return tuple(chosen)

    def __str__(self) -> str:
        """The text, in colours where `print` shows it in a terminal and `rich` is installed."""
        return shown(self.text(), "errors")

    def text(self) -> str:
        """A table: a line for each line, then the arguments."""
        head = f"{'error':>10} {'float32':>10}  line"
        rows = [f"{x.error:10.2e} {x.single:10.2e}  {x.name}" for x in self.lines]
        rows += [f"{x.error:10.2e} {x.single:10.2e}  argument {x.name}" for x in self.arguments]
        value = self.value.real if not self.value.imag else self.value
        whole = f"error {self.error:.2e} of {value:.6g} ({self.relative:.1e} of it)"
        return "\n".join([whole, head, *rows])


def estimate(graph: Graph, arguments: Sequence[Any], names: Sequence[str]) -> ErrorEstimate:
    """The estimate for one call; ``names`` are those of the arguments."""
    tape = Tape()
    pairs = zip(graph.parameters, arguments, strict=True)
    given = [Entry(np.asarray(x, p.type.dtype)) for p, x in pairs]
    with np.errstate(all="ignore"):
        outputs = tape.run(quiet(graph), given)
        seed(outputs)
        tape.pull_back()
        lines: dict[tuple[Location | None, bool], list[tuple[float, float]]] = {}
        for entry in tape.entries:
            if entry.node is not None and entry.cotangent is not None:
                size = _size(entry)
                if size:
                    key = entry.node.where, entry.node.primal is not None
                    lines.setdefault(key, []).append((size, _unit(entry.value)))
        value = sum((complex(np.sum(x.value)) for x in outputs if is_inexact(x.value.dtype)), 0j)
        found = [_line(*key, parts) for key, parts in lines.items()]
        own = [_argument(x, name) for x, name in zip(given, names, strict=True)]
    ordered = sorted(found, key=lambda line: -line.error)
    return ErrorEstimate(value, tuple(ordered), tuple(x for x in own if x is not None))


def _line(
    where: Location | None, derivative: bool, parts: Sequence[tuple[float, float]]
) -> LineError:
    name = f"{where or 'elsewhere'}{', derivative' if derivative else ''}"
    error = sum(size * unit for size, unit in parts)
    single = sum(size * max(unit, SINGLE) for size, unit in parts)
    return LineError(name, where, derivative, error, single, len(parts))


def _argument(entry: Entry, name: str) -> LineError | None:
    if entry.cotangent is None:
        return None
    size = float(np.sum(np.abs(entry.cotangent * entry.value)))
    unit = _unit(entry.value)
    return LineError(name, None, False, size * unit, size * max(unit, SINGLE), 0)


def _unit(value: Array) -> float:
    """The unit roundoff."""
    return float(np.finfo(value.dtype).eps) / 2


def _size(entry: Entry) -> float:
    """The sum of ``|adjoint * value|`` over what one operation rounds; 0 if it does not."""
    node, ct = entry.node, entry.cotangent
    assert node is not None and ct is not None  # noqa: PT018 - both are what the caller looked for
    if not is_inexact(entry.value.dtype):
        return 0.0
    special = SIZES.get(node.primitive.name)
    if special is not None:
        return special(entry, np.abs(ct))
    if node.primitive.elementwise:
        if node.primitive.name in EXACT:
            return 0.0
        roundings = 1.0 if node.primitive.name in BASIC else 2.0
        return roundings * _total(np.abs(ct) * np.abs(entry.value))
    return _of_operands(entry) if node.primitive.name in ROUTINES else 0.0


def _total(x: Array) -> float:
    """The sum of what is finite."""
    return float(np.sum(x[np.isfinite(x)])) if x.ndim else float(np.nan_to_num(x, posinf=0.0))


def _of_conversion(entry: Entry, ct: Array) -> float:
    """A conversion rounds if there is less room in the result."""
    before = entry.operands[0].value.dtype
    wide = before.kind in "iu" and before.itemsize >= entry.value.real.dtype.itemsize
    if not wide and (
        before.kind not in "fc" or np.finfo(before).eps >= np.finfo(entry.value.dtype).eps
    ):
        return 0.0
    return _total(ct * np.abs(entry.value))


def _of_sum(entry: Entry, ct: Array) -> float:
    node, x = entry.node, entry.operands[0].value
    assert node is not None
    magnitudes = np.asarray(node.primitive.reference(np.abs(x), **node.params))
    terms = x.size / max(entry.value.size, 1)
    return float(np.sqrt(max(terms - 1.0, 0.0))) * _total(ct * magnitudes)


def _of_product(entry: Entry, ct: Array) -> float:
    node = entry.node
    assert node is not None
    x, y = (operand.value for operand in entry.operands)
    terms = float(np.prod([x.shape[a] for a in node.params["contract"][0]]))
    magnitudes = np.asarray(node.primitive.reference(np.abs(x), np.abs(y), **node.params))
    return float(np.sqrt(max(terms, 0.0))) * _total(ct * magnitudes)


def _of_power(entry: Entry, ct: Array) -> float:
    node = entry.node
    assert node is not None
    times = abs(int(node.params["n"])).bit_length()
    return times * _total(ct * np.abs(entry.value))


def _of_factors(entry: Entry, ct: Array) -> float:
    terms = entry.operands[0].value.size / max(entry.value.size, 1)
    return terms * _total(ct * np.abs(entry.value))


def _of_additions(entry: Entry, ct: Array) -> float:
    """Of a scatter, where something was added."""
    changed = entry.value != entry.operands[0].value
    return _total(ct * np.abs(entry.value) * changed)


def _of_running(entry: Entry, ct: Array) -> float:
    """Of what is carried along an axis: what one step rounds goes on with all that follow.

    The cotangent of a carried value is its own and that of the next one, times the factor. Steps
    are as many independent roundings: three times the root of the sum of their squares.
    """
    node, factor = entry.node, np.ones_like(entry.value)
    assert node is not None
    axis, reverse = node.params["axis"], node.params["reverse"]
    if node.primitive.name != "cumsum":
        factor = entry.operands[0].value
    following = np.roll(factor, 1 if reverse else -1, axis)
    carried = recurrence.reference(following, entry.cotangent, axis=axis, reverse=not reverse)
    lines = np.sqrt(np.sum(np.abs(carried * entry.value) ** 2, axis))
    return 3.0 * _total(lines)


SIZES: Mapping[str, Callable[[Entry, Array], float]] = {
    "convert": _of_conversion,
    "reduce_sum": _of_sum,
    "cumsum": _of_running,
    "dot": _of_product,
    "integer_pow": _of_power,
    "reduce_prod": _of_factors,
    "cumprod": _of_running,
    "recurrence": _of_running,
    "scatter_add": _of_additions,
}

ROUTINES = frozenset(
    (
        "cholesky", "solve", "triangular_solve", "lu_factors", "determinant", "log_determinant",
        "qr_q", "qr_r", "eigenvalues", "eigenvectors", "singular_values", "left_singular_vectors",
        "right_singular_vectors", "pinv", "fft", "rfft", "irfft", "general_eigenvalues",
        "general_eigenvectors", "expm", "expm_change", "sylvester", "square_root",
    )
)  # fmt: skip


def _of_operands(entry: Entry) -> float:
    """As if the operands had been rounded, once for each row of the matrices."""
    total = 0.0
    for operand in entry.operands:
        if operand.cotangent is not None and is_inexact(operand.value.dtype):
            rows = operand.value.shape[-1] if operand.value.ndim else 1
            total += np.sqrt(rows) * _total(np.abs(operand.cotangent * operand.value))
    return float(total)
