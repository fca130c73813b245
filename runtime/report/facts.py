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
