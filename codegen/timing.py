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
    """The function that reads a counter, and the places among the numbers of what is timed.

    At each place stand the ticks so far, and how often it has been run. With a ``fence``, the
    intrinsic that waits until all before it is done, kernels in loops are timed too.
    """

    counter: str
    fence: str | None = None
    places: dict[str, int] = field(default_factory=lambda: {EMPTY: 0})

    def place(self, name: str) -> int:
        """The place of a kernel."""
        return self.places.setdefault(name, len(self.places))


COUNTERS = {
    "x86_64": "llvm.readcyclecounter",
    "i386": "llvm.readcyclecounter",
    "i686": "llvm.readcyclecounter",
    # The virtual counter, which goes on at one rate; LLVM makes 0 of the steady counter.
    "aarch64": "llvm.readcyclecounter",
    "arm64": "llvm.readcyclecounter",
    # Cycles are for the system alone.
    "riscv64": "llvm.readsteadycounter",
}
"""By machine, what reads a counter without asking the system; elsewhere `NOW` asks it."""

FENCES = {
    "x86_64": "llvm.x86.sse2.lfence",
    "aarch64": "llvm.aarch64.isb",
    "arm64": "llvm.aarch64.isb",
}
NO_FENCE = "llvm.donothing"

WHOLE_SYSTEM = constant("i32", 15)
"""The operand of AArch64's barrier."""

CLOCK_MONOTONIC = constant("i32", 1)
"""The number of the clock, in Linux."""


def timer_of(triple: str, inside: bool) -> Timer:
    """A timer for machines of a kind, of kernels ``inside`` loops too or not."""
    kind = triple.partition("-")[0]
    return Timer(COUNTERS.get(kind, NOW), FENCES.get(kind, NO_FENCE) if inside else None)


def write_timer(module: Module, timer: Timer) -> None:
    """Add `TICKS`, `NOW` and `EMPTY` to a module, in which all that is timed has been written."""
    module.globals[TICKS] = (
        f"@{TICKS} = global [{2 * len(timer.places)} x i64] zeroinitializer, align 8"
    )
    w = FunctionWriter(module, NOW, I64, [])
    w.ret(_clock(w) if timer.counter == NOW else w.call(timer.counter, I64, []))
    w.finish()
    w = FunctionWriter(module, EMPTY, "void", [(I64, "times")])
    with w.loop(constant(I64, 0), w.parameters[0]), timed(w, timer, EMPTY):
        pass
    w.ret()
    w.finish()


def _clock(w: FunctionWriter) -> Value:
    """The system's nanoseconds."""
    time = w.alloca(I64, 2)
    w.call("clock_gettime", "i32", [CLOCK_MONOTONIC, time])
    seconds, rest = (w.load(I64, w.address(time, i, I64), 8) for i in range(2))
    return w.op("add", w.op("mul", seconds, constant(I64, 10**9)), rest)


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
    read = w.call_known if timer.counter == NOW else w.call
    if timer.fence is None:
        return read(timer.counter, I64, [])
    before, after = w.label("before"), w.label("after")
    w.jump(before)
    w.start_block(before)
    w.call(timer.fence, "void", [WHOLE_SYSTEM] if "aarch64" in timer.fence else [])
    ticks = read(timer.counter, I64, [])
    w.jump(after)
    w.start_block(after)
    return ticks
