"""Whole Jacobians and Hessians, all rows or columns at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

from pullback.runtime.function import Function
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.primitives.elementwise import convert
from pullback.tracer.primitives.structure import iota, permute, reshape, slice
from pullback.tracer.trace import Tracer
from pullback.tracer.transform import (
    Flat,
    captured,
    inline,
    pushed,
    trace_function,
    value_and_cotangents,
    vectorized,
)
from pullback.tracer.types import INT64, ArrayType, is_complex, is_inexact

from .batching import row_like, with_axis
from .picking import Argnums, Picked, decorator


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


@dataclass(frozen=True)
class _Whole:
    """A function traced to be differentiated as a whole, and by which arguments."""

    picked: Picked
    flat: Flat

    @property
    def outputs(self) -> list[ArrayType]:
        return [x.type for x in self.flat.graph.outputs]

    def require(self, what: str, types: Sequence[ArrayType], side: str, holomorphic: bool) -> None:
        """Complain about complex inputs or outputs of what is not said to be holomorphic."""
        if not holomorphic and any(is_complex(t.dtype) for t in types):
            raise TypeError(
                f"{what} of a function with complex {side} is for holomorphic functions\n"
                "  say holomorphic=True if it is one, or take the real and imaginary parts apart"
                f"{at(user_location())}"
            )

    def columns(self, what: str, holomorphic: bool) -> Any:
        """The Jacobian by forward mode."""
        leaves = self.picked.leaves
        self.require(what, [x.type for x in leaves], "inputs", holomorphic)
        size = sum(x.size for x in leaves)

        def along(*tangents: Tracer) -> Any:
            return pushed(self.flat, leaves, tangents, range(len(leaves)))[1]

        seeds = _seeds(leaves)
        traced = trace_function(along, [row_like(x) for x in seeds])
        columns, of_outputs = vectorized(traced, seeds, [True] * len(seeds), size)
        jacobians = [
            [_axes_last(block, x.ndim) for block, x in zip(_blocks(c, leaves), leaves, strict=True)]
            for c in with_axis(columns, of_outputs, size)
        ]
        return self.flat.result([self.picked.tree(row) for row in jacobians])

    def rows(self, what: str, holomorphic: bool) -> Any:
        """The Jacobian by reverse mode."""
        self.require(what, self.outputs, "outputs", holomorphic)
        outputs = inline(self.flat.graph, [*self.picked.leaves, *captured(self.flat)])
        size = sum(x.size for x in outputs)

        def along(*cts: Tracer) -> Any:
            return value_and_cotangents(self.flat, self.picked.leaves, cts, range(len(cts)))[1]

        seeds = _seeds(outputs)
        traced = trace_function(along, [row_like(x) for x in seeds])
        rows, of_outputs = vectorized(traced, seeds, [True] * len(seeds), size)
        by_input = [_blocks(r, outputs) for r in with_axis(rows, of_outputs, size)]
        return self.flat.result(
            [self.picked.tree([blocks[i] for blocks in by_input]) for i in range(len(outputs))]
        )

    def shorter(self, what: str, holomorphic: bool) -> Any:
        """The Jacobian by the mode that has fewer directions to go."""
        inputs = [x.type for x in self.picked.leaves]
        of_inputs, of_outputs = (
            any(is_complex(t.dtype) for t in types) for types in (inputs, self.outputs)
        )
        fewer = sum(t.size for t in self.outputs) < sum(t.size for t in inputs)
        # By real inputs, and of real outputs, one of the modes needs no holomorphic function.
        reverse = fewer if of_inputs == of_outputs else of_inputs
        return (self.rows if reverse else self.columns)(what, holomorphic)


def _whole(what: str, fun: Callable[..., Any], argnums: Argnums, args: Any, kwargs: Any) -> _Whole:
    picked = Picked(what, args, argnums)
    flat = trace_function(
        lambda *xs: fun(*picked.arguments(xs), **kwargs), picked.leaves, at_arguments=True
    )
    if not all(is_inexact(x.type.dtype) for x in flat.graph.outputs):
        raise TypeError(
            f"{what} takes a function with floating or complex outputs{at(user_location())}"
        )
    return _Whole(picked, flat)


def forward_jacobian(
    fun: Callable[..., Any], argnums: Argnums, holomorphic: bool = False
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        return _whole("jacfwd", fun, argnums, args, kwargs).columns("jacfwd", holomorphic)

    return body


def _reverse_jacobian(
    fun: Callable[..., Any], argnums: Argnums, holomorphic: bool = False
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        return _whole("jacrev", fun, argnums, args, kwargs).rows("jacrev", holomorphic)

    return body


def _shorter_jacobian(
    fun: Callable[..., Any], argnums: Argnums, holomorphic: bool
) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        return _whole("jacobian", fun, argnums, args, kwargs).shorter("jacobian", holomorphic)

    return body


def _axes_last(x: Tracer, count: int) -> Tracer:
    """The first ``count`` axes moved behind the others."""
    return permute(x, axes=(*range(count, x.ndim), *range(count)))


@overload
def jacfwd(
    fun: Callable[..., Any], argnums: Argnums = 0, holomorphic: bool = False
) -> Function: ...
@overload
def jacfwd(
    fun: None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def jacfwd(
    fun: Callable[..., Any] | None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Any:
    """The Jacobian by forward mode, all columns at once: for few inputs.

    Args:
        fun: returns an array or a tree of arrays.
        argnums: by which positional argument, or arguments.
        holomorphic: ``fun`` takes complex arguments, and is differentiable as a complex function.

    Returns:
        A `Function` that returns for each output, in the output's structure, its derivative by
        the argument, of shape ``output.shape + argument.shape``.

    >>> pb.jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return decorator(lambda f: Function(forward_jacobian(f, argnums, holomorphic), f), fun)


@overload
def jacrev(
    fun: Callable[..., Any], argnums: Argnums = 0, holomorphic: bool = False
) -> Function: ...
@overload
def jacrev(
    fun: None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def jacrev(
    fun: Callable[..., Any] | None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Any:
    """The Jacobian by reverse mode, all rows at once: for few outputs; as `jacfwd` otherwise.

    >>> pb.jacrev(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return decorator(lambda f: Function(_reverse_jacobian(f, argnums, holomorphic), f), fun)


@overload
def jacobian(
    fun: Callable[..., Any], argnums: Argnums = 0, holomorphic: bool = False
) -> Function: ...
@overload
def jacobian(
    fun: None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
def jacobian(
    fun: Callable[..., Any] | None = None, argnums: Argnums = 0, holomorphic: bool = False
) -> Any:
    """The Jacobian by the mode that suits its shape; arguments and result as for `jacfwd`.

    The mode is chosen at each compilation: reverse if there are fewer numbers in the outputs than
    in the arguments that it is by, else forward, whose directions cost less. If only the arguments
    or only the outputs are complex, it is the mode that needs no holomorphic function.

    >>> pb.jacobian(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """
    return decorator(lambda f: Function(_shorter_jacobian(f, argnums, holomorphic), f), fun)


@overload
def hessian(fun: Callable[..., Any], argnums: Argnums = 0) -> Function: ...
@overload
def hessian(fun: None = None, argnums: Argnums = 0) -> Callable[[Callable[..., Any]], Function]: ...
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
        return Function(forward_jacobian(_reverse_jacobian(fun, argnums), argnums), fun)

    return decorator(make, fun)
