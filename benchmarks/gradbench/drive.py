"""One of GradBench's evaluations run against one tool.

    python benchmarks/gradbench/drive.py CHECKOUT lse "python benchmarks/gradbench/pullback_tool.py"

The two are processes that talk in lines of JSON, and this one stands between them: it passes on
what they say and keeps the times. CHECKOUT is a clone of https://github.com/gradbench/gradbench, of
which the evaluations run as they are. Most of them validate results against C++ programs, built by
`make -C cpp && make -C tools/manual all` in the checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any


class SilenceError(Exception):
    """The other side ended, or took too long."""


@dataclass
class Row:
    """What an evaluation asked for, and what came back: nanoseconds by name of the timing."""

    function: str
    workload: str
    error: str | None
    nanoseconds: dict[str, list[int]] = field(default_factory=dict)
    valid: bool | None = None

    @property
    def verdict(self) -> str:
        if self.error is not None:
            return "failed"
        return {True: "valid", False: "INVALID", None: "unchecked"}[self.valid]

    def best(self, name: str = "evaluate") -> float:
        """Seconds; infinitely many if there is no such timing."""
        return min(self.nanoseconds.get(name, ()), default=float("inf")) / 1e9


class Child:
    """A process spoken to in lines."""

    def __init__(self, command: Sequence[str], errors: IO[str], **options: Any) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, bufsize=1, **options
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)

    @property
    def _output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SilenceError("ended") from None

    def line(self, seconds: float) -> str:
        """The next line; a child writes whole lines, so to wait for its beginning will do."""
        if not self._selector.select(seconds):
            raise SilenceError(f"no answer for {seconds:.0f} s")
        line = self._output.readline()
        if not line:
            raise SilenceError("ended")
        return line

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def converse(evaluation: Child, tool: Child, limit: float) -> list[Row]:
    """Pass messages on until the evaluation ends."""
    rows: dict[int, Row] = {}
    while True:
        try:
            asked = evaluation.line(limit)
        except SilenceError:
            return list(rows.values())
        message = json.loads(asked)
        if message["kind"] == "analysis":
            rows[message["of"]].valid = message["valid"]
        row = Row(message.get("function", ""), _workload(message), "no answer")
        if message["kind"] == "evaluate":
            rows[message["id"]] = row
        try:
            tool.send(asked)
            answered = tool.line(limit)
            evaluation.send(answered)
        except SilenceError:
            return list(rows.values())
        if message["kind"] == "evaluate":
            _take(row, json.loads(answered))


def _workload(message: Mapping[str, Any]) -> str:
    return message.get("description") or json.dumps(message.get("input"))[:24]


def _take(row: Row, answer: Mapping[str, Any]) -> None:
    row.error = None if answer["success"] else answer.get("error", "failed")
    for timing in answer.get("timings") or ():
        row.nanoseconds.setdefault(timing["name"], []).append(timing["nanoseconds"])


def run(
    checkout: Path,
    evaluation: str,
    arguments: Sequence[str],
    tool: Sequence[str],
    limit: float = 120.0,
    environment: Mapping[str, str] | None = None,
    settle: Callable[[], None] | None = None,
) -> tuple[list[Row], str]:
    """What an evaluation measured of a tool, and the last line that either said on its way out."""
    package = checkout / "python" / "gradbench"
    script = package / "gradbench" / "evals" / evaluation / "run.py"
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**os.environ, "PYTHONPATH": path}
    options: dict[str, Any] = {"cwd": checkout}
    with tempfile.TemporaryFile("w+") as errors:
        asking = Child([sys.executable, str(script), *arguments], errors, env=variables, **options)
        variables |= environment or {}
        answering = Child(tool, errors, env=variables, preexec_fn=settle, **options)
        try:
            rows = converse(asking, answering, limit)
        finally:
            answering.stop()
            asking.stop()
        errors.seek(0)
        said = errors.read().strip().splitlines()
    return rows, said[-1] if said else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("evaluation")
    parser.add_argument("tool", help="a command line")
    parser.add_argument("--arguments", default="", help="of the evaluation, such as '-n 2500'")
    options = parser.parse_args()
    arguments = shlex.split(options.arguments)
    tool = shlex.split(options.tool)
    start = time.perf_counter()
    rows, said = run(options.checkout.resolve(), options.evaluation, arguments, tool)
    for row in rows:
        times = {name: f"{min(x) / 1e3:.4g} us" for name, x in row.nanoseconds.items()}
        print(f"{row.function:10} {row.workload:28} {row.verdict:9} {times} {row.error or ''}")
    print(f"{time.perf_counter() - start:.1f} s {said}")
    return sum(row.verdict != "valid" for row in rows) or not rows


if __name__ == "__main__":
    raise SystemExit(main())
