"""Functions and arguments as the command line names them."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pullback.runtime.function import Function
from pullback.tracer.types import DTYPES

from ..transforms import grad, jit, value_and_grad

TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Function]] = {
    "jit": jit,
    "grad": grad,
    "value_and_grad": value_and_grad,
}

_TYPE = re.compile(r"(\w+)\[([\d,\s]*)\]")


class UsageError(Exception):
    """What was asked for on the command line does not exist or does not work."""


def add_function(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Let a parser take a function, its arguments, and what is made of it."""
    parser.add_argument(
        "function",
        nargs=None if required else "?",
        metavar="FILE:FUNCTION",
        help="a file or a module, and the name of a function in it",
    )
    parser.add_argument(
        "--args",
        nargs="*",
        default=[],
        metavar="ARGUMENT",
        help="Python expressions, in which np and all names of the file may stand; or types such "
        "as f64[100,3], of which arrays are drawn from a normal distribution",
    )
    parser.add_argument(
        "--transform",
        choices=TRANSFORMS,
        default="jit",
        help="what is made of a function that is not compiled already (default: jit)",
    )


def load(given: argparse.Namespace) -> tuple[Function, list[Any]]:
    """The function, compiled when it is called, and the arguments.

    Raises:
        UsageError: naming what is not there.
    """
    place, colon, name = given.function.rpartition(":")
    if not colon or not name:
        raise UsageError(f"{given.function} names no function; write FILE:FUNCTION")
    module = _module(place)
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise UsageError(f"there is no function {name} in {place}")
    if not isinstance(function, Function):
        function = TRANSFORMS[given.transform](function)
    rng = np.random.default_rng(0)
    return function, [_argument(text, module, rng) for text in given.args]


def _module(place: str) -> ModuleType:
    """A module by its file or by its name."""
    path = Path(place)
    if path.suffix != ".py":
        try:
            return importlib.import_module(place)
        except ImportError as error:
            raise UsageError(f"there is no module {place}: {error}") from error
    if not path.is_file():
        raise UsageError(f"there is no file {place}")
    # What is loaded under that name already stays what it is.
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_file"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{place} does not run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _argument(text: str, module: ModuleType, rng: np.random.Generator) -> Any:
    match = _TYPE.fullmatch(text.strip())
    if match is not None and match[1] in DTYPES:
        shape = tuple(int(n) for n in match[2].split(",") if n.strip())
        return np.asarray(rng.standard_normal(shape)).astype(DTYPES[match[1]])
    try:
        return eval(text, {"np": np, **vars(module)})
    except Exception as error:
        raise UsageError(f"the argument {text!r}: {type(error).__name__}: {error}") from error


def called(function: Function, call: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """The result of a call, whose errors are the user's.

    Raises:
        UsageError: with what went wrong.
    """
    try:
        return call(*arguments)
    except Exception as error:
        raise UsageError(f"{function}: {type(error).__name__}: {error}") from error
