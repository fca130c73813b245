"""Bars of how far ahead of its peers each family is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from measure import Measured, ratio
from tools import VALUE_ONLY

COLOURS = {
    "jax": "#4477aa",
    "jax, NumPy in and out": "#88bbdd",
    "torch": "#ee6677",
    "torch.compile": "#ffaabb",
    "autograd": "#228833",
    "numba": "#ccbb44",
    "casadi": "#aa3377",
    "manual C++": "#777777",
}


def draw(path: Path, title: str, ratios: Mapping[str, Mapping[str, float]]) -> None:
    """One line for each program; a dot for each peer at the times that we are ahead."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    names = list(ratios)[::-1]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.28 * len(names)), layout="constrained")
    for line, name in enumerate(names):
        if ratios[name]:
            axes.plot([1, min(ratios[name].values())], [line, line], color="0.75", lw=5, zorder=1)
    for peer, colour in COLOURS.items():
        places = [(ratios[name][peer], i) for i, name in enumerate(names) if peer in ratios[name]]
        if places:
            axes.scatter(*zip(*places, strict=True), color=colour, label=peer, s=28, zorder=2)
    axes.axvline(1, color="black", lw=0.8)
    axes.set(xscale="log", title=title, xlabel="times the time of pullback")
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="x", which="both", alpha=0.25)
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def of_families(all_measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Times ahead by family and peer."""
    return {
        m.name: {
            tool: times
            for tool in m.times
            if tool not in ("pullback", *VALUE_ONLY) and (times := ratio(m, tool)) is not None
        }
        for m in all_measured
    }
