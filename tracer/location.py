"""Where in the user's code a node was made."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import CodeType, FrameType

import numpy as np

_library_folders: list[str] = [
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep + "tracer",
    os.path.dirname(os.path.abspath(np.__file__)),
    os.path.dirname(os.path.abspath(__file__)),
]
_internal_files: dict[str, bool] = {}
_known: dict[tuple[CodeType, int], Location] = {}


@dataclass(frozen=True)
class Location:
    """File, line and function of user code; printed as ``fit.py:12 (loss)``."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line} ({self.function})"


def register_library_folder(file: str) -> None:
    """Count the folder of ``file`` as library code, which locations skip."""
    _library_folders.append(os.path.dirname(os.path.abspath(file)))
    _internal_files.clear()


def _is_internal(filename: str) -> bool:
    known = _internal_files.get(filename)
    if known is None:
        path = os.path.abspath(filename)
        known = any(path.startswith(folder + os.sep) for folder in _library_folders)
        _internal_files[filename] = known
    return known


def user_location() -> Location | None:
    """The innermost frame outside this library and NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_internal(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return None
    key = (frame.f_code, frame.f_lineno)
    found = _known.get(key)
    if found is None:
        found = Location(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        _known[key] = found
    return found
