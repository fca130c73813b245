"""What each row is in NumPy, as an expression.

Rows that move elements are in `moving`, those with graphs inside in `loops`.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ..ir import Node
from ..types import BOOL, INT64, UINT8, is_complex, is_inexact
from .code import ATOM, LEVELS, Code, call, dtype_code, operation, prefix
from .moving import MOVING

if TYPE_CHECKING:
    from .write import Writer

Expression: TypeAlias = "Callable[[Writer, Node], Code]"

NUMPY = {
    "abs": "abs", "copysign": "copysign", "sign": "sign", "floor": "floor", "ceil": "ceil",
    "trunc": "trunc", "round": "rint", "exp": "exp", "exp2": "exp2", "expm1": "expm1",
    "log": "log", "log1p": "log1p", "log2": "log2", "log10": "log10", "sqrt": "sqrt",
    "cbrt": "cbrt", "logaddexp": "logaddexp", "sin": "sin", "cos": "cos", "tan": "tan",
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
    "nextafter": "nextafter", "hypot": "hypot", "maximum": "maximum", "minimum": "minimum",
    "clip": "clip", "is_nan": "isnan", "is_inf": "isinf", "is_finite": "isfinite", "gcd": "gcd",
    "where": "where", "real": "real", "imag": "imag", "conj": "conj",
}  # fmt: skip

SPECIAL = {"logistic": "expit", "lgamma": "gammaln", "digamma": "psi"}
"""What SciPy calls otherwise."""

SPECIAL_ROWS = (
    "logistic", "erf", "erfc", "erfcx", "erfinv", "erfcinv", "ndtri", "ndtr", "log_ndtr",
    "lgamma", "digamma", "zeta", "gamma", "betaln", "beta", "poch", "binom", "gammainc",
    "gammaincc", "betainc", "gammaincinv", "gammainccinv", "betaincinv", "stdtr", "stdtrit",
    "expi", "exp1", "i0e", "i1e", "j0", "j1", "y0", "y1", "k0", "k1", "k0e", "k1e", "iv", "kv",
    "jv", "yv", "ive", "kve",
)  # fmt: skip

BUNDLED = {
    "log_of_sum": ("elementwise", "_log_of_sum"),
    "fit": ("elementwise", "_fit_reference"),
    "complex": ("complexes", "_complex_reference"),
    "recurrence": ("cumulative", "_recurrence_reference"),
    "triangular_solve": ("linear_algebra", "_solve_reference"),
    "permutation": ("systems", "_permutation_reference"),
    "expm": ("matrix_functions", "_expm_reference"),
    "expm_change": ("matrix_functions", "_change_reference"),
    "sylvester": ("sylvester", "_sylvester_reference"),
    "square_root": ("sylvester", "_root_reference"),
}
"""Rows that are written as a call of their reference, with its definition."""


def _infix(w: Writer, node: Node) -> Code:
    symbol = node.primitive.symbol
    assert symbol is not None
    return operation(symbol, *w.elementwise(node))


def _function(name: str) -> Expression:
    return lambda w, node: call(name, *w.elementwise(node))


def _special(name: str) -> Expression:
    return lambda w, node: w.special(node, name, *w.elementwise(node))


def _bundled(w: Writer, node: Node) -> Code:
    name = w.bring(*BUNDLED[node.primitive.name])
    params = {k: dtype_param(v) for k, v in node.params.items()}
    return call(name, *map(w.array, node.operands), **params)


def dtype_param(value: Any) -> Any:
    """A parameter as an expression."""
    return call("np.dtype", value.name) if hasattr(value, "itemsize") else value


def _integer_pow(w: Writer, node: Node) -> Code:
    (x,) = w.elementwise(node)
    return operation("**", x, Code(str(node.params["n"]), ATOM if node.params["n"] >= 0 else 7))


def _convert(w: Writer, node: Node) -> Code:
    (operand,) = node.operands
    (x,), dtype = w.elementwise(node), node.params["dtype"]
    if is_complex(operand.type.dtype) and not is_complex(dtype):
        x = call("np.real", x) if dtype != BOOL else x
    if operand.type.ndim:
        return Code(f"{x.at(ATOM)}.astype({dtype_code(dtype)})")
    return call(f"np.{'bool_' if dtype == BOOL else dtype.name}", x)


def _limits(name: str, there: str) -> Expression:
    def expression(w: Writer, node: Node) -> Code:
        x = w.named(node.operands[0])
        found = w.special(node, name, x)
        return call("np.where", call("np.isinf", x), Code(there.format(x)), found)

    return expression


def _incomplete(w: Writer, node: Node) -> Code:
    from ..primitives.special import INCOMPLETE_DERIVATIVES

    function, orders = INCOMPLETE_DERIVATIVES[node.primitive.name]
    name = w.bring("incomplete", function.__name__)
    derivative = call(w.bring("incomplete", "reference"), Code(name), orders)
    return call(str(derivative), *map(w.array, node.operands))


# -- reductions, products ------------------------------------------------------------------------


def _reduction(name: str, adds: bool = False) -> Expression:
    def expression(w: Writer, node: Node) -> Code:
        (x,), axes = node.operands, node.params["axes"]
        named: dict[str, Any] = {}
        if axes != tuple(range(x.type.ndim)):
            named["axis"] = axes[0] if len(axes) == 1 else axes
        if adds and _is_small(node):
            named["dtype"] = dtype_code(node.type.dtype)
        return call(name, w.array(x), **named)

    return expression


def _is_small(node: Node) -> bool:
    """Whether NumPy would add elements in a wider dtype."""
    dtype = node.type.dtype
    return not is_inexact(dtype) and dtype != INT64


def _accumulated(name: str, adds: bool = False) -> Expression:
    def expression(w: Writer, node: Node) -> Code:
        (x,), axis = node.operands, node.params["axis"]
        named = {"dtype": dtype_code(node.type.dtype)} if adds and _is_small(node) else {}
        if not node.params["reverse"]:
            return call(name, w.array(x), axis, **named)
        flipped = call("np.flip", w.array(x), axis)
        return call("np.flip", call(name, flipped, axis, **named), axis)

    return expression


def _along(name: str) -> Expression:
    return lambda w, node: call(name, w.array(node.operands[0]), node.params["axis"])


def _dot(w: Writer, node: Node) -> Code:
    (x, y), contract, batch = node.operands, node.params["contract"], node.params["batch"]
    ranks, shared = (x.type.ndim, y.type.ndim), len(batch[0])
    if len(contract[0]) == 1 and max(ranks) <= 2 and not shared:
        left = _turned(w.array(x), ranks[0] == 2 and contract[0][0] == 0)
        right = _turned(w.array(y), ranks[1] == 2 and contract[1][0] == 1)
        return operation("@", left, right)
    if not shared and not contract[0] and ranks == (1, 1):
        return call("np.outer", w.array(x), w.array(y))
    leading = (tuple(range(shared)),) * 2 == tuple(map(tuple, batch))
    if leading and ranks == (shared + 2,) * 2 and contract == ((shared + 1,), (shared,)):
        return operation("@", w.array(x), w.array(y))
    return call("np.einsum", _labels(ranks, contract, batch), w.array(x), w.array(y))


def _turned(x: Code, turn: bool) -> Code:
    return Code(f"{x.at(ATOM)}.T") if turn else x


def _labels(ranks: tuple[int, int], contract: Any, batch: Any) -> str:
    letters = iter(string.ascii_letters[8:] + string.ascii_letters[:8])
    of_x = [next(letters) for _ in range(ranks[0])]
    of_y = [next(letters) for _ in range(ranks[1])]
    for a, b in (*zip(*contract, strict=True), *zip(*batch, strict=True)):
        of_y[b] = of_x[a]
    result = [of_x[a] for a in batch[0]]
    result += [of_x[a] for a in range(ranks[0]) if a not in (*contract[0], *batch[0])]
    result += [of_y[a] for a in range(ranks[1]) if a not in (*contract[1], *batch[1])]
    return f"{''.join(of_x)},{''.join(of_y)}->{''.join(result)}"


# -- matrices, transforms, sorting -----------------------------------------------------------------


def _of_matrix(name: str, *params: str, part: str = "") -> Expression:
    """A function of NumPy's linear algebra, with values of params as they are."""

    def expression(w: Writer, node: Node) -> Code:
        given = [node.params[p] for p in params]
        return Code(f"{call(f'np.linalg.{name}', *map(w.array, node.operands), *given)}{part}")

    return expression


