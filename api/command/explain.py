"""``python -m pullback explain``: what a function is compiled to, and what it does with errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from pullback.tracer.colour import shown

from .loading import ARGUMENTS, Asked, CommandError, add_function, load
from .saving import as_json

EXAMPLES = """
examples:
  python -m pullback explain fit.py:loss --args 'f64[3]' 'f64[100,3]' 'f64[100]'
  python -m pullback explain fit.py:loss --args w.npy x.npy y.npy --transform grad --show source
  python -m pullback explain fit.py:model.predict --args 'f64[100,3]' --html report.html
"""

DEFAULT = ("tables", "dependence", "errors")


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="what each line costs, what depends on what, rounding errors, code",
        description="What a function is compiled to, and what it does with errors.",
        epilog=f"{ARGUMENTS}{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_function(parser)
    parser.add_argument(
        "--show",
        choices=SECTIONS,
        nargs="+",
        metavar="PART",
        help=f"parts of the report, of {', '.join(SECTIONS)} (default: {' '.join(DEFAULT)})",
    )
    parser.add_argument("--html", metavar="FILE", help="write the report as one page")
    parser.add_argument("--json", metavar="FILE", help="write its numbers; - is standard output")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> str:
    """The report."""
    asked = load(given)
    parts = []
    if given.html or given.json:
        report = asked(asked.function.explain)
        if given.html:
            parts.append(_written(given.html, report.html()))
        if given.json:
            parts.append(_written(given.json, as_json(report)))
    elif not given.show:
        given.show = DEFAULT
    for name in given.show or ():
        parts.append(f"-- {name}\n{SECTIONS[name](asked)}")
    return "\n\n".join(x for x in parts if x)


def _written(path: str, text: str) -> str:
    """Write a file; what is to be said about it."""
    if path == "-":
        return text
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    sys.stderr.write(f"wrote {path}\n")
    return ""


def _nan(asked: Asked) -> str:
    fault = asked(asked.function.find_fault)
    return "nothing makes a NaN" if fault is None else str(fault)


SECTIONS: dict[str, Callable[[Asked], str]] = {
    "tables": lambda asked: str(asked(asked.function.explain)),
    "dependence": lambda asked: str(asked(asked.function.dependence)),
    "errors": lambda asked: str(asked(asked.function.estimate_error)),
    "nan": _nan,
    "source": lambda asked: str(asked(asked.function.source)),
    "stages": lambda asked: str(asked(asked.function.stages)),
    "graph": lambda asked: str(asked(asked.function.ir)),
    "plan": lambda asked: str(asked(asked.function.plan)),
    "llvm": lambda asked: shown(asked(asked.function.llvm), "llvm"),
    "asm": lambda asked: shown(asked(asked.function.asm), "asm"),
}
"""The parts of a report, each a text, in colours where a terminal shows it."""
