"""The autograd tutorial as a whole process: with `pullback.torch`, and with PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from families import Requirement
from measure import Measured, Plan, Times
from tools import installed

TUTORIAL = Path(__file__).parents[1] / "examples" / "autograd_tutorial.py"
OUR_IMPORT = "import pullback.torch as torch"
NAME = "whole process: autograd tutorial"


def whole_process(plan: Plan) -> tuple[Measured, dict[str, str]]:
    """Seconds of the two processes, started in turn."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = {"pullback": TUTORIAL}
        failed = {} if TUTORIAL.exists() else {"pullback": f"{TUTORIAL.name} is not there"}
        if not failed and "torch" in plan.tools and installed("torch"):
            scripts["torch"] = _for_torch(Path(folder))
        samples: dict[str, list[list[float]]] = {tool: [] for tool in scripts}
        memory = dict.fromkeys(scripts, 0)
        for _ in range(0 if failed else plan.rounds + 1):
            for tool, script in scripts.items():
                seconds, peak = _run(script, folder)
                samples[tool].append([seconds])
                memory[tool] = max(memory[tool], peak)
    times = {
        tool: Times(runs[0][0], runs[1:], memory[tool])
        for tool, runs in samples.items()
        if len(runs) > 1
    }
    return Measured(NAME, "all", times, {}, 0.0, Requirement(ratio=3.0, peer="torch")), failed


def _for_torch(folder: Path) -> Path:
    """A copy of the script in which only the import is another."""
    source = TUTORIAL.read_text()
    assert source.count(OUR_IMPORT) == 1, f"{TUTORIAL.name} should say {OUR_IMPORT!r} once"
    copy = folder / TUTORIAL.name
    copy.write_text(source.replace(OUR_IMPORT, "import torch"))
    return copy


def _run(script: Path, folder: str) -> tuple[float, int]:
    """Seconds from start to end, and the most memory in bytes."""
    start = time.perf_counter()
    # An installed package has its bytecode: so has a clone, from the first process on.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PULLBACK_CACHE_DIR"] = folder
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{script} failed"
    return seconds, usage.ru_maxrss * 1024
