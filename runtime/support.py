"""The functions that programs share, in memory once for the process."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np

from pullback.codegen.names import FREE_ALL, SUPPORT
from pullback.tracer.locks import once, once_each

from .libraries import resolve
from .link import Linked, load
from .objects import Source, kept
from .target import host

workspaces = np.zeros(2, np.int64)
"""What waits of workspaces, where machine code keeps account of it."""


@once
def support() -> Linked:
    """What all entry points use (3 ms; less if it has been compiled before and is on disk)."""

    def make() -> Source:
        from pullback.codegen.support import support_module

        module = support_module()
        return tuple(module.symbols), module.text()

    return _loaded("support", make, SUPPORT)


@once_each
def per_lane(name: str) -> Linked:
    """A function that goes through the lanes of vectors."""

    def make() -> Source:
        from pullback.codegen.math.per_lane import per_lane_module

        module = per_lane_module(name)
        return tuple(module.symbols), module.text()

    return _loaded(name, make, [name])


@once_each
def elementary(name: str) -> Linked:
    """An elementary function, of numbers or vectors."""

    def make() -> Source:
        from pullback.codegen.math.shared import shared_module

        machine = host()
        module = shared_module(name, machine.vector_bytes == 64, machine.convention)
        return tuple(module.symbols), module.text()

    return _loaded(name, make, [name], level=1)


def _loaded(
    name: str, make: Callable[[], Source], entries: Sequence[str], level: int = 0
) -> Linked:
    code = kept("shared", name, make, level)
    return load([code.code], resolve(code.symbols), entries)


def free_workspaces() -> None:
    """Give the memory that calls have left for the next ones back to the system."""
    if workspaces[0]:
        ctypes.PYFUNCTYPE(None)(support().address(FREE_ALL))()
