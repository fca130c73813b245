"""What passes and kernels write, as text to be read in a review.

``pytest tests/test_golden.py --rewrite-golden`` writes the files anew; look at the difference.
The programs stand in a string, so that their lines keep their numbers.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.codegen.bufferize import planned
from pullback.codegen.contract import lower_products
from pullback.codegen.emit import emit

FOLDER = Path(__file__).parent / "golden"
VECTOR_BYTES = 32

SOURCE = """\
def logistic_loss(w, b, x, y):
    z = x @ w + b
    return np.mean(np.logaddexp(0, z) - y * z)

def masked(x):
    return np.sum(np.where(x > 0, np.log(x), 0.0))

def update(x):
    y = np.zeros_like(x)
    y[1:] = x[:-1] * 2.0
    y[::2] += x[::2]
    return y

def scaled_shift(x, y):
    return x * y + 1.0

def sum_of_squares(x):
    return np.sum(x * x)

def look_up(table, places):
    return table[places]

def columns(x):
    return np.exp(x - np.max(x, axis=0))

def jacobian(x):
    return pb.jacfwd(sum_of_squares)(x)
"""


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """The functions of the source, at lines of ``model.py``."""
    names: dict[str, Any] = {"np": np, "pb": pb}
    exec(compile(SOURCE, "model.py", "exec"), names)
    return names


def f64(*shape: int) -> pb.ShapeDtype:
    return pb.ShapeDtype(shape, np.float64)


INDICES = pb.ShapeDtype((8,), np.int64)
DATA = (f64(3), f64(), f64(50, 3), f64(50))


def plan_text(graph: pb.Graph) -> str:
    return planned(lower_products(graph)).text()


def llvm_text(graph: pb.Graph) -> str:
    return emit(planned(lower_products(graph)), VECTOR_BYTES).module.text()


STAGES: dict[str, Callable[[Any], str]] = {
    "traced_graph": lambda m: str(pb.trace(m["logistic_loss"], *DATA)),
    "adjoint_graph": lambda m: str(pb.trace(pb.grad(m["logistic_loss"], (0, 1)), *DATA)),
    "tangent_graph": lambda m: str(pb.trace(m["jacobian"], f64(2))),
    "masked_adjoint_graph": lambda m: str(pb.trace(pb.grad(m["masked"]), f64(4))),
    "batched_graph": lambda m: str(pb.trace(pb.vmap(m["look_up"]), f64(8, 5), INDICES)),
    "assignments_graph": lambda m: str(pb.trace(m["update"], f64(6))),
    "plan": lambda m: plan_text(pb.trace(pb.grad(m["logistic_loss"], (0, 1)), *DATA)),
    "plan_of_columns": lambda m: plan_text(pb.trace(m["columns"], f64(40, 30))),
    "loop_kernel": lambda m: llvm_text(pb.trace(m["scaled_shift"], f64(37), f64(37))),
    "reduction_kernel": lambda m: llvm_text(pb.trace(m["sum_of_squares"], f64(100))),
    "gather_kernel": lambda m: llvm_text(pb.trace(m["look_up"], f64(50), INDICES)),
}


@pytest.mark.parametrize("name", STAGES)
def test_text_is_as_reviewed(name: str, model: dict[str, Any], request: pytest.FixtureRequest):
    text = STAGES[name](model).rstrip() + "\n"
    path = FOLDER / f"{name}.txt"
    if request.config.getoption("--rewrite-golden"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"no {path.name}; write it with --rewrite-golden"
    reviewed = path.read_text()
    lines = difflib.unified_diff(
        reviewed.splitlines(), text.splitlines(), "reviewed", "now", lineterm=""
    )
    assert text == reviewed, "\n".join(lines)


def test_each_golden_file_is_of_a_stage():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(STAGES)


@pytest.mark.parametrize("name", [name for name in STAGES if name.endswith("graph")])
def test_golden_graphs_are_read_back(name: str):
    text = (FOLDER / f"{name}.txt").read_text().rstrip()
    assert str(pb.parse(text)) == text
