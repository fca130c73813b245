"""What the machine gives at most: bandwidth, products by BLAS, fused multiply-adds.

`python benchmarks/roof.py` prints the table; BLAS gets one thread.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from report import columns

from pullback.runtime.link import load, object_code

ELEMENTS = 8_000_000
"""Of float64 in each array: 64 MB, more than caches hold."""

CHAINS = 16
"""Independent chains of multiply-adds: more than the latency times the number of units."""

TURNS = 2_000_000


def streams() -> str:
    """LLVM text of ``copy(n, a, b)`` and ``triad(n, a, b, c)``: a = b, a = b + 3 c."""
    return _stream("copy", ("b",), "") + _stream(
        "triad",
        ("b", "c"),
        "  %p = fmul <8 x double> %vc, splat (double 3.0)\n  %s = fadd <8 x double> %vb, %p\n",
    )


def _stream(name: str, sources: Sequence[str], compute: str) -> str:
    loads = "".join(
        f"  %p{x} = getelementptr double, ptr %{x}, i64 %i\n"
        f"  %v{x} = load <8 x double>, ptr %p{x}, align 8\n"
        for x in sources
    )
    return f"""
define i64 @{name}(i64 %n, ptr %a, {", ".join(f"ptr %{x}" for x in sources)}) {{
entry:
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
{loads}{compute}  %pa = getelementptr double, ptr %a, i64 %i
  store <8 x double> %{"s" if compute else "vb"}, ptr %pa, align 8
  %next = add i64 %i, 8
  %more = icmp slt i64 %next, %n
  br i1 %more, label %body, label %done
done:
  ret i64 0
}}
"""


def chains() -> str:
    """LLVM text of ``chains(n, a)``: multiply-adds in registers, n turns of `CHAINS` vectors."""
    count = range(CHAINS)
    phis = "\n".join(f"  %x{i} = phi <8 x double> [ %v, %entry ], [ %y{i}, %body ]" for i in count)
    steps = "\n".join(
        f"  %y{i} = call <8 x double> @llvm.fma.v8f64"
        f"(<8 x double> %x{i}, <8 x double> %v, <8 x double> %v)"
        for i in count
    )
    sums = "\n".join(
        f"  %z{i} = fadd <8 x double> %{'y0' if i == 1 else f'z{i - 1}'}, %y{i}"
        for i in range(1, CHAINS)
    )
    return f"""
declare <8 x double> @llvm.fma.v8f64(<8 x double>, <8 x double>, <8 x double>)
define i64 @chains(i64 %n, ptr %a) {{
entry:
  %v = load <8 x double>, ptr %a, align 8
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
{phis}
{steps}
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %body, label %done
done:
{sums}
  store <8 x double> %z{CHAINS - 1}, ptr %a, align 8
  ret i64 0
}}
"""


def least(call: Callable[[], Any], repeats: int) -> float:
    """Seconds of the quickest of some calls."""
    call()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def _together(function: Any, arguments: Sequence[tuple[Any, ...]]) -> None:
    threads = [threading.Thread(target=function, args=x) for x in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _bandwidth(function: Any, arrays: Sequence[Any], threads: int, repeats: int) -> float:
    """Bytes read and written a second, by some threads on a part of the arrays each."""
    part = ELEMENTS // threads // 8 * 8
    arguments = [
        (part, *(x[t * part : (t + 1) * part].ctypes.data for x in arrays)) for t in range(threads)
    ]
    return len(arrays) * 8 * part * threads / least(lambda: _together(function, arguments), repeats)


def measured(repeats: int = 9) -> list[tuple[str, str]]:
    """Names and rates."""
    linked = load([object_code(streams() + chains())], {}, ["copy", "triad", "chains"])

    def native(name: str, pointers: int) -> Any:
        kinds = (ctypes.c_int64, *([ctypes.c_void_p] * pointers))
        return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(linked.addresses[name])

    arrays = [np.full(ELEMENTS, 0.5) for _ in range(3)]
    rows: list[tuple[str, str]] = []
    for name, count in (("copy", 2), ("triad", 3)):
        for threads in (1, 2):
            rate = _bandwidth(native(name, count), arrays[:count], threads, repeats)
            ending = "thread" if threads == 1 else "threads"
            rows.append((f"{name}, {threads} {ending}", f"{rate / 1e9:.3g} GB/s"))
    for name, dtype in (("dgemm", np.float64), ("sgemm", np.float32)):
        a = np.full((1024, 1024), 0.5, dtype)
        rate = 2 * 1024**3 / least(lambda a=a: a @ a, repeats)
        rows.append((f"{name}, 1024 x 1024, 1 thread", f"{rate / 1e9:.3g} GFLOP/s"))
    chain, few = native("chains", 1), np.full(8, 0.5)
    rate = 2 * 8 * CHAINS * TURNS / least(lambda: chain(TURNS, few.ctypes.data), repeats)
    rows.append(("multiply-adds in registers, float64, 1 thread", f"{rate / 1e9:.3g} GFLOP/s"))
    return rows


def section(repeats: int = 9) -> str:
    """The table, in Markdown."""
    return columns(("at most", "rate"), measured(repeats))


if __name__ == "__main__":
    print(section())
