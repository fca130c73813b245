"""The functions that all entry points share, in memory once for the process."""

from __future__ import annotations

from functools import cache

from pullback.codegen.support import SUPPORT, support_module

from .cache import digest, store
from .libraries import resolve
from .link import Linked, load, object_code


@cache
def support() -> Linked:
    """Load them, from disk if they have been compiled before (3 ms)."""
    module = support_module()
    text = module.text()
    disk = store()
    key = digest("text", text) if disk is not None else b""
    code = disk.get(key) if disk is not None else None
    if code is None:
        code = object_code(text, level=0)
        if disk is not None:
            disk.put(key, code)
    return load(code, resolve(module.symbols), SUPPORT)
