"""Sparse Jacobians and Hessians: only what can be other than zero is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from pullback.runtime.arguments import name_of
from pullback.runtime.function import Function
from pullback.runtime.signature import ShapeDtype, Signature, take_apart
from pullback.runtime.traced import trace_signature
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph, Node
from pullback.tracer.location import user_location
from pullback.tracer.locks import new_lock
from pullback.tracer.passes import sparsity as structure
from pullback.tracer.passes import tangent
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.primitives.indexing import gather
from pullback.tracer.primitives.structure import concatenate, iota, reshape, slice, zeros
from pullback.tracer.trace import Tracer, current_trace, lift, tracing
from pullback.tracer.transform import (
    Flat,
    pushed,
    trace_function,
    value_and_cotangents,
    vectorized,
)
from pullback.tracer.types import FLOAT64, INT64, ArrayType, is_float

from .batching import row_like, with_axis
from .colouring import row_colours, star_colours
from .picking import Argnums, Picked, decorator
from .reverse import grad

Array = np.ndarray[Any, Any]

KEPT = 8
"""Patterns kept of one signature, where they depend on the values of indices."""


@dataclass(frozen=True)
class Pattern:
    """Where a Jacobian can be other than zero, and the values that this was read off.

    ``arguments`` and ``captures`` are arrays that indices were computed from, as they were: by
    number among the arguments of the call, and with the array itself.
    """

    matrix: Any
    arguments: tuple[tuple[int, Array], ...]
    captures: tuple[tuple[Array, Array], ...]

    def current(self, leaves: Sequence[Any]) -> bool:
        """Whether the values still are what they were."""
        return all(np.array_equal(leaves[i], x) for i, x in self.arguments) and all(
            np.array_equal(now, x) for now, x in self.captures
        )


@dataclass(frozen=True)
class Entries:
    """The entries of a sparse matrix in the order of its pattern: what compiled code gives."""

    pattern: Pattern
    values: Any


tree.register(
    Entries,
    lambda e: ((e.values,), e.pattern),
    lambda pattern, values: Entries(pattern, values[0]),
)


@dataclass(frozen=True)
class _Traced:
    """A function traced to be differentiated, within a trace whose parameters have ``values``."""

    picked: Picked
    flat: Flat

    @property
    def sizes(self) -> tuple[int, int]:
        """How many numbers the outputs have, and the arguments."""
        outputs = self.flat.graph.outputs
        return sum(x.type.size for x in outputs), sum(x.size for x in self.picked.leaves)

    def pattern(self, values: Sequence[Any]) -> Pattern:
        """The pattern of the Jacobian; ``values`` are those of the trace's parameters."""
        flat, count = self.flat, len(self.picked.leaves)
        whole = tangent.jvp(flat.graph, range(count))
        tangents = Graph(whole.parameters, whole.nodes, whole.outputs[len(flat.graph.outputs) :])
        number = {node: i for i, node in enumerate(current_trace().builder.parameters)}
        outside = dict(
            zip(tangents.parameters[count : len(flat.graph.parameters)], flat.captures, strict=True)
        )
        given: dict[Node, Array] = {}
        for node, value in outside.items():
            if not isinstance(value, Node):
                given[node] = np.array(value)
            elif number.get(value, len(values)) < len(values):
                argument = values[number[value]]
                if not isinstance(argument, ShapeDtype):
                    given[node] = np.array(argument)
        known = structure.Values(tangents, given)
        wrt = range(len(flat.graph.parameters), len(tangents.parameters))
        matrix = structure.pattern(tangents, wrt, known)
        read = [(outside[node], given[node]) for node in outside if node in known.read]
        return Pattern(
            matrix,
            tuple((number[x], value) for x, value in read if isinstance(x, Node)),
            tuple((x, value) for x, value in read if not isinstance(x, Node)),
        )

    def along_columns(self, colours: Array) -> Tracer:
        """The derivative along the sum of the columns of each colour: a row for each."""
        leaves = self.picked.leaves

        def along(*tangents: Tracer) -> Any:
            return pushed(self.flat, leaves, tangents, range(len(leaves)))[1]

        return _compressed(along, [x.type for x in leaves], colours)

    def along_rows(self, colours: Array) -> Tracer:
        """The sum of the rows of each colour."""

        def along(*cts: Tracer) -> Any:
            return value_and_cotangents(self.flat, self.picked.leaves, cts, range(len(cts)))[1]

        return _compressed(along, [x.type for x in self.flat.graph.outputs], colours)


