"""Arguments as the command line writes them: expressions, random arrays, files, and names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from pullback.tracer.types import DTYPES, DType

_KEYWORD = re.compile(r"([A-Za-z_]\w*)=(?!=)(.*)", re.DOTALL)
_FILE = re.compile(r"([^\"'()]+\.np[yz])(?::(\w+))?")
_EMPTY = re.compile(rf"\b({'|'.join(DTYPES)})\[\s*\]")


@dataclass(frozen=True, slots=True)
class Keyword:
    """An argument by name."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Drawn:
    """``drawn[3, 2]`` is a random array of a dtype and of that shape."""

    dtype: DType
    rng: np.random.Generator

    def __getitem__(self, shape: int | tuple[int, ...]) -> Any:
        """Normal numbers, integers from 0 to 9, or truth values; of no axes, a number."""
        rng = self.rng
        found: np.ndarray[Any, Any]
        match self.dtype.kind:
            case "b":
                found = rng.random(shape) < 0.5
            case "i" | "u":
                found = rng.integers(0, 10, shape)
            case "c":
                found = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
            case _:
                found = rng.standard_normal(shape)
        return np.asarray(found).astype(self.dtype)


def names(module: ModuleType) -> dict[str, Any]:
    """What expressions may name: those of the module count before ours."""
    rng = np.random.default_rng(0)
    drawn = {name: Drawn(dtype, rng) for name, dtype in DTYPES.items()}
    return {**drawn, "rng": rng, "np": np, "pb": import_module("pullback"), **vars(module)}


def argument(text: str, known: Mapping[str, Any]) -> Any:
    """The value of an argument, or a `Keyword`.

    Raises:
        ValueError: with what is wrong with it.
    """
    named = _KEYWORD.fullmatch(text.strip())
    return Keyword(named[1], _value(named[2], known)) if named else _value(text, known)


def static(text: str, known: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and value of an argument that has to have both.

    Raises:
        ValueError: with what is wrong with it.
    """
    found = argument(text, known)
    if not isinstance(found, Keyword):
        raise ValueError(f"the static argument {text!r} has no name; write NAME=VALUE")
    return found.name, found.value


def _value(text: str, known: Mapping[str, Any]) -> Any:
    text = text.strip()
    try:
        file = _FILE.fullmatch(text)
        if file is not None:
            return _loaded(*file.groups())
        # Python has no empty index.
        return eval(_EMPTY.sub(r"\1[()]", text), dict(known))
    except Exception as error:
        message = error.msg if isinstance(error, SyntaxError) else error
        raise ValueError(f"the argument {text!r}: {type(error).__name__}: {message}") from error


def _loaded(path: str, name: str | None) -> Any:
    found = np.load(path)
    if path.endswith(".npy"):
        return found
    with found:
        if name not in found:
            raise ValueError(f"write {path}:NAME, with one of {', '.join(found)}")
        return found[name]
