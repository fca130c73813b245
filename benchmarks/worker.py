"""One tool and one family in a process of their own.

`python worker.py TOOL FAMILY one|all` takes orders as lines of JSON and answers each with one:

    {"do": "first", "save": path}   the first call; results go to the file   -> seconds
    {"do": "sample", "for": s}      calls for about s seconds                -> [seconds a call]
    {"do": "again"}                 the first call of what is compiled once more    -> seconds
    {"do": "memory"}                most memory since before the first call, and in calls after it
                                    of the process's own                     -> [bytes, bytes]
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from families import FAMILIES, Family
from tools import TOOLS, Call, Tool, leaves, one_thread

SAMPLE_SECONDS = 2e-3
CALLS_FOR_MEMORY = 3


class Worker:
    """The state between orders."""

    def __init__(self, tool: Tool, family: Family) -> None:
        self._tool, self._family = tool, family
        self._calls = _calls(tool, family)
        self._call = next(self._calls)
        self._number = 1
        self._memory = Memory()

    def first(self, save: str) -> float:
        start = time.perf_counter()
        result = self._call()
        seconds = time.perf_counter() - start
        np.savez(save, *leaves(result))
        if not self._family.fresh:
            self._number = _number(self._call)
        return seconds

    def sample(self, seconds: float) -> list[float]:
        samples: list[float] = []
        end = time.perf_counter() + seconds
        while not samples or time.perf_counter() < end:
            call = next(self._calls)
            samples.append(_timed(call, self._number))
        return samples

    def again(self) -> float:
        """The first call with everything but the program warm."""
        self._tool.forget()
        call = next(_calls(self._tool, self._family))
        return _timed(call, 1)

    def memory(self) -> tuple[int, int | None]:
        peak = self._memory.peak()
        if self._family.fresh:
            return peak, None
        self._memory.forget_peak()
        for _ in range(CALLS_FOR_MEMORY):
            self._call()
        return peak, self._memory.own_peak()


def _calls(tool: Tool, family: Family) -> Iterator[Call]:
    """The call to time; a new one each time if first calls are timed."""
    inputs = family.inputs(*family.size)
    if not family.fresh:
        return itertools.repeat(tool.prepare(family, family.program, inputs))
    return _fresh(tool, family, inputs)


def _fresh(tool: Tool, family: Family, inputs: Sequence[Any]) -> Iterator[Call]:
    for n in itertools.count():
        if family.stored:
            tool.forget()
        yield tool.prepare(family, family.program(1 if family.stored else 1 + n / 8), inputs)


def _timed(call: Callable[[], Any], number: int) -> float:
    """Mean seconds of a call."""
    repeats = itertools.repeat(None, number)
    start = time.perf_counter()
    for _ in repeats:
        call()
    return (time.perf_counter() - start) / number


def _number(call: Call) -> int:
    """How many calls make a sample; they serve as warm-up, too."""
    number = 1
    while (seconds := _timed(call, number) * number) < SAMPLE_SECONDS:
        number = max(2 * number, int(number * SAMPLE_SECONDS / max(seconds, 1e-9) / 2))
    return number


class Memory:
    """Memory in use beyond what it was; Linux only, nothing elsewhere."""

    _status = Path("/proc/self/status")

    def __init__(self) -> None:
        self.forget_peak()
        self._before, self._own_before = self._read("VmRSS"), self._read("RssAnon")

    def forget_peak(self) -> None:
        if self._status.exists():
            Path("/proc/self/clear_refs").write_text("5")

    def peak(self) -> int:
        return self._read("VmHWM") - self._before

    def own_peak(self) -> int:
        """Without the pages of files, libraries above all, which processes share."""
        files = self._read("RssFile") + self._read("RssShmem")
        return self._read("VmHWM") - files - self._own_before

    def _read(self, name: str) -> int:
        if not self._status.exists():
            return 0
        line = next(x for x in self._status.read_text().splitlines() if x.startswith(name))
        return int(line.split()[1]) * 1024


def main(tool: str, name: str, threads: str) -> None:
    family = next(f for f in FAMILIES if f.name == name)
    if threads == "one":
        one_thread(tool)
    worker = Worker(TOOLS[tool](), family)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        match order["do"]:
            case "first":
                answer: Any = worker.first(order["save"])
            case "sample":
                answer = worker.sample(order["for"])
            case "again":
                answer = worker.again()
            case _:
                answer = worker.memory()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
