"""Every row of the table: compiled against its reference, its derivatives against differences.

The tests are parametrized by row; all cases of a row and dtype are one program, because compiling
costs more than computing.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import pullback as pb
from pullback.codegen.math.special import VECTOR
from pullback.tracer.ir import Builder, Graph
from pullback.tracer.primitive import TABLE, NoDerivative, Primitive
from pullback.tracer.primitives.special import INCOMPLETE_DERIVATIVES
from pullback.tracer.trace import Tracer, new_trace
from pullback.tracer.types import (
    DTYPES,
    FLOAT64,
    SHORT_NAMES,
    ArrayType,
    is_complex,
    is_float,
    is_inexact,
    scalar,
)

from . import special_symbols
from .draw import (
    NARROW,
    Array,
    Case,
    cases,
    domain_of,
    draw_operands,
    draw_unprepared,
    of_dtype,
    retyped,
)
from .special_symbols import LOWER, UPPER, X, Y

ROWS = list(TABLE.values())
PAIRS = [(row, dtype) for row in ROWS for dtype in domain_of(row).dtypes if dtype not in NARROW]

FUNCTIONS = frozenset(
    (
        "exp",
        "exp2",
        "expm1",
        "log",
        "log1p",
        "log2",
        "log10",
        "cbrt",
        "logistic",
        "logaddexp",
        "log_of_sum",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "hypot",
        "erf",
        "erfc",
        "pow",
        "integer_pow",
        "formula",
        *VECTOR,
    )
)
"""Rows whose results are rounded otherwise than the reference rounds; some ulps either way."""

LOOSE = {
    "erfc": 16.0, "i1": 16.0, "i1e": 16.0, "zeta": 16.0, "ndtr": 64.0, "log_ndtr": 64.0,
    "gammainc_by_a": 2000.0, "scan": 32.0, "reversal": 32.0,
    "while_loop": 32.0, "switch": 32.0,
    **dict.fromkeys(INCOMPLETE_DERIVATIVES.keys() - {"gammainc_by_a"}, 20_000.0),
}  # fmt: skip
"""Ulps where the reference, SciPy's, is farther off than most; the function itself is measured
against mpmath in test_math.py. In the bodies of loops errors of functions add up."""

SUMS = frozenset({"dot", "reduce_sum", "reduce_prod", "cumsum", "recurrence", "scatter_add"})
"""Rows that add or multiply many elements, in another order than the reference."""

OF_MATRICES = frozenset(
    (
        "triangular_solve",
        "fft",
        "rfft",
        "irfft",
        "cholesky",
        "solve",
        "lu_factors",
        "determinant",
        "log_determinant",
        "qr_q",
        "qr_r",
        "eigenvalues",
        "eigenvectors",
        "singular_values",
        "left_singular_vectors",
        "right_singular_vectors",
        "pinv",
        "expm",
        "expm_change",
        "general_eigenvalues",
        "general_eigenvectors",
        "sylvester",
        "square_root",
    )
)
"""Rows whose errors are relative to the largest element of the result, not to each."""

OF_PAIRS = frozenset({"cumprod", "mul", "div", "sqrt", "abs"})
"""Rows that are exact for real numbers, but formulas of several steps for complex ones."""

OF_COMPLEX = frozenset(
    {
        *("complex", "real", "imag", "conj", "fft", "rfft", "irfft"),
        *("general_eigenvalues", "general_eigenvectors"),
    }
)
"""Rows between real and complex numbers."""

WIDTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100)
"""Extents around those of vector registers, several of them, and none."""


REFUSING = frozenset({"pure_callback"})
"""Rows whose derivative is to be stated by the user: test_callbacks.py."""


def of_row(row: Primitive, dtype: str) -> list[Case]:
    return [case for case in cases([dtype]) if case.row is row]


def narrow(row: Primitive) -> list[str]:
    return [dtype for dtype in domain_of(row).dtypes if dtype in NARROW]


def _name(row: Primitive) -> str:
    return row.name


def over_rows(where: Callable[[Primitive], bool] = lambda row: True) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [row for row in ROWS if where(row)], ids=_name)


def over_pairs(where: Callable[[Primitive], bool] = lambda row: True) -> pytest.MarkDecorator:
    chosen = [pair for pair in PAIRS if where(pair[0])]
    names = [f"{row.name}-{dtype}" for row, dtype in chosen]
    return pytest.mark.parametrize(("row", "dtype"), chosen, ids=names)


def differentiable(row: Primitive) -> bool:
    """Whether a row has derivatives between real numbers; test_complex.py is about the others."""
    return row.differentiable and row.name not in OF_COMPLEX | REFUSING


def elementwise(row: Primitive) -> bool:
    return row.elementwise


# -- programs ----------------------------------------------------------------------------------


def program(chosen: Sequence[Case]) -> Callable[..., tuple[Tracer, ...]]:
    """The rows of all cases, applied to a tuple of operands each."""

    def run(*operands: Sequence[Tracer]) -> tuple[Tracer, ...]:
        return tuple(
            case.row(*xs, **case.params) for case, xs in zip(chosen, operands, strict=True)
        )

    return run


def interpreted(case: Case, operands: Sequence[Array]) -> Array:
    (result,) = case.graph().evaluate(*operands)
    return result


def wider(case: Case) -> list[Case]:
    """The case at extents around those of vectors, in the innermost axis and in others."""
    row, dtype, shapes, params = case
    grown: list[Any]
    spots: list[Any]
    if row.elementwise:
        # Rows share their loops: each gets some of the extents, and all rows together get all.
        first = ROWS.index(row) + list(DTYPES).index(dtype)
        grown = [*[(n,) for n in WIDTHS], (3, 17), (5, 7, 9)][first % 4 :: 4]
        return [Case(row, dtype, (shape,) * len(shapes), params) for shape in grown]
    if "axes" in params and len(shapes) == 1 and row.name.startswith("reduce"):
        grown = [((n,), (0,)) for n in WIDTHS]
        grown += [((3, 17), (1,)), ((17, 3), (0,)), ((5, 7, 9), (0, 2)), ((5, 7, 9), (1,))]
        grown += [((5, 9, 7), (0,)), ((3, 33), (0, 1)), ((2, 1, 9), (1,)), ((1, 9, 1), (0, 2))]
        return [Case(row, dtype, (shape,), {**params, "axes": axes}) for shape, axes in grown]
    if "axis" in params and len(shapes) == 1:
        spots = [((n,), 0) for n in WIDTHS] + [((3, 17), 1), ((17, 3), 0), ((5, 7, 9), 1)]
        spots += [((5, 1, 9), 1), ((1, 9), 0)]
        return [Case(row, dtype, (shape,), {**params, "axis": axis}) for shape, axis in spots]
    return []


def all_cases(row: Primitive, dtype: str) -> list[Case]:
    """Those of the domain, and the first with params of its own at many sizes."""
    given = of_row(row, dtype)
    return [*given, *wider(given[0])]


def tolerance(row: Primitive, dtype: str, result: np.dtype[Any]) -> float:
    """Relative to the largest that can be: the element, or the sum of absolute values."""
    if not is_inexact(result):
        return 0.0
    eps = float(np.finfo(result).eps)
    if row.name in LOOSE:
        return LOOSE[row.name] * eps
    if row.name in OF_MATRICES:
        return 100.0 * eps
    if is_complex(DTYPES[dtype]) and row.name in FUNCTIONS | OF_PAIRS:
        return 16.0 * eps
    if result == np.float16:
        # Computed in single precision and then rounded, here and by NumPy.
        sums = {*SUMS, "cumprod"}
        return eps * (1.0 if row.name in FUNCTIONS else 4.0 if row.name in sums else 0.0)
    return eps * (4.0 if row.name in FUNCTIONS else 32.0 if row.name in SUMS else 0.0)


def parts(x: Array) -> Array:
    """Real and imaginary parts side by side; of real numbers the numbers."""
    return np.stack([x.real, x.imag], -1) if is_complex(x.dtype) else x[..., None]


def size_of_terms(case: Case, want: Array, operands: Sequence[Array]) -> Array:
    """What errors are relative to: the result, or what is added up to it."""
    size = np.abs(want)
    if case.row.name in SUMS and case.row.name != "reduce_prod":
        sizes = [np.abs(x) if is_inexact(x.dtype) else x for x in operands]
        size = np.asarray(case.row.reference(*sizes, **case.params))
    if case.row.name in OF_MATRICES:
        size = np.full_like(size, np.max(size, initial=0.0))
    if case.row.name == "logaddexp":
        # Its two terms cancel where the result is near zero.
        size = np.maximum(size, np.minimum(np.abs(np.maximum(*operands)), 1.0))
    if case.row.name == "log1p" and is_complex(want.dtype):
        size = np.maximum(size, 1.0)  # NumPy rounds the sum first.
    if case.row.name in INCOMPLETE_DERIVATIVES.keys() - {"gammainc_by_a"}:
        # They change sign, and grow as the inverse of small parameters to their order.
        with np.errstate(all="ignore"):
            least = np.clip(np.minimum.reduce(operands[:-1]), 1e-30, 1.0).astype(np.float64)
            size = np.maximum(size, least**-2.0)
    if case.row.name == "lgamma":
        # SciPy's has zeros at 1 and 2 to within the rounding of one only.
        size = np.maximum(size, 1.0)
    return size


def assert_same(case: Case, got: Any, operands: Sequence[Array]) -> None:
    """Compiled as interpreted: dtype, shape and values."""
    want = interpreted(case, operands)
    got = turned(case.row, np.asarray(got), want)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    allowed = tolerance(case.row, case.dtype, want.dtype)
    if not allowed:
        if want.dtype == np.float16 and case.row.name in ("maximum", "minimum", "clip"):
            # Of 0 and -0 NumPy takes the first in half precision, the second in the others.
            got, want = got + np.float16(0), want + np.float16(0)
        assert_identical(got, want)
        return
    size = size_of_terms(case, want, operands)
    info = np.finfo(want.dtype)
    tiny = float(info.smallest_subnormal if want.dtype == np.float16 else info.tiny)
    if is_complex(want.dtype):
        tiny *= 2.0  # A product of two parts may be rounded where it is subnormal.
    if want.dtype == np.float16:
        got, want, size = (np.asarray(x, np.float64) for x in (got, want, size))
    with np.errstate(invalid="ignore"):
        ours, exact, size = parts(got), parts(want), size[..., None]
        size = np.where(np.isfinite(size), size, np.abs(exact))
        close = (np.abs(ours - exact) <= allowed * size + tiny) | (ours == exact)
    close |= np.isnan(ours) & np.isnan(exact)
    wrong = ~close.all(-1)
    assert not wrong.any(), f"{case.row} {case.shapes}: got {got[wrong]}, want {want[wrong]}"


def turned(row: Primitive, got: Array, want: Array) -> Array:
    """Eigenvectors times the numbers of size 1 about which versions of LAPACK do not agree."""
    if row.name != "general_eigenvectors" or got.shape != want.shape:
        return got
    along = np.sum(np.conj(got) * want, -2, keepdims=True)
    return np.asarray(got * (along / np.abs(along)), got.dtype)


def assert_identical(got: Array, want: Array) -> None:
    """The same values, signs of zeros too; NaN equals NaN."""
    got, want = parts(got), parts(want)
    np.testing.assert_array_equal(got, want)
    if is_float(want.dtype):
        number = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(want)[number])


# -- values ------------------------------------------------------------------------------------


@over_pairs()
def test_compiled_is_the_reference(row: Primitive, dtype: str, rng: np.random.Generator):
    chosen = all_cases(row, dtype)
    operands = [tuple(case.draw(rng)) for case in chosen]
    results = pb.jit(program(chosen))(*operands)
    for case, got, xs in zip(chosen, results, operands, strict=True):
        assert_same(case, got, xs)


@over_rows(lambda row: bool(narrow(row)))
def test_narrow_dtypes(row: Primitive, rng: np.random.Generator):
    """Small and unsigned integers and half precision: the first two cases of each."""
    chosen = [case for dtype in narrow(row) for case in of_row(row, dtype)[:2]]
    operands = [tuple(case.draw(rng)) for case in chosen]
    results = pb.jit(program(chosen))(*operands)
    for case, got, xs in zip(chosen, results, operands, strict=True):
        assert_same(case, got, xs)


def misaligned(x: Array) -> Array:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    shifted = raw[1:].view(x.dtype).reshape(x.shape)
    shifted[...] = x
    return shifted


def read_only(x: Array) -> Array:
    x = x.copy()
    x.flags.writeable = False
    return x


def every_other(x: Array) -> Array:
    wide = np.zeros([2 * n + 1 for n in x.shape], x.dtype)
    places: Any = (..., *(slice(0, 2 * n, 2) for n in x.shape))
    spots = wide[places]
    spots[...] = x
    return spots


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "fortran": lambda x: np.array(x, order="F"),
    "transposed": lambda x: x.T.copy().T,
    "every other": every_other,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "misaligned": misaligned,
    "read-only": read_only,
}


@over_rows()
def test_odd_layouts(row: Primitive, rng: np.random.Generator):
    """One compiled function takes its operands in any layout, and leaves them as they are."""
    chosen = of_row(row, domain_of(row).dtypes[0])
    function = pb.jit(program(chosen))
    operands = [tuple(case.draw(rng)) for case in chosen]
    plain = function(*operands)
    for layout in LAYOUTS.values():
        given = [tuple(map(layout, xs)) for xs in operands]
        for got, want in zip(function(*given), plain, strict=True):
            assert_identical(np.asarray(got), np.asarray(want))
        for x, y in zip(itertools.chain(*given), itertools.chain(*operands), strict=True):
            np.testing.assert_array_equal(x, y)
    assert len(function.signatures) == 1


@over_rows()
def test_batch_is_a_loop(row: Primitive, rng: np.random.Generator):
    chosen = [case for case in of_row(row, domain_of(row).dtypes[0]) if case.shapes]
    if not chosen:
        assert not any(shapes for shapes, _ in domain_of(row).cases)
        return
    examples = [[case.draw(rng) for _ in range(3)] for case in chosen]
    stacked = [tuple(map(np.stack, zip(*xs, strict=True))) for xs in examples]
    results = pb.vmap(program(chosen))(*stacked)
    for case, got, xs in zip(chosen, results, examples, strict=True):
        for one, operands in zip(got, xs, strict=True):
            assert_same(case, one, operands)


# -- special values ----------------------------------------------------------------------------


@functools.cache
def special(dtype: str) -> Array:
    """Values at which formulas break."""
    type = DTYPES[dtype]
    if type.kind == "b":
        return np.array([False, True])
    if type.kind in "iu":
        limits = np.iinfo(type)
        edges = [limits.min, limits.min + 1, limits.max, limits.max - 1, limits.max // 2 + 1]
        values = [0, 1, -1, 2, -2, 3, -3, 7, -7, 10, 63, 64, *map(int, edges)]
        return np.array([x for x in values if limits.min <= x <= limits.max], type)
    if type.kind == "c":
        real = special("f64" if dtype == "c128" else "f32")
        chosen = real[[0, 1, 2, 6, 13, 17, 18, 19, 20, 21, 33, 36, 37, 38]]
        return np.ravel(np.asarray([complex(x, y) for x in chosen for y in chosen], type))
    info = np.finfo(type)
    sizes = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 10.0, 1e-3, 1e3, 100.0, 1e5, np.pi, 700.0, 88.0]
    sizes += [float(x) for x in (info.tiny, info.smallest_subnormal, info.max, info.eps, np.inf)]
    with np.errstate(over="ignore"):
        return np.array([*sizes, *(-x for x in sizes), np.nan], type)


def meant(row: Primitive, params: dict[str, Any], operands: Sequence[Array]) -> Array:
    """Where the reference has a meaning: not for integers to negative powers.

    Nor for floats that are far outside of uint32: what NumPy gives depends on the element's place.
    SciPy takes subnormal numbers for zero; its zeta function of huge exponents is NaN, and of NaN
    infinite at poles.
    """
    if row.name == "convert" and params["dtype"] == np.uint32 and is_inexact(operands[0].dtype):
        value = np.asarray(operands[0].real, np.float64)
        return np.asarray((value > -(2.0**31)) & (value < 2.0**32))
    if row.name == "pow" and operands[0].dtype.kind == "i":
        return np.asarray(operands[1] >= 0)
    if row.name in ("pow", "integer_pow") and is_complex(operands[0].dtype):
        # NumPy multiplies for whole exponents; beyond that a large factor turns by any angle.
        usual = [np.isfinite(x) & (np.abs(x) < 40.0) & (np.abs(x) > 0.1) for x in operands]
        return np.asarray(np.logical_and.reduce(usual))
    if row.name == "expm1" and is_complex(operands[0].dtype):
        # Where it overflows, NumPy has NaN beside the infinite part.
        return np.asarray(operands[0].real < 80.0)
    size = np.abs(operands[0])
    if row.name in {"lgamma", "erfcinv"}:
        return np.asarray((size == 0) | (size >= np.finfo(size.dtype).tiny) | np.isnan(size))
    if row.name == "zeta":
        return np.asarray(size <= 1e30)
    return np.ones(operands[0].shape, bool)


def special_cases(row: Primitive, dtype: str) -> list[tuple[Case, tuple[Array, ...]]]:
    """The row on all combinations of special values."""
    found = []
    for shapes, params in (
        domain_of(row).cases[:1] if row.name != "convert" else domain_of(row).cases
    ):
        kinds = domain_of(row).kinds or ("*",) * len(shapes)
        axes = [special(dtype if kind == "*" else kind) for kind in kinds]
        operands = [np.ravel(x) for x in np.meshgrid(*axes, indexing="ij")]
        every = max(operands[0].size // 100_000, 1)
        operands = [x[::every] for x in operands]
        chosen = meant(row, params, operands)
        operands = [x[chosen] for x in operands]
        case = Case(row, dtype, tuple(x.shape for x in operands), params)
        found.append((case, tuple(operands)))
    return found


def assert_right(pairs: Sequence[tuple[Case, tuple[Array, ...]]]) -> None:
    results = pb.jit(program([case for case, _ in pairs]))(*(operands for _, operands in pairs))
    for (case, operands), got in zip(pairs, results, strict=True):
        assert_same(case, got, operands)


@over_pairs(elementwise)
def test_special_values(row: Primitive, dtype: str):
    assert_right(special_cases(row, dtype))


@over_rows(lambda row: row.elementwise and bool(narrow(row)))
def test_special_values_of_narrow_dtypes(row: Primitive):
    assert_right([pair for dtype in narrow(row) for pair in special_cases(row, dtype)])


INTEGER_TYPES: list[Any] = [DTYPES[name].type for name in DTYPES if name[0] in "iu"]


def test_integer_division_never_traps():
    types: list[Any] = [x for x in INTEGER_TYPES if np.dtype(x).kind == "i"]
    for type in types:
        low = np.iinfo(type).min
        x, y = np.array([low, low, 5, -5, 0], type), np.array([-1, 0, 0, 0, 0], type)
        quotient, rest = pb.jit(lambda x, y: (x // y, x % y))(x, y)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(quotient, x // y)
            np.testing.assert_array_equal(rest, x % y)


def test_shifts_by_any_count():
    for type in INTEGER_TYPES:
        bits = np.iinfo(type).bits
        x = np.array([1, 5, np.iinfo(type).min, np.iinfo(type).max], type)[:, None]
        y = np.array([0, 1, 3, bits - 1, bits, bits + 1, 120, np.iinfo(type).min], type)
        left, right = pb.jit(lambda x, y: (x << y, x >> y))(x, y)
        np.testing.assert_array_equal(left, x << y)
        np.testing.assert_array_equal(right, x >> y)


# -- derivatives -------------------------------------------------------------------------------


def floating(operands: Sequence[Array]) -> list[bool]:
    return [is_float(x.dtype) for x in operands]


class Smooth:
    """The cases of a row as a function of their floating operands alone, all f64."""

    def __init__(self, row: Primitive, rng: np.random.Generator) -> None:
        every = [
            case for case in of_row(row, "f64") if is_float(case.graph().outputs[0].type.dtype)
        ]
        self.cases = [
            case
            for case in every
            if all(
                x.type.dtype == np.float64 or not is_float(x.type.dtype)
                for x in (*case.graph().parameters, *case.graph().outputs)
            )
        ]
        assert self.cases
        self.operands = [draw_unprepared(row, case.shapes, case.dtype, rng) for case in self.cases]
        fixed = domain_of(row).fixed
        self.flags = [
            [flag and i not in fixed for i, flag in enumerate(floating(xs))] for xs in self.operands
        ]
        self.point = tuple(
            x
            for xs, flags in zip(self.operands, self.flags, strict=True)
            for x, flag in zip(xs, flags, strict=True)
            if flag
        )

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        dtype = SHORT_NAMES[np.dtype(values[0].dtype)]
        cases = [retyped(case, dtype) for case in self.cases]
        return program(cases)(*self._prepared(values))

    def reference(self, *values: Array) -> list[Array]:
        pairs = zip(self.cases, self._prepared(values), strict=True)
        return [interpreted(case, xs) for case, xs in pairs]

    def _prepared(self, values: Sequence[Any]) -> list[Sequence[Any]]:
        prepare = domain_of(self.cases[0].row).prepare
        every = self._all(values)
        return [xs if prepare is None else prepare(*xs) for xs in every]

    def _all(self, values: Sequence[Any]) -> list[list[Any]]:
        from pullback.tracer.trace import lift, tracing

        given = iter(values)
        as_is = lift if tracing() else lambda x: x

        def held(x: Array) -> Any:
            # What is held fixed has the precision of the rest.
            return as_is(x.astype(values[0].dtype) if is_float(x.dtype) else x)

        return [
            [next(given) if flag else held(x) for x, flag in zip(xs, flags, strict=True)]
            for xs, flags in zip(self.operands, self.flags, strict=True)
        ]

    def like_point(self, rng: np.random.Generator) -> tuple[Array, ...]:
        return tuple(np.asarray(rng.uniform(-1.0, 1.0, x.shape)) for x in self.point)

    def like_result(self, rng: np.random.Generator) -> tuple[Array, ...]:
        return tuple(
            np.asarray(rng.uniform(-1.0, 1.0, x.shape)) for x in self.reference(*self.point)
        )


def difference(f: Callable[..., Sequence[Array]], point: Any, direction: Any) -> list[Array]:
    """The derivative along a direction by central differences, extrapolated: about 1e-10."""

    def central(h: float) -> list[Array]:
        ahead = f(*[x + h * d for x, d in zip(point, direction, strict=True)])
        behind = f(*[x - h * d for x, d in zip(point, direction, strict=True)])
        return [(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)]

    h = 2e-3
    rough, fine, finest = central(h), central(h / 2), central(h / 4)
    once = [
        [(4 * b - a) / 3 for a, b in zip(x, y, strict=True)]
        for x, y in ((rough, fine), (fine, finest))
    ]
    return [np.asarray((16 * b - a) / 15) for a, b in zip(*once, strict=True)]


def dot(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
    return sum(np.sum(x * y) for x, y in zip(xs, ys, strict=True))


def assert_close(got: Sequence[Any], want: Sequence[Any], allowed: float) -> None:
    assert len(got) == len(want)
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=allowed, atol=allowed)


@over_rows(differentiable)
def test_derivatives(row: Primitive, rng: np.random.Generator):
    """Forward mode against differences, reverse mode against forward mode, and both twice."""
    f = Smooth(row, rng)
    point, tangent, other = f.point, f.like_point(rng), f.like_point(rng)
    ct = f.like_result(rng)

    def weighted(*xs: Any) -> Any:
        return dot(f(*xs), ct)

    everything = tuple(range(len(point)))
    gradient = pb.grad(weighted, everything)

    @pb.jit
    def compiled(point: Any, tangent: Any, other: Any) -> Any:
        value, along = pb.jvp(f, point, tangent)
        _, forward_over_reverse = pb.jvp(gradient, point, tangent)
        slope = pb.grad(lambda *xs: dot(gradient(*xs), tangent), everything)
        return value, along, gradient(*point), forward_over_reverse, slope(*point)

    value, along, pulled, second, again = compiled(point, tangent, other)
    assert_close(value, f.reference(*point), 1e-13)
    assert_close(along, difference(f.reference, point, tangent), 1e-8)
    np.testing.assert_allclose(dot(ct, along), dot(pulled, tangent), rtol=1e-11, atol=1e-11)
    assert_close(second, again, 1e-10)
    compiled_gradient = pb.jit(gradient)
    assert_close(second, difference(compiled_gradient, point, tangent), 1e-7)


@over_rows(differentiable)
def test_derivatives_in_single_precision(row: Primitive, rng: np.random.Generator):
    """The same formulas in f32 and f16 give what they give in f64, and results are f32 or f16."""
    if "f32" not in domain_of(row).dtypes:
        pytest.fail(f"{row} is not tested in single precision")
    f = Smooth(row, rng)
    ct = f.like_result(rng)
    everything = tuple(range(len(f.point)))

    def run(cast: type, given: type) -> Any:
        weights: list[Array] = [np.asarray(w, given).astype(cast) for w in ct]
        gradient = pb.grad(lambda *xs: dot(f(*xs), weights), everything)
        return gradient(*[np.asarray(x, given).astype(cast) for x in f.point])

    kinds: list[tuple[type, float]] = [(np.float32, 2e-4), (np.float16, 2e-2)]
    for kind, allowed in kinds:
        if SHORT_NAMES[np.dtype(kind)] not in domain_of(row).dtypes:
            continue
        for low, double in zip(run(kind, kind), run(np.float64, kind), strict=True):
            assert np.asarray(low).dtype == kind
            np.testing.assert_allclose(low, double, rtol=allowed, atol=allowed)


# -- partials against SymPy --------------------------------------------------------------------

SYMBOLIC: dict[str, Any] = {
    "neg": -X, "add": X + Y, "sub": X - Y, "mul": X * Y, "div": X / Y, "pow": X**Y,
    "integer_pow": X**3, "exp": sympy.exp(X), "exp2": 2**X, "expm1": sympy.exp(X) - 1,
    "log": sympy.log(X), "log1p": sympy.log(1 + X), "log2": sympy.log(X, 2),
    "log10": sympy.log(X, 10), "sqrt": sympy.sqrt(X), "cbrt": X ** sympy.Rational(1, 3),
    "logistic": 1 / (1 + sympy.exp(-X)), "logaddexp": sympy.log(sympy.exp(X) + sympy.exp(Y)),
    "log_of_sum": sympy.log(sympy.Abs(X + Y)),
    "sin": sympy.sin(X), "cos": sympy.cos(X), "tan": sympy.tan(X), "asin": sympy.asin(X),
    "acos": sympy.acos(X), "atan": sympy.atan(X), "atan2": sympy.atan2(X, Y),
    "sinh": sympy.sinh(X), "cosh": sympy.cosh(X), "tanh": sympy.tanh(X),
    "asinh": sympy.asinh(X), "acosh": sympy.acosh(X), "atanh": sympy.atanh(X),
    "hypot": sympy.sqrt(X**2 + Y**2), "erf": sympy.erf(X), "erfc": sympy.erfc(X),
    "copysign": sympy.Abs(X),
    "nextafter": X,
    "formula": X * sympy.log(1 + sympy.exp(Y)),
    "abs": sympy.Abs(X), "maximum": sympy.Max(X, Y), "minimum": sympy.Min(X, Y),
    "remainder": X - Y * sympy.floor(X / Y),
    "clip": sympy.Min(sympy.Max(X, LOWER), UPPER),
    **special_symbols.SYMBOLIC,
}  # fmt: skip


def partials(row: Primitive, params: dict[str, Any], count: int) -> Graph:
    """A graph of a row's partials at numbers."""
    with new_trace() as trace:
        nodes = [trace.builder.parameter(scalar(FLOAT64)) for _ in range(count)]
        operands = [Tracer(x) for x in nodes]
        assert row.partials is not None
        given = row.partials(row(*operands, **params), *operands, **params)
        zero = operands[0] * 0.0
        known = [0.0 if p is None or isinstance(p, NoDerivative) else p for p in given]
        return trace.builder.graph([(zero + p).node for p in known])


