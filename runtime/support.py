"""The functions that all entry points share, in memory once for the process."""

from __future__ import annotations

from functools import cache

from pullback.codegen.support import SUPPORT, support_module

from .libraries import resolve
from .link import Linked, link


@cache
def support() -> Linked:
    """Compile and load them (3 ms)."""
    module = support_module()
    return link(module.text(), resolve(module.symbols), SUPPORT, level=0)
