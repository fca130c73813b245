"""Tables of what was measured."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from measure import Measured, Times, ratio

COLUMNS = (
    "family",
    "tool",
    "best",
    "median",
    "first call",
    "in process",
    "peak memory",
    "of its own",
    "apart",
    "ours ahead",
)
PACKAGES = (
    *("pullback", "numpy", "scipy", "llvmlite"),
    *("jax", "jaxlib", "torch", "autograd", "numba", "casadi"),
)

EXPLANATION = """\
Each tool runs in a process of its own, on inputs as it likes them best (NumPy arrays, JAX arrays on
device, PyTorch tensors), on one core where nothing else is said; the processes take turns, and
every result is waited for. JAX is jitted with 64-bit numbers enabled, PyTorch is eager unless it
says compile, autograd is HIPS autograd; what Numba and CasADi run is written by hand for them, in
Numba's case the derivative too. NumPy computes the value alone, as a yardstick. *First call* is a
process's first, so that one-time set-up counts, *in process* the best of three after everything
compiled was let go; in the families of that name the other columns are of such calls. Compiled code
is not looked for on disk but where a program is *known before*, and by whole processes after the
first. *Peak memory* is what a process takes beyond its inputs, compilation included; for whole
processes it is all they take. *Of its own* is the most in calls after the first, without the pages
of files, libraries above all, which processes share: results, what is computed between, and what
compiling has left. *Apart* is the largest difference from our result, relative to the largest
number of the array. *Ours ahead* is the peer's time over ours, the best of a round each, median
over the rounds: the machine is shared, so ratios mean more than times."""

FUNCTIONS = """\
A million elements, compiled and by NumPy in turn; * marks what takes over 1.2 times as long."""

KEPT = """\
The gradient of a scan of 100,000 steps that carries 100 numbers, by what `checkpoint` keeps for
reverse mode, each in a process of its own. *Workspace* is by the plan, *resident* what the first
calls add to the memory of the process, *time* the best over that without checkpoints, *apart* the
largest difference from its gradient."""


def seconds(x: float) -> str:
    """A time with three digits.

    >>> seconds(1.234e-5)
    '12.3 us'
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if x >= scale:
            return f"{x / scale:.3g} {unit}" if x < 100 * scale else f"{x / scale:.0f} {unit}"
    return f"{x / 1e-9:.0f} ns"


def rows(measured: Measured) -> Iterable[tuple[str, ...]]:
    """A row for each tool."""
    title = measured.name + (" (all threads)" if measured.threads == "all" else "")
    for tool, times in measured.times.items():
        yield title, tool, *_numbers(times), _apart(measured, tool), _ahead(measured, tool)
        title = ""


def _numbers(times: Times) -> tuple[str, ...]:
    memory = f"{times.memory / 1e6:.0f} MB"
    own = "" if times.own is None else f"{times.own / 1e6:.0f} MB"
    again = "" if times.again is None else seconds(times.again)
    return seconds(times.best), seconds(times.median), seconds(times.first), again, memory, own


def _apart(measured: Measured, tool: str) -> str:
    if tool not in measured.apart:
        return ""
    return f"{measured.apart[tool]:.0e}" + ("" if agrees(measured, tool) else " DISAGREES")


def _ahead(measured: Measured, tool: str) -> str:
    times = ratio(measured, tool) if tool != "pullback" else None
    return "" if times is None else f"{times:.3g}x"


def agrees(measured: Measured, tool: str) -> bool:
    return measured.apart[tool] <= measured.tolerance


def required(measured: Measured) -> str | None:
    """What is required of a family, what was found, and whether that will do."""
    wanted = measured.requirement
    if wanted is None or "pullback" not in measured.times:
        return None
    parts: list[str] = []
    if wanted.seconds is not None:
        found = measured.times["pullback"].median
        said = f"median {seconds(found)}"
        parts.append(_verdict(found <= wanted.seconds, said, seconds(wanted.seconds)))
    peer = wanted.peer or measured.peer
    ahead = ratio(measured, peer)
    if wanted.ratio is not None and ahead is not None:
        needed = f"at least {wanted.ratio:g}x ahead of {peer}"
        parts.append(_verdict(ahead >= wanted.ratio, f"{ahead:.3g}x", needed))
    return f"{measured.name}: {'; '.join(parts)}" if parts else None


def _verdict(met: bool, found: str, wanted: str) -> str:
    limit = wanted if wanted.startswith("at") else f"at most {wanted}"
    return f"{found}, required {limit}: {'met' if met else 'NOT MET'}"


def columns(titles: tuple[str, ...], cells: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown, columns of one width each."""
    table = [titles, tuple("-" * len(title) for title in titles), *cells]
    widths = [max(len(row[i]) for row in table) for i in range(len(titles))]
    return "\n".join(
        "| " + " | ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)) + " |"
        for row in table
    )


def lines(all_measured: Sequence[Measured]) -> str:
    """The table of families."""
    return columns(COLUMNS, [row for m in all_measured for row in rows(m)])


def machine() -> str:
    """Processor and system, as far as known."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        model = named[0].partition(": ")[2] if named else model
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def ahead(all_measured: Sequence[Measured]) -> dict[str, float]:
    """How far ahead of the best peer each family is."""
    found = {m.name: ratio(m, m.peer) for m in all_measured}
    return {name: times for name, times in found.items() if times is not None}


def summary(all_measured: Sequence[Measured]) -> str:
    """The mean over families, and where a peer is ahead."""
    ratios = ahead(all_measured)
    if not ratios:
        return "No peer was measured."
    behind = [f"{name} ({times:.2f}x)" for name, times in ratios.items() if times < 1]
    return (
        f"Ahead of the best peer {statistics.geometric_mean(ratios.values()):.3g}x, geometric mean "
        f"over {len(ratios)} families; behind in {len(behind)}"
        + (f": {', '.join(behind)}." if behind else ".")
    )


@dataclass(frozen=True)
class Results:
    """What goes into RESULTS.md; sections that were not asked for are empty."""

    measured: Sequence[Measured]
    roof: str
    gradbench: str
    functions: str
    checkpoints: str
    symbols: str
    problems: Sequence[str]


def write(path: Path, results: Results) -> None:
    """RESULTS.md: families of gradients, a table of NumPy's functions, what went wrong."""
    demands = [text for m in results.measured if (text := required(m)) is not None]
    parts = [
        "# Results",
        f"`make bench` (`python benchmarks/run.py`) of {datetime.date.today()}.",
        f"- Machine: {machine()}\n- Versions: {versions()}",
        EXPLANATION,
        f"{summary(results.measured)}\n\n![Times ahead of the best peer](results.png)",
        lines(results.measured),
        f"## The machine\n\n{results.roof}",
        "## Required\n\n" + "\n".join(f"- {text}" for text in demands),
    ]
    if results.gradbench:
        parts.append(f"## GradBench\n\n{results.gradbench}")
    if results.functions:
        parts.append(f"## NumPy's functions\n\n{FUNCTIONS}\n\n{results.functions}")
    if results.checkpoints:
        parts.append(f"## Checkpoints\n\n{KEPT}\n\n{results.checkpoints}")
    if results.symbols:
        parts.append(f"## Symbols\n\n{results.symbols}")
    if results.problems:
        parts.append("## Not measured\n\n" + "\n".join(f"- {x}" for x in results.problems))
    path.write_text("\n\n".join(parts) + "\n")