def _compressed(along: Callable[..., Any], types: Sequence[ArrayType], colours: Array) -> Tracer:
    """A linear function of the sums of the unit vectors of each colour, results flat."""
    count = int(colours.max()) + 1
    numbers = reshape(iota(size=count, dtype=INT64), shape=(count, 1))
    chosen = numbers == reshape(lift(colours), shape=(1, colours.size))
    seeds, start = [], 0
    for t in types:
        part = slice(chosen, starts=(0, start), sizes=(count, t.size), steps=(1, 1))
        seeds.append(convert(reshape(part, shape=(count, *t.shape)), dtype=t.dtype))
        start += t.size
    flat = trace_function(along, [row_like(x) for x in seeds], loops=False)
    results, batched = vectorized(flat, seeds, [True] * len(seeds), count)
    whole = with_axis(results, batched, count)
    dtype = np.result_type(*(x.dtype for x in whole))
    rows = [reshape(x, shape=(count, x.size // count)) for x in whole]
    same = [convert(x, dtype=dtype) if x.dtype != dtype else x for x in rows]
    return concatenate(*same, axis=1)


def _traced(
    what: str, fun: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: Any
) -> _Traced:
    picked = Picked(what, args, argnums)
    flat = trace_function(
        lambda *xs: fun(*picked.arguments(xs), **kwargs), picked.leaves, loops=False
    )
    types: list[ArrayType] = [x.type for x in picked.leaves]
    types += [x.type for x in flat.graph.outputs]
    if not all(is_float(t.dtype) for t in types):
        raise TypeError(
            f"{what} takes a function of real inputs with real floating-point outputs"
            f"{at(user_location())}"
        )
    return _Traced(picked, flat)


def _entries(traced: _Traced, pattern: Pattern, symmetric: bool) -> Tracer:
    """The values of a Jacobian at the places of its pattern."""
    matrix = pattern.matrix
    if not matrix.nnz:
        dtypes = [x.type.dtype for x in traced.flat.graph.outputs] or [FLOAT64]
        return zeros(ArrayType((0,), np.result_type(*dtypes)))
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    columns = matrix.indices.astype(np.int64)
    if symmetric:
        colours, other = star_colours(matrix)
        rows, columns = np.where(other, columns, rows), np.where(other, rows, columns)
        return _picked(traced.along_columns(colours), colours[columns], rows)
    of_rows, of_columns = row_colours(matrix), row_colours(matrix.T.tocsr())
    if of_rows.max() < of_columns.max():
        return _picked(traced.along_rows(of_rows), of_rows[rows], columns)
    return _picked(traced.along_columns(of_columns), of_columns[columns], rows)


def _picked(compressed: Tracer, colour: Array, place: Array) -> Tracer:
    return gather(compressed, lift(colour), lift(place))


class SparseFunction:
    """A function that gives a sparse matrix of derivatives; `sparse_jacobian` makes them.

    >>> sparse = pb.sparse_jacobian(lambda x: x * x)
    >>> sparse(np.array([1.0, 2.0])).toarray()
    array([[2., 0.],
           [0., 4.]])
    """

    def __init__(
        self, what: str, fun: Callable[..., Any], argnums: Argnums, wrapped: Callable[..., Any]
    ) -> None:
        self.__wrapped__ = wrapped
        self._what, self._fun, self._argnums = what, fun, argnums
        self._kept: dict[Signature, list[tuple[Function, Pattern]]] = {}
        self._lock = new_lock()

    def __repr__(self) -> str:
        return f"<{self._what} of {name_of(self.__wrapped__)}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The derivatives at these arguments, as a ``scipy.sparse.csr_array``."""
        from scipy import sparse

        if tracing():
            raise TypeError(
                f"{self._what} gives a matrix of SciPy's, which cannot be traced\\n"
                f"  call it outside, or take jacobian{at(user_location())}"
            )
        call = take_apart(args, kwargs, (), ())
        with self._lock:
            entries = self._computed(call.signature, call.leaves, args, kwargs)
        matrix = entries.pattern.matrix
        parts = (entries.values, matrix.indices.copy(), matrix.indptr.copy())
        return sparse.csr_array(parts, shape=matrix.shape)

    def _computed(
        self, signature: Signature, leaves: Sequence[Any], args: Any, kwargs: Any
    ) -> Entries:
        """By the program whose pattern is that of these arguments: a new one if there is none."""
        kept = self._kept.setdefault(signature, [])
        for function, pattern in kept:
            if pattern.current(leaves):
                entries: Entries = function(*args, **kwargs)
                # What the function refers to may have changed, and with it the pattern.
                if entries.pattern.current(leaves):
                    return entries
        function = self._function(leaves)
        entries = function(*args, **kwargs)
        kept.insert(0, (function, entries.pattern))
        del kept[KEPT:]
        return entries

    def _function(self, leaves: Sequence[Any]) -> Function:
        def body(*args: Any, **kwargs: Any) -> Entries:
            traced = _traced(self._what, self._fun, self._argnums, args, kwargs)
            pattern = traced.pattern(leaves)
            symmetric = self._what == "sparse_hessian"
            if symmetric:
                pattern = _symmetric(pattern)
            return Entries(pattern, _entries(traced, pattern, symmetric))

        return Function(body, self.__wrapped__)


def _symmetric(pattern: Pattern) -> Pattern:
    """A pattern that holds each entry's mirror image too."""
    matrix = (pattern.matrix + pattern.matrix.T).tocsr()
    matrix.sort_indices()
    return Pattern(matrix, pattern.arguments, pattern.captures)


def sparsity(fun: Callable[..., Any], *args: Any, argnums: Argnums = 0, **kwargs: Any) -> Any:
    """Where the Jacobian of a function can be other than zero, read off its graph.

    Args:
        fun: returns floating-point arrays, or a tree of them.
        args: its arguments, or `ShapeDtype` in their place; of those that indices are computed
            from, the values matter.
        argnums: by which positional argument, or arguments.
        kwargs: its arguments by name.

    Returns:
        A ``scipy.sparse.csr_array`` of bools, with a row for each number of all outputs and a
        column for each number of the argument, flattened and joined in their trees' order.

    What moves or combines elements is followed element by element; factorisations, solutions of
    linear systems and loops count as dense in what they depend on, and indices that depend on the
    argument as dense along the axis that they address.

    >>> print(pb.sparsity(np.diff, np.zeros(4)).toarray().astype(int))
    [[1 1 0 0]
     [0 1 1 0]
     [0 0 1 1]]
    """
    found: list[Pattern] = []
    call = take_apart(args, kwargs, (), ())

    def body(*args: Any, **kwargs: Any) -> None:
        found.append(_traced("sparsity", fun, argnums, args, kwargs).pattern(call.leaves))

    trace_signature(body, call.signature)
    return found[0].matrix


@overload
def sparse_jacobian(fun: Callable[..., Any], argnums: Argnums = 0) -> SparseFunction: ...
@overload
def sparse_jacobian(
    fun: None = None, argnums: Argnums = 0
) -> Callable[[Callable[..., Any]], SparseFunction]: ...
def sparse_jacobian(fun: Callable[..., Any] | None = None, argnums: Argnums = 0) -> Any:
    """The Jacobian as a sparse matrix, at the cost of as many directions as it needs colours.

    Args:
        fun: returns real arrays, or a tree of them.
        argnums: by which positional argument, or arguments.

    Returns:
        A function that returns a ``scipy.sparse.csr_array`` with a row for each number of all
        outputs and a column for each number of the argument, flattened and joined in their trees'
        order; entries of the pattern of `sparsity` that happen to be zero are stored.

    Columns that have no row in common are of one colour, and one direction of forward mode finds
    them all; or so for rows and reverse mode, if that takes fewer colours. Pattern, colours and
    program are made once for each signature, and again when indices that the pattern depends on
    change.

    >>> jacobian = pb.sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> print(jacobian(np.array([1.0, 2.0, 3.0])).toarray())
    [[2. 1. 0.]
     [0. 3. 2.]]
    """
    return decorator(lambda f: SparseFunction("sparse_jacobian", f, argnums, f), fun)


@overload
def sparse_hessian(fun: Callable[..., Any], argnums: Argnums = 0) -> SparseFunction: ...
@overload
def sparse_hessian(
    fun: None = None, argnums: Argnums = 0
) -> Callable[[Callable[..., Any]], SparseFunction]: ...
def sparse_hessian(fun: Callable[..., Any] | None = None, argnums: Argnums = 0) -> Any:
    """The Hessian as a sparse matrix; arguments and result as for `sparse_jacobian`.

    The colours are those of a star colouring, which reads an entry from whichever of its two
    places it stands alone in: a dense row and column cost two colours. Each colour is one product
    of the Hessian with a vector, forward over reverse.

    >>> hessian = pb.sparse_hessian(lambda x: np.sum(x[1:] * x[:-1]) + x[0] ** 3)
    >>> print(hessian(np.array([1.0, 2.0, 3.0])).toarray())
    [[6. 1. 0.]
     [1. 0. 1.]
     [0. 1. 0.]]
    """
    return decorator(lambda f: SparseFunction("sparse_hessian", grad(f, argnums), argnums, f), fun)
