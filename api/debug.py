"""Looking into compiled code while it runs, and at the time that compiling takes."""

from __future__ import annotations

import builtins
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from string import Formatter
from typing import Any, overload

import numpy as np

from pullback.runtime.function import Function
from pullback.tracer import callback as traced
from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.primitives.callback import function_name
from pullback.tracer.trace import Check, checking

from .transforms import jit

__all__ = ["callback", "check_nan", "print", "profile_compile"]


def callback(
    callback: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any
) -> None:
    """Call a Python function from compiled code for what it does, such as keeping a value.

    Args:
        callback: it gets NumPy arrays, or the trees of them that ``args`` and ``kwargs`` are, and
            what else these hold as it is. What it returns is not used.
        args: arrays, numbers, trees of them, and anything else.
        ordered: for likeness with JAX: calls are always made in the order of the program.
        kwargs: handed to the function by name.

    The call is made although nothing depends on it: in every turn of a loop, in the branch that is
    taken, for each item of `vmap` (but once where no argument differs from item to item). When the
    function around it is differentiated, it is made once and gets the values, not their tangents.
    In the rules of `custom_jvp` and `custom_vjp` it gets whatever the rule has.

    An exception that the function raises ends the call of the compiled function.

    >>> seen = []
    >>> @pb.grad
    ... def slope(x):
    ...     y = np.sin(x)
    ...     pb.debug.callback(seen.append, y)
    ...     return y * y
    >>> slope(0.5) is not None and len(seen)
    1
    """
    traced.debug_callback(callback, function_name(callback), args, kwargs)


def print(fmt: Any, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print values from compiled code, when and as often as the line is run.

    Args:
        fmt: a format string as of `str.format`; an f-string would be made while tracing, when there
            are no values yet.
        args: its values: arrays, numbers, trees of them, and anything else as it is.
        ordered: for likeness with JAX: lines are always printed in the order of the program.
        kwargs: values by name.

    When and how often is told at `callback`.

    Raises:
        TypeError: for a format that is no string.
        ValueError: if the format asks for a value that is not given, or does not for one that is.

    >>> @pb.jit
    ... def f(x):
    ...     y = 2.0 * x
    ...     pb.debug.print("y = {:.2f}, x = {x}", y, x=x)
    ...     return y + 1.0
    >>> float(f(3.0))
    y = 6.00, x = 3.0
    7.0
    """
    where = at(user_location())
    if not isinstance(fmt, str):
        raise TypeError(f"the format comes first and is a str, got a {type(fmt).__name__}{where}")
    _Check(where).vformat(fmt, args, kwargs)

    def show(*args: Any, **kwargs: Any) -> None:
        named = {name: _plain(x) for name, x in kwargs.items()}
        builtins.print(fmt.format(*map(_plain, args), **named))  # noqa: T201 - what it is for

    traced.debug_callback(show, "print", args, kwargs)


def _plain(value: Any) -> Any:
    """A value with numbers in place of arrays without axes."""
    leaves, spec = tree.flatten(value)
    return tree.unflatten(spec, [x[()] if isinstance(x, np.ndarray) else x for x in leaves])


class _Check(Formatter):
    """Formats nothing, but sees to it that the fields are those that are given."""

    def __init__(self, where: str) -> None:
        self._where = where

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        first = re.match(r"[^.\[]*", field_name)
        assert first is not None
        key: int | str = int(first[0]) if first[0].isdigit() else first[0]
        try:
            self.get_value(key, args, kwargs)
        except (IndexError, KeyError) as error:
            message = f"the format asks for {key!r}, which is not given{self._where}"
            raise ValueError(message) from error
        return None, key

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return value

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""

    def check_unused_args(
        self, used_args: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        unused = [x for x in (*range(len(args)), *kwargs) if x not in used_args]
        if unused:
            raise ValueError(f"the format does not ask for {unused[0]!r}{self._where}")


@overload
def check_nan(fun: Callable[..., Any], *, inf: bool = False) -> Callable[..., Any]: ...
@overload
def check_nan(fun: None = None, *, inf: bool = False) -> AbstractContextManager[None]: ...
def check_nan(fun: Callable[..., Any] | None = None, *, inf: bool = False) -> Any:
    """A function that raises where a NaN comes from, instead of returning it.

    Args:
        fun: any function that can be compiled, or one that is, such as ``pb.grad(loss)``.
        inf: infinities are refused too.

    Returns:
        A function of the same arguments. Without ``fun``, a context manager: within its block, in
        this thread, all compiled functions are checked.

    A call runs the compiled code; where the result has a NaN, the graph is run once more with
    NumPy, operation by operation, the steps of loops included, and gone back over from the result
    to the operation that made the NaN of operands without any. A NaN that reaches no result is no
    fault; one that was in an argument is told as such. What the function has written to its
    arguments is looked through, too, and taken back.

    In a block, tensors of `pullback.torch` are checked as well, when their values are computed and
    where ``backward()`` starts and ends.

    Raises:
        FloatingPointError: (when called) naming the operation, its line and the turns of the loops
            around it, the first element of its result that is a NaN, and the operands there; and
            which operation's derivative it belongs to.

    >>> try:
    ...     pb.debug.check_nan(lambda x: np.sum(np.log(x)))(np.array([1.0, -1.0]))
    ... except FloatingPointError as error:
    ...     message = str(error).splitlines()
    >>> message[0], message[2]
    ('log of f64[2] made a NaN', '  of -1.0, at [1] of the result')
    """
    check: Check = "inf" if inf else "nan"
    if fun is None:
        return checking(check)
    function = fun if isinstance(fun, Function) else jit(fun)

    @functools.wraps(fun)
    def checked(*args: Any, **kwargs: Any) -> Any:
        return function.checked(check, args, kwargs)

    return checked


def profile_compile(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> dict[str, float]:
    """Seconds that each stage of compiling a function for these arguments took.

    The stages are ``trace`` (with the differentiation), ``lower`` (passes before code generation),
    ``fuse``, ``bufferize``, ``emit`` (LLVM text), ``parse``, ``compile`` (LLVM's code generator),
    ``entry`` (the function that Python calls, which functions that are called alike share) and
    ``link``, in this order. A function that has been called with such arguments already tells
    the times of that call; of an equal one, which it shares its code with, those of the first. Code
    that comes from disk has been traced and linked only.

    Args:
        function: what `pullback.jit`, `pullback.grad` or another transformation made.
        args: the arguments of a call: arrays, or `pullback.ShapeDtype` in their place.
        kwargs: likewise.

    Raises:
        TypeError: when ``function`` is no compiled function.

    >>> seconds = pb.debug.profile_compile(pb.grad(lambda x: np.sum(np.sin(x))), np.ones(3))
    >>> list(seconds)
    ['trace', 'lower', 'fuse', 'bufferize', 'emit', 'parse', 'compile', 'entry', 'link']
    """
    if not isinstance(function, Function):
        raise TypeError(
            f"profile_compile takes a function that pullback has made, got {function!r}\n"
            f"  pullback.jit(f) makes one of a Python function{at(user_location())}"
        )
    return function.seconds(*args, **kwargs)
