"""NumPy's functions that make arrays, in a traced function: what they make can hold traced values.

NumPy hands ``np.array([x, y])`` and ``np.zeros(3)`` to nobody, and its own arrays cannot hold what
is traced. So as long as anything is being traced, the names of `MAKERS` in NumPy's namespace are
functions that look at who calls: the Python code of a traced function gets traced arrays where it
needs them, all others (libraries, code in C, other threads) get NumPy's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from opcode import opmap
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..callers import calls, exchange
from ..errors import UnsupportedTypeError
from ..trace import active_traces, around_traces
from .creation import contains_tracer
from .draws import watch_draws
from .functions import CREATION, WRITABLE

_WRITERS = frozenset(
    ["at", "copyto", "fill", "fill_diagonal", "place", "put", "put_along_axis", "putmask"]
)
_STORES = frozenset(opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in opmap)
_BINARY, _IN_PLACE = opmap["BINARY_OP"], range(13, 26)

TO_FILL = frozenset(
    [
        "array",
        "copy",
        "empty",
        "empty_like",
        "eye",
        "full",
        "full_like",
        "identity",
        "ones",
        "ones_like",
        "zeros",
        "zeros_like",
    ]
)
"""What people fill; ranges and grids stay NumPy's, whose values are there while tracing."""

_COMPREHENSIONS = frozenset(["<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"])

_writers: dict[CodeType, bool] = {}


def _is_traced_code(caller: FrameType, name: str) -> bool:
    """Whether code that may meet traced values calls NumPy's function itself."""
    return any(trace.builder.parameters for trace in active_traces()) and calls(caller, name)


def _fills(caller: FrameType | None) -> bool:
    """Whether a function that makes an array may write to arrays."""
    while caller is not None and caller.f_code.co_name in _COMPREHENSIONS:
        caller = caller.f_back
    return caller is not None and _writes(caller.f_code)


def _writes(code: CodeType) -> bool:
    """Whether code may write to arrays: ``a[i] = x``, ``a += x``, ``out=a``."""
    known = _writers.get(code)
    if known is None:
        steps = zip(code.co_code[::2], code.co_code[1::2], strict=True)
        known = (
            any(op in _STORES or (op == _BINARY and arg in _IN_PLACE) for op, arg in steps)
            or not _WRITERS.isdisjoint(code.co_names)
            or any(isinstance(x, tuple) and "out" in x for x in code.co_consts)
        )
        _writers[code] = known
    return known


ORIGINALS: dict[str, Callable[..., Any]] = {
    name: getattr(np, name) for name in (*CREATION, *WRITABLE)
}
"""NumPy's own functions that make arrays, by their names."""


def _maker(name: str) -> Callable[..., Any]:
    """NumPy's function, but what a traced function makes of traced values or will fill is traced.

    Arrays of a dtype that is not compiled stay NumPy's.
    """
    function = ORIGINALS[name]
    to_fill = WRITABLE[name] if name in TO_FILL else None
    of_traced = CREATION.get(name) or WRITABLE[name]

    @wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        if not _is_traced_code(caller, name):
            return function(*args, **kwargs)
        if any(map(contains_tracer, (*args, *kwargs.values()))):
            return of_traced(*args, **kwargs)
        if to_fill is None or not _fills(caller):
            return function(*args, **kwargs)
        try:
            return to_fill(*args, **kwargs)
        except UnsupportedTypeError:
            return function(*args, **kwargs)

    return made


MAKERS: dict[str, Callable[..., Any]] = {name: _maker(name) for name in ORIGINALS}
"""What the names are in NumPy's namespace as long as anything is being traced."""


def _exchange(begins: bool) -> None:
    exchange(np, *((ORIGINALS, MAKERS) if begins else (MAKERS, ORIGINALS)))


around_traces(_exchange)
around_traces(watch_draws)