@over_rows(lambda row: row.partials is not None and row.name not in special_symbols.INVERSES)
def test_partials_are_those_of_sympy(row: Primitive, rng: np.random.Generator):
    expression = SYMBOLIC[row.name]
    shapes, params = domain_of(row).cases[0]
    symbols = [X, Y] if len(shapes) == 2 else [X, LOWER, UPPER][: len(shapes)]
    graph = partials(row, params, len(shapes))
    for derivative, symbol in enumerate(symbols):
        if derivative in domain_of(row).fixed:
            continue
        exact = sympy.lambdify(symbols, _derivative(expression, symbol), "mpmath")
        for _ in range(10):
            point = draw_operands(row, [()] * len(shapes), params, "f64", rng)
            with mpmath.workdps(40):
                want = float(exact(*[mpmath.mpf(float(x)) for x in point]))
            got = graph.evaluate(*point)[derivative]
            np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-15)


def _derivative(expression: Any, symbol: Any) -> Any:
    """SymPy's derivative; those of steps, which it leaves standing, are zero almost everywhere."""
    found = sympy.diff(expression, symbol)
    return found.replace(
        lambda e: isinstance(e, sympy.Subs | sympy.Derivative), lambda e: sympy.Integer(0)
    )


# -- rows --------------------------------------------------------------------------------------


@over_rows()
def test_text_is_read_back(row: Primitive):
    for dtype in domain_of(row).dtypes:
        for case in of_row(row, dtype):
            text = case.graph().text()
            assert pb.parse(text).text() == text


@over_rows()
def test_a_row_refuses_types_that_it_is_not_for(row: Primitive):
    """Operands of no dtype in common are an error of the user's kind."""
    shapes, params = max(domain_of(row).cases, key=lambda case: len(case[0]))
    if len(shapes) < 2:
        return
    builder = Builder()
    dtypes = [np.float64, np.float32, np.bool_]
    operands = [
        builder.parameter(ArrayType(shape, np.dtype(dtypes[i % 3])))
        for i, shape in enumerate(shapes)
    ]
    with pytest.raises((TypeError, ValueError, IndexError)):
        builder.add(row, tuple(operands), of_dtype(params, "f64"))
