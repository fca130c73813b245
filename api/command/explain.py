"""``python -m pullback explain``: what a function is compiled to, and what it does with errors."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from pullback.runtime.function import Function

from .loading import add_function, called, load


def add_to(commands: Any) -> None:
    """Add the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain", help="how a function is compiled: times, kernels, dependence, rounding"
    )
    add_function(parser)
    parser.add_argument(
        "--show",
        choices=SECTIONS,
        nargs="+",
        default=["times", "kernels", "dependence", "errors"],
        metavar="PART",
        help=f"parts of the report, of {', '.join(SECTIONS)}",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> str:
    """The report."""
    function, arguments = load(given)
    parts = []
    for name in given.show:
        text = called(function, lambda *xs, name=name: SECTIONS[name](function, xs), arguments)
        parts.append(f"-- {name}\n{text}")
    return "\n\n".join(parts)


def _times(function: Function, arguments: Sequence[Any]) -> str:
    seconds = function.seconds(*arguments)
    width = max(map(len, seconds), default=0)
    lines = [f"{stage:{width}}  {1e3 * took:8.2f} ms" for stage, took in seconds.items()]
    total = sum(seconds.values())
    return "\n".join([*lines, f"{'total':{width}}  {1e3 * total:8.2f} ms"])


def _kernels(function: Function, arguments: Sequence[Any]) -> str:
    lines = str(function.plan(*arguments).text()).splitlines()
    return "\n".join(line for line in lines if not line.startswith("  "))


def _dependence(function: Function, arguments: Sequence[Any]) -> str:
    return str(function.dependence(*arguments))


def _errors(function: Function, arguments: Sequence[Any]) -> str:
    return str(function.estimate_error(*arguments))


def _nan(function: Function, arguments: Sequence[Any]) -> str:
    fault = function.find_fault(*arguments)
    return "nothing makes a NaN" if fault is None else str(fault)


SECTIONS: dict[str, Callable[[Function, Sequence[Any]], str]] = {
    "times": _times,
    "kernels": _kernels,
    "dependence": _dependence,
    "errors": _errors,
    "nan": _nan,
    "source": lambda function, arguments: str(function.source(*arguments)),
    "graph": lambda function, arguments: function.ir(*arguments).text(),
    "plan": lambda function, arguments: function.plan(*arguments).text(),
    "llvm": lambda function, arguments: function.llvm(*arguments),
    "asm": lambda function, arguments: function.asm(*arguments),
}
"""The parts of a report, each a text."""
