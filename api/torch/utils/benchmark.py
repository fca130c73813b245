"""Times of statements: ``torch.utils.benchmark``."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..tensors import Tensor

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (0.0, "ns"))


@dataclass(slots=True)
class Measurement:
    """What a `Timer` has measured.

    ``raw_times`` are the seconds of several runs, of ``number_per_run`` statements each.
    """

    number_per_run: int
    raw_times: list[float]
    title: str

    @property
    def times(self) -> list[float]:
        """Seconds for one statement, in each run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return statistics.fmean(self.times)

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self.times)

    def __repr__(self) -> str:
        least, unit = next((x, name) for x, name in _UNITS if self.median >= x)
        middle = self.median / (least or 1e-9)
        runs = len(self.raw_times)
        middle_text = f"Median: {middle:.2f}" if runs > 1 else f"{middle:.2f}"
        per_run = "runs per measurement" if runs > 1 else "runs "
        return (
            f"<{type(self).__module__}.{type(self).__name__}>\n{self.title}\n"
            f"  {middle_text} {unit}\n"
            f"  {runs} measurement{'s' if runs > 1 else ''}, {self.number_per_run} {per_run}, "
            "1 thread"
        )


class Timer:
    """Measures how long a statement takes.

    Where the statement is an expression that gives tensors, their values are computed.

    >>> timer = torch.utils.benchmark.Timer("x + 1", globals={"x": torch.ones(3)})
    >>> timer.timeit(10).number_per_run
    10
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = None,
    ) -> None:
        names = dict(globals or {})
        exec(setup, names)
        self.title = ": ".join(x for x in (label or stmt, sub_label, description) if x)
        self._timer = timeit.Timer(_computed(stmt, names), timer=timer)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One run of so many statements."""
        self._timer.timeit(max(number // 100, 1))
        return Measurement(number, [self._timer.timeit(number)], self.title)

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Runs that are long enough to be measured, for so many seconds altogether."""
        number, _ = self._timer.autorange()
        number = max(number // 10, 1)
        times: list[float] = []
        while sum(times) < min_run_time or not times:
            times.append(self._timer.timeit(number))
        return Measurement(number, times, self.title)

    adaptive_autorange = blocked_autorange


def _computed(statement: str, names: dict[str, Any]) -> Callable[[], None]:
    try:
        code = compile(statement, "<timer>", "eval")
    except SyntaxError:
        code = compile(statement, "<timer>", "exec")

    def run() -> None:
        waiting: list[Any] = [eval(code, names)]
        while waiting:
            x = waiting.pop()
            if isinstance(x, Tensor):
                x.value()
            elif isinstance(x, (tuple, list)):
                waiting.extend(x)

    return run
