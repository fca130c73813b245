"""docs/torch_operations.md: PyTorch's operations, and how far ours agree with them.

Written by ``python -m tests.opinfo_report``, with PyTorch installed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .opinfo import ASPECTS, OF_ITS_OWN, RANDOM, Summary, described, our_function, summary, title

PAGE = Path(__file__).resolve().parents[1] / "docs" / "torch_operations.md"
SAMPLES = 8
HEAD = f"""\
# Operations beside PyTorch

PyTorch describes its operations with samples of their arguments, for its own tests. Here the first
{SAMPLES} samples of each are run by PyTorch and by `pullback.torch`, in float64, or complex128, or
int64 where an operation takes no floats: results with shapes and dtypes, gradients, and derivatives
of gradients. ✓ means that all samples agree, ``5 of 8`` that so many do; – that PyTorch has no
derivative either.

Written by `python -m tests.opinfo_report`; `tests/test_opinfo.py` looks after every ✓.
"""
WHY = """
## Where they differ

- `as_strided (partial_views)`: samples that are views of a tensor that PyTorch makes in between.
- `as_strided_scatter`: PyTorch's gradient by the input is that of the places that are replaced,
  not of those that are kept.
- `linalg.norm (subgradients_at_zero)`, `masked.logaddexp`: second derivatives at 0, and at
  infinity, are NaN in PyTorch and 0 here.
- `special.bessel_j0`, `special.bessel_y1`: PyTorch's values are off by up to 1e-6."""
ROW = re.compile(r"^\| `([^`]+)`([^|]*)\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def row(op: Any, found: Summary) -> str:
    """One line of the table."""
    name, _, variant = title(op).partition(" ")
    cells = [_cell(found, aspect) for aspect in ASPECTS]
    return f"| `{name}` {variant} | {' | '.join(cells)} |".replace("`  |", "` |")


def _cell(found: Summary, aspect: str) -> str:
    count = found.agreed.get(aspect)
    if count is None:
        return "–"
    return "✓" if count == found.total else f"{count} of {found.total}"


def all_agree(text: str) -> list[str]:
    """The operations of which the page says that all samples agree in all aspects."""
    rows = ROW.findall(text)
    return [
        f"{name} {variant.strip()}".strip()
        for name, variant, *cells in rows
        if all(cell in ("✓", "–") for cell in cells)
    ]


def page() -> str:
    """The whole page."""
    lines, missing = [], []
    for op in described():
        if our_function(op) is None:
            missing.append(f"`{op.name}`")
        else:
            lines.append(row(op, summary(op, SAMPLES)))
    table = ["| operation | forward | gradient | second order |", "|---|---|---|---|", *lines]
    made_up = sorted(name for name in RANDOM.split() if f"| `{name}`" in "\n".join(lines))
    return "\n".join(
        [
            HEAD,
            *table,
            "\nOf random ones shapes and dtypes are compared: "
            + ", ".join(f"`{name}`" for name in made_up)
            + ".",
            "\nNot compared, as they are compositions that PyTorch makes for its tests: "
            + ", ".join(f"`{name}`" for name in sorted(OF_ITS_OWN))
            + ".",
            WHY,
            "\n## Not there\n\n" + ", ".join(dict.fromkeys(missing)) + ".\n",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
