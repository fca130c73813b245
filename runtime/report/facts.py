"""What stands above all tables."""

from __future__ import annotations

from .model import Report
from .units import amount, bytes_text, seconds_text


def facts(report: Report) -> list[tuple[str, str]]:
    """Pairs of a name and a value."""
    lines = [*report.lines, report.other]
    found = [
        ("kernels", str(len(report.kernels))),
        ("operations", amount(sum(line.flops for line in lines))),
        ("moved", bytes_text(sum(line.moved for line in lines))),
        ("workspace", bytes_text(report.workspace_bytes)),
        ("kept for derivative", bytes_text(sum(line.kept for line in lines))),
        ("compiled in", seconds_text(sum(stage.seconds for stage in report.stages))),
    ]
    if report.measured is not None:
        found.insert(0, ("a call", seconds_text(report.measured.call)))
    return found


def how_measured(report: Report) -> str:
    """What of a report is measured, and what is counted or guessed."""
    counted = "Operations and bytes are counted in the plan."
    if report.measured is None:
        return f"{counted} Nothing was run: there are no times, and no adjoints."
    times = (
        f"Times are measured kernel by kernel, as medians of {report.measured.calls} calls; "
        "how its lines share the time of a kernel is modelled, by the work that each has in it."
    )
    if any(kernel.inner for kernel in report.kernels):
        times += (
            " Loops are measured as a whole, and which part of that their kernels take by other "
            "code, with timers in the loops."
            if len(report.measured.kernels) > len(report.kernels)
            else " So is that of a loop, since a function with effects is run once."
        )
    known = any(line.largest_adjoint is not None for line in report.lines)
    adjoints = (
        "Adjoints are computed by NumPy, at these arguments."
        if known
        else "There are no adjoints: nothing is a derivative in reverse mode, or NumPy takes long."
    )
    return f"{times} {counted} {adjoints}"
