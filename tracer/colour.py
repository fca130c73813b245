"""Text in colours, where a terminal shows it and `rich` is installed."""

from __future__ import annotations

import io
import os
import re
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

LEXERS = {"python": "python", "llvm": "llvm", "asm": "gas"}
"""Pygments' names for what it knows how to read."""

PATTERNS = {
    r"#.*$": "dim",
    r"%\d+|@\d+|\bv\d+\b": "cyan",
    r"\b(?:[fiu]|c|bool)\d*\[[\d,?]*\]": "green",
    r"\b(?:graph|return|kernel|group|plan|inputs|outputs|workspace|moved)\b": "bold",
    r"(?<== )[a-z]\w*": "bold blue",
    r"\[[a-z_]\w*=.*?\](?=\s|$)": "magenta",
    r", for .*$": "yellow",
    r"^(?:lines|kernels|workspace|stages)$": "bold underline",
    r"\S+:\d+ \(\S+\)": "cyan",
    r"^ *error +float32 +line$": "bold underline",
    r"\bnonlinear\b|\b(?:NaN|infinity)\b": "yellow",
    r"\bnone\b": "dim",
    r"(?<=: )(?:the first call|\S+ is .* after .*)$": "yellow",
}
"""How the parts of graphs, plans and tables look; the later one counts."""

_ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def plain(text: str) -> str:
    """The text without colours."""
    return _ESCAPES.sub("", text)


def shown(text: str, kind: str) -> str:
    """The text as `print` shall show it: in colours if standard output is a terminal.

    ``NO_COLOR`` in the environment, or a terminal that calls itself ``dumb``, means none.
    """
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return coloured(text, kind) if find_spec("rich") else text


def coloured(text: str, kind: str) -> str:
    """The text with a terminal's escape sequences; `rich` has to be installed."""
    out = io.StringIO()
    console = import_module("rich.console").Console(
        file=out, force_terminal=True, color_system="256", width=1_000_000
    )
    console.print(styled(text, kind), soft_wrap=True, end="", highlight=False)
    return out.getvalue().rstrip("\n")


def styled(text: str, kind: str) -> Any:
    """The text with its styles, a ``rich.text.Text``."""
    if kind in LEXERS:
        make = import_module("rich.syntax").Syntax
        syntax = make("", LEXERS[kind], theme="ansi_dark", background_color="default")
        return syntax.highlight(text)
    found = import_module("rich.text").Text(text)
    for pattern, style in PATTERNS.items():
        found.highlight_regex(re.compile(pattern, re.MULTILINE), style)
    return found
