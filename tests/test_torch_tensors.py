"""Tensors beside PyTorch's: texts of values and errors, dtypes, memory, files."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours

from .recorded import of_torch
from .test_torch import CASES
from .transcripts import programs, transcript, transcript_of_torch

TEXTS = (CASES / "texts.txt").read_text().splitlines()
PROGRAMS = programs(CASES / "tensors.txt")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def text(module: Any, expression: str) -> str:
    """What an expression is, or the error that it raises, without our source line."""
    try:
        return repr(eval(expression, {"torch": module, "np": np}))
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {str(error).split(chr(10) + '  at ')[0]}"


@pytest.mark.parametrize("start", range(0, len(TEXTS), 50))
@pytest.mark.filterwarnings("ignore")
def test_texts(start: int) -> None:
    for expression in TEXTS[start : start + 50]:
        theirs = of_torch("text", expression, partial(text, expression=expression))
        assert text(ours, expression) == theirs, expression


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
@pytest.mark.filterwarnings("ignore")
def test_program(program: str) -> None:
    assert transcript(ours, program) == transcript_of_torch(program)


def test_dtypes_that_numpy_has_not() -> None:
    with pytest.raises(TypeError, match="bfloat16 is not supported"):
        ours.ones(2, dtype=ours.bfloat16)
