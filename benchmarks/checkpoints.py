"""What reverse mode keeps of a long scan, and what that takes: memory and time by `checkpoint`.

`python benchmarks/checkpoints.py` measures them all, each in a process of its own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import pullback as pb

STEPS, STATE = 100_000, 100
CHECKPOINTS: dict[str, Any] = {
    "none": None,
    "sqrt": "sqrt",
    "log": "log",
    "binomial": "binomial",
    "binomial, 5": ("binomial", 5),
    "binomial, 50": ("binomial", 50),
    "binomial, 500": ("binomial", 500),
}


class Kept(NamedTuple):
    """A way, bytes of workspace by the plan, bytes that a call adds to the process, best seconds,
    and how far the gradient is from that without checkpoints."""

    name: str
    planned: int
    taken: int
    seconds: float
    apart: float


def loss(a: Any, checkpoint: Any) -> Any:
    """A state that is turned, damped and driven in every step."""

    def step(c: Any, _: None) -> Any:
        return np.sin(c + a) - 0.1 * np.roll(c, 1), None

    return np.sum(pb.scan(step, a, length=STEPS, checkpoint=checkpoint)[0])


def measured_here(name: str, rounds: int) -> tuple[int, int, float, list[float]]:
    """Planned and taken bytes, best seconds, and the gradient, of this process."""
    slope = pb.grad(lambda a: loss(a, CHECKPOINTS[name]))
    point = np.linspace(-1.0, 1.0, STATE)
    planned = slope.plan(point).workspace_bytes
    before = _peak()
    seconds, gradient = [], point
    for _ in range(rounds):
        start = time.perf_counter()
        gradient = slope(point)
        seconds.append(time.perf_counter() - start)
    return planned, _peak() - before, min(seconds), gradient.tolist()


def _peak() -> int:
    """The most bytes that this process has taken."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def checkpoints(rounds: int = 5) -> list[Kept]:
    """Each way in a process of its own."""
    found = []
    want: np.ndarray[Any, Any] | None = None
    for name in CHECKPOINTS:
        command = [sys.executable, __file__, name, str(rounds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        planned, taken, seconds, gradient = json.loads(done.stdout)
        got = np.array(gradient)
        want = got if want is None else want
        apart = float(np.max(np.abs(got - want)) / np.max(np.abs(want)))
        found.append(Kept(name, planned, taken, seconds, apart))
    return found


def section(kept: Sequence[Kept]) -> str:
    """The table, in Markdown."""
    from report import columns, seconds

    plain = kept[0].seconds
    cells = [
        (
            x.name, _bytes(x.planned), _bytes(x.taken), seconds(x.seconds),
            f"{x.seconds / plain:.2f}x", f"{x.apart:.0e}",
        )
        for x in kept
    ]  # fmt: skip
    return columns(("checkpoint", "workspace", "resident", "best", "time", "apart"), cells)


def _bytes(count: int) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.3g} kB"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measured_here(sys.argv[1], int(sys.argv[2]))))
    else:
        print(section(checkpoints()))
