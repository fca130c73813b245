"""Counting what the kernels of a plan take: code for that alone, which other calls do not run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .assembly import I64, PTR, FunctionWriter, Module, Value, constant

TICKS, NOW, EMPTY = "ticks", "now", "empty"
"""The numbers that are counted; functions that read the counter, and that time nothing."""


@dataclass(slots=True)
class Timer:
    """The intrinsic that reads a counter, and the places among the numbers of what is timed.

    At each place stand the ticks so far, and how often it has been run. With a ``fence``, the
    intrinsic that waits until all before it is done, kernels in loops are timed too.
    """

    counter: str
    fence: str | None = None
    places: dict[str, int] = field(default_factory=lambda: {EMPTY: 0})

    def place(self, name: str) -> int:
        """The place of a kernel."""
        return self.places.setdefault(name, len(self.places))


FENCES = {
    "x86_64": "llvm.x86.sse2.lfence",
    "aarch64": "llvm.aarch64.isb",
    "arm64": "llvm.aarch64.isb",
}
NO_FENCE = "llvm.donothing"
FULL_BARRIER = constant("i32", 15)
"""The operand of AArch64's ISB."""


def timer_of(triple: str, inside: bool) -> Timer:
    """A timer for machines of a kind, without asking the system for the time."""
    kind = triple.partition("-")[0]
    x86 = kind.startswith(("x86", "i386", "i686"))
    counter = "llvm.readcyclecounter" if x86 else "llvm.readsteadycounter"
    return Timer(counter, FENCES.get(kind, NO_FENCE) if inside else None)


def write_timer(module: Module, timer: Timer) -> None:
    """Add `TICKS`, `NOW` and `EMPTY` to a module, in which all that is timed has been written."""
    module.globals[TICKS] = (
        f"@{TICKS} = global [{2 * len(timer.places)} x i64] zeroinitializer, align 8"
    )
    w = FunctionWriter(module, NOW, I64, [])
    w.ret(w.call(timer.counter, I64, []))
    w.finish()
    w = FunctionWriter(module, EMPTY, "void", [(I64, "times")])
    with w.loop(constant(I64, 0), w.parameters[0]), timed(w, timer, EMPTY):
        pass
    w.ret()
    w.finish()


@contextmanager
def timed(w: FunctionWriter, timer: Timer | None, name: str) -> Generator[None]:
    """Add what is written within the block takes to the ticks of a kernel, if there is a timer.

    A kernel that fails is not counted.
    """
    if timer is None:
        yield
        return
    start = _read(w, timer)
    yield
    taken = w.op("sub", _read(w, timer), start)
    first = 2 * timer.place(name)
    for number, added in ((first, taken), (first + 1, constant(I64, 1))):
        place = w.address(Value(PTR, f"@{TICKS}"), number, I64)
        w.store(w.op("add", w.load(I64, place, 8), added), place, 8)


def _read(w: FunctionWriter, timer: Timer) -> Value:
    """The counter; if there is a fence, instructions do not move past it."""
    if timer.fence is None:
        return w.call(timer.counter, I64, [])
    before, after = w.label("before"), w.label("after")
    w.jump(before)
    w.start_block(before)
    w.call(timer.fence, "void", [FULL_BARRIER] if "isb" in timer.fence else [])
    ticks = w.call(timer.counter, I64, [])
    w.jump(after)
    w.start_block(after)
    return ticks
