"""The functions that all entry points share, in memory once for the process."""

from __future__ import annotations

from functools import cache

from pullback.codegen.support import SUPPORT, support_module

from .cache import kept
from .libraries import resolve
from .link import Linked, load, object_code


@cache
def support() -> Linked:
    """Load them, from disk if they have been compiled before (3 ms)."""
    module = support_module()
    text = module.text()
    code = kept(text, lambda: object_code(text, level=0))
    return load(code, resolve(module.symbols), SUPPORT)
