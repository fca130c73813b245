"""``python -m pullback info``: versions, the machine, and what is cached."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from pullback.runtime.cache import DIRECTORY, store
from pullback.runtime.target import LEVELS, host
from pullback.runtime.threads import threads

from .loading import CommandError

PACKAGES = ("numpy", "scipy", "sympy", "llvmlite", "optree", "torch", "rich")
CPU_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
"""Where Linux tells of them."""


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "info",
        help="versions, the CPU that code is made for, and caches",
        description="What a report of a bug should tell.",
    )
    parser.add_argument("--only", metavar="WHAT", help="one line of the table")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> str:
    """A table, a line for each fact."""
    facts = information()
    if given.only is not None:
        if given.only not in facts:
            raise CommandError(f"info knows {', '.join(facts)}, no {given.only!r}")
        facts = {given.only: facts[given.only]}
    width = max(map(len, facts))
    return "\n".join(f"{name:{width}}  {fact}" for name, fact in facts.items())


def information() -> dict[str, str]:
    """What a report of a bug should tell."""
    from .. import __version__

    target = host()
    level = [name for name, more in LEVELS.items() if all(map(target.has, more))]
    version = ".".join(map(str, llvm.llvm_version_info))
    return {
        "pullback": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "llvm": version,
        "blas": _blas(),
        "system": platform.platform(),
        "target": target.triple,
        "cpu": f"{target.cpu}{f' ({level[-1]})' if level else ''}",
        "vectors": f"{target.vector_bytes} bytes",
        "cpu caches": _cpu_caches(),
        "threads": f"{int(threads[0])} of {os.cpu_count()}",
        **_cache(),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    """The library that SciPy was built with, which products of large matrices are made by."""
    import scipy

    found = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found['name']} {found['version']}"


def _cpu_caches() -> str:
    found = []
    for index in sorted(CPU_CACHES.glob("index*")):
        level, kind, size = (
            (index / name).read_text().strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found) or "unknown"


def _cache() -> dict[str, str]:
    kept = store()
    if kept is None:
        return {"cache": f"none; {DIRECTORY} names a directory"}
    entries, size = kept.usage()
    share = f"{size / 2**20:.1f} of {kept.limit / 2**20:.0f} MB"
    return {"cache": str(kept.directory), "cached": f"{entries} entries, {share}"}
