"""A tool's side of GradBench's protocol: a line of JSON asks, a line answers.

https://github.com/gradbench/gradbench/blob/main/CONTRIBUTING.md describes it.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import IO, Any


@dataclass(frozen=True)
class Problem:
    """A function that an evaluation asks for.

    Attributes:
        prepare: arguments for `run` from the input of a message.
        run: what is timed; its first call, in which most tools compile, apart from the others.
        finish: what goes out as JSON, from the result.
    """

    prepare: Callable[[Any], tuple[Any, ...]]
    run: Callable[..., Any]
    finish: Callable[[Any], Any]


Prepare = Callable[[Any], tuple[Any, ...]]
Finish = Callable[[Any], Any]


def pair(
    f: Callable[..., Any],
    derivative: Callable[..., Any],
    prepare: Prepare,
    outputs: tuple[Finish, Finish],
    names: tuple[str, str] = ("primal", "gradient"),
) -> dict[str, Problem]:
    """A function and its derivative, of the same arguments."""
    return {
        name: Problem(prepare, run, finish)
        for name, run, finish in zip(names, (f, derivative), outputs, strict=True)
    }


def nested(
    make: Callable[..., Callable[..., Any]],
    modes: Mapping[str, Callable[..., Any]],
    prepare: Prepare,
    finish: Finish,
) -> dict[str, Problem]:
    """A program for each choice of modes outside and inside."""
    return {
        outer + inner: Problem(prepare, make(f, g), finish)
        for outer, f in modes.items()
        for inner, g in modes.items()
    }


Problems = Mapping[str, Mapping[str, Problem]]
"""By module and function."""


def measure(problem: Problem, given: Any) -> dict[str, Any]:
    """The answer to a message that asks for an evaluation."""
    began = perf_counter_ns()
    arguments = problem.prepare(given)
    prepared = perf_counter_ns()
    result = problem.run(*arguments)
    timings = [("prepare", prepared - began), ("compile", perf_counter_ns() - prepared)]
    wanted = given if isinstance(given, dict) else {}
    runs, spent = wanted.get("min_runs", 1), wanted.get("min_seconds", 0) * 1e9
    while runs > 0 or spent > 0:
        began = perf_counter_ns()
        result = problem.run(*arguments)
        taken = perf_counter_ns() - began
        timings.append(("evaluate", taken))
        runs, spent = runs - 1, spent - taken
    return {
        "success": True,
        "output": problem.finish(result),
        "timings": [{"name": name, "nanoseconds": taken} for name, taken in timings],
    }


def answer(name: str, problems: Problems, message: Mapping[str, Any]) -> dict[str, Any]:
    """What is said to a message."""
    match message["kind"]:
        case "start":
            said: dict[str, Any] = {"tool": name}
        case "define":
            said = {"success": message["module"] in problems}
        case "evaluate":
            try:
                said = measure(problems[message["module"]][message["function"]], message["input"])
            except Exception:  # noqa: BLE001 - whatever goes wrong is an answer
                said = {"success": False, "error": traceback.format_exc()[-1500:]}
        case _:
            said = {}
    return {"id": message["id"], **said}


def serve(name: str, problems: Problems, source: IO[str] = sys.stdin) -> None:
    """Answer every message until there are no more."""
    for line in source:
        print(json.dumps(answer(name, problems, json.loads(line))), flush=True)
