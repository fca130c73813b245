"""Expressions of NumPy and the arrays that they are about: tests/numpy_cases, a file a family.

``{a; b}`` in a line stands for each of its parts. A ``!`` in front says that derivatives are not
compared, a ``+`` that only `pullback.numpy` is asked: functions that NumPy does not hand over.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "numpy_cases"
CHOICE = re.compile(r"\{([^{}]*;[^{}]*)\}")


def draw(shape: tuple[int, ...], dtype: str = "f8", seed: int = 0) -> Any:
    random = np.random.default_rng([seed, *shape])
    if dtype == "bool":
        return random.random(shape) < 0.5
    if dtype in ("i4", "i8"):
        return random.integers(-9, 10, shape).astype(dtype)
    return random.normal(size=shape).astype(dtype)


ARRAYS: dict[str, Any] = {
    "x": draw((3, 4)),
    "y": draw((3, 4), seed=1),
    "v": draw((4,)),
    "w": draw((4,), seed=2),
    "u": draw((3,)),
    "t": draw((2, 3, 4)),
    "s": draw((3, 3)),
    "m": draw((4, 5)),
    "k": draw((3, 4, 5)),
    "h": draw((5, 4, 2)),
    "r": draw((2, 1, 3, 4)),
    "a": draw(()),
    "one": draw((1, 3, 1)),
    "pos": np.abs(draw((3, 4), seed=4)) + 0.5,
    "rising": np.cumsum(np.abs(draw((7,))) + 0.1),
    "long": draw((13,)),
    "empty": draw((0,)),
    "none": draw((3, 0)),
    "i": draw((3, 4), "i8"),
    "j": draw((3, 4), "i4", 3),
    "n": draw((4,), "i8", 5),
    "b": draw((3, 4), "bool"),
    "c": draw((4,), "bool", 6),
    "f": draw((3, 4), "f4"),
    "g": draw((4,), "f4"),
    "z": np.array([0.0, -0.0, 1.5, -2.5, np.nan, np.inf, -np.inf, 3.5]),
    "q": np.where(draw((3, 4), "bool", 7), np.nan, draw((3, 4), seed=8)),
    "place": np.array([[0, 3], [1, 1], [2, -1]]),
}
"""The names that stand for arrays; ``z`` and ``q`` hold NaN, so nothing is differentiated there."""


def after(change: Callable[..., Any], array: Any, *args: Any, **kwargs: Any) -> Any:
    """A copy of an array that a function has written to."""
    array = array.copy()
    assert change(array, *args, **kwargs) is None
    return array


def lines() -> Iterator[tuple[str, str]]:
    """Family and line of every expression."""
    for path in sorted(FOLDER.glob("*.txt")):
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                yield path.stem, line


def expanded(line: str) -> list[str]:
    """The expressions that a line stands for."""
    parts = CHOICE.split(line.lstrip("!+"))
    choices = [[p.strip() for p in part.split(";")] for part in parts[1::2]]
    texts = []
    for chosen in itertools.product(*choices):
        fillings = (*chosen, "")
        texts.append("".join(a + b for a, b in zip(parts[::2], fillings, strict=True)))
    return texts


def names(texts: list[str]) -> list[str]:
    """The arrays that expressions are about."""
    used: set[str] = set()
    for text in texts:
        code = compile(text, "case.py", "eval")
        used.update(code.co_names, *(c.co_names for c in code.co_consts if hasattr(c, "co_names")))
    return [name for name in ARRAYS if name in used]


def evaluate(text: str, namespace: Any, arrays: dict[str, Any]) -> list[Any]:
    """The results of an expression, as a list."""
    try:
        results = eval(text, {"np": namespace, "after": after, **arrays})
    except Exception as error:
        error.add_note(text)
        raise
    results = list(results) if isinstance(results, (tuple, list)) else [results]
    return [np.dtype(x).num if isinstance(x, (np.dtype, type)) else x for x in results]
