"""The machine that code is made for: this one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pullback.tracer.locks import once

if TYPE_CHECKING:
    from llvmlite.binding import TargetMachine

# Above so many instructions in one function LLVM's optimising code generator, whose cost grows
# faster than the size, takes seconds; then the fast one makes the code.
LARGE_FUNCTION = 6000


@dataclass(frozen=True)
class Target:
    """Triple, CPU and features as LLVM spells them."""

    triple: str
    cpu: str
    features: str

    def has(self, feature: str) -> bool:
        """Whether the CPU, and the operating system with it, can use a feature."""
        return f"+{feature}" in self.features.split(",")


@once
def host() -> Target:
    """This machine. The first call loads LLVM (0.1 s)."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


@cache
def vector_bytes() -> int:
    """Width of the widest vector registers in bytes: 64, 32 or 16."""
    target = host()
    if target.has("avx512f"):
        return 64
    return 32 if target.has("avx") else 16


def level_for(text: str) -> int:
    """How hard the code generator should work (0 to 3) on a module, by its longest function.

    Those that are not optimised in any case do not count.
    """
    functions = text.split("\ndefine ")
    optimised = [body for body in functions if " optnone {" not in body.partition("\n")[0]]
    longest = max((body.count("\n") for body in optimised), default=0)
    return 2 if longest < LARGE_FUNCTION else 0


@cache
def machine(level: int) -> TargetMachine:
    """LLVM's code generator for this machine; to be used by one thread at a time.

    Position-independent code reaches constants relative to itself, in one instruction, and
    outside symbols through a table, wherever in memory it is loaded.
    """
    import llvmlite.binding as llvm

    target = host()
    model = "jitdefault" if sys.platform == "win32" else "small"
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=level, reloc="pic", codemodel=model, jit=True
    )
