"""Programs for tensors, run by PyTorch with another import: they print the same."""

from __future__ import annotations

import contextlib
import io
import re
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours

from .torch_draws import same_draws

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NAMES = sorted(p.stem for p in EXAMPLES.glob("*.py") if "pullback.torch" in p.read_text())
NUMBER = re.compile(r"-?\d+\.\d*(?:e[-+]\d+)?")


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch")
    module.set_num_threads(1)
    return module


def printed(module: Any, name: str, source: str) -> list[str]:
    module.manual_seed(0)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(source, f"{name}.py", "exec"), {"__name__": name})
    return re.sub("0x[0-9a-f]+", "0x", output.getvalue()).splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_an_example_prints_what_it_prints_on_pytorch(
    torch: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Text letter by letter, numbers up to what rounding does in some thousand steps."""
    same_draws(torch, monkeypatch)
    source = (EXAMPLES / f"{name}.py").read_text()
    theirs = printed(torch, name, re.sub(r"pullback\.torch( as torch)?", "torch", source))
    mine = printed(ours, name, source)
    assert len(mine) > 3
    for line, their_line in zip_longest(mine, theirs, fillvalue=""):
        text, their_text = (re.sub(r"\s+", " ", NUMBER.sub("#", x)) for x in (line, their_line))
        assert text == their_text
        numbers, their_numbers = (
            [float(number) for number in NUMBER.findall(x)] for x in (line, their_line)
        )
        np.testing.assert_allclose(numbers, their_numbers, rtol=2e-2, atol=2e-2, err_msg=line)
