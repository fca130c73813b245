"""Who calls a function, by which name, and names that mean something else while tracing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dis import get_instructions, opname
from operator import is_
from types import CodeType, FrameType, ModuleType
from typing import Any, TypeAlias

from .location import is_library, user_frame

Functions: TypeAlias = Mapping[str, Callable[..., Any]]
Start = tuple[int | None, int | None]
End = tuple[int, int]

_STORES = frozenset(["STORE_SUBSCR", "STORE_SLICE"])
_STORING_METHODS = frozenset(["fill", "itemset", "put"])

_calls: dict[CodeType, dict[int, str]] = {}


def _called(code: CodeType) -> dict[int, str]:
    """The name of what each call in the code calls, by the offsets of the call and its caches.

    It is that of the widest expression that begins where the call does. A frame that waits for a
    call stands at it, or at the last of its caches. What is not understood is left out.
    """
    names: dict[Start, dict[End, str]] = {}
    found: dict[int, str] = {}
    steps = list(get_instructions(code))
    ends = [step.offset for step in steps[1:]]
    for step, following in zip(steps, [*ends, len(code.co_code)], strict=True):
        where = step.positions
        if where is None or where.end_lineno is None or where.end_col_offset is None:
            continue
        start, end = (where.lineno, where.col_offset), (where.end_lineno, where.end_col_offset)
        if step.opname.startswith("LOAD_") and isinstance(step.argval, str):
            names.setdefault(start, {})[end] = step.argval
        elif step.opname.startswith("CALL"):
            inside = {e: name for e, name in names.get(start, {}).items() if e < end}
            if inside:
                found |= dict.fromkeys(range(step.offset, following), inside[max(inside)])
    return found


def _calling(frame: FrameType) -> str | None:
    """The name of what the frame is just calling."""
    code = frame.f_code
    if code not in _calls:
        _calls[code] = _called(code)
    return _calls[code].get(frame.f_lasti)


def calls(caller: FrameType, name: str) -> bool:
    """Whether Python code of no library calls a function by its name, and does so itself.

    It may have called a function in C that does, and that expects NumPy's own.
    """
    return not is_library(caller.f_globals) and _calling(caller) == name


def stores() -> bool:
    """Whether the user's line just puts something into a container: ``a[i] = x``, ``a.fill(x)``."""
    frame = user_frame()
    if frame is None or frame.f_lasti < 0:
        return False
    operation = opname[frame.f_code.co_code[frame.f_lasti]]
    return operation in _STORES or _calling(frame) in _STORING_METHODS


def exchange(module: ModuleType, old: Functions, new: Functions) -> None:
    """Put new functions in the place of old ones; what somebody else has put there stays."""
    names = vars(module)
    if all(map(is_, map(names.get, old), old.values())):
        names.update(new)
        return
    names.update({name: f for name, f in new.items() if names.get(name) is old[name]})
