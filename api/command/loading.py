"""Functions and arguments as the command line names them."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from pullback.runtime.function import Function
from pullback.tracer.location import Location, is_library

from ..transforms import grad, hessian, jacobian, jit, value_and_grad
from .arguments import Keyword, argument, names, static

TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Function]] = {
    "jit": jit,
    "grad": grad,
    "value_and_grad": value_and_grad,
    "jacobian": jacobian,
    "hessian": hessian,
}


class CommandError(Exception):
    """What ends a command: ``code`` is 2 if it asks for what is not there, 1 if that fails."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


ARGUMENTS = """\
arguments are Python expressions:
  1.5 'np.ones(3)' '{"w": f64[3], "b": 0.0}'
                    np, pb, rng (a random generator) and all names of the file may stand in them
  'f64[100,3]'      an array drawn from a normal distribution; i64[5] has integers from 0 to 9
  data.npy data.npz:x
                    an array in a file
  scale=2.0         an argument by name
"""


def add_function(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Let a parser take a function, its arguments, and what is made of it."""
    parser.add_argument(
        "function",
        nargs=None if required else "?",
        metavar="FILE:FUNCTION",
        help="a file or a module, and the name of a function in it, or of a method of an object",
    )
    parser.add_argument(
        "--args",
        nargs="*",
        default=[],
        metavar="ARGUMENT",
        help="what it is called with; see below",
    )
    parser.add_argument(
        "--static",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="arguments that the code is made for: Python's numbers, strings, objects",
    )
    parser.add_argument(
        "--transform",
        choices=TRANSFORMS,
        default="jit",
        help="what is made of a function that is not compiled already (default: jit)",
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A compiled function with arguments of a call."""

    function: Function
    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    def __call__(self, call: Callable[..., Any]) -> Any:
        """What is made of the arguments, by the function or by a method of it.

        Raises:
            CommandError: with what went wrong in it, and the user's line.
        """
        try:
            return call(*self.args, **self.kwargs)
        except Exception as error:
            name = repr(self.function).removeprefix("<compiled ").removesuffix(">")
            raise CommandError(f"{name}: {_told(error)}", code=1) from error


def load(given: argparse.Namespace) -> Asked:
    """The function, compiled when it is called, and its arguments.

    Raises:
        CommandError: naming what is not there.
    """
    place, colon, name = given.function.rpartition(":")
    if not (colon and name and place):
        raise CommandError(f"{given.function} names no function; write FILE:FUNCTION")
    module = _module(place)
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise CommandError(f"there is no function {name} in {place}{_those_of(module, name)}")
    known = names(module)
    try:
        fixed = dict(static(text, known) for text in given.static)
        found = [argument(text, known) for text in given.args]
    except ValueError as error:
        raise CommandError(str(error)) from error
    args = [x for x in found if not isinstance(x, Keyword)]
    kwargs = {x.name: x.value for x in found if isinstance(x, Keyword)}
    if isinstance(function, Function) and fixed:
        raise CommandError(f"{name} is compiled already: --static is for functions that are not")
    if not isinstance(function, Function):
        function = TRANSFORMS[given.transform](_fixed(function, fixed) if fixed else function)
    return Asked(function, args, kwargs)


def _fixed(function: Callable[..., Any], values: Mapping[str, Any]) -> Callable[..., Any]:
    """The function with some arguments given."""
    made: Any = partial(function, **values)
    made.__name__ = getattr(function, "__name__", str(function))
    return made  # type: ignore[no-any-return]


def _those_of(module: ModuleType, name: str) -> str:
    """The functions that a module has, for who asks for another one."""
    found = [
        key
        for key, x in vars(module).items()
        if callable(x) and getattr(x, "__module__", None) == module.__name__ and key[0] != "_"
    ]
    near = get_close_matches(name, found) or found[:8]
    return f", but {', '.join(near)}" if near else ""


def _told(error: BaseException) -> str:
    """An error with the line of the user's that it comes from."""
    text = f"{type(error).__name__}: {error}"
    if "\n  at " in text:
        return text
    frames = [x for x in traceback.walk_tb(error.__traceback__) if not is_library(x[0].f_globals)]
    if not frames:
        return text
    frame, line = frames[-1]
    return f"{text}\n  at {Location(frame.f_code.co_filename, line, frame.f_code.co_name)}"


def _module(place: str) -> ModuleType:
    """A module by its file or by its name."""
    path = Path(place)
    if path.suffix != ".py":
        if path.with_name(f"{path.name}.py").is_file() and place != path.name:
            raise CommandError(f"there is no module {place}; the file is {place}.py")
        try:
            return importlib.import_module(place)
        except (ImportError, TypeError, ValueError) as error:
            raise CommandError(f"there is no module {place}: {error}") from error
        except Exception as error:
            raise CommandError(f"{place} does not run: {_told(error)}", code=1) from error
    if not path.is_file():
        raise CommandError(f"there is no file {place}")
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
    except (Exception, SystemExit) as error:
        raise CommandError(f"{place} does not run: {_told(error)}", code=1) from error
    finally:
        sys.path.remove(str(path.parent))
    return module
