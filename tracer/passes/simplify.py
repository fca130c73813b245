"""Simplifications, applied as nodes are built; `rules.py` says what a row of them is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir import LITERAL, Builder, Graph, Node, Params, literal_value, replay
from ..primitive import TABLE, Primitive
from ..types import BOOL, DType, is_integer
from . import algebra as algebra  # enters its rules
from .rules import DOMAIN_RULES, RULES, Rule, added, simplification, spread


def rewrite(
    builder: Builder, primitive: Primitive, operands: tuple[Node, ...], params: Params
) -> Node | None:
    """The simpler node for ``primitive`` of ``operands``, or None: the hook of the builder."""
    if primitive.elementwise and operands:
        folded = _fold(builder, primitive, operands, params)
        if folded is not None:
            return folded
    for row in RULES.get(primitive.name, ()):
        simple = row.rule(builder, operands, params)
        if simple is not None:
            return simple
    return None


def rewrite_on_domain(
    builder: Builder, primitive: Primitive, operands: tuple[Node, ...], params: Params
) -> Node | None:
    """The same, with the rules that change the domain first."""
    for row in DOMAIN_RULES.get(primitive.name, ()):
        simple = row.rule(builder, operands, params)
        if simple is not None:
            return simple
    return rewrite(builder, primitive, operands, params)


def simplified(graph: Graph, domain: bool) -> Graph:
    """The graph with the rules applied again."""
    builder = Builder(rewrite_on_domain if domain else rewrite)
    parameters = [builder.parameter(x.type) for x in graph.parameters]
    return builder.graph(replay(graph, builder, parameters))


def _fold(
    builder: Builder, primitive: Primitive, operands: tuple[Node, ...], params: Params
) -> Node | None:
    """Numbers computed now: an elementwise row of numbers, broadcast or not, is a number."""
    values = []
    for x in operands:
        value = literal_value(x)
        if value is None:
            return None
        values.append(np.asarray(value, x.type.dtype))
    type = primitive.infer(*[x.type for x in operands], **params)
    if type.dtype.kind in "iub" and primitive.name in ("floor_divide", "remainder", "integer_pow"):
        return None
    with np.errstate(all="ignore"):
        result = primitive.reference(*values, **params)
    return spread(builder, builder.literal(np.asarray(result).item(), type.dtype), type.shape)


# -- arithmetic ------------------------------------------------------------------------------


@simplification("mul", "x * 1 = x, x * -1 = -x")
def _mul_unit(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    for x, factor in (operands, operands[::-1]):
        value = literal_value(factor)
        if value == 1:
            return x
        if value == -1:
            return added(builder, "neg", (x,))
    return None


@simplification("mul", "(-x) * (-y) = x * y")
def _mul_signs(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    if all(x.primitive.name == "neg" for x in operands):
        return added(builder, "mul", tuple(x.operands[0] for x in operands))
    return None


@simplification("div", "x / 1 = x")
def _div_unit(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    return operands[0] if literal_value(operands[1]) == 1 else None


@simplification("neg", "-(-x) = x")
def _neg_neg(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    return x.operands[0] if x.primitive.name == "neg" else None


@simplification("add", "x + (-y) = x - y")
def _add_neg(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    if y.primitive.name == "neg":
        return added(builder, "sub", (x, y.operands[0]))
    if x.primitive.name == "neg":
        return added(builder, "sub", (y, x.operands[0]))
    return None


@simplification(
    "add", "a scatter is left for last, into the sum: that sums in another order", "rounding"
)
def _add_scattered(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    """Into zeros, or in an adjoint, where nothing else reads the cotangent of one use."""
    for scattered, other in (operands, operands[::-1]):
        if scattered.primitive.name != "scatter_add":
            continue
        target, *rest = scattered.operands
        if literal_value(target) == 0:
            return added(builder, "scatter_add", (other, *rest))
        if scattered.primal is not None:
            return added(builder, "scatter_add", (added(builder, "add", (target, other)), *rest))
    return None


@simplification("sub", "x - (-y) = x + y")
def _sub_neg(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    return added(builder, "add", (x, y.operands[0])) if y.primitive.name == "neg" else None


@simplification("sub", "x - 0 = x")
def _sub_zero(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    value = literal_value(operands[1])
    if value is None or value != 0:
        return None
    positive = all(math.copysign(1.0, part) == 1.0 for part in (value.real, value.imag))
    return operands[0] if positive else None


@simplification(
    "pow",
    "small whole powers by multiplication, x ** 0.5 = sqrt(x), as NumPy's ** does",
    "rounding",
)
def _pow_whole(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    value = literal_value(y)
    if value is None or x.type.dtype.kind not in "fiuc" or value.imag != 0:
        return None
    value = value.real
    if value == 0.5:
        return added(builder, "sqrt", (x,))
    smallest = -4 if x.type.dtype.kind in "fc" else 0
    if smallest <= value <= 16 and value == int(value):
        return added(builder, "integer_pow", (x,), n=int(value))
    return None


@simplification("integer_pow", "x ** 1 = x, x ** 2 = x * x, x ** -1 = 1 / x, x ** 0 = 1")
def _integer_pow(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    one = builder.literal(1, x.type.dtype)
    match params["n"]:
        case 0:
            return spread(builder, one, x.type.shape)
        case 1:
            return x
        case 2:
            return added(builder, "mul", (x, x))
        case -1:
            return added(builder, "div", (spread(builder, one, x.type.shape), x))
        case _:
            return None


@simplification("where", "where(c, x, x) = x")
def _where_same(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    return operands[1] if operands[1] is operands[2] else None


@simplification("where", "where(True, x, y) = x, where(False, x, y) = y")
def _where_known(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    known = literal_value(operands[0])
    return None if known is None else operands[1 if known else 2]


def _absorbed(absorbing: bool) -> Rule:
    """Of a bool with a number: the number if it decides, else the other."""

    def rule(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
        for x, number in (operands, operands[::-1]):
            if x.type.dtype == BOOL and (known := literal_value(number)) is not None:
                return number if known == absorbing else x
        return None

    return rule


simplification("bit_and", "x & True = x, x & False = False")(_absorbed(False))
simplification("bit_or", "x | False = x, x | True = True")(_absorbed(True))


@simplification("eq", "whole numbers are equal to themselves")
def _eq_same(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    if x is not y or not is_integer(x.type.dtype):
        return None
    return spread(builder, builder.literal(True, BOOL), x.type.shape)


@simplification("bit_not", "~~x = x")
def _not_not(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    return x.operands[0] if x.primitive.name == "bit_not" else None


@simplification("convert", "a conversion to the same dtype")
def _convert_same(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    return operands[0] if operands[0].type.dtype == params["dtype"] else None


# -- structure -------------------------------------------------------------------------------


@simplification("broadcast", "a broadcast to the same shape, of a broadcast")
def _broadcast(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if x.type.shape == params["shape"]:
        return x
    if x.primitive.name == "broadcast":
        axes = tuple(params["axes"][a] for a in x.params["axes"])
        return added(builder, "broadcast", x.operands, shape=params["shape"], axes=axes)
    return None


@simplification("reshape", "a reshape to the same shape, of a reshape, of a number")
def _reshape(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if x.type.shape == params["shape"]:
        return x
    if x.primitive.name == "reshape":
        return added(builder, "reshape", x.operands, shape=params["shape"])
    return _number(builder, x, params["shape"])


def _number(builder: Builder, x: Node, shape: tuple[int, ...]) -> Node | None:
    """A broadcast literal in another shape."""
    if literal_value(x) is None:
        return None
    while x.primitive is not LITERAL:
        x = x.operands[0]
    return spread(builder, x, shape)


@simplification("permute", "a permutation that changes nothing, of a permutation, of a number")
def _permute(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    axes = params["axes"]
    if axes == tuple(range(x.type.ndim)):
        return x
    if x.primitive.name == "permute":
        inner = tuple(x.params["axes"][a] for a in axes)
        return added(builder, "permute", x.operands, axes=inner)
    return _number(builder, x, tuple(x.type.shape[a] for a in axes))


@simplification("permute", "(x y)^T = y^T x^T: the operands of a product change places")
def _permuted_product(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (product,) = operands
    if product.primitive.name != "dot":
        return None
    x, y = product.operands
    (of_x, of_y), (batch_x, batch_y) = product.params["contract"], product.params["batch"]
    batch = len(batch_x)
    split = x.type.ndim - len(of_x)
    if params["axes"] != (*range(batch), *range(split, product.type.ndim), *range(batch, split)):
        return None
    return added(builder, "dot", (y, x), contract=(of_y, of_x), batch=(batch_y, batch_x))


@simplification("barrier", "a number is there at any time; what is spread, once that is there")
def _barrier(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, *after = operands
    if literal_value(x) is not None:
        return x
    if after or x.primitive.name != "broadcast":
        return None
    return added(builder, "broadcast", (added(builder, "barrier", x.operands),), **x.params)


@simplification("slice", "a slice of everything, of a number")
def _slice(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if params["sizes"] == x.type.shape and all(s == 1 for s in params["steps"]):
        return x
    return _number(builder, x, params["sizes"])


@simplification("slice", "a slice of what was just put there")
def _slice_of_update(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    if x.primitive.name != "update_slice" or x.operands[1].type.shape != params["sizes"]:
        return None
    same = x.params["starts"] == params["starts"] and x.params["steps"] == params["steps"]
    return x.operands[1] if same else None


@simplification("update_slice", "an update of everything, of nothing, with what is there already")
def _update_slice(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, update = operands
    if x.type == update.type:
        return update
    if update.type.size == 0:
        return x
    same = update.primitive.name == "slice" and update.operands[0] is x
    same = same and update.params["starts"] == params["starts"]
    return x if same and update.params["steps"] == params["steps"] else None


@simplification("flip", "a flip along no axis, of a number")
def _flip(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    return x if not params["axes"] else _number(builder, x, x.type.shape)


@simplification("pad", "a pad of no width")
def _pad(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    widths = (*params["low"], *params["high"])
    gaps = zip(params["interior"], operands[0].type.shape, strict=True)
    unchanged = not any(widths) and all(gap == 0 or extent <= 1 for gap, extent in gaps)
    return operands[0] if unchanged else None


@simplification("concatenate", "a concatenation of one")
def _concatenate(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    return operands[0] if len(operands) == 1 else None


@simplification("concatenate", "neighbouring slices of one array, put together again")
def _joined_slices(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    axis = params["axis"]
    runs: list[list[Node]] = []
    for x in operands:
        if runs and _goes_on(runs[-1][-1], x, axis):
            runs[-1].append(x)
        else:
            runs.append([x])
    if len(runs) == len(operands):
        return None
    kept = [_joined(builder, run, axis) if len(run) > 1 else run[0] for run in runs]
    return added(builder, "concatenate", tuple(kept), axis=axis)


def _slice_along(x: Node, axis: int) -> tuple[Node, int] | None:
    """The slice that is put together along an axis, and which of its own axes that is.

    `numpy.stack` puts the first axis of a row ``x[i : i + 1]`` at another place.
    """
    if x.primitive.name == "slice":
        return x, axis
    if x.primitive.name == "reshape" and x.operands[0].primitive.name == "slice":
        row = x.operands[0]
        extents = row.type.shape[1:]
        if row.type.shape[:1] == (1,) and x.type.shape == (*extents[:axis], 1, *extents[axis:]):
            return row, 0
    return None


def _goes_on(x: Node, y: Node, axis: int) -> bool:
    """Whether a slice begins where another one ends."""
    first, second = _slice_along(x, axis), _slice_along(y, axis)
    if first is None or second is None or first[1] != second[1]:
        return False
    (a, along), (b, _) = first, second
    if a.operands != b.operands or a.params["steps"] != b.params["steps"] or not a.type.size:
        return False
    following = list(a.params["starts"])
    following[along] += a.type.shape[along] * a.params["steps"][along]
    others = [i for i in range(a.type.ndim) if i != along]
    same = all(a.type.shape[i] == b.type.shape[i] for i in others)
    return same and b.type.size > 0 and tuple(following) == tuple(b.params["starts"])


def _joined(builder: Builder, run: Sequence[Node], axis: int) -> Node:
    """One slice for those that go on one after another."""
    pairs = [pair for x in run if (pair := _slice_along(x, axis)) is not None]
    first, along = pairs[0]
    sizes = list(first.type.shape)
    sizes[along] = sum(x.type.shape[along] for x, _ in pairs)
    whole = added(builder, "slice", first.operands, **{**first.params, "sizes": tuple(sizes)})
    if along == axis:
        return whole
    axes = (*range(1, axis + 1), 0, *range(axis + 1, first.type.ndim))
    return added(builder, "permute", (whole,), axes=axes)


@simplification("dot", "in a derivative, a product with the identity: without 0 * inf", "rounding")
def _times_identity(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    if builder.primal is None or params["batch"] != ((), ()) or len(params["contract"][0]) != 1:
        return None
    for unit, x, (met,) in zip(operands, operands[::-1], params["contract"][::-1], strict=True):
        if _is_identity(unit):
            kept = [a for a in range(x.type.ndim) if a != met]
            axes = (met, *kept) if unit is operands[0] else (*kept, met)
            return added(builder, "permute", (x,), axes=axes)
    return None


def _is_identity(x: Node) -> bool:
    """Whether a matrix tells at each place, as a number, if its indices are equal."""
    if x.primitive.name != "convert" or x.operands[0].primitive.name != "eq" or x.type.ndim != 2:
        return False
    indices = x.operands[0].operands
    if any(i.primitive.name != "broadcast" for i in indices):
        return False
    iotas = {i.operands[0] for i in indices}
    along = sorted(i.params["axes"] for i in indices)
    return along == [(0,), (1,)] and len(iotas) == 1 and iotas.pop().primitive.name == "iota"


def _no_axes(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    return operands[0] if not params["axes"] else None


for _name in ("sum", "prod", "max", "min", "any", "all"):
    simplification(f"reduce_{_name}", "a reduction along no axis")(_no_axes)


@simplification("reduce_sum", "the sum of one number, n times: the product rounds once", "rounding")
def _sum_number(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    value = literal_value(x)
    if value is None:
        return None
    type = TABLE["reduce_sum"].infer(x.type, **params)
    count = math.prod(x.type.shape[a] for a in params["axes"])
    with np.errstate(over="ignore"):
        total = builder.literal(_times(value, count, type.dtype), type.dtype)
    return spread(builder, total, type.shape)


def _times(value: Any, count: int, dtype: DType) -> Any:
    """A number of a dtype, so many times; integers wrap."""
    if is_integer(dtype):
        return np.asarray(value * count % 2**64, np.uint64).astype(dtype).item()
    return value * count


# -- complex numbers -------------------------------------------------------------------------


def _part_of_pair(number: int) -> Rule:
    def rule(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
        (x,) = operands
        return x.operands[number] if x.primitive.name == "complex" else None

    return rule


simplification("real", "the real part of what was just put together")(_part_of_pair(0))
simplification("imag", "the imaginary part of what was just put together")(_part_of_pair(1))


@simplification("conj", "the conjugate of the conjugate")
def _conj_conj(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    (x,) = operands
    return x.operands[0] if x.primitive.name == "conj" else None


@simplification("complex", "both parts of one number, put together again")
def _pair_of_parts(builder: Builder, operands: tuple[Node, ...], params: Params) -> Node | None:
    x, y = operands
    parts = x.primitive.name == "real" and y.primitive.name == "imag"
    return x.operands[0] if parts and x.operands[0] is y.operands[0] else None
