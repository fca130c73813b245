"""Compiling a function as it is, and looking at its graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, overload

from pullback.runtime.function import Function
from pullback.runtime.signature import ShapeDtype, take_apart
from pullback.runtime.traced import trace_signature
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.ir import Graph
from pullback.tracer.location import user_location
from pullback.tracer.trace import without_jit

from .picking import Argnums, as_tuple, decorator


@overload
def jit(
    fun: Callable[..., Any],
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: Argnums = (),
) -> Function: ...
@overload
def jit(
    fun: None = None,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: Argnums = (),
) -> Callable[[Callable[..., Any]], Function]: ...
def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: Argnums = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: Argnums = (),
) -> Any:
    """Compile a function of arrays and numbers, or trees of them.

    Args:
        fun: the function; NumPy functions, operators, methods and indexing are traced.
        static_argnums: positions of arguments that the code is made for anew for every value;
            they must be hashable.
        static_argnames: their names. Where one of the two is given, the other is read off the
            function, so that it makes no difference how an argument is passed.
        donate_argnums: positions of arguments whose arrays the caller does not need any more. Where
            a result has the type of one of them and can be computed over it, that array is
            returned, with the result in it; whatever it is good for, its values are unspecified
            after the call. One that is read-only, or shares memory with another argument, is left
            as it is.

    Returns:
        A `Function`: call it with arrays; ``.ir() .llvm() .asm() .plan() .stages()`` show the
        stages, ``.explain()`` what each line costs. 0-d results are NumPy scalars.

    What the function writes to an argument is in the caller's array when the call returns, as in
    NumPy; a call that raises changes nothing.

    >>> @pb.jit
    ... def normalize(x):
    ...     return x / np.sqrt(np.sum(x * x))
    >>> normalize(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """

    def make(fun: Callable[..., Any]) -> Function:
        names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
        static, names = _however_passed(fun, as_tuple(static_argnums), names)
        donated = as_tuple(donate_argnums)
        if set(static) & set(donated):
            raise ValueError(f"a static argument cannot be donated{at(user_location())}")
        return Function(fun, fun, static, names, writing=True, donate_argnums=donated)

    return decorator(make, fun)


def _however_passed(
    fun: Callable[..., Any], numbers: tuple[int, ...], names: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Positions of the static names, or names of the static positions, where ``fun`` tells them."""
    if bool(numbers) == bool(names):
        return numbers, names
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return numbers, names
    kinds = inspect.Parameter
    if any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        return numbers, names
    placed = [
        p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    if names:
        return tuple([i for i, p in enumerate(placed) if p.name in names]), names
    counted = [i + len(placed) if -len(placed) <= i < 0 else i for i in numbers]
    known = [p for i, p in enumerate(placed) if i in counted]
    return tuple(counted), tuple([p.name for p in known if p.kind is kinds.POSITIONAL_OR_KEYWORD])


@contextmanager
def disable_jit(disable: bool = True) -> Generator[None]:
    """Within the block, in this thread, nothing is compiled.

    Args:
        disable: False lets things be compiled again, inside of such a block.

    What is given to `jit` is called as it is, with NumPy's arrays, so that one can step through it
    and print from it. What other transforms and control flow make is traced at each call and run
    by NumPy, an operation at a time.

    >>> with pb.disable_jit():
    ...     slope = pb.grad(lambda x: x * x)(3.0)
    >>> print(slope)
    6.0
    """
    with without_jit(disable):
        yield


def trace(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph of a function for arguments of these types; `ShapeDtype` will do for arrays.

    >>> graph = pb.trace(lambda x: np.exp(x), 0.0)
    >>> [node.primitive.name for node in graph.nodes]
    ['exp']
    """
    call = take_apart(args, kwargs, (), ())
    return trace_signature(fun, call.signature)[0]


def eval_shape(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes of a function's result, in its structure, without computing it.

    >>> pb.eval_shape(np.outer, np.zeros(2), np.zeros(3))
    ShapeDtype(shape=(2, 3), dtype=dtype('float64'))
    """
    graph, _, spec = trace_signature(fun, take_apart(args, kwargs, (), ()).signature)
    return tree.unflatten(spec, [ShapeDtype(x.type.shape, x.type.dtype) for x in graph.outputs])
