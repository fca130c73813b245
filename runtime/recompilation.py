"""Why something is compiled again: what differs from what has been compiled before.

Each compilation is told to the logger "pullback" (level INFO), and many of one function are
warned of, once.
"""

from __future__ import annotations

import operator
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pullback.tracer.colour import shown
from pullback.tracer.errors import RecompilationWarning, at
from pullback.tracer.location import user_location

Kind = Literal[
    "shape", "dtype", "kind", "number", "static value", "structure", "given", "out", "outside",
    "contents", "path",
]  # fmt: skip

ADVICE: dict[Kind, str] = {
    "shape": "pad it to a few shapes, or map a function of one item with pb.vmap",
    "dtype": "pass one dtype, for instance by np.asarray(x, dtype)",
    "kind": "pass arrays, or Python's numbers, but not now these and now those",
    "number": "pass numbers of one type, for instance float(x)",
    "static value": "make it an ordinary argument if only values depend on it",
    "structure": "pass containers with the same entries, or one array in the place of many",
    "given": "pass the same arguments in the same way",
    "out": "pass out= always or never",
    "outside": "pass it as an argument, or keep one object",
    "contents": "pass it as an argument",
    "path": "np.where, pb.cond and pb.while_loop decide within compiled code",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What made a compilation necessary: the argument or name, in what it differs, and how.

    ``kind`` is "kind" where an array came in place of a number, "number" for one of another type,
    "given" for an argument that came otherwise or not at all, "outside" for a name outside of the
    function that means something else, "contents" for a container there that holds something else,
    "path" for another answer to Python's question about a value at the line ``name``.
    """

    name: str
    kind: Kind
    before: str = ""
    now: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "outside":
                return f"{self.name} means something else"
            case "contents":
                return f"{self.name} holds something else"
            case "path":
                return f"another answer at {self.name}"
            case _:
                return f"{self.name} is {self.now} after {self.before}"


@dataclass(frozen=True, slots=True)
class Compilation:
    """One compilation of a function: what for, how long it took, when (as `time.time`), and why.

    ``difference`` is None for the first one.
    """

    signature: str
    seconds: float
    when: float
    difference: Difference | None

    def __str__(self) -> str:
        """The text, in colours where `print` shows it in a terminal and `rich` is installed."""
        return shown(self.text(), "compilation")

    def text(self) -> str:
        """The signature, how long it took, when, and why."""
        clock = time.strftime("%H:%M:%S", time.localtime(self.when))
        why = "the first call" if self.difference is None else self.difference
        return f"{self.signature} compiled in {1e3 * self.seconds:.1f} ms at {clock}: {why}"


# -- telling ---------------------------------------------------------------------------------------

_limit = 32


def recompilation_limit() -> int:
    """How many compilations of one function are warned of."""
    return _limit


def set_recompilation_limit(number: int) -> None:
    """Warn when a function has been compiled so many times.

    The `RecompilationWarning` names the argument that differs most often. ``f.compilations`` tells
    of each compilation why it was needed.

    >>> pb.set_recompilation_limit(32)

    Raises:
        ValueError: for less than two.
    """
    global _limit
    limit = operator.index(number)
    if limit < 2:
        raise ValueError(f"the first is no recompilation, got {number}{at(user_location())}")
    _limit = limit


def tell(name: str, compilation: Compilation) -> None:
    """Tell who listens to the logger "pullback"."""
    logging = sys.modules.get("logging")
    # Where nobody has loaded it, nobody listens.
    if logging is not None:
        took = f"{1e3 * compilation.seconds:.1f} ms"
        why = compilation.difference or "the first call"
        logger = logging.getLogger("pullback")
        logger.info("%s%s compiled in %s: %s", name, compilation.signature, took, why)


def warn_of_many(name: str, count: int, differences: Sequence[Difference]) -> None:
    """Warn of a function that has been compiled so often, for what differed."""
    kinds: dict[tuple[str, Kind], list[Difference]] = {}
    for found in differences:
        kinds.setdefault((found.name, found.kind), []).append(found)
    if not kinds:
        return
    same = max(kinds.values(), key=len)
    where = user_location()
    message = (
        f"{name} has been compiled {count} times, {len(same)} of them because of one "
        f"thing: {same[-1]}\n  {ADVICE[same[-1].kind]}{at(where)}"
    )
    if where is None:
        warnings.warn(message, RecompilationWarning, stacklevel=2)
    else:
        warnings.warn_explicit(message, RecompilationWarning, where.file, where.line)
