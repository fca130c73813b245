"""What passes make on the way from a function to its graph, told to whoever looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from .ir import Graph, Node
from .trace import Tracer, active_traces

Observer = Callable[[str, Graph, float, float], None]
"""``observer(name, graph, start, end)`` is called with what each pass has made, and when."""


class _Observing(threading.local):
    def __init__(self) -> None:
        self.observer: Observer | None = None
        self.cotangents: dict[Node, Tracer] | None = None


_observing = _Observing()


@contextmanager
def observed(observer: Observer) -> Generator[None]:
    """Within the block, let a function see the graphs that passes make."""
    before, _observing.observer = _observing.observer, observer
    try:
        yield
    finally:
        _observing.observer = before


def observe(name: str, graph: Graph, start: float) -> None:
    """Tell whoever looks what a pass has made since ``start``, a time of `time.perf_counter`."""
    if _observing.observer is not None:
        _observing.observer(name, graph, start, time.perf_counter())


@contextmanager
def cotangents_told() -> Generator[dict[Node, Tracer]]:
    """The cotangents of all that functions compute which are differentiated within the block.

    Those within functions that are transformed once more are not among them.
    """
    before, _observing.cotangents = _observing.cotangents, {}
    try:
        yield _observing.cotangents
    finally:
        _observing.cotangents = before


def cotangents_wanted() -> bool:
    """Whether somebody looks at the cotangents of what is being traced."""
    return _observing.cotangents is not None and len(active_traces()) == 1


def tell_cotangents(found: dict[Node, Tracer]) -> None:
    """Tell the cotangents of nodes."""
    if _observing.cotangents is not None:
        _observing.cotangents.update(found)
