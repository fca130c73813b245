"""NumPy's functions whose results depend on values that are not known while tracing.

Their shapes do, or they make text, files and Python numbers. Each names what to use instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..errors import TracedValueError, at
from ..location import user_location

_TEXT = "text: return the array and print the result"

REFUSED: dict[str, str] = {
    "trim_zeros": "the length of the result depends on the values: slice with known bounds",
    "array2string": _TEXT,
    "array_repr": _TEXT,
    "array_str": _TEXT,
    "save": "a file: return the array and save the result",
    "savez": "a file: return the array and save the result",
    "savez_compressed": "a file: return the array and save the result",
    "savetxt": "a file: return the array and save the result",
}
"""Name of the function -> why not, and what to use instead."""


def refusal(name: str) -> Callable[..., NoReturn]:
    """A function that raises for traced values, with the way out.

    The function raises:
        TracedValueError: always.
    """

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise TracedValueError(
            f"np.{name} has no meaning for traced values\n  {REFUSED[name]}{at(user_location())}"
        )

    return refuse


REFUSALS: dict[Callable[..., Any], Callable[..., Any]] = {
    getattr(np, name): refusal(name) for name in REFUSED
}
