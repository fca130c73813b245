"""The command line: ``python -m pullback explain | bench | info``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from . import bench, explain, info
from .loading import CommandError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the number that the process ends with.

    >>> main(["info", "--only", "pullback"])
    pullback  0.1.0
    0
    """
    parser = argparse.ArgumentParser(
        prog="python -m pullback",
        description="Look into functions that pullback compiles.",
        epilog="python -m pullback explain --help shows how functions and arguments are written",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (explain, bench, info):
        command.add_to(commands)
    given = parser.parse_args(arguments)
    try:
        text: str = given.run(given)
        sys.stdout.write(f"{text}\n" if text else "")
        sys.stdout.flush()
    except CommandError as error:
        parser.exit(error.code, f"{parser.prog}: {error}\n")
    except BrokenPipeError:
        # Who reads has enough; Python would say so once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
