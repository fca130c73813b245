"""The functions that programs share, in memory once for the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from pullback.codegen.entry import SUPPORT

from .libraries import resolve
from .link import Linked, load
from .objects import Source, kept


@cache
def support() -> Linked:
    """What all entry points use (3 ms; less if it has been compiled before and is on disk)."""

    def make() -> Source:
        from pullback.codegen.support import support_module

        module = support_module()
        return tuple(module.symbols), module.text()

    return _loaded("support", make, SUPPORT)


@cache
def per_lane(name: str) -> Linked:
    """A function that goes through the lanes of vectors."""

    def make() -> Source:
        from pullback.codegen.math.per_lane import per_lane_module

        module = per_lane_module(name)
        return tuple(module.symbols), module.text()

    return _loaded(name, make, [name])


def _loaded(name: str, make: Callable[[], Source], entries: Sequence[str]) -> Linked:
    code = kept("shared", name, make, level=0)
    return load([code.code], resolve(code.symbols), entries)
