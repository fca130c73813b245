"""The command line: ``python -m pullback explain | bench | info``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import bench, explain, info
from .loading import UsageError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the number that the process ends with.

    >>> main(["info", "--only", "pullback"])
    pullback  0.1.0
    0
    """
    parser = argparse.ArgumentParser(
        prog="python -m pullback", description="Look into functions that pullback compiles."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (explain, bench, info):
        command.add_to(commands)
    given = parser.parse_args(arguments)
    try:
        text: str = given.run(given)
    except UsageError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    sys.stdout.write(f"{text}\n")
    return 0