def _symmetric(name: str, part: str = "") -> Expression:
    def expression(w: Writer, node: Node) -> Code:
        side = [] if node.params["lower"] else ["U"]
        return Code(f"{call(f'np.linalg.{name}', w.array(node.operands[0]), *side)}{part}")

    return expression


def _complex_result(name: str, part: str = "") -> Expression:
    """Eigenvalues that NumPy gives as real ones where they are."""

    def expression(w: Writer, node: Node) -> Code:
        found = Code(f"{call(f'np.linalg.{name}', w.array(node.operands[0]))}{part}")
        return Code(f"{found}.astype({dtype_code(node.type.dtype)})")

    return expression


def _solve(w: Writer, node: Node) -> Code:
    a, b = map(w.array, node.operands)
    if node.params["transposed"]:
        a = call("np.swapaxes", a, -1, -2)
    return call("np.linalg.solve", a, b)


def _qr(w: Writer, node: Node) -> Code:
    mode = ["complete"] if node.params.get("complete") else []
    part = 0 if node.primitive.name == "qr_q" else 1
    return Code(f"{call('np.linalg.qr', w.array(node.operands[0]), *mode)}[{part}]")


def _right_vectors(w: Writer, node: Node) -> Code:
    vh = Code(f"{call('np.linalg.svd', w.array(node.operands[0]), node.params['full'])}[2]")
    turned = call("np.swapaxes", vh, -1, -2)
    return call("np.conj", turned) if is_complex(node.type.dtype) else turned


