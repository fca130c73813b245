"""The fusion plan and the memory plan as pictures (SVG); the page that shows them has the colours.

What belongs to a line carries its marks, in an attribute that the page reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from .model import Block, Computed, KernelReport, Report
from .units import amount, bytes_text, seconds_text

CHARACTER = 6.7
"""The width of a character of 11 pixels, in a typewriter's font."""

ROW, CHIP, LEFT, NUMBERS, TITLES, WIDTH, BARS, INDENT = 40, 18, 90, 36, 330, 1200, 180, 18
MOST_KERNELS, MOST_ARCS = 1500, 400

MEMORY_HEIGHT, AXIS = 300, 64


def fusion_picture(report: Report) -> str:
    """A row for each kernel: what it is, the primitives that are fused in it, what it takes.

    Curves at the left lead from the kernel that writes a temporary to the last that reads it.
    """
    every = report.all_kernels
    kernels = every[:MOST_KERNELS]
    height = ROW * len(kernels) + 12
    rows = {kernel.number: row for row, kernel in enumerate(kernels)}
    parts = [*_arcs(report.blocks, rows)]
    most = max((_weight(kernel) for kernel in kernels), default=1) or 1
    for row, kernel in enumerate(kernels):
        parts += _kernel_row(row, kernel, most)
    if len(every) > len(kernels):
        height += ROW
        more = f"and {len(every) - len(kernels)} kernels more"
        parts.append(_text(LEFT, height - 16, more, "soft"))
    return _svg("fusion", WIDTH, height, "kernels and what is fused in them", parts)


def _kernel_row(row: int, kernel: KernelReport, most: float) -> Iterator[str]:
    top, left = ROW * row + 6, LEFT + INDENT * kernel.number.count(".")
    about = f"kernel {kernel.number}: {kernel.title}\nreads {', '.join(kernel.reads) or 'nothing'}"
    about += f"\nwrites {', '.join(kernel.writes) or 'nothing'}\ncomputes {kernel.computed}"
    marked = _marked(kernel.marks, kernel.nodes)
    yield f'<g class="kernel" tabindex="0"{marked}><title>{escape(about)}</title>'
    size = f'width="{WIDTH - left}" height="{ROW - 6}" rx="5"'
    yield f'<rect class="back" x="{left}" y="{top}" {size}/>'
    yield _text(left + 10, top + 21, kernel.number, "strong")
    start = left + NUMBERS + CHARACTER * max(len(kernel.number) - 2, 0)
    room = LEFT + TITLES - start - 8
    yield _text(start, top + 15, _cut(kernel.title, room), "")
    runs = "" if kernel.runs in (None, 1) else f"{kernel.runs} runs · "
    flow = f"{runs}{_cut(', '.join(kernel.reads), 110)} → {_cut(', '.join(kernel.writes), 110)}"
    yield _text(start, top + 28, _cut(flow, room), "soft small")
    yield from _bar(kernel, top, most)
    yield from _chips(kernel.steps, LEFT + TITLES + BARS + 16, top + 8)
    yield "</g>"


def _chips(steps: Sequence[Computed], x: float, y: float) -> Iterator[str]:
    """The primitives of a kernel, equal ones of a line once with their number."""
    groups: dict[tuple[str, int | None], list[int | None]] = {}
    for step in steps:
        groups.setdefault((step.name, step.mark), []).append(step.node)
    left = len(groups)
    for (name, mark), nodes in groups.items():
        label = name if len(nodes) == 1 else f"{name} ×{len(nodes)}"
        width = CHARACTER * len(label) + 12
        if x + width > WIDTH - 40 and left > 0:
            yield _text(x + 2, y + 13, f"+{left}", "soft")
            return
        kind = "none" if mark is None else "derivative" if mark % 2 else "function"
        marked = _marked([mark], nodes)
        yield f'<g class="chip {kind}"{marked}><rect x="{x:.1f}" y="{y}" width="{width:.1f}"'
        yield f' height="{CHIP}" rx="9"/>{_text(x + 6, y + 13, label, "")}</g>'
        x += width + 4
        left -= 1


def _marked(marks: Iterable[int | None], nodes: Iterable[int | None]) -> str:
    """The attributes that the page lights a part of a picture by."""
    told = [
        " ".join(str(x) for x in dict.fromkeys(found) if x is not None) for found in (marks, nodes)
    ]
    pairs = zip(("marks", "nodes"), told, strict=True)
    return "".join(f' data-{name}="{text}"' for name, text in pairs if text)


