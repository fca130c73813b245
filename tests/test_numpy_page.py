"""docs/numpy.md is what the registry says, and every function stands in a table of expressions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pullback.tracer.numpy.differences import DIFFERENCES
from pullback.tracer.numpy.functions import FUNCTIONS, SIZED
from pullback.tracer.numpy.refused import REFUSALS

from .expressions import expanded, lines
from .numpy_page import page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "numpy.md"


def test_page_is_as_the_registry_says(request: pytest.FixtureRequest) -> None:
    text = page()
    if request.config.getoption("--rewrite-golden"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "write it anew with --rewrite-golden"


def test_every_function_is_compared_with_numpy() -> None:
    """Of the main namespace, if NumPy's arguments say how long the result is."""
    text = "\n".join(x for _, line in lines() for x in expanded(line))
    main = [f.__name__ for f, g in FUNCTIONS.items() if g is not REFUSALS.get(f) and _is_main(f)]
    missing = [name for name in main if f"np.{name}" not in text and name not in SIZED]
    assert not missing


def test_differences_are_of_functions() -> None:
    assert all(hasattr(np, name) for name in DIFFERENCES)


def _is_main(function: Callable[..., Any]) -> bool:
    return getattr(np, function.__name__, None) is function
