"""GradBench's evaluations, one workload or two of each, with all tools in turn.

`python benchmarks/run.py --gradbench CHECKOUT` puts the table into RESULTS.md.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drive import Row, run

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """Arguments that leave one workload of an evaluation; which functions are derivatives."""

    name: str
    evaluation: str
    arguments: str
    derivatives: tuple[str, ...] = ("gradient", "jacobian", "dir")


MODES = ("ff", "fr", "rf", "rr")

CASES = (
    Case("lse, 2,500", "lse", "-n 2500"),
    Case("lse, 1,280,000", "lse", "-n 1280000"),
    Case("llsq, 1,024, m 128", "llsq", "-n 1024"),
    Case("gmm, d10 k25 n1000", "gmm", "-d 10 -k 25"),
    Case("gmm, d32 k50 n1000", "gmm", "-d 32 -k 50"),
    Case("kmeans, k10 n1000 d8", "kmeans", "-k 10 -n 1000 -d 8"),
    Case("ode, n1000 s10", "ode", "-n 1000 -s 10"),
    Case("det, 5", "det", "-l 5"),
    Case("lstm, l2 c1024", "lstm", "-l 2 -c 1024"),
    Case("ba, ba1", "ba", "--min 1 --max 1"),
    Case("ht, simple small hand1", "ht", "--min 1 --max 1 --variant simple --model small"),
    Case("ht, complicated big hand1", "ht", "--min 1 --max 1 --variant complicated --model big"),
    *(Case(f"particle, {mode}", "particle", "", (mode,)) for mode in MODES),
    *(Case(f"saddle, {mode}", "saddle", "", (mode,)) for mode in MODES),
)


@dataclass(frozen=True)
class Peer:
    """The command of a tool, what has to be there for it, and the evaluations it answers."""

    command: tuple[str, ...]
    there: Callable[[Path], bool]
    evaluations: tuple[str, ...] = ()


def _python(script: str, module: str) -> Peer:
    command = (sys.executable, str(HERE / script))
    return Peer(command, lambda _: importlib.util.find_spec(module) is not None)


TOOLS = {
    "pullback": _python("pullback_tool.py", "pullback"),
    "jax": _python("peers/jax_tool.py", "jax"),
    "torch": _python("peers/torch_tool.py", "torch"),
    "autograd": _python("peers/autograd_tool.py", "autograd"),
    "casadi": _python("peers/casadi_tool.py", "casadi"),
    "manual C++": Peer(
        (sys.executable, "-m", "gradbench.cpp", "manual"),
        lambda checkout: (checkout / "tools" / "manual" / "bin").exists(),
    ),
}

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "PULLBACK_NUM_THREADS",
)


@dataclass(frozen=True)
class Compared:
    """Rows of the derivative by tool; and what tools without one said."""

    case: Case
    rows: dict[str, Row]
    said: dict[str, str]


def _one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def compare(checkout: Path, seconds: float, wanted: Sequence[str] = ()) -> Iterable[Compared]:
    """Every tool that is there, on one core; particle and saddle are run once for all modes."""
    kept: dict[tuple[str, str], tuple[list[Row], str]] = {}
    for case in CASES:
        if wanted and not any(part in case.name for part in wanted):
            continue
        found = Compared(case, {}, {})
        for name, tool in TOOLS.items():
            key = (name, case.evaluation + case.arguments)
            if key not in kept and tool.there(checkout):
                kept[key] = _run(checkout, case, tool, seconds)
            rows, said = kept.get(key, ([], "not there"))
            best = [row for row in rows if row.function in case.derivatives]
            if best and best[0].verdict != "failed":
                found.rows[name] = best[0]
            else:
                found.said[name] = (best[0].error if best else None) or said
        yield found


def _run(checkout: Path, case: Case, tool: Peer, seconds: float) -> tuple[list[Row], str]:
    arguments = [*case.arguments.split(), "--min-runs", "5", "--min-seconds", str(seconds)]
    variables = {**dict.fromkeys(THREADS, "1"), "PULLBACK_CACHE_DIR": ""}
    return run(checkout, case.evaluation, arguments, tool.command, 120.0, variables, _one_core)


def ratios(found: Sequence[Compared]) -> dict[str, dict[str, float]]:
    """Times that ours is ahead, by case and tool."""
    return {
        x.case.name: {
            tool: row.best() / x.rows["pullback"].best()
            for tool, row in x.rows.items()
            if tool != "pullback"
        }
        for x in found
        if "pullback" in x.rows
    }


EXPLANATION = """\
Derivatives of https://github.com/gradbench/gradbench, whose evaluations run unmodified and validate
what comes back: the best of many runs on one core, by programs of ours for each tool, and the
suite's own C++ with derivatives written by hand. *Prepared* is our first call, compilation
included."""


def section(found: Sequence[Compared]) -> str:
    """The table, in Markdown."""
    from report import columns, seconds

    cells = []
    for x in found:
        times = [_cell(x, tool, seconds) for tool in TOOLS]
        ours = x.rows.get("pullback")
        others = min(ratios([x]).get(x.case.name, {}).values(), default=None)
        cells.append(
            (
                x.case.name,
                *times,
                "" if others is None else f"{others:.3g}x",
                seconds(ours.best("compile")) if ours else "",
            )
        )
    titles = ("evaluation", *TOOLS, "ours ahead of the best", "prepared")
    plot = "![Times ahead in GradBench](gradbench.png)"
    return f"{EXPLANATION}\n\n{plot}\n\n{columns(titles, cells)}"


def _cell(x: Compared, tool: str, seconds: Callable[[float], str]) -> str:
    if tool not in x.rows:
        return "-"
    row = x.rows[tool]
    return seconds(row.best()) + ("" if row.verdict == "valid" else f" {row.verdict}")
