"""Elementary and special functions, an element at a time: times beside the peers', and errors.

`python vector_math.py [FUNCTION...]` measures all functions or those named. Without names it puts
the tables into docs/numerics.md; with names it prints them. `--times` leaves the errors out.

Every tool has a process and a thread of its own, and they take turns. The time of an element is
what 4,096 elements and 16,384 differ by, so that what a call costs in itself does not count, and
both lie in the second-level cache; and that of a million elements, calls and memory included. NumPy
and PyTorch write to an array that is there, JAX and pullback make theirs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import Process
from tools import ONE_THREAD, installed, one_thread

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "numerics.md"
DTYPES = ("f64", "f32")
SMALL, LARGE, MANY = 4096, 16384, 1_000_000
ROUNDS, SECONDS = 9, 4e-3

Array = np.ndarray[Any, Any]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """What a function is called by each tool; "" where it has none. Operands are drawn inside."""

    numpy: str
    jax: str
    torch: str
    inside: tuple[Interval, ...] = ((-8.0, 8.0),)


def _both(name: str, *inside: Interval, torch: str | None = None) -> Row:
    """A function that all call the same, but perhaps PyTorch."""
    found = name if torch is None else torch
    return Row(f"numpy.{name}", f"jax.numpy.{name}", f"torch.{found}" if found else "", inside)


def _special(name: str, *inside: Interval, jax: bool = True, torch: str | None = None) -> Row:
    found = name if torch is None else torch
    jax_name = f"jax.scipy.special.{name}" if jax else ""
    return Row(f"scipy.special.{name}", jax_name, f"torch.special.{found}" if found else "", inside)


ANY, POSITIVE, UNIT, ABOVE = (-8.0, 8.0), (0.01, 8.0), (-0.98, 0.98), (1.0, 8.0)
HALF = (0.01, 0.98)

ROWS: dict[str, Row] = {
    "exp": _both("exp", ANY),
    "exp2": _both("exp2", ANY),
    "expm1": _both("expm1", ANY),
    "log": _both("log", POSITIVE),
    "log1p": _both("log1p", POSITIVE),
    "log2": _both("log2", POSITIVE),
    "log10": _both("log10", POSITIVE),
    "sqrt": _both("sqrt", POSITIVE),
    "cbrt": _both("cbrt", ANY, torch=""),
    "sin": _both("sin", ANY),
    "cos": _both("cos", ANY),
    "tan": _both("tan", ANY),
    "asin": _both("arcsin", UNIT),
    "acos": _both("arccos", UNIT),
    "atan": _both("arctan", ANY),
    "sinh": _both("sinh", ANY),
    "cosh": _both("cosh", ANY),
    "tanh": _both("tanh", ANY),
    "asinh": _both("arcsinh", ANY),
    "acosh": _both("arccosh", ABOVE),
    "atanh": _both("arctanh", UNIT),
    "pow": _both("power", POSITIVE, ANY, torch="pow"),
    "atan2": _both("arctan2", ANY, ANY),
    "logaddexp": _both("logaddexp", ANY, ANY),
    "hypot": _both("hypot", ANY, ANY),
    "floor": _both("floor", ANY),
    "ceil": _both("ceil", ANY),
    "trunc": _both("trunc", ANY),
    "round": _both("rint", ANY, torch="round"),
    "copysign": _both("copysign", ANY, ANY),
    "nextafter": _both("nextafter", ANY, ANY),
    "remainder": _both("remainder", ANY, POSITIVE),
    "floor_divide": _both("floor_divide", ANY, POSITIVE),
    "logistic": _special("expit", ANY),
    "erf": _special("erf", (-4.0, 4.0)),
    "erfc": _special("erfc", (-4.0, 4.0)),
    "erfinv": _special("erfinv", UNIT),
    "erfcinv": _special("erfcinv", HALF, jax=False, torch=""),
    "erfcx": _special("erfcx", ANY, jax=False),
    "ndtr": _special("ndtr", ANY),
    "ndtri": _special("ndtri", HALF),
    "log_ndtr": _special("log_ndtr", ANY),
    "lgamma": _special("gammaln", POSITIVE),
    "digamma": _special("digamma", POSITIVE),
    "i0": _special("i0", ANY),
    "i1": _special("i1", ANY),
    "i0e": _special("i0e", ANY),
    "i1e": _special("i1e", ANY),
    "zeta": _special("zeta", (1.05, 9.0), POSITIVE),
}
TOOLS = ("pullback", "numpy", "jax", "torch")


# -- in a process of its own -----------------------------------------------------------------------


def operands(row: Row, dtype: str, size: int) -> list[Array]:
    rng = np.random.default_rng(1)
    kind = np.float64 if dtype == "f64" else np.float32
    return [rng.uniform(low, high, size).astype(kind) for low, high in row.inside]


def found(path: str) -> Any:
    """What a dotted name means."""
    module, _, name = path.rpartition(".")
    __import__(module)
    return getattr(sys.modules[module], name)


def call_of(tool: str, row: Row, xs: Sequence[Array]) -> Callable[[], Any] | None:
    """A call of the tool's function, which waits for the result; None where there is none."""
    path = row.numpy if tool == "pullback" else getattr(row, tool)
    if not path:
        return None
    function = found(path)
    match tool:
        case "pullback":
            import pullback as pb

            compiled = pb.jit(lambda *xs: function(*xs))
            return lambda: compiled(*xs)
        case "numpy":
            out = np.empty_like(xs[0])
            return lambda: function(*xs, out=out)
        case "jax":
            import jax

            jax.config.update("jax_enable_x64", True)
            jitted, arrays = jax.jit(function), [jax.device_put(x) for x in xs]
            return lambda: jitted(*arrays).block_until_ready()
        case _:
            import torch

            tensors = [torch.from_numpy(x) for x in xs]
            result = torch.empty_like(tensors[0])
            return lambda: function(*tensors, out=result)


