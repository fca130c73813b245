"""Loops and branches that depend on values, as native control flow.

Python's own `for` and `if` are traced as far as they go: a loop of a thousand turns is a program a
thousand times as long, and what depends on a traced value has no answer yet. These functions take
the step of a loop, or the branches, as functions; they are traced once and compiled to a loop or a
branch. Called outside of traced functions they compile by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from pullback.runtime.function import Function
from pullback.tracer import control
from pullback.tracer.trace import tracing

__all__ = [
    "associative_scan",
    "cond",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "while_loop",
]

Functions = tuple[Callable[..., Any], ...]
Static = tuple[tuple[str, Any], ...]


@lru_cache(maxsize=512)
def _compiled(traced: Callable[..., Any], functions: Functions, static: Static) -> Function:
    """The loop or branch of these functions, compiled as it is called."""

    def body(*operands: Any) -> Any:
        return traced(functions, *operands, **dict(static))

    return Function(body, functions[0], refers=functions[1:])


def _run(traced: Callable[..., Any], functions: Functions, *operands: Any, **static: Any) -> Any:
    """Part of the function that is being traced, else compiled."""
    if tracing():
        return traced(functions, *operands, **static)
    return _compiled(traced, functions, tuple(static.items()))(*operands)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: int | str | tuple[str, int] | None = None,
) -> tuple[Any, Any]:
    """Carry a value along the first axis of arrays.

    Args:
        f: ``carry, y = f(carry, x)``; the carry keeps its structure, shapes and dtypes.
        init: the first carry, an array, a number or a tree of them. Python numbers take the dtype
            that ``f`` gives them.
        xs: arrays, or a tree of them, of one length; ``f`` gets an entry of each at a time. None
            if there are none: then ``length`` tells how often ``f`` is called.
        length: the number of steps.
        reverse: go from the last entry to the first; the y of an entry stands at its place.
        checkpoint: how much reverse mode keeps of n steps: None, the carry of each; "sqrt", of the
            root of n segments, each of which is run once more; "log", of nested segments, eight on
            a level, run once more on each level; a number, of segments of so many steps;
            ("binomial", c), of c steps at a time, from which the others are computed again in the
            order that takes the least steps (A. Griewank and A. Walther, Algorithm 799, 2000);
            "binomial", with as many as n has binary digits.

    Returns:
        The last carry, and the ys stacked along a new first axis.

    Derivatives of all orders and both modes; reverse mode keeps the carry of each step.

    Raises:
        TypeError: when the carry changes its structure or type, or ``f`` does not return a pair.
        ValueError: when the length is not known, or differs between arrays; for what is no
            checkpoint.

    >>> total, sums = pb.scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 4.0]))
    >>> total, sums
    (np.float64(7.0), array([1., 3., 7.]))
    >>> pb.grad(lambda r: pb.scan(lambda c, _: (r * c, None), 1.0, length=3)[0])(2.0)
    np.float64(12.0)
    """
    static = {"length": length, "reverse": bool(reverse), "checkpoint": checkpoint}
    result: tuple[Any, Any] = _run(_scan, (f,), init, xs, **static)
    return result


def _scan(functions: Functions, init: Any, xs: Any, **static: Any) -> Any:
    (f,) = functions
    return control.scan(f, init, xs, **static)


def fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """``value = body(i, value)`` for each i from ``lower`` on to below ``upper``, from ``init`` on.

    The bounds may be traced. Between bounds that are known it is a `scan`, else a `while_loop`.
    Derivatives of all orders and both modes.

    Raises:
        TypeError: when the value changes its structure or type, or a bound is no integer.

    >>> pb.fori_loop(1, 5, lambda i, value: value * i, 1)
    np.int64(24)
    """
    if control.is_known(lower) and control.is_known(upper):
        return _run(_known_loop, (body,), init, lower=int(lower), upper=int(upper))
    return _run(_loop, (body,), lower, upper, init)


def _known_loop(functions: Functions, init: Any, lower: int, upper: int) -> Any:
    (body,) = functions
    return control.fori_loop(lower, upper, body, init)


def _loop(functions: Functions, lower: Any, upper: Any, init: Any) -> Any:
    (body,) = functions
    return control.fori_loop(lower, upper, body, init)


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """``value = body(value)`` as long as ``cond(value)``, from ``init`` on.

    Derivatives of all orders and both modes; reverse mode keeps the value of each turn.

    Raises:
        MemoryError: when there is no room for these.
        TypeError: when the condition is not one bool, or the value changes its structure or type.

    >>> pb.while_loop(lambda x: x < 100.0, lambda x: 3.0 * x, 1.0)
    np.float64(243.0)
    """
    return _run(_while, (cond, body), init)


def _while(functions: Functions, init: Any) -> Any:
    test, body = functions
    return control.while_loop(test, body, init)


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    """``true_fun(*operands)`` if ``pred`` else ``false_fun(*operands)``; only that is computed.

    For a batch of conditions (`vmap`) both are computed, and the results chosen.

    Raises:
        TypeError: when ``pred`` is no single number, or the branches give other structures or
            types.

    >>> pb.cond(True, np.sin, np.cos, 0.0)
    np.float64(0.0)
    """
    return _run(_cond, (true_fun, false_fun), pred, *operands)


def _cond(functions: Functions, pred: Any, *operands: Any) -> Any:
    true_fun, false_fun = functions
    return control.cond(pred, true_fun, false_fun, *operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``; only that branch is computed.

    For a batch of indices (`vmap`) all are computed, and the results chosen.

    Raises:
        IndexError: for an index out of range.
        TypeError: when the branches give other structures or types.

    >>> pb.switch(1, [np.sin, np.cos], 0.0)
    np.float64(1.0)
    """
    return _run(_switch, tuple(branches), index, *operands)


def _switch(functions: Functions, index: Any, *operands: Any) -> Any:
    return control.switch(index, functions, *operands)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` of each entry along the first axis of ``xs``, one after another, results stacked.

    Like `vmap`, in the memory of one entry at a time.

    >>> pb.map(np.sum, np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([3., 7.])
    """
    return _run(_map, (f,), xs)


def _map(functions: Functions, xs: Any) -> Any:
    (f,) = functions
    return control.map_along(f, xs)


def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Running combinations along an axis by an associative function.

    ``f(earlier, later)`` combines whole arrays entry by entry; it is called for the logarithm of
    the number of entries, so it should be cheap to trace.

    >>> pb.associative_scan(np.maximum, np.array([1.0, 3.0, 2.0]))
    array([1., 3., 3.])
    """
    return _run(_associative, (f,), elems, reverse=bool(reverse), axis=int(axis))


def _associative(functions: Functions, elems: Any, **static: Any) -> Any:
    (f,) = functions
    return control.associative_scan(f, elems, **static)
