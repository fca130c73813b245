"""The elementary functions compiled one by one, and what they are measured against."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np
import scipy.special

from pullback.codegen.assembly import I64, PTR, FunctionWriter, Module, Value, element, vector
from pullback.codegen.math import FUNCTIONS
from pullback.runtime import link
from pullback.runtime.libraries import resolve
from pullback.runtime.target import host
from pullback.tracer.primitives.elementwise import log_of_sum

Array = np.ndarray[Any, Any]
Emit = Callable[..., Value]

ELEMENTS = {"f64": "double", "f32": "float"}
DTYPES: dict[str, Any] = {"f64": np.float64, "f32": np.float32}
NATIVE_LANES = {"f64": 8, "f32": 16}
AVX512 = host().vector_bytes == 64
TWO_OPERANDS = {
    "pow", "atan2", "logaddexp", "log_of_sum", "hypot", "copysign", "nextafter", "remainder",
    "floor_divide",
}  # fmt: skip
# Exact by definition: every bit is NumPy's.
EXACT = {
    "sqrt", "floor", "ceil", "trunc", "round", "copysign", "nextafter", "remainder",
    "floor_divide",
}  # fmt: skip
MEASURED = [name for name in FUNCTIONS if name not in EXACT]
# Whether NumPy's long double is extended precision, which not all machines have.
EXTENDED = np.finfo(np.longdouble).nmant >= 63

NUMPY_NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "pow": "power", "atan2": "arctan2", "round": "rint",
}  # fmt: skip
MPMATH_NAMES = {"pow": "power", "log2": "log", "log10": "log"}


class Compiled:
    """A function over whole arrays, as machine code; ``instructions`` counts what was emitted."""

    def __init__(
        self, emit: Emit, dtype: str, lanes: int, operands: int, avx512: bool = AVX512
    ) -> None:
        module = Module(avx512=avx512, convention=host().convention)
        self.text, self.instructions = array_function(
            module, emit, ELEMENTS[dtype], lanes, operands
        )
        self.linked = link.link(self.text, resolve(module.symbols), ["run"], level=2)
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (operands + 1), ctypes.c_int64)
        self.pointer = kind(self.linked.address("run"))
        self.lanes = lanes

    def __call__(self, *operands: Array) -> Array:
        """The function of the arrays, each padded to whole vectors for the call."""
        size = operands[0].size
        padding = -size % self.lanes
        padded = [np.concatenate([x, x[:1].repeat(padding)]) for x in operands]
        out = np.empty_like(padded[0])
        self.pointer(*(x.ctypes.data for x in padded), out.ctypes.data, out.size)
        return out[:size]


def array_function(
    module: Module, emit: Emit, kind: str, lanes: int, operands: int
) -> tuple[str, int]:
    """LLVM text of a loop over arrays, and the number of lines of the function within it."""
    names = [f"x{i}" for i in range(operands)]
    parameters = [*((PTR, name) for name in names), (PTR, "out"), (I64, "count")]
    w = FunctionWriter(module, "run", "void", parameters)
    *sources, out, count = w.parameters
    type = vector(kind, lanes)
    width = 8 if kind == "double" else 4
    with w.loop(0, count, lanes) as loop:
        values = [w.load(type, w.address(s, loop.index, kind), width) for s in sources]
        assert element(values[0].type) == kind
        before = len(w._lines)
        result = emit(w, *values)
        length = len(w._lines) - before
        w.store(result, w.address(out, loop.index, kind), width)
    w.ret()
    w.finish()
    return module.text(), length


@cache
def compiled(name: str, dtype: str, lanes: int) -> Compiled:
    """A function of the table."""
    return Compiled(FUNCTIONS[name], dtype, lanes, 2 if name in TWO_OPERANDS else 1)


# -- references ------------------------------------------------------------------------------


def _logistic(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def _logaddexp(x: Array, y: Array) -> Array:
    # NumPy's own returns for extended precision what plain rounding of x - y allows.
    top, bottom = np.maximum(x, y), np.minimum(x, y)
    distance = np.where(x == y, 0, bottom - top)
    return top + np.log1p(np.exp(distance))


def ufunc(name: str) -> Callable[..., Array]:
    """The function as NumPy or SciPy has it."""
    special = {"erf": scipy.special.erf, "erfc": scipy.special.erfc}
    own = {"logistic": _logistic, "logaddexp": _logaddexp, "log_of_sum": log_of_sum.reference}
    found: Any = own.get(name) or special.get(name)
    return found or getattr(np, NUMPY_NAMES.get(name, name))


def in_higher_precision(name: str, operands: list[Array]) -> Array:
    """The function in twice the precision for f32, in extended precision for f64."""
    wide = np.float64 if operands[0].dtype == np.float32 else np.longdouble
    with np.errstate(all="ignore"):
        return ufunc(name)(*(x.astype(wide) for x in operands)).astype(np.longdouble)


def _exactly(name: str, operands: tuple[Any, ...]) -> Any:
    """The function at finite operands with mpmath; NaN where it has no real value."""
    (x, *others) = (mpmath.mpf(float(v)) for v in operands)
    match name:
        case "logistic":
            return 1 / (1 + mpmath.exp(-x))
        case "logaddexp":
            return mpmath.log(mpmath.exp(x) + mpmath.exp(others[0]))
        case "log_of_sum":
            return mpmath.log(abs(x + others[0]))
        case "erfc" if abs(x) > 40:
            return mpmath.mpf(0 if x > 0 else 2)
        case "cbrt":
            return mpmath.sign(x) * mpmath.cbrt(abs(x))
        case "exp2":
            return mpmath.mpf(2) ** x
        case "log2" | "log10":
            return mpmath.log(x, int(name[3:]))
        case _:
            return getattr(mpmath, MPMATH_NAMES.get(name, name))(x, *others)


def with_mpmath(name: str, operands: list[Array]) -> Array:
    """The function at finite operands with 50 digits, rounded to extended precision."""

    def one(*values: Any) -> np.longdouble:
        try:
            y = _exactly(name, values)
        except (ValueError, ZeroDivisionError):
            y = mpmath.nan
        if not isinstance(y, mpmath.mpf):
            return np.longdouble("nan")
        high = float(y)
        rest = float(y - high) if np.isfinite(high) else 0.0
        return np.longdouble(high) + np.longdouble(rest)

    # erfc and the trigonometric functions of large numbers want digits to spare.
    with mpmath.workprec(1200 if name in {"logaddexp", "log_of_sum", "sin", "cos", "tan"} else 170):
        return np.array([one(*v) for v in zip(*operands, strict=True)], dtype=np.longdouble)


def ulps(got: Array, exact: Array, scale: Array | None = None) -> Array:
    """Errors in units of the last place of the exact value (or of ``scale``), by element.

    A value that should be infinite or NaN, or should not, and is not so, has an infinite error.
    """
    info = np.finfo(got.dtype)
    size = np.abs(exact if scale is None else scale)
    with np.errstate(all="ignore"):
        rounded = exact.astype(got.dtype)
        _, exponent = np.frexp(np.maximum(size, np.longdouble(info.tiny)))
        unit = np.ldexp(np.longdouble(1), exponent - 1 - info.nmant)
        error = np.abs(got - exact) / unit
    agree = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    special = ~np.isfinite(rounded) | ~np.isfinite(got)
    # Just above the largest number either side may overflow, within the bound.
    edge = np.isinf(got) & (np.abs(exact) <= info.max) & (np.abs(exact) > info.max * (1 - info.eps))
    error = np.where(special, np.where(agree | edge, 0.0, np.inf), error)
    return error.astype(np.float64)


def errors(name: str, got: Array, operands: list[Array], exact: Array) -> Array:
    """Errors in ulps; of ``logaddexp`` in ulps of the largest of its terms."""
    if name != "logaddexp":
        return ulps(got, exact)
    top = np.maximum(*(x.astype(np.longdouble) for x in operands))
    with np.errstate(all="ignore"):
        scale = np.maximum(np.maximum(np.abs(top), np.abs(exact)), np.abs(exact - top))
    return ulps(got, exact, np.where(np.isfinite(scale), scale, 1))


# -- operands --------------------------------------------------------------------------------

# Where errors are greatest or formulas change, beside the whole range of exponents.
DENSE: dict[str, list[tuple[float, float]]] = {
    "exp": [(-1, 1), (-746, -700), (700, 710), (-104, 89)],
    "exp2": [(-1, 1), (-1075, -1010), (-150, -120), (-20, 20)],
    "expm1": [(-1.5, 1.5), (-40, 40), (0.3, 0.4)],
    "log": [(0.5, 2), (0.9, 1.1), (0, 100)],
    "log2": [(0.5, 2), (0.9, 1.1), (0, 100)],
    "log10": [(0.5, 2), (0.9, 1.1), (0, 1000)],
    "log1p": [(-1, 1), (0.3, 0.6), (0, 100)],
    "logistic": [(-40, 40), (-5, 5), (-750, -700), (-110, -80)],
    "sin": [(-4, 4), (-1000, 1000), (-1e5, 1e5), (-1e9, 1e9)],
    "cos": [(-4, 4), (-1000, 1000), (-1e5, 1e5), (-1e9, 1e9)],
    "tan": [(-4, 4), (-1000, 1000), (-1e5, 1e5), (-1e9, 1e9)],
    "asin": [(-1, 1), (0.4, 0.6)],
    "acos": [(-1, 1), (0.4, 0.6), (0.9, 1)],
    "atan": [(-1, 1), (0.8, 1.2), (-10, 10)],
    "sinh": [(-1, 1), (0.3, 0.5), (-20, 20), (700, 711), (80, 90)],
    "cosh": [(-1, 1), (-20, 20), (700, 711), (80, 90)],
    "tanh": [(-1, 1), (0.6, 0.7), (-3, 3), (-20, 20)],
    "asinh": [(-1, 1), (-3, 3), (-100, 100)],
    "acosh": [(1, 1.1), (1, 2), (1, 10), (1, 1000)],
    "atanh": [(-1, 1), (0.2, 0.5), (0.9, 1)],
    "cbrt": [(-8, 8), (1, 8)],
    "erf": [(-1, 1), (0.8, 1.6), (-6, 6)],
    "erfc": [(-1, 1), (-6, 6), (0, 28), (8, 10.2), (26, 27.3)],
}


def _any_bits(rng: np.random.Generator, dtype: str, count: int) -> Array:
    """Finite numbers with all exponents alike, half of them within 2**±30."""
    limit = np.finfo(DTYPES[dtype]).maxexp
    exponents = np.concatenate(
        [rng.uniform(-limit - 22, limit, count // 2), rng.uniform(-30, 30, count - count // 2)]
    )
    signs = rng.choice([-1.0, 1.0], count)
    return (signs * np.exp2(exponents)).astype(DTYPES[dtype])


def _pairs(name: str, rng: np.random.Generator, dtype: str, count: int) -> list[Array]:
    """Two operands: any with any, near one another in size, and what makes the function hard."""
    kind = DTYPES[dtype]
    x, y = _any_bits(rng, dtype, count), _any_bits(rng, dtype, count)
    near = rng.uniform(-5, 5, (2, count)).astype(kind)
    hard = np.exp2(rng.uniform(-3, 3, (2, count))).astype(kind)
    if name == "pow":
        base = np.exp2(rng.uniform(-1, 1, count) ** 7 * 30).astype(kind)
        reach = -float(np.log2(np.finfo(kind).smallest_subnormal))
        with np.errstate(divide="ignore"):
            power = rng.uniform(-1, 1, count) * reach / np.log2(base.astype(np.float64))
        hard = np.array([base, np.where(np.isfinite(power), power, 1)]).astype(kind)
        near[1] = np.rint(near[1] * 4)
    elif name == "log_of_sum":
        hard = np.array([rng.uniform(0.5, 2, count), rng.uniform(-1, 1, count) ** 9]).astype(kind)
    elif name == "logaddexp":
        hard = np.array([rng.uniform(0, 1e-3, count), rng.uniform(-40, 0, count)]).astype(kind)
    elif name in {"remainder", "floor_divide"}:
        hard = rng.integers(-90, 90, (2, count)).astype(kind) / kind(10)
    return [np.concatenate([x, near[0], hard[0]]), np.concatenate([y, near[1], hard[1]])]


def operands(name: str, dtype: str, count: int, seed: int = 0) -> list[Array]:
    """Operands all over the range and, so many each, in the regions where errors are greatest."""
    rng = np.random.default_rng(seed)
    if name in TWO_OPERANDS:
        return _pairs(name, rng, dtype, count)
    dense = [rng.uniform(low, high, count) for low, high in DENSE.get(name, [(-10, 10)])]
    if name in {"sin", "cos", "tan"}:
        # Near zeros and poles.
        dense.append(np.rint(rng.uniform(-1e5, 1e5, count)) * (np.pi / 2))
    return [np.concatenate([_any_bits(rng, dtype, count), *dense]).astype(DTYPES[dtype])]