def best_time(call: Callable[[], Any], seconds: float) -> float:
    """Seconds of the quickest call."""
    best, end = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        call()
        best = min(best, time.perf_counter() - start)
    return best


def work(tool: str) -> None:
    """Answer orders ``[function, dtype, size]`` with seconds of a call, or null."""
    one_thread(tool)
    calls: dict[tuple[str, str, int], Callable[[], Any] | None] = {}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        key = (order["name"], order["dtype"], order["size"])
        if key not in calls:
            row = ROWS[key[0]]
            calls[key] = call_of(tool, row, operands(row, key[1], key[2]))
            if (first := calls[key]) is not None:
                first()
        call = calls[key]
        print(json.dumps(None if call is None else best_time(call, SECONDS)), flush=True)


# -- outside ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def workers() -> Iterator[dict[str, Process]]:
    made = {
        tool: Process("vector_math.py", "--work", tool, **ONE_THREAD, PULLBACK_CACHE_DIR="")
        for tool in TOOLS
        if installed(tool)
    }
    try:
        for process in made.values():
            process.ready()
        yield made
    finally:
        for process in made.values():
            process.stop()


@dataclass(frozen=True)
class Timed:
    """Nanoseconds of an element by tool: in cache, and of a million."""

    cached: dict[str, float]
    many: dict[str, float]

    def ahead(self, times: dict[str, float]) -> float | None:
        """How many times our time goes into the best peer's."""
        peers = [t for tool, t in times.items() if tool != "pullback"]
        return min(peers) / times["pullback"] if peers else None


def timed(made: dict[str, Process], name: str, dtype: str) -> Timed:
    """Rounds of all tools and sizes in turn; the best of each counts."""
    best: dict[tuple[str, int], float] = {}
    for _ in range(ROUNDS):
        for tool, process in made.items():
            for size in (SMALL, LARGE, MANY):
                seconds = process.order(name=name, dtype=dtype, size=size)
                if seconds is not None:
                    best[tool, size] = min(seconds, best.get((tool, size), seconds))
    tools = [tool for tool in made if (tool, SMALL) in best]
    step = (LARGE - SMALL) * 1e-9
    return Timed(
        {tool: (best[tool, LARGE] - best[tool, SMALL]) / step for tool in tools},
        {tool: best[tool, MANY] / MANY * 1e9 for tool in tools},
    )


HEAD = """\
| function | pullback | NumPy | JAX | PyTorch | ahead | ahead, 1e6 |{errors}
|---|---|---|---|---|---|---|{rules}
"""


def cells(name: str, times: Timed) -> list[str]:
    """The columns of times."""
    columns = [f"{times.cached[tool]:.2f}" if tool in times.cached else "" for tool in TOOLS]
    ratios = [times.ahead(times.cached), times.ahead(times.many)]
    return [f"`{name}`", *columns, *("" if r is None else f"{r:.2f}" for r in ratios)]


def table(dtype: str, names: Sequence[str], errors: Callable[[str, str], list[str]] | None) -> str:
    more = (" max ulp | at |", "---|---|") if errors else ("", "")
    lines = [HEAD.format(errors=more[0], rules=more[1])]
    with workers() as made:
        for name in names:
            row = cells(name, timed(made, name, dtype)) + (errors(name, dtype) if errors else [])
            lines.append("| " + " | ".join(row) + " |\n")
            print(lines[-1], end="", flush=True)
    return "".join(lines)


def errors_of(name: str, dtype: str) -> list[str]:
    """The columns of errors."""
    from tests.accuracy import worst_error

    ulps, place = worst_error(name, dtype)
    return [f"{ulps:.2f}", ", ".join(f"{x:.6g}" for x in place)] if place else ["exact", ""]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="FUNCTION")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--work", metavar="TOOL")
    asked = parser.parse_args()
    if asked.work:
        work(asked.work)
        return
    sys.path.insert(0, str(ROOT))
    errors = None if asked.times else errors_of
    tables = {dtype: table(dtype, asked.names or list(ROWS), errors) for dtype in DTYPES}
    if errors and not asked.names:
        page = PAGE.read_text(encoding="utf-8")
        for dtype, text in tables.items():
            begin, end = (f"<!-- {word} {dtype} -->\n" for word in ("measured", "end of"))
            before, rest = page.split(begin)
            page = before + begin + text + end + rest.split(end)[1]
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
