"""The machine that code is made for: this one, or less of it where the environment says so."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm
from llvmlite.binding import TargetMachine

from pullback.tracer.locks import once

LARGE_FUNCTION = 6000
"""Instructions in one function above which LLVM's optimising code generator, whose cost grows
faster than the size, takes too long; then the fast one makes the code."""

VARIABLE = "PULLBACK_TARGET_CPU"
"""The environment variable that restricts what code may use to one of the ``LEVELS``."""

LEVELS: dict[str, tuple[str, ...]] = {
    "x86-64": ("64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2"),
    "x86-64-v2": ("crc32", "cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"),
    "x86-64-v3": ("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"),
    "x86-64-v4": ("avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"),
}
"""What each level has beyond those before it (processor supplement to the x86-64 System V ABI), in
LLVM's words. Vectors have 16 bytes on the first two, then 32, then 64."""


CONVENTIONS = {
    "x86_64": "intel_ocl_bicc",
    "aarch64": "aarch64_vector_pcs",
    "arm64": "aarch64_vector_pcs",
}


@dataclass(frozen=True)
class Target:
    """Triple, CPU and features as LLVM spells them."""

    triple: str
    cpu: str
    features: str

    def has(self, feature: str) -> bool:
        """Whether the CPU, and the operating system with it, can use a feature."""
        return f"+{feature}" in self.features.split(",")

    @property
    def vector_bytes(self) -> int:
        """Width of the widest vector registers in bytes: 64, 32 or 16, as those of NEON."""
        if self.has("avx512f") and self.has("avx512vl"):
            return 64
        return 32 if self.has("avx") else 16

    @property
    def convention(self) -> str:
        """The calling convention, in LLVM's words, by which calls leave many vectors as they are.

        Of the conventions that LLVM has for this, one of x86 was made for OpenCL's functions, one
        of ARM's processors for those of vectors. Where it is empty, the one of C is meant: so on
        Windows, and for vectors of 32 bytes, of which functions of narrower ones clear the upper
        halves at their end, those among them that they have saved.
        """
        if "windows" in self.triple or self.vector_bytes == 32:
            return ""
        return CONVENTIONS.get(self.triple.partition("-")[0], "")


@once
def host() -> Target:
    """What code is made for in this process; the first call has LLVM set up what is for it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        # LLVM cannot tell on every system; then code is for what all CPUs of that name have.
        features = ""
    whole = Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)
    return restricted(whole, os.environ.get(VARIABLE, ""))


def restricted(whole: Target, level: str) -> Target:
    """The target with what a level has and no more; as it is where the name is empty.

    A level that does not exist, or has what the target has not, changes nothing but for a warning.
    """
    if not level:
        return whole
    if level not in LEVELS:
        warnings.warn(f"{VARIABLE} is one of {', '.join(LEVELS)}, not {level!r}", stacklevel=2)
        return whole
    names = list(LEVELS)
    allowed = [feature for name in names[: names.index(level) + 1] for feature in LEVELS[name]]
    missing = [feature for feature in allowed if not whole.has(feature)]
    if missing:
        message = f"{VARIABLE} is {level!r}, but this machine has no {', '.join(missing)}"
        warnings.warn(message, stacklevel=2)
        return whole
    return Target(whole.triple, level, ",".join(f"+{feature}" for feature in allowed))


def converts_half(target: Target) -> bool:
    """Whether there are instructions between half and single precision; x86 has had them late."""
    return target.has("f16c") or not target.triple.startswith(("x86", "i386", "i686"))


def level_for(text: str) -> int:
    """How hard the code generator should work (0 to 3) on a module, by its longest function.

    Those that are not optimised in any case do not count. Level 2 makes the same instructions as
    level 1, in another order, which out-of-order processors do not mind (the table is in
    ``docs/architecture.md``).
    """
    _, *functions = f"\n{text}".split("\ndefine ")
    optimised = [body for body in functions if " optnone {" not in body.partition("\n")[0]]
    longest = max((body.count("\n") for body in optimised), default=0)
    return 1 if 0 < longest < LARGE_FUNCTION else 0


@cache
def machine(level: int, target: Target | None = None) -> TargetMachine:
    """LLVM's code generator for a target, by default the host; for one thread at a time.

    Position-independent code reaches constants relative to itself, in one instruction, and
    outside symbols through a table, wherever in memory it is loaded.
    """
    target = target or host()
    model = "jitdefault" if sys.platform == "win32" else "small"
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=level, reloc="pic", codemodel=model, jit=True
    )
