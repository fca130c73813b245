"""Reading what compiled functions show of themselves."""

from __future__ import annotations

from importlib import import_module

from pullback.tracer import text as texts
from pullback.tracer.ir import Graph

__all__ = ["parse"]


def parse(text: str) -> Graph:
    """Read a graph that `Graph.text` wrote, or `Function.stages` shows; colours do not matter.

    Args:
        text: in the grammar of ``docs/inspection.md``.

    Returns:
        The graph. Its text is the same once more. Python functions that it calls, and rules of
        users, are known by their names alone, so such a graph can be read but not be run.

    Raises:
        ValueError: naming the line that is not understood.

    >>> graph = pb.trace(lambda x: x * 2.0, 1.0)
    >>> pb.parse(graph.text()).text() == graph.text()
    True
    """
    # Lowering has primitives of its own, which are known once it is loaded.
    import_module("pullback.codegen.lowering")
    return texts.parse(text)
