"""Threads for large loops: how many, and the pool that they come from."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import warnings
from typing import Final

import numpy as np

from pullback.codegen.pool import (
    MOST_THREADS,
    PREPARE,
    SHARE_PARTS,
    STOP,
    THREADS,
    pool_module,
)
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.locks import once

from .link import Linked, load
from .objects import kept

VARIABLE = "PULLBACK_NUM_THREADS"
HAS_THREADS: Final = sys.platform != "win32"
"""Whether there are POSIX threads; elsewhere a call does all of a loop by itself."""


def set_num_threads(number: int) -> None:
    """Let so many threads share a large loop; 1 is none but the caller's.

    Until this is called it is the environment variable ``PULLBACK_NUM_THREADS``, or as many as
    the process has processors. Results do not depend on it. Products of matrices and
    factorisations have the threads of BLAS, which this does not change.

    >>> pb.set_num_threads(2)

    Raises:
        ValueError: for less than one thread.
    """
    if number < 1:
        raise ValueError(f"there is one thread at least, got {number}{at(user_location())}")
    threads[0] = min(int(number), MOST_THREADS)


def _available() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _number_at_first() -> int:
    text = os.environ.get(VARIABLE)
    if text is None:
        return min(_available(), MOST_THREADS)
    if not text.isdigit() or int(text) < 1:
        warnings.warn(f"{VARIABLE} is a number of threads, not {text!r}", stacklevel=2)
        return 1
    return min(int(text), MOST_THREADS)


threads = np.array([_number_at_first()], np.int64)
"""How many threads may share a loop, where machine code reads it."""


@once
def pool() -> Linked:
    """Compile and load what shares the parts of a loop; no thread is started yet."""
    entries = (SHARE_PARTS, PREPARE, STOP) if HAS_THREADS else (SHARE_PARTS,)
    symbols = {THREADS: int(threads.ctypes.data)} if HAS_THREADS else {}
    code = kept("shared", "pool", lambda: ((), pool_module(HAS_THREADS)))
    linked = load([code.code], symbols, entries)
    if HAS_THREADS:
        prepare, stop = (ctypes.CFUNCTYPE(None)(linked.address(name)) for name in (PREPARE, STOP))
        prepare()
        # The threads must have ended before the code that they run is gone.
        atexit.register(stop)
        os.register_at_fork(after_in_child=prepare)
    return linked
