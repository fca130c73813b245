"""Python functions called from compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pullback.tracer import callback as traced

__all__ = ["pure_callback"]


def pure_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    vmap_method: str | None = None,
    **kwargs: Any,
) -> Any:
    """Call a Python function from compiled code, for what cannot be traced.

    Args:
        callback: a function without effects, for it may be called any number of times: not at all
            where its result is not used, once for equal calls. It gets NumPy arrays, or the trees
            of them that ``args`` and ``kwargs`` are, and returns arrays. The arrays it gets are
            its own; those it returns are copied.
        result_shape_dtypes: a tree of what it returns: `ShapeDtype`, arrays, or anything else with
            ``shape`` and ``dtype``.
        args: arrays, numbers and trees of them.
        vmap_method: what `vmap` does: ``"sequential"`` calls the function for one item after
            another, in a loop, ``"sequential_unrolled"`` the same without one; ``"expand_dims"``
            calls it once, with a first axis for the batch in every argument and result, of extent 1
            where an argument is the same for all items; ``"broadcast_all"`` repeats these.
        kwargs: handed to the function by name.

    Returns:
        The tree of results.

    An exception that the function raises ends the call, and is what the caller gets, with a note of
    the line of this call. There are no derivatives but those that `custom_jvp` or `custom_vjp`
    around the call state.

    Raises:
        TypeError: (when called) if the function returns another structure or dtype than promised.
        ValueError: for another shape, or a ``vmap_method`` that there is not.
        UnsupportedFunctionError: when differentiated, or under `vmap` without a ``vmap_method``.

    >>> table = {1: 10.0, 2: 20.0}
    >>> def look_up(key):
    ...     return table[int(key)]
    >>> @pb.jit
    ... def price(key, count):
    ...     return count * pb.pure_callback(look_up, pb.ShapeDtype(()), key)
    >>> print(price(2, 3.0))
    60.0
    """
    return traced.pure_callback(callback, result_shape_dtypes, args, kwargs, vmap_method)
