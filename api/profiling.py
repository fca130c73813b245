"""Where the time of a compilation goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pullback.runtime.function import Function
from pullback.tracer.errors import at
from pullback.tracer.location import user_location


def profile_compile(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> dict[str, float]:
    """Seconds that each stage of compiling a function for these arguments took.

    The stages are ``trace`` (with the differentiation), ``lower`` (passes before code generation),
    ``fuse``, ``bufferize``, ``emit`` (LLVM text), ``parse``, ``compile`` (LLVM's code generator)
    and ``link``, in this order. A function that has been called with such arguments already tells
    the times of that call; of an equal one, which it shares its code with, those of the first. Code
    that comes from disk has been traced and linked only.

    Args:
        function: what `pullback.jit`, `pullback.grad` or another transformation made.
        args: the arguments of a call: arrays, or `pullback.ShapeDtype` in their place.
        kwargs: likewise.

    Raises:
        TypeError: when ``function`` is no compiled function.

    >>> from pullback.profiling import profile_compile
    >>> seconds = profile_compile(pb.grad(lambda x: np.sum(np.sin(x))), np.ones(3))
    >>> list(seconds)
    ['trace', 'lower', 'fuse', 'bufferize', 'emit', 'parse', 'compile', 'link']
    """
    if not isinstance(function, Function):
        raise TypeError(
            f"profile_compile takes a function that pullback has made, got {function!r}\n"
            f"  pullback.jit(f) makes one of a Python function{at(user_location())}"
        )
    return function.seconds(*args, **kwargs)
