"""A report as tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from pullback.tracer.colour import shown

from .model import LineReport, Report
from .units import amount, bytes_text, number, seconds_text

TEXT_WIDTH = 44
"""How much of a line of Python is shown."""


def tables(report: Report) -> str:
    """The tables of a report, in colours where `print` shows them in a terminal."""
    parts = [_head(report), _line_table(report), _kernel_table(report)]
    if report.blocks:
        parts.append(_memory_table(report))
    parts.append(_stage_table(report))
    return shown("\n\n".join(parts), "tables")


def _head(report: Report) -> str:
    told = [f"{report.name}{report.signature}: {len(report.kernels)} kernels"]
    told.append(f"workspace {bytes_text(report.workspace_bytes)}")
    if report.measured is not None:
        times = report.measured
        told.append(f"{seconds_text(times.call)} a call (median of {times.calls})")
    return ", ".join(told)


def _line_table(report: Report) -> str:
    shown_lines = [*report.lines, *([report.other] if _counts(report.other) else [])]
    rows = [_line_row(line, report) for line in shown_lines]
    head = ("line", "", "nodes", "deriv.", "flops", "moved", "kept")
    timed = ("time", "", "adjoint") if report.measured is not None else ()
    return _table("lines", (*head, *timed), rows)


def _counts(line: LineReport) -> bool:
    return bool(line.flops or line.moved or line.kept or line.seconds)


def _line_row(line: LineReport, report: Report) -> Sequence[str]:
    text = line.text.strip()
    if len(text) > TEXT_WIDTH:
        text = f"{text[: TEXT_WIDTH - 1]}…"
    more = "+" if line.at_least else ""
    row = [line.place, text, str(line.nodes), str(line.derivative_nodes)]
    row += [amount(line.flops) + more, bytes_text(line.moved) + more, bytes_text(line.kept)]
    if report.measured is not None:
        seconds = line.seconds or 0.0
        whole = sum(report.measured.kernels) or 1.0
        row += [seconds_text(seconds), f"{100 * seconds / whole:.0f}%"]
        row.append("" if line.largest_adjoint is None else number(line.largest_adjoint))
    return row


def _kernel_table(report: Report) -> str:
    rows: list[Sequence[str]] = []
    for i, kernel in enumerate(report.kernels):
        lines = ", ".join(dict.fromkeys(report.lines[mark // 2].place for mark in kernel.marks))
        time = [] if kernel.seconds is None else [seconds_text(kernel.seconds)]
        rows.append(
            [str(i), kernel.title, amount(kernel.flops), bytes_text(kernel.moved), *time, lines]
        )
    timed = () if report.measured is None else ("time",)
    return _table("kernels", ("kernel", "", "flops", "moved", *timed, "lines"), rows, last="<")


def _memory_table(report: Report) -> str:
    rows = [
        [x.name, x.type, str(x.offset), bytes_text(x.bytes), f"{x.first}-{x.last}", _kept(x.kept)]
        for x in report.blocks
    ]
    return _table("workspace", ("buffer", "", "offset", "size", "kernels", ""), rows)


def _kept(kept: bool) -> str:
    return "kept for the derivative" if kept else ""


def _stage_table(report: Report) -> str:
    rows = [
        [x.name, f"{x.count} {x.unit}", seconds_text(x.seconds)]
        for x in report.stages
        if not x.unchanged
    ]
    return _table("stages", ("pass", "makes", "time"), rows)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], last: str = ">") -> str:
    """Columns as wide as what is in them; but for the first two they end at the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    signs = ["<", "<", *(">" for _ in head[2:])]
    signs[-1] = last if len(head) > 2 else signs[-1]

    def row(cells: Sequence[str]) -> str:
        columns = zip(cells, signs, widths, strict=True)
        return "  ".join(f"{cell:{sign}{width}}" for cell, sign, width in columns).rstrip()

    return "\n".join([title, row(head), *map(row, rows)])
