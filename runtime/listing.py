"""Machine instructions to be read: each with the line of the LLVM text that it was made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pullback.codegen.assembly import Module
from pullback.codegen.origins import NOWHERE, Origin, commented, line_origins, numbered

from .link import assembly
from .target import host, level_for

_PLACE = re.compile(r"\s*\.loc\s+\d+\s+(\d+)")
_DEBUG = re.compile(r"\s*\.(?:loc|file|cfi_\w+|addrsig)\b")
_TEMPORARY = re.compile(r"(\.?L(?:tmp|func_begin)\d+):")


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of assembly, and the number (from 0) of the line of LLVM text that it was made of."""

    text: str
    line: int | None = None

    @property
    def is_instruction(self) -> bool:
        """Whether it is no label, directive or comment."""
        return bool(re.match(r"\s+[^\s.#/;]", self.text))


def listing(text: str) -> list[Listed]:
    """The assembly of a module."""
    lines = assembly(numbered(text), level_for(text)).splitlines()
    mentioned = set(re.findall(r"\.?L(?:tmp|func_begin)\d+(?!\d*:)", "\n".join(lines)))
    found: list[Listed] = []
    current: int | None = None
    for line in lines:
        place = _PLACE.match(line)
        if place is not None:
            current = int(place[1]) - 1 if place[1] != "0" else None
        if _DEBUG.match(line):
            continue
        label = _TEMPORARY.match(line)
        if label is not None and label[1] not in mentioned:
            continue
        listed = Listed(line, current)
        found.append(listed if listed.is_instruction else Listed(line))
    return found


def annotated_assembly(module: Module) -> str:
    """The assembly of a module, with the user's lines as comments."""
    lines = annotated_listing(module.text(), line_origins(module))
    return "\n".join(text for text, _ in lines) + "\n"


def annotated_listing(text: str, origins: Sequence[Origin]) -> Iterator[tuple[str, Origin]]:
    """The lines of the assembly of LLVM text, given the origins of its lines; with their own."""
    mark = "#" if host().triple.startswith(("x86", "i386", "i686")) else "//"
    for each in listing(text):
        origin = NOWHERE if each.line is None else origins[each.line]
        yield commented(each.text.expandtabs(8), mark, origin), origin
