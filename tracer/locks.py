"""Locks, and what a process has one of, with many threads and across forks.

A child process has one thread. What the others held at the fork would never be given back there.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


_locks: weakref.WeakSet[Any] = weakref.WeakSet()


def new_lock() -> threading.RLock:
    """A lock that one thread may take several times, and that a child process finds free."""
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_all() -> None:
    for lock in list(_locks):
        lock._at_fork_reinit()


MAKING = threading.RLock()
"""Held while something is made that a process has one of. A fork waits until it is done."""


def once(make: Callable[[], T]) -> Callable[[], T]:
    """A function that gives what ``make`` gave when it was first called, in any thread.

    `functools.cache` would let two threads make it at the same time, and let go of one: whoever has
    taken the address of what that holds has nothing any more.
    """
    made: list[T] = []

    @functools.wraps(make)
    def get() -> T:
        if not made:
            with MAKING:
                if not made:
                    made.append(make())
        return made[0]

    return get


def once_each(make: Callable[[str], T]) -> Callable[[str], T]:
    """As `once`, for each name."""
    made: dict[str, T] = {}

    @functools.wraps(make)
    def get(name: str) -> T:
        if name not in made:
            with MAKING:
                if name not in made:
                    made[name] = make(name)
        return made[name]

    return get


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=MAKING.acquire, after_in_parent=MAKING.release, after_in_child=MAKING.release
    )
    os.register_at_fork(after_in_child=_free_all)
