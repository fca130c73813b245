"""Random numbers that are drawn while tracing: each call of what is compiled has the same ones.

NumPy's and Python's generators know nothing of traces. So as long as anything is being traced, the
names in `numpy.random` and `random` that draw from the global generators, and what makes a new one
of no seed, are functions that warn of it if the code of a traced function calls them.
"""

from __future__ import annotations

import sys
import sysconfig
import warnings
from collections.abc import Callable
from functools import wraps
from types import FrameType, ModuleType
from typing import Any
from weakref import WeakSet

from ..callers import calls, exchange
from ..errors import FrozenDrawWarning, at
from ..location import Location
from ..trace import Trace, active_traces, jit_is_disabled

Function = Callable[..., Any]

_GLOBAL = {"numpy.random": "rand", "random": "random"}
"""A method of the global generator of each module."""

_STATE = frozenset(["get_state", "getstate", "set_state", "setstate"])
_SEEDS = frozenset(["seed"])
_ALIASES = frozenset(["ranf", "sample"])
_NEW = frozenset(["default_rng"])

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})

_told: set[Location] = set()
_seeded: WeakSet[Trace] = WeakSet()


def _is_drawn_in(caller: FrameType, name: str) -> bool:
    """Whether code of a traced function that is no library's calls the function."""
    return (
        not jit_is_disabled()
        and not caller.f_code.co_filename.startswith(_INSTALLED)
        and calls(caller, name)
    )


def _warn(module: str, name: str, caller: FrameType) -> None:
    code = caller.f_code
    place = Location(code.co_filename, caller.f_lineno, code.co_name)
    if place in _told:
        return
    _told.add(place)
    message = (
        f"{module}.{name} draws once, while tracing: all calls have the same numbers\n"
        f"  draw by pullback.random with a key, or pass the numbers as an argument{at(place)}"
    )
    warnings.warn_explicit(message, FrozenDrawWarning, place.file, place.line)


def _watched(module: str, name: str, function: Function) -> Function:
    """The function, but it warns where its numbers are kept; after a seed they are meant to be."""

    @wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        traces = active_traces()
        caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        if traces and _is_drawn_in(caller, name):
            given = [x for x in (*args, *kwargs.values()) if x is not None]
            if name in _SEEDS and given:
                _seeded.add(traces[0])
            elif traces[0] not in _seeded and not (name in _NEW and given):
                _warn(module, name, caller)
        return function(*args, **kwargs)

    return watched


def _functions(module: ModuleType) -> dict[str, Function]:
    """What draws from the global generator of the module, seeds it, or makes another one."""
    names = vars(module)
    generator = names[_GLOBAL[module.__name__]].__self__
    others = _SEEDS | _ALIASES | _NEW
    return {
        name: function
        for name, function in names.items()
        if callable(function)
        and name not in _STATE
        and (name in others or getattr(function, "__self__", None) is generator)
    }


_drawing: dict[ModuleType, tuple[dict[str, Function], dict[str, Function]]] = {}
"""By the modules that are imported: the functions, and those that warn."""


def watch_draws(begins: bool) -> None:
    """Exchange the names when the first trace begins and when the last one ends."""
    for name in _GLOBAL:
        module = sys.modules.get(name)
        if module is None or _GLOBAL[name] not in vars(module):
            continue
        if module not in _drawing:
            old = _functions(module)
            _drawing[module] = old, {key: _watched(name, key, f) for key, f in old.items()}
        exchange(module, *_drawing[module][:: 1 if begins else -1])
