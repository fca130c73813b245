"""Why something is compiled again: what differs from what has been compiled before.

Each compilation is told to the logger "pullback" (level INFO), and many of one function are
warned of, once.
"""

from __future__ import annotations

import operator
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pullback.codegen.entry import Argument
from pullback.tracer.colour import shown
from pullback.tracer.errors import RecompilationWarning, at
from pullback.tracer.location import user_location
from pullback.tracer.path import Turn

from .arguments import names_of_leaves
from .compiled import Compiled
from .signature import Call, Signature

Kind = Literal["shape", "dtype", "kind", "static value", "structure", "out", "outside", "path"]

LOOKED_AT = 16
"""Signatures, the last ones, among which the nearest is looked for."""

ADVICE: dict[Kind, str] = {
    "shape": "pad it to a few shapes, or map a function of one item with pb.vmap",
    "dtype": "pass one dtype, for instance by np.asarray(x, dtype)",
    "kind": "pass arrays, or Python's numbers, but not now these and now those",
    "static value": "make it an ordinary argument if only values depend on it",
    "structure": "pass containers with the same entries",
    "out": "pass out= always or never",
    "outside": "pass it as an argument, or keep one object",
    "path": "np.where, pb.cond and pb.while_loop decide within compiled code",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What made a compilation necessary: the argument or name, in what it differs, and how.

    ``kind`` is "kind" where an array came in place of a number, "outside" for a name outside of the
    function that means something else, "path" for another answer to Python's question about a value
    at the line ``name``.
    """

    name: str
    kind: Kind
    before: str = ""
    now: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "outside":
                return f"{self.name} means something else"
            case "path":
                return f"another answer at {self.name}"
            case "structure":
                return "arguments of another structure"
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


def difference(
    wrapped: Callable[..., Any],
    call: Call,
    versions: Sequence[Compiled],
    others: Iterable[Signature],
    turn: Turn,
) -> Difference | None:
    """Why a call needs a new compilation.

    ``versions`` are those of the same signature, ``others`` the signatures compiled before.
    """
    if versions:
        return _outside(versions) or _path(versions, turn)
    names = names_of_leaves(wrapped, call.signature)
    nearest: list[Difference] | None = None
    for other in list(others)[-LOOKED_AT:]:
        found = list(_differences(wrapped, names, other, call.signature))
        # Of those that are as near the last one counts.
        if nearest is None or len(found) <= len(nearest):
            nearest = found
    return nearest[0] if nearest else None


def _outside(versions: Sequence[Compiled]) -> Difference | None:
    """The name outside of a function that means something else than when it was traced."""
    if any(compiled.current() for compiled in versions):
        return None
    for guard in versions[0].specialisation.guards:
        if guard.find() is not guard.expected:
            return Difference(repr(guard.key) if guard.key else "a name around it", "outside")
    return Difference("an array or a container outside", "outside")


def _path(versions: Sequence[Compiled], turn: Turn) -> Difference | None:
    """The question that a call answers otherwise."""
    asked = len(turn.answers) - 1
    for compiled in versions:
        questions = compiled.answers.questions if compiled.answers is not None else ()
        if 0 <= asked < len(questions):
            return Difference(str(questions[asked].where), "path")
    return None


def _differences(
    wrapped: Callable[..., Any], names: Sequence[str], before: Signature, now: Signature
) -> Iterator[Difference]:
    """In what two signatures differ."""
    old = dict(before.static)
    for name, value in now.static:
        if name not in old or old[name] != value:
            yield Difference(
                _name_of(wrapped, name), "static value", _short(old.get(name)), _short(value)
            )
    if before.spec != now.spec:
        yield Difference("the arguments", "structure", str(before.spec), str(now.spec))
        return
    for name, a, b in zip(names, before.arguments, now.arguments, strict=True):
        if a != b:
            yield Difference(name, _kind_of(a, b), _text(a), _text(b))
    if before.into != now.into:
        words = ("not given", "given")
        yield Difference("out", "out", words[before.into], words[now.into])


def _name_of(wrapped: Callable[..., Any], name: int | str) -> str:
    """What a static argument is called."""
    if isinstance(name, str):
        return name
    code = getattr(wrapped, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    return names[name] if name < len(names) else f"argument {name}"


def _kind_of(before: Argument, now: Argument) -> Kind:
    if before.kind != now.kind:
        return "kind"
    return "shape" if before.type.shape != now.type.shape else "dtype"


def _text(argument: Argument) -> str:
    number = {"float": "a float", "int": "an int", "complex": "a complex", "bool": "a bool"}
    return number.get(argument.kind, str(argument.type))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


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
