"""Where in the user's code a node was made."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from types import FrameType
from typing import Any

LIBRARIES = ("pullback", "numpy", "scipy", "optree", "contextlib", "runpy")
"""Packages whose frames a location skips, as being between others: it names the user's line."""

_library_modules: dict[str, bool] = {}
_known: dict[tuple[str, int, str], Location] = {}


@dataclass(frozen=True)
class Location:
    """File, line and function of user code; printed as ``fit.py:12 (loss)``."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return self._told

    @cached_property
    def _told(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line} ({self.function})"


def is_library(module_globals: dict[str, Any]) -> bool:
    """Whether the globals are those of a module of this library, of NumPy or SciPy."""
    name = module_globals.get("__name__", "")
    known = _library_modules.get(name)
    if known is None:
        # The command line is run as a module, which is called otherwise then.
        spec = module_globals.get("__spec__") if name == "__main__" else None
        own = getattr(spec, "name", "") == "pullback.__main__"
        known = own or name.split(".")[0] in LIBRARIES
        _library_modules[name] = known
    return known


def user_frame() -> FrameType | None:
    """The innermost frame outside this library, NumPy and SciPy."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and is_library(frame.f_globals):
        frame = frame.f_back
    return frame


def user_location() -> Location | None:
    """The user's line that is being executed."""
    frame = user_frame()
    if frame is None:
        return None
    # Code objects of equal functions in two files are equal.
    key = (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
    found = _known.get(key)
    if found is None:
        found = _known[key] = Location(*key)
    return found


def called_by(package: str) -> bool:
    """Whether a module of the package is between the user's line and this one."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and is_library(frame.f_globals):
        if frame.f_globals.get("__name__", "").split(".")[0] == package:
            return True
        frame = frame.f_back
    return False
