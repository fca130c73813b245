"""The command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
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
    def __init__(self):
        self.shift = 0.0

    @pb.jit
    def predict(self, x, power=1):
        return np.log(x**power - self.shift)


model = Model()


def affine(params, x, *, n):
    for _ in range(n):
        x = x @ params["w"] + params["b"]
    return np.sum(x)


def fails(x):
    raise KeyError("inside")


def no_method(x):
    return x.nothing()


def choose(x, i):
    return x[i]
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
    assert parts == ["-- tables", "-- dependence", "-- errors"]
    assert "\nlines\n" in out
    assert "\nkernels\n" in out
    assert "result  nonlinear  nonlinear  nonlinear" in out
    assert "models_of_a_test.py:9 (loss)" in out


def test_parts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["source", "stages", "graph", "plan", "llvm", "asm", "nan"]
    assert main(["explain", f"{file}:model.predict", "--args", "f32[4]", "--show", *parts]) == 0
    out = capsys.readouterr().out
    wanted = (
        "return np.log(x",
        "-- bufferize",
        "graph (%0: f32[4]",
        "kernel 0",
        "define ",
        "log of",
    )
    for text in wanted:
        assert text in out


@pytest.mark.parametrize(
    ("function", "arguments", "signature"),
    [
        (
            "affine",
            ['{"w": f64[2, 2], "b": f64[ ]}', "x=f64[3, 2]", "--static", "n=2"],
            "f64[], f64[2,2], f64[3,2]",
        ),
        ("choose", ["{folder}/x.npy", "i64[]"], "f64[20], i64[]"),
        ("choose", ["{folder}/xs.npz:x", "rng.integers(0, 20, 5)"], "f64[20], i64[5]"),
        ("loss", ["c128[2]", "f32[1,2]", "bool[1]"], "c128[2], f32[1,2], bool[1]"),
    ],
)
def test_arguments(
    function: str,
    arguments: Sequence[str],
    signature: str,
    file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.save(file.parent / "x.npy", np.zeros(20))
    np.savez(file.parent / "xs.npz", x=np.zeros(20))
    given = [x.replace("{folder}", str(file.parent)) for x in arguments]
    assert main(["explain", f"{file}:{function}", "--show", "source", "--args", *given]) == 0
    assert f"For arguments of these types: {signature}." in capsys.readouterr().out


def test_report(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written as a page and as data, without the tables."""
    page, data = file.with_suffix(".html"), file.with_suffix(".json")
    command = ["explain", f"{file}:slope", *ARGS, "--html", str(page), "--json", str(data)]
    assert main(command) == 0
    assert not capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")
    found = json.loads(data.read_text())
    assert found["lines"][0]["text"].strip() == "r = np.tanh(x @ w) - y"
    assert all(kernel["seconds"] > 0.0 for kernel in found["kernels"])


@pytest.mark.parametrize("name", ["slope", "loss"])
def test_transforms(name: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explain", f"{file}:{name}", *ARGS, "--transform", "grad", "--show", "source"]
    assert main(command) == 0
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
    assert {"numpy", "llvm", "target", "cpu", "vectors", "threads", "cache", "blas"} <= facts.keys()


WRONG: dict[str, tuple[Sequence[str], str, int]] = {
    "no function": (["{file}"], "names no function; write FILE:FUNCTION", 2),
    "no place": ([":loss"], ":loss names no function", 2),
    "no file": (["nowhere.py:f"], "there is no file nowhere.py", 2),
    "no module": (["no_such_module:f"], "there is no module no_such_module", 2),
    "no name of a module": (["./nowhere:f"], "there is no module ./nowhere", 2),
    "without .py": (["{folder}/models_of_a_test:loss"], "the file is {folder}/models_of_a_", 2),
    "no such function": (["{file}:los"], "there is no function los in {file}, but loss", 2),
    "bad argument": (["{file}:loss", "--args", "1 +"], "the argument '1 +': SyntaxError", 2),
    "no such type": (["{file}:loss", "--args", "f99[3]"], "name 'f99' is not defined", 2),
    "no such array": (["{file}:loss", "--args", "no.npy"], "No such file or directory", 2),
    "static without a name": (["{file}:loss", "--static", "1"], "write NAME=VALUE", 2),
    "static, compiled": (["{file}:slope", "--static", "x=1"], "is compiled already", 2),
    "wrong arguments": (["{file}:loss", "--args", "1.0"], "TypeError: loss() missing 2", 1),
    "fails": (["{file}:fails", "--args", "1.0"], "KeyError: 'inside'\n  at models_of", 1),
    "no method": (["{file}:no_method", "--args", "1.0"], "nothing'\n  at models_of_a_test.py:", 1),
    "no folder": (["{file}:loss", *ARGS, "--html", "{folder}/no/x.html"], "cannot be written", 2),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message, code = WRONG[name]
    places = {"{file}": str(file), "{folder}": str(file.parent)}
    for place, path in places.items():
        arguments = [x.replace(place, path) for x in arguments]
        message = message.replace(place, path)
    with pytest.raises(SystemExit) as ended:
        main(["explain", *arguments])
    assert ended.value.code == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["info", "--only", "colour"], "no 'colour'"), (["explode"], "invalid choice: 'explode'")],
)
def test_errors_of_commands(
    arguments: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
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


def test_as_a_module(file: Path) -> None:
    """No line of the command line itself is told as the user's."""
    command = [sys.executable, "-m", "pullback", "explain", f"{file}:Model.predict", "--args"]
    found = subprocess.run([*command, "model", "f64[3]"], capture_output=True, text=True)
    assert found.returncode == 1
    assert "an argument of type Model cannot be compiled" in found.stderr
    assert "\n  at " not in found.stderr
