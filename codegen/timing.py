"""Counting what the kernels of a plan take: code for that alone, which other calls do not run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from .assembly import I64, PTR, FunctionWriter, Module, Value

TICKS, NOW = "ticks", "now"
"""An array with the ticks that each kernel has taken so far; a function that reads the counter."""


def counter_of(triple: str) -> str:
    """The intrinsic that reads a counter on machines of a kind, without asking the system."""
    x86 = triple.startswith(("x86", "i386", "i686"))
    return "llvm.readcyclecounter" if x86 else "llvm.readsteadycounter"


def write_timer(module: Module, counter: str, kernels: int) -> None:
    """Add `TICKS` and `NOW` to a module."""
    module.globals[TICKS] = f"@{TICKS} = global [{max(kernels, 1)} x i64] zeroinitializer, align 8"
    w = FunctionWriter(module, NOW, I64, [])
    w.ret(w.call(counter, I64, []))
    w.finish()


@contextmanager
def timed(w: FunctionWriter, counter: str | None, number: int) -> Generator[None]:
    """Add what is written within the block takes to the ticks of a kernel, if there is a counter.

    A kernel that fails is not counted.
    """
    if counter is None:
        yield
        return
    start = w.call(counter, I64, [])
    yield
    place = w.address(Value(PTR, f"@{TICKS}"), number, I64)
    taken = w.op("sub", w.call(counter, I64, []), start)
    w.store(w.op("add", w.load(I64, place, 8), taken), place, 8)