def _factored(part: int) -> Expression:
    def expression(w: Writer, node: Node) -> Code:
        return Code(
            f"{call(w.bring('systems', '_lu_reference'), w.array(node.operands[0]))}[{part}]"
        )

    return expression


def _fourier(w: Writer, node: Node) -> Code:
    name, x = node.primitive.name, w.array(node.operands[0])
    if node.params.get("inverse") or name == "irfft":
        size = [node.params["n"]] if name == "irfft" else []
        name = "irfft" if name == "irfft" else "ifft"
        found = call(f"np.fft.{name}", x, *size, norm="forward")
    else:
        found = call(f"np.fft.{name}", x)
    factor = node.params["factor"]
    return found if factor == 1.0 else operation("*", found, Code(repr(factor)))


def _searchsorted(w: Writer, node: Node) -> Code:
    table, queries = node.operands
    if table.type.ndim == queries.type.ndim == 1:
        return call("np.searchsorted", w.array(table), w.array(queries), node.params["side"])
    name = w.bring("sorting", "_searchsorted_reference")
    return call(name, w.array(table), w.array(queries), side=node.params["side"])


def _first(w: Writer, node: Node) -> Code:
    return w.array(node.operands[0])


def _bit_count(w: Writer, node: Node) -> Code:
    found = call("np.bitwise_count", *w.elementwise(node))
    dtype = node.type.dtype
    return found if dtype == UINT8 else Code(f"{found}.astype({dtype_code(dtype)})")


EXPRESSIONS: dict[str, Expression] = {
    **{name: _function(f"np.{numpy}") for name, numpy in NUMPY.items()},
    **{name: _special(SPECIAL.get(name, name)) for name in SPECIAL_ROWS},
    **dict.fromkeys(BUNDLED, _bundled),
    **MOVING,
    "neg": lambda w, node: prefix("-", *w.elementwise(node)),
    "bit_not": lambda w, node: prefix("~", *w.elementwise(node)),
    "shift_left": lambda w, node: operation("<<", *w.elementwise(node)),
    "shift_right": lambda w, node: operation(">>", *w.elementwise(node)),
    "integer_pow": _integer_pow,
    "bit_count": _bit_count,
    "convert": _convert,
    "stop_gradient": _first,
    "barrier": _first,
    "i0": _limits("i0", "np.abs({})"),
    "i1": _limits("i1", "{}"),
    "reduce_sum": _reduction("np.sum", adds=True),
    "reduce_prod": _reduction("np.prod", adds=True),
    "reduce_max": _reduction("np.max"),
    "reduce_min": _reduction("np.min"),
    "reduce_any": _reduction("np.any"),
    "reduce_all": _reduction("np.all"),
    "argmax": _along("np.argmax"),
    "argmin": _along("np.argmin"),
    "cumsum": _accumulated("np.cumsum", adds=True),
    "cumprod": _accumulated("np.cumprod", adds=True),
    "cummax": _accumulated("np.maximum.accumulate"),
    "cummin": _accumulated("np.minimum.accumulate"),
    "dot": _dot,
    "cholesky": _of_matrix("cholesky"),
    "solve": _solve,
    "determinant": _of_matrix("det"),
    "log_determinant": _of_matrix("slogdet", part="[1]"),
    "lu_factors": _factored(0),
    "lu_pivots": _factored(1),
    "qr_q": _qr,
    "qr_r": _qr,
    "eigenvalues": _symmetric("eigvalsh"),
    "eigenvectors": _symmetric("eigh", "[1]"),
    "singular_values": _of_matrix("svdvals"),
    "left_singular_vectors": _of_matrix("svd", "full", part="[0]"),
    "right_singular_vectors": _right_vectors,
    "pinv": _of_matrix("pinv", "rcond"),
    "general_eigenvalues": _complex_result("eigvals"),
    "general_eigenvectors": _complex_result("eig", "[1]"),
    "fft": _fourier,
    "rfft": _fourier,
    "irfft": _fourier,
    "sort": lambda w, node: call("np.sort", w.array(node.operands[0])),
    "argsort": lambda w, node: call("np.argsort", w.array(node.operands[0]), kind="stable"),
    "searchsorted": _searchsorted,
}


def expression_of(node: Node) -> Expression | None:
    """How a row is written; None for one with graphs inside, or that calls Python."""
    name, symbol = node.primitive.name, node.primitive.symbol
    found = EXPRESSIONS.get(name)
    if found is None and symbol in LEVELS:
        return _infix
    if found is None and ("inc_by_" in name):
        return _incomplete
    return found


def needs_of(node: Node) -> tuple[tuple[str, str], ...]:
    """The definitions that a row may bring along."""
    name = node.primitive.name
    if name in BUNDLED:
        return (BUNDLED[name],)
    if name in ("lu_factors", "lu_pivots"):
        return (("systems", "_lu_reference"),)
    if name == "searchsorted":
        return (("sorting", "_searchsorted_reference"),)
    if "inc_by_" in name:
        return (("incomplete", name.split("_")[0] + "_by"), ("incomplete", "reference"))
    return ()
