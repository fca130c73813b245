"""Where the lines of LLVM text come from: kernels, nodes, and with them the user's lines.

The code generator carries the number of a line to the instructions that it makes of it, as it does
for debuggers. It is told so in text that is only looked at: what is run is compiled without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pullback.tracer.ir import Node

from .assembly import Module, Origins

COMMENT_COLUMN = 76
"""Where comments begin, behind lines that are not longer."""

_DEFINED = re.compile(r'define [^@]*@("[^"]*"|[\w.$]+)\(')


@dataclass(frozen=True, slots=True)
class Origin:
    """Which kernels, by name, and which nodes a line is for; more than one where code is shared."""

    kernels: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()

    def __str__(self) -> str:
        """The user's lines, as a comment tells them."""
        return ", ".join(dict.fromkeys(map(_told, self.nodes)))


NOWHERE = Origin()


def _told(node: Node) -> str:
    return f"{node.where}{', derivative' if node.primal is not None else ''}"


def line_origins(module: Module) -> list[Origin]:
    """The origin of each line of the module's text."""
    found: list[Origin] = []
    told: list[Origins] = []
    within = 0
    for line in module.text().splitlines():
        start = _DEFINED.match(line)
        if start is not None:
            told, within = module.origins.get(start[1].strip('"'), []), 0
            found.append(NOWHERE)
        else:
            found.append(_origin(told, within) if told else NOWHERE)
            within += 1
        if line == "}":
            told = []
    return found


def _origin(told: list[Origins], line: int) -> Origin:
    kernels: dict[str, None] = {}
    nodes: dict[Node, None] = {}
    for each in told:
        place = line - each.skipped
        if not 0 <= place < len(each.nodes):
            continue
        begun = [name for start, name in each.kernels if start <= place]
        kernels.update(dict.fromkeys(begun[-1:]))
        node = each.nodes[place]
        if node is not None and node.where is not None:
            nodes[node] = None
    return Origin(tuple(kernels), tuple(nodes))


def commented(line: str, mark: str, origin: Origin) -> str:
    """A line with the user's lines behind it."""
    told = str(origin)
    return f"{line:<{COMMENT_COLUMN}} {mark} {told}" if told else line


def annotated(module: Module) -> str:
    """The module's text, with the user's lines as comments."""
    return annotated_text(module.text(), line_origins(module))


def annotated_text(text: str, origins: Sequence[Origin]) -> str:
    """LLVM text with the user's lines as comments, given the origin of each of its lines."""
    lines = zip(text.splitlines(), origins, strict=True)
    return "\n".join(commented(line, ";", origin) for line, origin in lines) + "\n"


def numbered(text: str) -> str:
    """LLVM text whose instructions carry the numbers of their lines, counted from 1, in it."""
    first = 1 + max((int(n) for n in re.findall(r"^!(\d+) =", text, re.MULTILINE)), default=-1)
    unit, file, flags, kind = range(first, first + 4)
    where = f"language: DW_LANG_C, file: !{file}, emissionKind: DebugDirectivesOnly"
    metadata = [
        f"!llvm.dbg.cu = !{{!{unit}}}",
        f"!llvm.module.flags = !{{!{flags}}}",
        f"!{unit} = distinct !DICompileUnit({where})",
        f'!{file} = !DIFile(filename: "text", directory: "")',
        f'!{flags} = !{{i32 2, !"Debug Info Version", i32 3}}',
        f"!{kind} = !DISubroutineType(types: null)",
    ]
    lines: list[str] = []
    scope, following, inside = 0, first + 4, False
    for number, line in enumerate(text.splitlines(), 1):
        start = _DEFINED.match(line)
        if start is not None:
            scope, inside, following = following, True, following + 1
            name = start[1].strip('"')
            metadata.append(
                f'!{scope} = distinct !DISubprogram(name: "{name}", scope: !{file}, file: !{file}, '
                f"line: {number}, type: !{kind}, spFlags: DISPFlagDefinition, unit: !{unit})"
            )
            line = f"{line.removesuffix('{')}!dbg !{scope} {{"
        elif inside and line.startswith("  "):
            metadata.append(f"!{following} = !DILocation(line: {number}, scope: !{scope})")
            line, following = f"{line}, !dbg !{following}", following + 1
        elif line == "}":
            inside = False
        lines.append(line)
    return "\n".join([*lines, *metadata]) + "\n"
