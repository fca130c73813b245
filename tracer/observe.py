"""What passes make on the way from a function to its graph, told to whoever looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from .ir import Graph

Observer = Callable[[str, Graph, float, float], None]
"""``observer(name, graph, start, end)`` is called with what each pass has made, and when."""


class _Observing(threading.local):
    def __init__(self) -> None:
        self.observer: Observer | None = None


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
