"""Families measured: a process for each tool, rounds in turn, results compared."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from families import Family, Requirement
from tools import ONE_THREAD, TOOLS, VALUE_ONLY, installed

FIRST_CALLS = 3
"""In a process that has compiled before; the best of them counts."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, seconds of each, threads, and by which tools."""

    rounds: int = 7
    seconds: float = 0.1
    threads: str = "one"
    tools: tuple[str, ...] = tuple(TOOLS)


@dataclass(frozen=True)
class Times:
    """Seconds of a tool by round, and the most memory in bytes.

    ``first`` is of the first call in a process, ``again`` of one in a process that has compiled
    other things before. ``own`` is the most memory that is the process's own in calls after that.
    """

    first: float
    rounds: list[list[float]]
    memory: int
    again: float | None = None
    own: int | None = None

    @property
    def best(self) -> float:
        return min(min(samples) for samples in self.rounds)

    @property
    def median(self) -> float:
        return statistics.median([x for samples in self.rounds for x in samples])


@dataclass(frozen=True)
class Measured:
    """A family's times by tool, and how far each tool's results are from ours."""

    name: str
    threads: str
    times: dict[str, Times]
    apart: dict[str, float]
    tolerance: float
    requirement: Requirement | None = None

    @property
    def peer(self) -> str | None:
        """The fastest of the others that does the same."""
        peers = [name for name in self.times if name not in ("pullback", *VALUE_ONLY)]
        return min(peers, key=lambda name: self.times[name].best, default=None)


def ratio(measured: Measured, peer: str | None) -> float | None:
    """How many times the peer's time ours goes into: round by round, then the median."""
    if peer not in measured.times or "pullback" not in measured.times:
        return None
    ours, theirs = measured.times["pullback"].rounds, measured.times[peer].rounds
    return statistics.median([min(b) / min(a) for a, b in zip(ours, theirs, strict=True)])


class Process:
    """A worker, as seen from outside: a script that answers lines of JSON."""

    def __init__(self, script: str, *arguments: str, **variables: str) -> None:
        # An installed package has its bytecode: so has a clone, from the first process on.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment |= variables
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def ready(self) -> None:
        self._answer()

    def order(self, **what: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        said = self._process.communicate()[1].strip().splitlines()
        raise RuntimeError(said[-1] if said else "the worker ended")

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def worker(tool: str, family: Family, threads: str, folder: str) -> Process:
    """The process of a tool for a family."""
    variables = ONE_THREAD if threads == "one" else {}
    cache = folder if family.stored else ""
    arguments = (tool, family.name, threads)
    return Process("worker.py", *arguments, **variables, PULLBACK_CACHE_DIR=cache)


@contextlib.contextmanager
def processes(family: Family, threads: str, tools: Sequence[str]) -> Iterator[dict[str, Process]]:
    """A worker for each tool that is installed."""
    unable = () if family.value else VALUE_ONLY
    wanted = [x for x in family.tools if x in tools and x not in unable and installed(x)]
    with tempfile.TemporaryDirectory() as folder:
        made = {tool: worker(tool, family, threads, folder) for tool in wanted}
        try:
            yield made
        finally:
            for process in made.values():
                process.stop()


def measure(family: Family, plan: Plan) -> tuple[Measured, dict[str, str]]:
    """Times of all tools in turn, with one thread each or all; and what tools that failed said."""
    threads = "one" if family.one_thread else plan.threads
    failed: dict[str, str] = {}
    firsts: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        processes(family, threads, plan.tools) as workers,
    ):
        for tool, process in list(workers.items()):
            try:
                process.ready()
                firsts[tool] = process.order(do="first", save=f"{folder}/{tool}.npz")
            except RuntimeError as error:
                failed[tool] = str(error)
        alive = {tool: process for tool, process in workers.items() if tool in firsts}
        samples: dict[str, list[list[float]]] = {tool: [] for tool in alive}
        for _ in range(plan.rounds):
            for tool, process in alive.items():
                samples[tool].append(process.order(do="sample", **{"for": plan.seconds}))
        memory = {tool: process.order(do="memory") for tool, process in alive.items()}
        times = {
            tool: Times(
                firsts[tool],
                samples[tool],
                memory[tool][0],
                None
                if family.fresh
                else min(process.order(do="again") for _ in range(FIRST_CALLS)),
                memory[tool][1],
            )
            for tool, process in alive.items()
        }
        apart = _apart({tool: _load(f"{folder}/{tool}.npz") for tool in alive})
    measured = Measured(family.name, threads, times, apart, family.tolerance, family.requirement)
    return measured, failed


def _load(path: str) -> list[np.ndarray[Any, Any]]:
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


def _apart(results: dict[str, list[np.ndarray[Any, Any]]]) -> dict[str, float]:
    """How far the peers' results are from ours, relative to the largest number of each array."""
    ours = results.get("pullback")
    if ours is None:
        return {}
    return {
        tool: max(_distance(a, b) for a, b in zip(ours, theirs, strict=tool not in VALUE_ONLY))
        for tool, theirs in results.items()
        if tool != "pullback"
    }


def _distance(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    if a.shape != b.shape:
        return float("inf")
    scale = max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
    return float(np.max(np.abs(a - b), initial=0.0)) / scale
