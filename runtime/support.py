"""The functions that programs share, in memory once for the process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pullback.codegen.assembly import Module
from pullback.codegen.math.per_lane import per_lane_module
from pullback.codegen.support import SUPPORT, support_module

from .cache import kept
from .libraries import resolve
from .link import Linked, load, object_code


@cache
def support() -> Linked:
    """What all entry points use (3 ms; less if it has been compiled before and is on disk)."""
    return _loaded(support_module(), SUPPORT)


@cache
def per_lane(name: str) -> Linked:
    """A function that goes through the lanes."""
    return _loaded(per_lane_module(name), [name])


def _loaded(module: Module, entries: Sequence[str]) -> Linked:
    text = module.text()
    code = kept(text, lambda: object_code(text, level=0))
    return load([code], resolve(module.symbols), entries)
