"""Machine code as bytes: of kernels, and of the entry points that functions share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

from pullback.codegen.entry import Entry, Site

from .cache import digest, store
from .link import object_code

Source: TypeAlias = tuple[tuple[str, ...], str]
"""What a module uses of others, and its LLVM text."""

KEPT_ENTRIES = 1024
"""Entry points whose code stays in memory; they take about two kilobytes each."""


@dataclass(frozen=True, slots=True)
class Object:
    """An object file, and what it uses of others."""

    symbols: tuple[str, ...]
    code: bytes

    def to_bytes(self) -> bytes:
        """A line of JSON, then the file."""
        return json.dumps(self.symbols).encode() + b"\n" + self.code

    @classmethod
    def from_bytes(cls, data: bytes) -> Object:
        """What `to_bytes` has written."""
        line, _, code = data.partition(b"\n")
        return cls(tuple(json.loads(line)), code)


@dataclass(frozen=True, slots=True)
class Record:
    """A program as it is kept on disk: its code, and what its entry says beyond what was asked.

    ``call`` is the code of the entry. It is in the record of each program that shares it, so that
    a program is one file to read.
    """

    entry: Entry
    may_not_end: bool
    kernels: Object
    call: Object

    def to_bytes(self) -> bytes:
        """A line of JSON, then the objects."""
        entry, kernels, call = self.entry, self.kernels.to_bytes(), self.call.to_bytes()
        head = {
            "workspace_bytes": entry.workspace_bytes,
            "sites": [[site.message, site.exception] for site in entry.sites],
            "release_gil": entry.release_gil,
            "reused": entry.reused,
            "may_raise": entry.may_raise,
            "may_not_end": self.may_not_end,
            "kernels": len(kernels),
        }
        return json.dumps(head).encode() + b"\n" + kernels + call

    @classmethod
    def from_bytes(cls, data: bytes, entry: Entry) -> Record:
        """Read what `to_bytes` has written of a program that is asked for by ``entry``."""
        line, _, objects = data.partition(b"\n")
        head = json.loads(line)
        whole = replace(
            entry,
            workspace_bytes=head["workspace_bytes"],
            sites=tuple(Site(message, exception) for message, exception in head["sites"]),
            release_gil=head["release_gil"],
            reused=tuple((output, given) for output, given in head["reused"]),
            may_raise=head["may_raise"],
        )
        size = head["kernels"]
        kernels, call = Object.from_bytes(objects[:size]), Object.from_bytes(objects[size:])
        return cls(whole, head["may_not_end"], kernels, call)


class Clock:
    """Notes how long each stage took."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """A stage has ended."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


@lru_cache(KEPT_ENTRIES)
def entry_object(entry: Entry) -> Object:
    """The code of an entry point: the same for all programs that are called alike."""

    def make() -> Source:
        from pullback.codegen.call import entry_module

        module = entry_module(entry)
        return tuple(module.symbols), module.text()

    return kept("entry", repr(entry), make, level=0)


def kept(kind: str, name: str, make: Callable[[], Source], level: int | None = None) -> Object:
    """The code of a module from disk, or else of what ``make`` makes, compiled at a level.

    It is known by name: the key has a digest of the compiler's own sources in it.
    """
    disk = store()
    key = digest(kind, name) if disk is not None else b""
    found = disk.get(key) if disk is not None else None
    if found is not None:
        return Object.from_bytes(found)
    symbols, text = make()
    made = Object(symbols, object_code(text, level))
    if disk is not None:
        disk.put(key, made.to_bytes())
    return made
