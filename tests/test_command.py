"""The command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pullback.command import main

PROGRAM = """
import numpy as np
import pullback as pb

SCALE = 2.0


def loss(w, x, y):
    r = np.tanh(x @ w) - y
    return SCALE * np.sum(r * r)


slope = pb.grad(loss)


class Model:
    @staticmethod
    def predict(x):
        return np.log(x)


def fails(x):
    raise KeyError("inside")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "models_of_a_test.py"
    path.write_text(PROGRAM)
    return path


ARGS = ["--args", "np.ones(3) * SCALE", "f64[5, 3]", "np.zeros(5)"]


def test_explain(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", f"{file}:loss", *ARGS]) == 0
    out = capsys.readouterr().out
    parts = [line for line in out.splitlines() if line.startswith("-- ")]
    assert parts == ["-- times", "-- kernels", "-- dependence", "-- errors"]
    assert "trace " in out
    assert "kernel 0: " in out
    assert "result  nonlinear  nonlinear  nonlinear" in out
    assert "models_of_a_test.py:9 (loss)" in out


def test_parts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["source", "graph", "plan", "llvm", "asm", "nan"]
    assert main(["explain", f"{file}:Model.predict", "--args", "f32[4]", "--show", *parts]) == 0
    out = capsys.readouterr().out
    for text in ("return np.log(x)", "graph (%0: f32[4])", "kernel 0", "define ", "log of f32[4]"):
        assert text in out


@pytest.mark.parametrize("name", ["slope", "loss"])
def test_transforms(name: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["explain", f"{file}:{name}", *ARGS, "--transform", "grad", "--show", "source"]) == 0
    )
    assert "return d_w" in capsys.readouterr().out


def test_bench(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", f"{file}:loss", *ARGS, "--seconds", "0.01"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["first/ms", "call/us", "NumPy/us"]
    name, *numbers = row.split()
    assert name == "loss"
    assert all(float(x) > 0.0 for x in numbers)
    assert len(numbers) == 3


def test_bench_of_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--seconds", "0.001"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert len(rows) == 8
    assert all(float(row[34:44]) > 0.0 for row in rows)


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    facts = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert facts["python"] == sys.version.split()[0]
    assert {"numpy", "llvm", "target", "cpu", "vectors", "threads", "cache"} <= facts.keys()


WRONG: dict[str, tuple[Sequence[str], str]] = {
    "no function": (["explain", "{file}"], "names no function; write FILE:FUNCTION"),
    "no file": (["explain", "nowhere.py:f"], "there is no file nowhere.py"),
    "no module": (["explain", "no_such_module:f"], "there is no module no_such_module"),
    "no such function": (["explain", "{file}:f"], "there is no function f in "),
    "bad argument": (
        ["explain", "{file}:loss", "--args", "1 +"],
        "the argument '1 +': SyntaxError",
    ),
    "wrong arguments": (["explain", "{file}:loss", "--args", "1.0"], "TypeError: loss() missing 2"),
    "fails": (["bench", "{file}:fails", "--args", "1.0"], "KeyError: 'inside'"),
    "no fact": (["info", "--only", "colour"], "no 'colour'"),
    "no command": (["explode"], "invalid choice: 'explode'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(SystemExit) as ended:
        main([x.format(file=file) for x in arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_file_named_as_a_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "numpy.py"
    path.write_text("def f(x):\n    return 2.0 * x\n")
    module = sys.modules["numpy"]
    assert main(["explain", f"{path}:f", "--args", "np.ones(2)", "--show", "graph"]) == 0
    assert sys.modules["numpy"] is module
    assert "mul" in capsys.readouterr().out


def test_file_that_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken_of_a_test.py"
    path.write_text("1 / 0\n")
    with pytest.raises(SystemExit):
        main(["explain", f"{path}:f"])
    assert "does not run: ZeroDivisionError" in capsys.readouterr().err


def test_as_a_module() -> None:
    command = [sys.executable, "-m", "pullback", "info", "--only", "pullback"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["pullback", "0.1.0"]
