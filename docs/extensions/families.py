"""How the reference is cut into pages: the names of a large module by where they are defined.

What is in none of the families of its module comes last, so nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .surface import Name

OTHERS = "Other names"

FAMILIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "pullback": {
        "Transforms": ("transforms",),
        "Functions, graphs and types": (
            "inspecting",
            "runtime.function",
            "runtime.signature",
            "tracer.ir",
        ),
        "Control flow": ("control",),
        "Rules for derivatives": ("custom",),
        "Symbols": ("symbolic",),
        "Errors and warnings": ("tracer.errors",),
    },
    "pullback.torch": {
        "Making tensors": (
            "constructors",
            "copies",
            "creation",
            "draws",
            "exchange",
            "files",
            "random",
            "ranges",
            "windows",
        ),
        "Element by element": ("arithmetic", "complexes", "pointwise", "special"),
        "Reductions, sorting and searching": (
            "found",
            "reductions",
            "running",
            "sorting",
            "statistics",
        ),
        "Shapes, joining and indexing": (
            "indexing",
            "joining",
            "scattering",
            "shapes",
            "stacking",
            "striding",
            "turning",
        ),
        "Products and matrices": ("blas", "frames", "linalg", "pairs", "products"),
        "Functions of networks": ("nn",),
        "In place and into given tensors": ("inplace", "written"),
        "Gradients and modes": ("anomaly", "modes", "settings", "vmapping"),
        "Dtypes, devices and layouts": ("dtypes", "layouts", "typeinfo"),
    },
}
"""Titles of pages, with the modules whose names are there, by public module."""


def family_of(module: str, name: Name) -> str:
    """The title of the page that a name of a module is on."""
    for title, homes in FAMILIES[module].items():
        inside = name.home.removeprefix(f"{module}.")
        if any(f"{inside}.".startswith(f"{home}.") for home in homes):
            return title
    return OTHERS


def in_families(module: str, names: Iterable[Name]) -> dict[str, list[Name]]:
    """The names of a module by the titles of pages, in the order of the table."""
    found: dict[str, list[Name]] = {title: [] for title in (*FAMILIES[module], OTHERS)}
    for name in names:
        found[family_of(module, name)].append(name)
    return {title: members for title, members in found.items() if members}
