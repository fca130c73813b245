"""Which elementary functions a program calls, rather than have their text in its kernels.

The text takes LLVM one to four milliseconds, each time that a program has it. A call takes a
nanosecond more for each vector, as constants are loaded again and vectors saved; in kernels that
are short of registers it takes no longer.
"""

from __future__ import annotations

from collections import Counter

from .costs import leaves
from .kernel import LoopKernel, Plan, Strips, plans_of
from .math.shared import BOTH, CALLABLE
from .registers import widest

MOST = 8
"""How often a program has the text of one function."""

FEW = 4
"""Vectors up to which calls are no slower beside all else."""

LARGE, MANY = 4, 16_000
"""Functions from which on a program is short of registers, and vectors up to which it calls them:
the time of some hundred calls of the program is what compiling it takes longer otherwise."""

SHARING = "pow"
"""Has most in common with its derivative, which calls compute again."""


def called_functions(plan: Plan, vector_bytes: int, convention: str) -> frozenset[str]:
    """The elementary functions that are called; ``sincos`` is sine and cosine of one value.

    By C's ``convention`` a call saves all vectors, and is worth it only for the sake of length.
    """
    uses, vectors = _uses(plan), _vectors(plan, vector_bytes)
    large = sum(uses.values()) >= LARGE

    def is_called(name: str) -> bool:
        most = MANY if large and name != SHARING else FEW
        return uses[name] > MOST or (bool(convention) and vectors[name] <= most)

    return frozenset(filter(is_called, uses))


def _uses(plan: Plan) -> Counter[str]:
    """How often the text of each function would stand in the program."""
    found: Counter[str] = Counter()
    for kernel in plan.kernels:
        for inner in plans_of(kernel):
            found += _uses(inner)
        for each in kernel.kernels if isinstance(kernel, Strips) else [kernel]:
            if isinstance(each, LoopKernel):
                found += _applied(each)
    return found


def _vectors(plan: Plan, vector_bytes: int) -> Counter[str]:
    """How many vectors each text is run for, at most.

    Those of single precision count much, for what calls cost beside their shorter texts.
    """
    found: Counter[str] = Counter()
    for kernel, times, _ in leaves(plan):
        if isinstance(kernel, LoopKernel):
            width = widest(kernel)
            run = times * max(kernel.points * width // vector_bytes, 1)
            run *= 1 if width == 8 or run <= FEW else MANY
            for name in _applied(kernel):
                found[name] = max(found[name], run)
    return found


def _applied(kernel: LoopKernel) -> Counter[str]:
    """How often a kernel's body applies each function."""
    found = Counter(
        step.node.primitive.name
        for step in kernel.steps
        if step.kind == "apply" and step.node.primitive.name in CALLABLE
    )
    both = min(found["sin"], found["cos"])
    found[BOTH] = both
    found["sin"] -= both
    found["cos"] -= both
    return +found
