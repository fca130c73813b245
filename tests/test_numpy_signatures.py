"""The functions on traced values take NumPy's arguments: names, order, defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from pullback.tracer.numpy.functions import FUNCTIONS
from pullback.tracer.numpy.refused import REFUSALS

SIZES = ("size", "length", "fill_value")
"""What `pullback.numpy` has besides, where the shape of a result depends on values."""

IMPLEMENTED = [f for f, traced in FUNCTIONS.items() if traced is not REFUSALS.get(f)]


def parameters(function: Callable[..., Any]) -> list[tuple[str, bool, str]]:
    """Name and default of each parameter, and whether it has to be named."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind is p.KEYWORD_ONLY, repr(p.default)) for p in found]


@pytest.mark.parametrize("function", IMPLEMENTED, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_signature(function: Callable[..., Any]) -> None:
    try:
        wanted = parameters(function)
    except ValueError:
        pytest.skip("NumPy does not tell the signature of this one")
    found = [p for p in parameters(FUNCTIONS[function]) if p[0] not in SIZES or p in wanted]
    assert found == wanted
