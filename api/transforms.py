"""Transformations: from a Python function to one that is compiled, differentiated, vectorized.

Each gives a `Function`, which compiles itself when it is called with arrays, and becomes part of
the graph when it is called while another function is being traced; so they nest in any order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import numpy as np

from pullback.runtime.function import Function
from pullback.runtime.signature import ShapeDtype, take_apart
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph
from pullback.tracer.location import user_location
from pullback.tracer.passes import adjoint
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.primitives.elementwise import stop_gradient as stop_gradient_row
from pullback.tracer.primitives.structure import iota, permute, reshape, slice
from pullback.tracer.trace import Tracer, tracing
from pullback.tracer.transform import (
    Flat,
    as_leaf,
    captured,
    inline,
    linear_parts,
    pushed,
    require_float,
    trace_function,
    value_and_cotangents,
    vectorized,
)
from pullback.tracer.types import INT64, is_float

F = TypeVar("F", bound=Callable[..., Any])
Argnums = int | Sequence[int]


def _decorator(
    make: Callable[..., Function], fun: Callable[..., Any] | None, **options: Any
) -> Any:
    """``make(fun)``, or a decorator that waits for the function."""
    if fun is None:
        return functools.partial(make, **options)
    if not callable(fun):
        raise TypeError(f"a function is to be transformed, got {type(fun).__name__}")
    return make(fun, **options)


# -- jit -------------------------------------------------------------------------------------


@overload
def jit(
    fun: Callable[..., Any],
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
) -> Function: ...
@overload
def jit(
    fun: None = None, *, static_argnums: Argnums = (), static_argnames: str | Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Function]: ...
def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """Compile a function of arrays and numbers, or trees of them.

    Args:
        fun: the function; NumPy functions, operators, methods and indexing are traced.
        static_argnums: positions of arguments that the code is made for anew for every value;
            they must be hashable.
        static_argnames: the same for arguments passed by name.

    Returns:
        A `Function`: call it with arrays; ``.ir() .llvm() .asm() .plan() .stages()`` show the
        stages. 0-d results are NumPy scalars.

    >>> @pb.jit
    ... def normalize(x):
    ...     return x / np.sqrt(np.sum(x * x))
    >>> normalize(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """

    def make(fun: Callable[..., Any]) -> Function:
        names = (static_argnames,) if isinstance(static_argnames, str) else static_argnames
        return Function(fun, fun, _as_tuple(static_argnums), tuple(names))

    return _decorator(make, fun)


def _as_tuple(argnums: Argnums) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


# -- picking arguments -----------------------------------------------------------------------


class _Picked:
    """The arguments that a function is differentiated by, as leaves."""

    def __init__(self, what: str, args: Sequence[Any], argnums: Argnums) -> None:
        self._args = list(args)
        self._numbers = [_checked_argnum(what, i, len(args)) for i in _as_tuple(argnums)]
        picked = tuple(args[i] for i in self._numbers)
        values, self.spec = tree.flatten(picked[0] if isinstance(argnums, int) else picked)
        self._single = isinstance(argnums, int)
        self.leaves = [require_float(as_leaf(x), what) for x in values]

    def arguments(self, leaves: Sequence[Any]) -> list[Any]:
        """All arguments, with these leaves in place of the picked ones'."""
        picked = tree.unflatten(self.spec, leaves)
        args = list(self._args)
        for number, value in zip(self._numbers, (picked,) if self._single else picked, strict=True):
            args[number] = value
        return args

    def tree(self, leaves: Sequence[Any]) -> Any:
        """Leaves in the structure of the picked arguments."""
        return tree.unflatten(self.spec, leaves)


def _checked_argnum(what: str, number: int, count: int) -> int:
    if not -count <= number < count:
        raise TypeError(
            f"{what} is by argument {number}, but the call has {count} positional arguments"
            f"{at(user_location())}"
        )
    return number % count


def _scalar_output(what: str, flat: Flat) -> None:
    """Complain unless the first output is one floating number."""
    types = [x.type for x in flat.graph.outputs]
    first = types[0] if types else None
    if first is None or first.shape != () or not is_float(first.dtype):
        found = "no array" if first is None else str(first)
        raise TypeError(
            f"{what} takes a function that returns one floating-point number, got {found}\n"
            f"  use jacobian, or vjp with a cotangent{at(user_location())}"
        )


# -- reverse mode ----------------------------------------------------------------------------


def _gradient_body(
    fun: Callable[..., Any], argnums: Argnums, has_aux: bool, what: str, with_value: bool
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        picked = _Picked(what, args, argnums)
        sizes: list[int] = []

        def flat_function(*leaves: Tracer) -> Any:
            result = fun(*picked.arguments(leaves), **kwargs)
            if has_aux:
                result = _with_aux(what, result)
            sizes.append(len(tree.flatten(result[0] if has_aux else result)[0]))
            return result

        flat = trace_function(flat_function, picked.leaves)
        if sizes[0] != 1:
            raise TypeError(
                f"{what} takes a function that returns one number, got {sizes[0]} of them; with "
                f"has_aux=True it returns (value, aux){at(user_location())}"
            )
        _scalar_output(what, flat)
        one = as_leaf(flat.graph.outputs[0].type.dtype.type(1))
        outputs, cotangents = value_and_cotangents(flat, picked.leaves, [one], [0])
        result = flat.result(outputs)
        gradient = picked.tree(cotangents)
        if with_value:
            return result, gradient
        return (gradient, result[1]) if has_aux else gradient

    return body


def _with_aux(what: str, result: Any) -> tuple[Any, Any]:
    if not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(
            f"{what} with has_aux=True takes a function that returns (value, aux), got "
            f"{type(result).__name__}{at(user_location())}"
        )
    return result


@overload
def grad(fun: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Function: ...
@overload
def grad(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def grad(fun: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False) -> Any:
    """The gradient of a function that returns one number, by reverse mode.

    Args:
        fun: returns a floating-point scalar; with ``has_aux``, a pair of it and anything else.
        argnums: by which positional argument, or arguments; each an array or a tree of arrays.
        has_aux: return ``(gradient, aux)``.

    Returns:
        A `Function` of the same arguments which returns the gradient: in the structure, shapes and
        dtypes of the argument, a tuple if ``argnums`` is a sequence.

    Raises:
        TypeError: (when called) for inputs that are not floating-point, or a result that is not
            one number.

    >>> @pb.grad
    ... def loss(x):
    ...     return np.sum(x ** 2)
    >>> loss(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(_gradient_body(fun, argnums, has_aux, "grad", False), fun)

    return _decorator(make, fun)


@overload
def value_and_grad(
    fun: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Function: ...
@overload
def value_and_grad(
    fun: None = None, argnums: Argnums = 0, has_aux: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def value_and_grad(
    fun: Callable[..., Any] | None = None, argnums: Argnums = 0, has_aux: bool = False
) -> Any:
    """The value and the gradient together, in one pass; arguments as for `grad`.

    Returns:
        A `Function` that returns ``(value, gradient)``, or ``((value, aux), gradient)``. Being a
        NumPy scalar and an array, it is what ``scipy.optimize.minimize(..., jac=True)`` takes.

    >>> value, gradient = pb.value_and_grad(lambda x: np.sum(np.sin(x)))(np.zeros(2))
    >>> print(value, gradient)
    0.0 [1. 1.]
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(_gradient_body(fun, argnums, has_aux, "value_and_grad", True), fun)

    return _decorator(make, fun)


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value at ``primals``, and the function that pulls cotangents back from there.

    Args:
        fun: any function of arrays or trees.
        primals: its arguments, floating-point.
        has_aux: ``fun`` returns ``(value, aux)``; aux is given back third.

    Returns:
        ``(value, pull)``: ``pull(ct)``, for a cotangent of the structure of ``value``, gives a
        tuple with the cotangent of each primal. The forward pass is run once; what it computed is
        kept for the pulls.

    >>> value, pull = pb.vjp(lambda x: np.sin(x), np.array([0.0, 1.0]))
    >>> pull(np.array([1.0, 0.0]))
    (array([1., 0.]),)
    """
    if tracing():
        return _vjp_traced(fun, primals, has_aux)
    return _vjp_compiled(fun, primals, has_aux)


class _Linearized:
    """A function's graph split in what the primals determine, and what the cotangents need."""

    def __init__(self, fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool) -> None:
        self.picked = _Picked("vjp", primals, range(len(primals)))
        self.values = 0

        def flat_function(*leaves: Tracer) -> Any:
            result = fun(*self.picked.arguments(leaves))
            if has_aux:
                result = _with_aux("vjp", result)
            leaves_out, self.spec = tree.flatten(result[0] if has_aux else result)
            self.values = len(leaves_out)
            return result

        self.flat = trace_function(flat_function, self.picked.leaves)
        outputs = self.flat.graph.outputs
        self.count = len(outputs)
        self.seeded = [i for i in range(self.values) if is_float(outputs[i].type.dtype)]
        graph = adjoint.vjp(self.flat.graph, range(len(self.picked.leaves)), self.seeded)
        late = graph.parameters[len(self.flat.graph.parameters) :]
        gradients = Graph(graph.parameters, graph.nodes, graph.outputs[self.count :])
        early, self.late = linear_parts(gradients, late)
        self.early = Graph(
            early.parameters, _needed(graph, early), (*graph.outputs[: self.count], *early.outputs)
        )

    def forward(self) -> tuple[Any, list[Tracer]]:
        """The function's result and the residuals, in the current trace."""
        results = inline(self.early, [*self.picked.leaves, *captured(self.flat)])
        return self.flat.result(results[: self.count]), results[self.count :]

    def seeds(self, ct: Any) -> list[Tracer]:
        """The cotangents of the floating outputs, checked."""
        leaves, spec = tree.flatten(ct)
        if spec != self.spec:
            raise TypeError(
                f"the cotangent has structure {spec}, the value has {self.spec}"
                f"{at(user_location())}"
            )
        return [self._seed(as_leaf(leaves[i]), i) for i in self.seeded]

    def _seed(self, ct: Tracer, number: int) -> Tracer:
        wanted = self.flat.graph.outputs[number].type
        if ct.shape != wanted.shape:
            raise ValueError(
                f"a cotangent has shape {ct.shape}, its value has {wanted.shape}"
                f"{at(user_location())}"
            )
        return convert(ct, dtype=wanted.dtype) if ct.dtype != wanted.dtype else ct


def _needed(graph: Graph, early: Graph) -> tuple[Any, ...]:
    """The nodes that the primals determine, those of the outputs included."""
    from pullback.tracer.ir import PARAMETER, reachable

    wanted = reachable((*early.outputs, *graph.outputs))
    late = set(graph.parameters) - set(early.parameters)
    depends = set(late)
    kept = []
    for node in graph.nodes:
        if any(x in depends for x in node.operands):
            depends.add(node)
        elif node in wanted and node.primitive is not PARAMETER:
            kept.append(node)
    return tuple(kept)


def _vjp_traced(fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool) -> Any:
    parts = _Linearized(fun, primals, has_aux)
    result, residuals = parts.forward()

    def pull(ct: Any) -> Any:
        return parts.picked.tree(inline(parts.late, [*residuals, *parts.seeds(ct)]))

    return (result[0], pull, result[1]) if has_aux else (result, pull)


def _vjp_compiled(fun: Callable[..., Any], primals: Sequence[Any], has_aux: bool) -> Any:
    made: list[_Linearized] = []

    def forward(*primals: Any) -> Any:
        made.append(_Linearized(fun, primals, has_aux))
        return made[-1].forward()

    result, residuals = Function(forward, fun)(*primals)
    parts = made[-1]

    def backward(residuals: Sequence[Any], ct: Any) -> Any:
        kept = [as_leaf(x) for x in residuals]
        return parts.picked.tree(inline(parts.late, [*kept, *parts.seeds(ct)]))

    compiled = Function(backward, fun)

    def pull(ct: Any) -> Any:
        """The cotangents of the primals."""
        return compiled(residuals, ct)

    return (result[0], pull, result[1]) if has_aux else (result, pull)


# -- forward mode ----------------------------------------------------------------------------


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value at ``primals`` and its derivative along ``tangents``, by forward mode.

    Args:
        fun: any function of arrays or trees.
        primals: its arguments, floating-point.
        tangents: one for each primal, of its structure and shapes.

    Returns:
        ``(value, tangent)``.

    >>> value, tangent = pb.jvp(np.sin, (0.0,), (2.0,))
    >>> print(value, tangent)
    0.0 2.0
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(f"jvp takes tuples of primals and tangents{at(user_location())}")
    if len(primals) != len(tangents):
        raise TypeError(
            f"jvp has {len(primals)} primals and {len(tangents)} tangents{at(user_location())}"
        )

    def body(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        picked = _Picked("jvp", primals, range(len(primals)))
        leaves, spec = tree.flatten(tuple(tangents))
        if spec != picked.spec:
            raise TypeError(
                f"the tangents have structure {spec}, the primals {picked.spec}"
                f"{at(user_location())}"
            )
        given = [_matching(as_leaf(t), x) for t, x in zip(leaves, picked.leaves, strict=True)]
        flat = trace_function(lambda *xs: fun(*picked.arguments(xs)), picked.leaves)
        outputs, pushed_out = pushed(flat, picked.leaves, given, range(len(given)))
        return flat.result(outputs), flat.result(_all_tangents(flat, outputs, pushed_out))

    result: tuple[Any, Any] = (body if tracing() else Function(body, fun))(
        tuple(primals), tuple(tangents)
    )
    return result


def _matching(tangent: Tracer, primal: Tracer) -> Tracer:
    """The tangent in its primal's type."""
    if tangent.shape != primal.shape:
        raise ValueError(
            f"a tangent has shape {tangent.shape}, its primal {primal.shape}{at(user_location())}"
        )
    return convert(tangent, dtype=primal.dtype) if tangent.dtype != primal.dtype else tangent


def _all_tangents(
    flat: Flat, outputs: Sequence[Tracer], tangents: Sequence[Tracer]
) -> list[Tracer]:
    """A tangent for every output; zeros for those of other dtypes."""
    from pullback.tracer.primitives.structure import zeros

    given = iter(tangents)
    return [
        next(given) if is_float(x.type.dtype) else zeros(out.type)
        for x, out in zip(flat.graph.outputs, outputs, strict=True)
    ]


# -- Jacobians -------------------------------------------------------------------------------


def _basis(size: int, like: Tracer) -> Tracer:
    """The rows of the identity matrix."""
    number = iota(size=size, dtype=INT64)
    rows = reshape(number, shape=(size, 1)) == reshape(number, shape=(1, size))
    return convert(rows, dtype=like.dtype)


def _seeds(leaves: Sequence[Tracer]) -> list[Tracer]:
    """For each leaf its part of the identity over all of them, a row for each element."""
    total = sum(x.size for x in leaves)
    seeds, start = [], 0
    for x in leaves:
        basis = _basis(total, x)
        part = slice(basis, starts=(0, start), sizes=(total, x.size), steps=(1, 1))
        seeds.append(reshape(part, shape=(total, *x.shape)))
        start += x.size
    return seeds


def _blocks(rows: Tracer, leaves: Sequence[Tracer]) -> list[Tracer]:
    """The leading axis of ``rows``, over all elements of all leaves, cut and shaped by leaf."""
    blocks, start = [], 0
    for x in leaves:
        part = slice(
            rows,
            starts=(start, *(0 for _ in rows.shape[1:])),
            sizes=(x.size, *rows.shape[1:]),
            steps=(1,) * rows.ndim,
        )
        blocks.append(reshape(part, shape=(*x.shape, *rows.shape[1:])))
        start += x.size
    return blocks


def _jacobian_flat(
    what: str, fun: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: Any
) -> tuple[_Picked, Flat]:
    picked = _Picked(what, args, argnums)
    flat = trace_function(lambda *xs: fun(*picked.arguments(xs), **kwargs), picked.leaves)
    if not all(is_float(x.type.dtype) for x in flat.graph.outputs):
        raise TypeError(f"{what} takes a function with floating outputs{at(user_location())}")
    return picked, flat


def _forward_jacobian(fun: Callable[..., Any], argnums: Argnums) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        picked, flat = _jacobian_flat("jacfwd", fun, argnums, args, kwargs)
        leaves = picked.leaves
        size = sum(x.size for x in leaves)

        def along(*tangents: Tracer) -> Any:
            return pushed(flat, leaves, tangents, range(len(leaves)))[1]

        seeds = _seeds(leaves)
        examples = [_row_type(x) for x in seeds]
        traced = trace_function(along, examples)
        columns, of_outputs = vectorized(traced, seeds, [True] * len(seeds), size)
        jacobians = [
            [_axes_last(block, x.ndim) for block, x in zip(_blocks(c, leaves), leaves, strict=True)]
            for c in _with_axis(columns, of_outputs, size)
        ]
        return flat.result([picked.tree(row) for row in jacobians])

    return body


def _reverse_jacobian(fun: Callable[..., Any], argnums: Argnums) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        picked, flat = _jacobian_flat("jacrev", fun, argnums, args, kwargs)
        outputs = inline(flat.graph, [*picked.leaves, *captured(flat)])
        size = sum(x.size for x in outputs)

        def along(*cts: Tracer) -> Any:
            return value_and_cotangents(flat, picked.leaves, cts, range(len(cts)))[1]

        seeds = _seeds(outputs)
        traced = trace_function(along, [_row_type(x) for x in seeds])
        rows, of_outputs = vectorized(traced, seeds, [True] * len(seeds), size)
        by_input = [_blocks(r, outputs) for r in _with_axis(rows, of_outputs, size)]
        return flat.result(
            [picked.tree([blocks[i] for blocks in by_input]) for i in range(len(outputs))]
        )

    return body


def _row_type(seed: Tracer) -> Tracer:
    """A stand-in of the type of one row."""
    from pullback.tracer.primitives.structure import zeros

    return zeros(seed.type.with_shape(seed.shape[1:]))


def _with_axis(values: Sequence[Tracer], batched: Sequence[bool], size: int) -> list[Tracer]:
    """The values, those without a batch axis repeated along a new one."""
    from pullback.tracer.primitives.structure import broadcast

    return [
        x if has else broadcast(x, shape=(size, *x.shape), axes=tuple(range(1, x.ndim + 1)))
        for x, has in zip(values, batched, strict=True)
    ]


def _axes_last(x: Tracer, count: int) -> Tracer:
    """The first ``count`` axes moved behind the others."""
    return permute(x, axes=(*range(count, x.ndim), *range(count)))


def jacfwd(fun: Callable[..., Any] | None = None, argnums: Argnums = 0) -> Any:
    """The Jacobian by forward mode, all columns at once: for few inputs.

    Args:
        fun: returns an array or a tree of arrays.
        argnums: by which positional argument, or arguments.

    Returns:
        A `Function` that returns for each output, in the output's structure, its derivative by
        the argument, of shape ``output.shape + argument.shape``.

    >>> pb.jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _decorator(lambda f: Function(_forward_jacobian(f, argnums), f), fun)


def jacrev(fun: Callable[..., Any] | None = None, argnums: Argnums = 0) -> Any:
    """The Jacobian by reverse mode, all rows at once: for few outputs; as `jacfwd` otherwise.

    >>> pb.jacrev(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return _decorator(lambda f: Function(_reverse_jacobian(f, argnums), f), fun)


def hessian(fun: Callable[..., Any] | None = None, argnums: Argnums = 0) -> Any:
    """The second derivatives, forward over reverse.

    Returns:
        A `Function` that returns an array of shape ``output.shape + argument.shape * 2``, in a
        tree of trees if the argument is one.

    >>> pb.hessian(lambda x: np.sum(x ** 3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(_forward_jacobian(_reverse_jacobian(fun, argnums), argnums), fun)

    return _decorator(make, fun)


def hvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times a vector, without the Hessian: forward over reverse.

    Args:
        fun: returns one number.
        primals: its arguments; the Hessian is by all of them.
        tangents: the vector, one for each primal.

    Returns:
        The product, in the structure of the primals' tuple; of the primal itself if there is one.

    >>> pb.hvp(lambda x: np.sum(x ** 3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(fun, argnums), primals, tangents)[1]


# -- vmap ------------------------------------------------------------------------------------


def vmap(fun: Callable[..., Any] | None = None, in_axes: Any = 0, out_axes: int = 0) -> Any:
    """Map a function over an axis of its arguments, as one vectorized computation.

    Args:
        fun: any function of arrays or trees.
        in_axes: the axis of the arrays of each argument, None for one that is not mapped; a number
            for all arguments or a sequence with an entry for each.
        out_axes: where the results get the axis.

    Raises:
        ValueError: (when called) if the mapped axes differ in extent or there are none.

    >>> pb.vmap(np.dot)(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    """

    def make(fun: Callable[..., Any]) -> Function:
        return Function(_vmap_body(fun, in_axes, out_axes), fun)

    return _decorator(make, fun)


def _vmap_body(fun: Callable[..., Any], in_axes: Any, out_axes: int) -> Callable[..., Any]:
    def body(*args: Any) -> Any:
        values, spec = tree.flatten(args)
        axes = _axes_by_leaf(args, in_axes)
        leaves = [_moved(as_leaf(x), a) for x, a in zip(values, axes, strict=True)]
        batched = [a is not None for a in axes]
        sizes = {x.shape[0] for x, b in zip(leaves, batched, strict=True) if b}
        if len(sizes) != 1:
            raise ValueError(
                f"vmap takes mapped axes of one extent, got {sorted(sizes)}{at(user_location())}"
            )
        examples = [_row_type(x) if b else x for x, b in zip(leaves, batched, strict=True)]
        flat = trace_function(lambda *xs: fun(*tree.unflatten(spec, xs)), examples)
        (size,) = sizes
        outputs, of_outputs = vectorized(flat, leaves, batched, size)
        results = _with_axis(outputs, of_outputs, size)
        return flat.result([_axis_to(x, out_axes) for x in results])

    return body


def _axes_by_leaf(args: Sequence[Any], in_axes: Any) -> list[int | None]:
    """The mapped axis of every leaf."""
    per_argument = [in_axes] * len(args) if not isinstance(in_axes, (tuple, list)) else in_axes
    if len(per_argument) != len(args):
        raise ValueError(
            f"vmap has in_axes for {len(per_argument)} arguments, the call has {len(args)}"
            f"{at(user_location())}"
        )
    axes: list[int | None] = []
    for argument, axis in zip(args, per_argument, strict=True):
        axes += [axis] * len(tree.flatten(argument)[0])
    return axes


def _moved(x: Tracer, axis: int | None) -> Tracer:
    """The mapped axis in front."""
    if axis is None:
        return x
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"vmap: axis {axis} of {x.type} does not exist{at(user_location())}")
    rest = [a for a in range(x.ndim) if a != axis % x.ndim]
    return permute(x, axes=(axis % x.ndim, *rest))


def _axis_to(x: Tracer, axis: int) -> Tracer:
    rest = list(range(1, x.ndim))
    rest.insert(axis % x.ndim, 0)
    return permute(x, axes=tuple(rest))


# -- the rest --------------------------------------------------------------------------------


def stop_gradient(x: Any) -> Any:
    """The value as it is, counted as a constant by every derivative; x may be a tree.

    >>> pb.grad(lambda x: x * pb.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    leaves, spec = tree.flatten(x)
    return tree.unflatten(
        spec, [stop_gradient_row(v) if isinstance(v, Tracer) else v for v in leaves]
    )


def trace(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph of a function for arguments of these types; `ShapeDtype` will do for arrays.

    >>> graph = pb.trace(lambda x: np.exp(x), 0.0)
    >>> [node.primitive.name for node in graph.nodes]
    ['exp']
    """
    from pullback.runtime.function import trace_signature

    call = take_apart(args, kwargs, (), ())
    return trace_signature(fun, call.signature)[0]


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes of a function's result, in its structure, without computing it.

    >>> pb.eval_shape(np.outer, np.zeros(2), np.zeros(3))
    ShapeDtype(shape=(2, 3), dtype=dtype('float64'))
    """
    from pullback.runtime.function import trace_signature

    graph, _, spec = trace_signature(fun, take_apart(args, kwargs, (), ()).signature)
    return tree.unflatten(spec, [ShapeDtype(x.type.shape, x.type.dtype) for x in graph.outputs])


def ravel_tree(tree_of_arrays: Any) -> tuple[np.ndarray[Any, Any], Callable[[Any], Any]]:
    """All numbers of a tree as one vector, and the function that makes the tree again.

    For optimisers that take vectors; the function works on traced vectors, too.

    >>> vector, restore = pb.ravel_tree({"a": np.ones(2), "b": 3.0})
    >>> print(vector, restore(vector)["b"])
    [1. 1. 3.] 3.0
    """
    leaves, spec = tree.flatten(tree_of_arrays)
    arrays = [np.asarray(x) for x in leaves]
    vector = np.concatenate([a.ravel() for a in arrays]) if arrays else np.zeros(0)

    def restore(vector: Any) -> Any:
        parts, start = [], 0
        for a in arrays:
            parts.append(vector[start : start + a.size].reshape(a.shape))
            start += a.size
        return tree.unflatten(spec, parts)

    return vector, restore