def _weight(kernel: KernelReport) -> float:
    return kernel.moved if kernel.seconds is None else kernel.seconds


def _bar(kernel: KernelReport, top: int, most: float) -> Iterator[str]:
    """The time of a kernel as the length of a bar; of one that was not run, the bytes it moves."""
    start = LEFT + TITLES
    told = bytes_text(kernel.moved) if kernel.seconds is None else seconds_text(kernel.seconds)
    length = max(BARS * _weight(kernel) / most, 1)
    yield f'<rect class="bar" x="{start}" y="{top + 22}" width="{length:.1f}" height="5" rx="2"/>'
    yield _text(start, top + 15, told, "")
    yield _text(start + BARS, top + 15, f"{amount(kernel.flops)} flop", "soft small end")


def _arcs(blocks: Sequence[Block], rows: Mapping[str, int]) -> Iterator[str]:
    """From the kernel that writes a temporary to the last that reads it."""
    arcs = [block for block in blocks if str(block.last) in rows and block.last > block.first]
    for block in sorted(arcs, key=lambda b: -b.bytes)[:MOST_ARCS]:
        first, last = (rows[str(n)] for n in (block.first, block.last))
        start, end = (ROW * n + ROW // 2 for n in (first, last))
        bow = min(12 + 9 * (last - first) ** 0.7, LEFT - 8)
        kind = "kept" if block.kept else "passing"
        marked = _marked([block.mark], [block.node])
        about = f"{block.name}: {block.type}, {bytes_text(block.bytes)}"
        yield (
            f'<path class="arc {kind}"{marked} d="M{LEFT} {start} C{LEFT - bow:.0f} {start}, '
            f'{LEFT - bow:.0f} {end}, {LEFT} {end}"><title>{escape(about)}</title></path>'
        )


def memory_picture(report: Report) -> str:
    """The workspace: memory upwards, kernels from left to right, a rectangle for each temporary."""
    times = max(len(report.kernels), 1)
    top = max(report.workspace_bytes, 1)
    step = (WIDTH - AXIS - 10) / times
    parts = [*_memory_axes(times, top, step)]
    for block in report.blocks:
        x, width = AXIS + step * block.first, step * (block.last - block.first + 1)
        height = MEMORY_HEIGHT * block.bytes / top
        y = 10 + MEMORY_HEIGHT * (1 - block.offset / top) - height
        kind = "kept" if block.kept else "passing"
        marked = _marked([block.mark], [block.node])
        label = f"{block.name} {block.type}"
        about = f"{label}\n{bytes_text(block.bytes)} at {block.offset}, "
        about += f"kernels {block.first} to {block.last}"
        about += ", kept for the derivative" if block.kept else ""
        parts.append(f'<g class="block {kind}"{marked}><title>{escape(about)}</title>')
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 0.5):.1f}"/>'
        )
        if height > 14 and width > 30:
            parts.append(_text(x + 5, y + height / 2 + 4, _cut(label, width - 8), "small"))
        parts.append("</g>")
    return _svg("memory", WIDTH, MEMORY_HEIGHT + 44, "the workspace over time", parts)


def _memory_axes(times: int, top: int, step: float) -> Iterator[str]:
    bottom = MEMORY_HEIGHT + 10
    for part in range(5):
        y = bottom - MEMORY_HEIGHT * part / 4
        yield f'<line class="grid" x1="{AXIS}" y1="{y}" x2="{WIDTH - 10}" y2="{y}"/>'
        yield _text(AXIS - 6, y + 4, bytes_text(top * part // 4), "soft small end")
    every = max(1, -(-times // 24))
    for time in range(0, times, every):
        yield _text(AXIS + step * (time + 0.5), bottom + 16, str(time), "soft small middle")
    yield _text(AXIS + (WIDTH - AXIS) / 2, bottom + 32, "kernel", "soft small middle")


def _cut(text: str, width: float) -> str:
    """As much of a text as there is room for."""
    room = max(int(width / CHARACTER), 1)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _svg(kind: str, width: float, height: float, about: str, parts: Iterable[str]) -> str:
    head = f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{about}"'
    return "\n".join([f'{head} xmlns="http://www.w3.org/2000/svg">', *parts, "</svg>"])
