"""A report as tables of plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from pullback.tracer.colour import shown

from .facts import facts, how_measured
from .model import KernelReport, LineReport, Report
from .units import amount, bytes_text, number, seconds_text

TEXT_WIDTH = 44
"""How much of a line of Python is shown."""

NOTE_WIDTH = 100


def tables(report: Report) -> str:
    """The tables of a report, in colours where `print` shows them in a terminal."""
    parts = [_head(report), _line_table(report), _kernel_table(report)]
    if report.blocks:
        parts.append(_memory_table(report))
    parts.append(_stage_table(report))
    return shown("\n\n".join(parts), "tables")


def _head(report: Report) -> str:
    told = [f"{report.name}{report.signature}"]
    told += [f"{name} {value}" for name, value in facts(report)]
    if report.measured is not None:
        told[1] += f" (median of {report.measured.calls})"
    return f"{told[0]}\n{', '.join(told[1:])}"


def _line_table(report: Report) -> str:
    shown_lines = [*report.lines, *([report.other] if _counts(report.other) else [])]
    rows = [_line_row(line, report) for line in shown_lines]
    head = ("line", "", "nodes", "deriv.", "flops", "moved", "kept")
    timed = ("time", "", "adjoint") if report.measured is not None else ()
    note = textwrap.fill(how_measured(report), NOTE_WIDTH)
    return f"{_table('lines', (*head, *timed), rows)}\n{note}"


def _counts(line: LineReport) -> bool:
    return bool(line.flops or line.moved or line.kept or line.seconds)


def _line_row(line: LineReport, report: Report) -> Sequence[str]:
    text = _cut(line.text.strip())
    more = "+" if line.at_least else ""
    row = [line.place, text, str(line.nodes), str(line.derivative_nodes)]
    row += [amount(line.flops) + more, bytes_text(line.moved) + more, bytes_text(line.kept)]
    if report.measured is not None:
        seconds = line.seconds or 0.0
        whole = report.seconds or 1.0
        row += [seconds_text(seconds), f"{100 * seconds / whole:.0f}%"]
        row.append("" if line.largest_adjoint is None else number(line.largest_adjoint))
    return row


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_WIDTH else f"{text[: TEXT_WIDTH - 1]}…"


def _kernel_table(report: Report) -> str:
    rows = [_kernel_row(kernel, report) for kernel in report.all_kernels]
    timed = () if report.measured is None else ("time", "runs")
    head = ("kernel", "", "flops", "moved", *timed, "computes", "lines")
    return _table("kernels", head, rows, lefts=2)


def _kernel_row(kernel: KernelReport, report: Report) -> Sequence[str]:
    title = f"{'  ' * kernel.number.count('.')}{kernel.title}"
    row = [kernel.number, title, amount(kernel.flops), bytes_text(kernel.moved)]
    if kernel.seconds is not None:
        row += [seconds_text(kernel.seconds), "" if kernel.runs is None else str(kernel.runs)]
    places = dict.fromkeys(report.lines[mark // 2].place for mark in kernel.marks)
    return [*row, _cut(kernel.computed), ", ".join(places)]


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


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], lefts: int = 0) -> str:
    """Columns as wide as what is in them; but for the first two and the last ones, so many
    (``lefts``), they end at the right.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    signs = ["<", "<", *(">" for _ in head[2 + lefts :]), *("<" * lefts)]

    def row(cells: Sequence[str]) -> str:
        columns = zip(cells, signs, widths, strict=True)
        return "  ".join(f"{cell:{sign}{width}}" for cell, sign, width in columns).rstrip()

    return "\n".join([title, row(head), *map(row, rows)])
