"""Random programs of views, writes and NumPy arrays, run by PyTorch and by us.

Each statement is run by itself; what it prints, or the class of its error, must be the same.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pullback.torch as ours

VIEWS = """
    {x}.t() {x}[0] {x}[1:] {x}.view(-1) {x}.reshape(-1) {x}.unsqueeze(0) {x}.squeeze() {x}.detach()
    {x}.diagonal() {x}[...,:2] {x}.transpose(0,-1) {x}.flatten() {x}[::2] {x}.view_as({x})
    {x}.ravel() {x}.select(0,0) {x}.as_strided((2,2),(1,2)) {x}.unfold(0,2,2) ({x}*1.5).contiguous()
"""
WRITES = """
    {x}.add_(1) {x}.mul_(2) {x}[0]=7 {x}[...]=3 {x}[-1:]+=1 {x}.zero_() {x}.fill_(2.) {x}.sin_()
    {x}.copy_({x}.detach()*3) {x}.sub_({y}.detach().sum()) {x}.unsqueeze_(0) {x}.squeeze_()
"""
NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf)")


def program(seed: int) -> list[str]:
    """Statements about ``w``, and about tensors that come of it."""
    rng = random.Random(seed)
    tracked = rng.random() < 0.5
    lines = [f"w = torch.arange(12.).reshape(3, 4){'.requires_grad_()' if tracked else ''}"]
    lines.append(rng.choice(["v0 = w * 2", "v0 = w.clone()", "v0 = w * 2; str(v0)"]))
    names, arrays = ["v0"], 0
    for number in range(1, rng.randint(6, 15)):
        x, y, kind = rng.choice(names), rng.choice(names), rng.random()
        if kind < 0.4:
            names.append(f"v{number}")
            lines.append(f"v{number} = {rng.choice(VIEWS.split()).format(x=x)}")
        elif kind < 0.75:
            lines.append(rng.choice(WRITES.split()).format(x=x, y=y))
        elif kind < 0.83:
            arrays += 1
            lines.append(f"a{arrays} = {x}.detach().numpy(); a{arrays}[...] += 1")
        elif kind < 0.9 and len(names) > 1:
            names.remove(x)
            lines.append(f"del {x}")
        else:
            lines.append(f"print({x})")
    lines += [f"print({name})" for name in [*names, *(f"a{i + 1}" for i in range(arrays))]]
    if tracked:
        terms = [
            f"({x} * torch.arange(float({x}.numel())).reshape({x}.shape)).sum()" for x in names
        ]
        lines.append(f"({' + '.join(terms)}).backward(); print(w.grad)")
    return lines


def transcript(module: Any, lines: list[str]) -> list[str]:
    """What each statement prints, without the names of backward nodes."""
    names = {"torch": module, "np": np}
    told = []
    for line in lines:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(line, names)
            except Exception as error:  # noqa: BLE001
                printed.write(type(error).__name__)
        told.append(re.sub(r",?\s*grad_fn=<\w*>", "", printed.getvalue()))
    return told


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.filterwarnings("ignore")
def test_program(torch: ModuleType, seed: int) -> None:
    lines = program(seed)
    for line, mine, theirs in zip(
        lines, transcript(ours, lines), transcript(torch, lines), strict=True
    ):
        shape, other = (re.sub(r"\s", "", NUMBER.sub("#", text)) for text in (mine, theirs))
        assert shape == other, f"{line}\n{mine}\n{theirs}"
        values, expected = ([float(x) for x in NUMBER.findall(text)] for text in (mine, theirs))
        np.testing.assert_allclose(values, expected, rtol=2e-4, atol=2e-4, err_msg=line)
