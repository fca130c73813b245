"""The functions that all entry points share, in memory once for the process."""

from __future__ import annotations

import ctypes

import numpy as np

from pullback.codegen.support import SUPPORT, support_module
from pullback.codegen.workspaces import FREE_ALL
from pullback.tracer.locks import once

from .cache import kept
from .libraries import resolve
from .link import Linked, load, object_code

workspaces = np.zeros(2, np.int64)
"""What waits of workspaces, where machine code keeps account of it."""


@once
def support() -> Linked:
    """Load them, from disk if they have been compiled before (3 ms)."""
    module = support_module()
    text = module.text()
    code = kept(text, lambda: object_code(text, level=0))
    return load(code, resolve(module.symbols), SUPPORT)


def free_workspaces() -> None:
    """Give the memory that calls have left for the next ones back to the system."""
    if workspaces[0]:
        ctypes.PYFUNCTYPE(None)(support().address(FREE_ALL))()
