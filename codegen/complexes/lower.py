"""The pass: every complex value becomes two real ones, before kernels are thought of.

Rules give for a complex node the row `complex` of two real expressions, and take the parts of
their operands by the rows `real` and `imag`, which simplify to the expressions again. So nothing
complex is left in the end. In memory a complex array is a real one with an axis of two more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pullback.tracer.errors import UnsupportedFunctionError, at
from pullback.tracer.ir import LITERAL, Graph, Node, literal_value
from pullback.tracer.passes.subgraph import with_inner
from pullback.tracer.primitive import TABLE, Primitive
from pullback.tracer.primitives import (
    call,
    complexes,
    contraction,
    cumulative,
    elementwise,
    fourier,
    indexing,
    linear_algebra,
    sorting,
    structure,
    systems,
)
from pullback.tracer.primitives import callback as callbacks
from pullback.tracer.primitives import reduction as reductions
from pullback.tracer.primitives.callback import Callback
from pullback.tracer.primitives.scan import NOTHING
from pullback.tracer.primitives.structure import concatenate, reshape, slice
from pullback.tracer.trace import Tracer, current_trace, literal
from pullback.tracer.types import BOOL, ArrayType, is_complex, real_dtype

from .. import factorisations, spectra
from ..fuse import CONTROL
from ..rewrite import Rule, rewritten
from . import arithmetic, functions, order, reduce, running
from .pair import Pair, joined, pair


def lower_complex(graph: Graph) -> Graph:
    """The graph in real numbers; parameters and outputs that are complex have a last axis of 2."""
    every = (*graph.parameters, *graph.nodes)
    if not any(is_complex(node.type.dtype) for node in every):
        return graph
    return rewritten(graph, RULES, _parameter, _output)


def _packed_type(type: ArrayType) -> ArrayType:
    return ArrayType((*type.shape, 2), real_dtype(type.dtype))


def _parameter(type: ArrayType) -> Tracer:
    """A parameter; a complex one put together of the parts of a real one."""
    builder = current_trace().builder
    if not is_complex(type.dtype):
        return Tracer(builder.parameter(type))
    return _unpacked(Tracer(builder.parameter(_packed_type(type))), type)


def _part(packed: Tracer, type: ArrayType, number: int) -> Tracer:
    starts, sizes = (*(0 for _ in type.shape), number), (*type.shape, 1)
    part = slice(packed, starts=starts, sizes=sizes, steps=(1,) * len(sizes))
    return reshape(part, shape=type.shape)


def _unpacked(packed: Tracer, type: ArrayType) -> Tracer:
    """The complex value of which the parts are side by side."""
    return joined(Pair(*(_part(packed, type, number) for number in (0, 1))))


def _packed(x: Tracer) -> Tracer:
    """A complex value in memory: its parts side by side, or what both were taken from."""
    parts = pair(x)
    source = _common_source(parts, _packed_type(x.type))
    if source is not None:
        return source
    return concatenate(*(reshape(part, shape=(*x.shape, 1)) for part in parts), axis=x.ndim)


def _common_source(parts: Pair, type: ArrayType) -> Tracer | None:
    """The array of pairs whose parts these are, if there is one."""
    node = parts.re.node
    while node.primitive in (reshape, slice):
        node = node.operands[0]
        if node.type == type:
            source = Tracer(node)
            again = (_part(source, parts.re.type, number).node for number in (0, 1))
            return source if [*again] == [part.node for part in parts] else None
    return None


def _output(x: Tracer) -> Tracer:
    return _packed(x) if is_complex(x.dtype) else x


# -- rules -------------------------------------------------------------------------------------


def _of_complex(rule: Rule) -> Rule:
    """The rule where an operand or the result is complex; other nodes stay as they are."""

    def apply(node: Node, operands: Sequence[Tracer]) -> Tracer | None:
        types = [node.type, *(x.type for x in node.operands)]
        return rule(node, operands) if any(is_complex(t.dtype) for t in types) else None

    return apply


def _by_part(node: Node, operands: Sequence[Tracer]) -> Tracer:
    """The row itself, of the real parts and of the imaginary parts."""
    results = []
    for row in (complexes.real, complexes.imag):
        parts = [row(x) if is_complex(x.dtype) else x for x in operands]
        results.append(node.primitive(*parts, **node.params))
    return joined(Pair(*results))


def _barrier(node: Node, operands: Sequence[Tracer]) -> Tracer:
    """Each part after all parts."""
    x, *after = operands
    parts = [part for y in after for part in (pair(y) if is_complex(y.dtype) else (y,))]
    if not is_complex(x.dtype):
        return call.barrier(x, *parts)
    return joined(Pair(*(call.barrier(part, *parts) for part in pair(x))))


def _formula(function: Callable[..., Pair | Tracer]) -> Rule:
    """A formula of pairs."""

    def rule(node: Node, operands: Sequence[Tracer]) -> Tracer:
        result = function(*map(pair, operands), **node.params)
        return joined(result) if isinstance(result, Pair) else result

    return rule


def _literal(node: Node, operands: Sequence[Tracer]) -> Tracer:
    value, dtype = node.params["value"], real_dtype(node.type.dtype)
    return joined(Pair(literal(value.real, dtype), literal(value.imag, dtype)))


def _iota(node: Node, operands: Sequence[Tracer]) -> Tracer:
    return joined(pair(structure.iota(size=node.params["size"], dtype=real_dtype(node.type.dtype))))


def _convert(node: Node, operands: Sequence[Tracer]) -> Tracer:
    (x,), dtype = operands, node.params["dtype"]
    if is_complex(dtype):
        x = x if is_complex(x.dtype) else elementwise.convert(x, dtype=real_dtype(dtype))
        parts = (elementwise.convert(part, dtype=real_dtype(dtype)) for part in pair(x))
        return joined(Pair(*parts))
    re, im = pair(x)
    if dtype == BOOL:
        truth: Tracer = (re != 0.0) | (im != 0.0)
        return truth
    return elementwise.convert(re, dtype=dtype)


def _dot(node: Node, operands: Sequence[Tracer]) -> Tracer:
    """Four real products, or two where an operand is a real one."""
    (a, b), (c, d) = (pair(x) for x in operands)

    def times(x: Tracer, y: Tracer) -> Tracer | None:
        if 0.0 in (literal_value(x.node), literal_value(y.node)):
            return None
        return contraction.dot(x, y, **node.params)

    re = _sum(times(a, c), times(b, d), elementwise.sub)
    im = _sum(times(a, d), times(b, c), elementwise.add)
    zero = structure.zeros(node.type.with_dtype(real_dtype(node.type.dtype)))
    return joined(Pair(zero if re is None else re, zero if im is None else im))


def _loop(node: Node, operands: Sequence[Tracer]) -> Tracer:
    """A row with graphs inside, which get real operands too."""
    from ..lowering import lowered_once

    packed = [_packed(x) if is_complex(x.dtype) else x for x in operands]
    result = node.primitive(*packed, **with_inner(node.params, lowered_once))
    # A stack stays as it is in memory: nothing but loops reads it.
    whole = node.type.is_stack or not is_complex(node.type.dtype)
    return result if whole else _unpacked(result, node.type)


def _sum(x: Tracer | None, y: Tracer | None, row: Primitive) -> Tracer | None:
    if y is None:
        return x
    if x is None:
        return -y if row is elementwise.sub else y
    return row(x, y)


def _infer_packed(
    *operands: ArrayType, complex_types: tuple[ArrayType, ...], **params: Any
) -> ArrayType:
    result = complex_types[0]
    return _packed_type(result) if is_complex(result.dtype) else result


def _routine(name: str) -> Rule:
    """A routine on arrays in memory, complex ones with a last axis of two.

    ``complex_types``, of the result and the operands, tell the routine what they stand for.
    """
    row = Primitive(name, _infer_packed, _no_reference)

    def rule(node: Node, operands: Sequence[Tracer]) -> Tracer:
        types = (node.type, *(x.type for x in operands))
        arrays = [_packed(x) if is_complex(x.dtype) else x for x in operands]
        out = row(*arrays, complex_types=types, **node.params)
        return _unpacked(out, node.type) if is_complex(node.type.dtype) else out

    return rule


def _infer_python(*operands: ArrayType, callback: Callback, result: int | None = None) -> ArrayType:
    type = NOTHING if result is None else callback.results[result]
    return _packed_type(type) if is_complex(type.dtype) else type


def _python(row: Primitive) -> Rule:
    """A call of Python on arrays in memory, where complex ones have a last axis of two."""
    packed = Primitive(row.name, _infer_python, _no_reference, effect=row.effect)

    def rule(node: Node, operands: Sequence[Tracer]) -> Tracer:
        arrays = [_packed(x) if is_complex(x.dtype) else x for x in operands]
        out = packed(*arrays, **node.params)
        return _unpacked(out, node.type) if is_complex(node.type.dtype) else out

    return rule


def _no_reference(*operands: Any, **params: Any) -> Any:
    raise AssertionError("lowered graphs are not interpreted")


TRANSFORMS = fourier.fft, fourier.rfft, fourier.irfft
FACTORISATIONS = (
    *(linear_algebra.triangular_solve, systems.cholesky, factorisations.lu),
    *(factorisations.lu_solve, factorisations.qr, factorisations.eigh, factorisations.svd),
    factorisations.squared,
    *(spectra.geev, spectra.schur, spectra.triangular_sylvester, spectra.triangular_root),
)


def _rules() -> dict[Primitive, Rule]:
    rules: dict[Primitive, Rule] = {LITERAL: _literal, structure.iota: _iota}
    rules |= {row: _routine(row.name) for row in (*TRANSFORMS, *FACTORISATIONS)}
    rules |= {TABLE[name]: _loop for name in CONTROL}
    rules |= {row: _python(row) for row in (callbacks.pure_callback, callbacks.debug_callback)}
    rules |= {call.barrier: _barrier, contraction.dot: _dot, elementwise.convert: _convert}
    for row in (
        *(structure.broadcast, structure.reshape, structure.permute, structure.slice),
        *(structure.flip, structure.pad, structure.concatenate, structure.update_slice),
        *(indexing.gather, indexing.scatter, indexing.scatter_add),
        *(reductions.reduce_sum, reductions.cumsum),
        *(elementwise.where, elementwise.stop_gradient, elementwise.round),
    ):
        rules[row] = _by_part
    for row, function in FORMULAS.items():
        rules[row] = _formula(function)
    parts = (complexes.complex, complexes.real, complexes.imag)
    others = [row for row in TABLE.values() if row not in (*rules, *parts)]
    return {row: _of_complex(rules.get(row, _refuse)) for row in (*rules, *others)}


def _refuse(node: Node, operands: Sequence[Tracer]) -> Tracer:
    raise UnsupportedFunctionError(
        f"{node.primitive.name} is not compiled for {node.operands[0].type}; apply it to the real "
        f"and imaginary parts{at(node.where)}"
    )


FORMULAS: dict[Primitive, Callable[..., Pair | Tracer]] = {
    complexes.conj: arithmetic.conj,
    elementwise.neg: arithmetic.neg,
    elementwise.add: arithmetic.add,
    elementwise.sub: arithmetic.sub,
    elementwise.mul: arithmetic.mul,
    elementwise.div: arithmetic.div,
    elementwise.integer_pow: arithmetic.whole_power,
    elementwise.abs: arithmetic.size,
    elementwise.eq: arithmetic.eq,
    elementwise.ne: arithmetic.ne,
    elementwise.lt: arithmetic.lt,
    elementwise.le: arithmetic.le,
    elementwise.gt: lambda x, y: arithmetic.lt(y, x),
    elementwise.ge: lambda x, y: arithmetic.le(y, x),
    elementwise.is_nan: arithmetic.is_nan,
    elementwise.is_inf: arithmetic.is_inf,
    elementwise.is_finite: arithmetic.is_finite,
    elementwise.maximum: arithmetic.maximum,
    elementwise.minimum: arithmetic.minimum,
    elementwise.clip: arithmetic.clip,
    elementwise.pow: functions.pow,
    elementwise.exp: functions.exp,
    elementwise.exp2: functions.exp2,
    elementwise.expm1: functions.expm1,
    elementwise.log: functions.log,
    elementwise.log2: functions.log2,
    elementwise.log10: functions.log10,
    elementwise.log1p: functions.log1p,
    elementwise.sqrt: functions.sqrt,
    elementwise.sin: functions.sin,
    elementwise.cos: functions.cos,
    elementwise.tan: functions.tan,
    elementwise.asin: functions.asin,
    elementwise.acos: functions.acos,
    elementwise.atan: functions.atan,
    elementwise.sinh: functions.sinh,
    elementwise.cosh: functions.cosh,
    elementwise.tanh: functions.tanh,
    elementwise.asinh: functions.asinh,
    elementwise.acosh: functions.acosh,
    elementwise.atanh: functions.atanh,
    reductions.reduce_prod: reduce.prod,
    reductions.reduce_max: reduce.max,
    reductions.reduce_min: reduce.min,
    reductions.argmax: reduce.argmax,
    reductions.argmin: reduce.argmin,
    cumulative.cumprod: running.cumprod,
    cumulative.cummax: running.cummax,
    cumulative.cummin: running.cummin,
    cumulative.recurrence: running.recurrence,
    sorting.sort: order.sort,
    sorting.argsort: order.argsort,
}

RULES: dict[Primitive, Rule] = _rules()
