"""Compiled code on disk, so that the next process need not compile it again.

An entry is a file named by the digest of what it was made from, a graph or what programs share,
and everything else that decides about the code (`fingerprint`). A file is written under another
name and then renamed, so that nobody ever reads half of it, and holds a digest of its content, so
that a damaged one counts as missing. Whatever goes wrong with the disk, code is compiled as if
there were no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import llvmlite
import numpy as np

from .target import host

DIRECTORY = "PULLBACK_CACHE_DIR"
"""The environment variable that names the directory; an empty one means that there is no cache."""

SIZE = "PULLBACK_CACHE_SIZE"
"""The environment variable that bounds the size, in bytes."""

DEFAULT_SIZE = 256 * 2**20
MAGIC = b"pullback 1\n"
DIGEST = 32
WRITES_PER_SWEEP = 64
"""How many entries a process writes before it looks at the size of the whole directory again."""

KEEP = 0.75
"""The part of the allowed size that is kept when the oldest entries go."""

SOURCES = ("tracer", "codegen", "runtime")


class Store:
    """Bytes by key in a directory of files. Every method is safe for threads and processes.

    ``limit`` is how many bytes it is to take.
    """

    def __init__(self, directory: Path, size: int) -> None:
        self.directory = directory
        self.limit = size
        self._writes = 0
        self._writable = True

    def get(self, key: bytes) -> bytes | None:
        """What is kept for the key, if it is whole."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        head = len(MAGIC) + DIGEST
        content = data[head:]
        if data[:head] != MAGIC + hashlib.sha256(content).digest():
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return content

    def put(self, key: bytes, content: bytes) -> None:
        """Keep the content for the key, if the disk lets us."""
        if not self._writable or len(content) > KEEP * self.limit:
            return
        path = self._path(key)
        try:
            self._write(path, MAGIC + hashlib.sha256(content).digest() + content)
        except OSError:
            # Read only, full, or over a quota: it will most likely stay so.
            self._writable = False
            return
        if self._writes % WRITES_PER_SWEEP == 0:
            self._sweep()
        self._writes += 1

    def clear(self) -> None:
        """Delete all entries."""
        for entry in self._entries():
            with contextlib.suppress(OSError):
                os.unlink(entry.path)

    def usage(self) -> tuple[int, int]:
        """How many entries there are, and how many bytes they take."""
        sizes = []
        for entry in self._entries():
            with contextlib.suppress(OSError):
                sizes.append(entry.stat().st_size)
        return len(sizes), sum(sizes)

    def _path(self, key: bytes) -> Path:
        name = key.hex()
        return self.directory / name[:2] / name[2:]

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            _rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _sweep(self) -> None:
        """Delete the entries that were not used for longest until the rest is small enough."""
        found: list[tuple[float, int, str]] = []
        for entry in self._entries():
            with contextlib.suppress(OSError):
                status = entry.stat()
                found.append((status.st_mtime, status.st_size, entry.path))
        total = sum(size for _, size, _ in found)
        if total <= self.limit:
            return
        for _, size, path in sorted(found):
            if total <= KEEP * self.limit:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        with contextlib.suppress(OSError), os.scandir(self.directory) as folders:
            for folder in folders:
                with contextlib.suppress(OSError), os.scandir(folder.path) as files:
                    yield from files


@cache
def store() -> Store | None:
    """This process's cache; None where there is none or it is not ours alone."""
    named = os.environ.get(DIRECTORY)
    if named == "":
        return None
    directory = Path(named) if named is not None else _default_directory()
    if directory is None or not _is_private(directory):
        return None
    return Store(directory, _allowed_size())


def digest(kind: str, *parts: str) -> bytes:
    """The key of what is made of the parts on this machine by these versions."""
    found = hashlib.sha256(fingerprint())
    for part in (kind, *parts):
        data = part.encode()
        found.update(len(data).to_bytes(8, "little"))
        found.update(data)
    return found.digest()


@cache
def fingerprint() -> bytes:
    """What decides about code besides the graph: machine, versions, and our own source files."""
    target = host()
    parts = [
        sys.version,
        np.__version__,
        llvmlite.__version__,
        target.triple,
        target.cpu,
        target.features,
    ]
    found = hashlib.sha256("\0".join(parts).encode())
    for package in SOURCES:
        file = sys.modules[f"pullback.{package}"].__file__ or ""
        for name, status in _sources(os.path.dirname(file)):
            found.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return found.digest()


def _rename(temporary: str, path: Path) -> None:
    """Give a file its name; where others have one of that name open, it stays on some systems."""
    try:
        os.replace(temporary, path)
    except PermissionError:
        if not path.exists():
            raise
        os.unlink(temporary)


def _sources(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """The Python files below a folder, in order of their names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            yield entry.name, entry.stat()
        elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
            yield from _sources(entry.path)


def _default_directory() -> Path | None:
    """Where programs keep what they can make again, by the custom of the operating system."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "pullback"


def _is_private(directory: Path) -> bool:
    """Whether nobody else can put code there for us to run; it is made if it is not there."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
    except OSError:
        return False
    if sys.platform == "win32":
        return True
    if status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return True
    warnings.warn(
        f"compiled code is not kept in {directory}: others may write there\n"
        f"  chmod go-w it, or name another directory by {DIRECTORY}",
        stacklevel=2,
    )
    return False


def _allowed_size() -> int:
    text = os.environ.get(SIZE, "")
    try:
        return int(text)
    except ValueError:
        if text:
            warnings.warn(f"{SIZE} is a number of bytes, not {text!r}", stacklevel=2)
        return DEFAULT_SIZE
