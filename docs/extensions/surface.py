"""The public surface of the package: which names there are, and which of them is documented where.

A module is public if it is one of `ROOTS`, or offered by a public module. What it offers is its
``__all__``; without one, what is defined in it. An object that several modules offer is documented
once, in the module that it is closest to, and the other names are references.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import pullback

ROOTS = ("pullback", "pullback.numpy", "pullback.scipy", "pullback.torch")
INTERNAL = ("codegen", "command", "runtime", "tracer")
LIBRARIES = ("numpy", "scipy")


@dataclass(frozen=True)
class Name:
    """A public name.

    ``home`` is the module where the object is defined, ``documented`` the path of the name under
    which it is documented: its own path, but for other names of one object.
    """

    path: str
    thing: Any = field(repr=False, compare=False)
    home: str
    documented: str

    @property
    def last(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def is_reference(self) -> bool:
        return self.documented != self.path

    @property
    def is_plain(self) -> bool:
        """Whether it is a value that says more than the docstring of its class."""
        if inspect.isroutine(self.thing) or inspect.isclass(self.thing):
            return False
        has_own = "__doc__" in getattr(self.thing, "__dict__", {})
        bases = type(self.thing).__mro__[:-1]  # without object
        return not has_own and any("__repr__" in vars(base) for base in bases)

    @property
    def summary(self) -> str:
        """The first sentence of the docstring, in one line."""
        if self.is_plain:
            return f"``{self.thing!r}``"
        return summary_of(self.thing)


@dataclass(frozen=True)
class Surface:
    """The public modules, by the names they call themselves, with what they offer."""

    modules: dict[str, list[Name]]

    @cached_property
    def names(self) -> dict[str, Name]:
        return {name.path: name for names in self.modules.values() for name in names}


def summary_of(thing: Any) -> str:
    """The first paragraph of a docstring, up to where a sentence ends, in one line."""
    paragraph = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    sentence, end, _ = " ".join(paragraph.split()).partition(". ")
    return sentence + end.rstrip()


def home_of(thing: Any) -> str:
    """The module where an object is defined; what is wrapped counts, not what wraps it."""
    return str(getattr(inspect.unwrap(thing) if callable(thing) else thing, "__module__", None))


def _top(module: str) -> str:
    return module.partition(".")[0]


def offered(module: ModuleType) -> list[str]:
    """The names a module offers itself; what it has from NumPy and SciPy is `borrowed`."""
    if "__all__" in vars(module):
        return sorted(module.__all__)
    public = (name for name in vars(module) if not name.startswith("_"))
    return sorted(
        name for name in public if getattr(vars(module)[name], "__module__", "") == module.__name__
    )


def borrowed(module: ModuleType) -> list[str]:
    """Functions of NumPy and SciPy that a module has with another meaning for traced values."""
    library = module.__name__.removeprefix("pullback.")
    if _top(library) not in LIBRARIES or "__getattr__" not in vars(module):
        return []
    offers = importlib.import_module(library).__all__
    return sorted(name for name in offers if _is_borrowed(getattr(module, name)))


def _is_borrowed(thing: Any) -> bool:
    return hasattr(thing, "__wrapped__") and _top(thing.__module__) == "pullback"


def _public_modules() -> dict[str, ModuleType]:
    found: dict[str, ModuleType] = {}
    waiting = [importlib.import_module(root) for root in reversed(ROOTS)]
    while waiting:
        module = waiting.pop()
        if module.__name__ in found or _top(module.__name__) != "pullback":
            continue
        found[module.__name__] = module
        things = [getattr(module, name) for name in module.__dict__.get("__all__", ())]
        inner = [f"{module.__name__}.{name}" for name in _submodules_without_all(module)]
        waiting += [thing for thing in things if inspect.ismodule(thing)]
        waiting += map(importlib.import_module, inner)
    return dict(sorted(found.items()))


def _submodules_without_all(module: ModuleType) -> Iterator[str]:
    """What a package without ``__all__`` has taken in by ``from . import``."""
    if "__all__" in vars(module):
        return
    for name, thing in vars(module).items():
        if inspect.ismodule(thing) and thing.__name__ == f"{module.__name__}.{name}":
            yield name


def _closeness(path: str, thing: Any) -> tuple[int, bool, str]:
    """Less for a module that is closer to where an object is defined, and for its own name."""
    module, _, name = path.rpartition(".")
    home = home_of(thing)
    depth = len(module) if f"{home}.".startswith(f"{module}.") else 0
    own_name = getattr(thing, "__name__", None) or repr(thing).rpartition(".")[2]
    return (-depth, name != own_name, path)


def _is_number(thing: Any) -> bool:
    return isinstance(thing, int | float | str)


def public_surface() -> Surface:
    """The public names of the installed package."""
    things: dict[str, dict[str, Any]] = {}
    paths: dict[int, list[str]] = {}
    for module_name, module in _public_modules().items():
        borrowed_names = set(borrowed(module))
        things[module_name] = {}
        for name in offered(module):
            thing = getattr(module, name)
            if inspect.ismodule(thing) or name in borrowed_names:
                continue
            things[module_name][name] = thing
            if not _is_number(thing):
                paths.setdefault(id(thing), []).append(f"{module_name}.{name}")
    return Surface(
        {
            module: [_name(f"{module}.{name}", thing, paths) for name, thing in offers.items()]
            for module, offers in things.items()
        }
    )


def unreached(surface: Surface) -> list[str]:
    """What a module states to be public, and no public module offers."""
    offers = {id(name.thing) for name in surface.names.values()}
    found = []
    for info in pkgutil.walk_packages(pullback.__path__, "pullback."):
        inside = info.name.split(".")[1]
        if inside in INTERNAL or inside.startswith("_"):
            continue
        module = importlib.import_module(info.name)
        for name in vars(module).get("__all__", ()):
            thing = getattr(module, name)
            if not inspect.ismodule(thing) and id(thing) not in offers:
                found.append(f"{info.name}.{name}")
    return found


def _name(path: str, thing: Any, paths: dict[int, list[str]]) -> Name:
    same = [path] if _is_number(thing) else paths[id(thing)]
    documented = min(same, key=lambda other: _closeness(other, thing))
    return Name(path, thing, home_of(thing), documented)
