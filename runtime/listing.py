"""Machine instructions to be read: each with the line of the LLVM text that it was made of."""

from __future__ import annotations

import re
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
    mark = "#" if host().triple.startswith(("x86", "i386", "i686")) else "//"
    origins = line_origins(module)
    lines = [
        commented(each.text.expandtabs(8), mark, origin_of(each, origins))
        for each in listing(module.text())
    ]
    return "\n".join(lines) + "\n"


def origin_of(listed: Listed, origins: list[Origin]) -> Origin:
    """Where an instruction comes from, given the origins of lines of LLVM text."""
    return NOWHERE if listed.line is None else origins[listed.line]
