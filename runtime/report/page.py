"""A report as a page of its own: style, scripts and data in one file, nothing from elsewhere."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from .facts import facts, how_measured
from .model import LineReport, Report
from .pictures import fusion_picture, memory_picture
from .units import amount, bytes_text, number, seconds_text

FOLDER = Path(__file__).parent / "page"
SCRIPTS = ("marks.js", "panes.js", "tables.js", "drawing.js", "main.js")
FRAME_HEIGHT = 820


def page(report: Report) -> str:
    """The whole page."""
    layout = _read("dagre.min.js").rpartition("//# sourceMappingURL")[0]
    parts = {
        "title": escape(report.name),
        "signature": escape(report.signature),
        "style": _read("page.css"),
        "layout": f"/*\n{_read('dagre.LICENSE.txt')}*/\n{layout}",
        "data": json.dumps(page_data(report), separators=(",", ":")).replace("<", "\\u003c"),
        "script": "\n".join(map(_read, SCRIPTS)),
        "measured": escape(how_measured(report)),
        "fusion": fusion_picture(report),
        "memory": memory_picture(report) if report.blocks else _NO_MEMORY,
    }
    return re.sub(r"<!--(\w+)-->", lambda found: parts[found[1]], _read("page.html"))


_NO_MEMORY = '<p class="empty">There are no temporaries: all values stay in registers.</p>'


def frame(report: Report) -> str:
    """The page within a page, as a notebook shows it."""
    style = f"width:100%;height:{FRAME_HEIGHT}px;border:1px solid #8884;border-radius:6px"
    return f'<iframe style="{style}" srcdoc="{escape(report.html())}"></iframe>'


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def page_data(report: Report) -> dict[str, Any]:
    """What the scripts of the page read."""
    changed = [stage for stage in report.stages if not stage.unchanged]
    shown = [
        {
            "name": stage.name,
            "kind": stage.kind,
            "size": f"{stage.count} {stage.unit}",
            "seconds": stage.seconds,
            "time": seconds_text(stage.seconds),
            "lines": text.lines,
            "marks": text.marks,
            "nodes": text.nodes,
        }
        for stage, text in zip(changed, report.texts, strict=True)
    ]
    return {
        "facts": facts(report),
        "rows": [[row.text, row.number, row.line] for row in report.rows],
        "lines": [_line(line, report) for line in report.lines],
        "other": _line(report.other, report),
        "measured": report.measured is not None,
        "stages": shown,
        "nodes": [
            [x.label, x.type, x.operands, x.mark, x.graph, x.inner, x.kind, x.primal]
            for x in report.nodes
        ],
    }


def _line(line: LineReport, report: Report) -> dict[str, Any]:
    """The cells of a line: numbers to sort by, and as people read them."""
    more = "+" if line.at_least else ""
    cells: dict[str, tuple[float, str]] = {
        "nodes": (line.nodes, str(line.nodes)),
        "derivative": (line.derivative_nodes, str(line.derivative_nodes)),
        "flops": (line.flops, amount(line.flops) + more),
        "moved": (line.moved, bytes_text(line.moved) + more),
        "kept": (line.kept, bytes_text(line.kept) if line.kept else ""),
    }
    if report.measured is not None:
        seconds = line.seconds or 0.0
        cells = {"time": (seconds, seconds_text(seconds)), **cells}
        adjoint = line.largest_adjoint
        # JSON has no infinities.
        size = -1.0 if adjoint is None else min(adjoint, 1e308) if adjoint == adjoint else 1e308
        cells["adjoint"] = (size, "" if adjoint is None else number(adjoint))
    return {"place": line.place, "text": line.text, "cells": cells}
