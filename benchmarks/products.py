"""Products of arrays: compiled, beside BLAS called directly, NumPy, JAX and PyTorch.

`python benchmarks/products.py [NAME ...]` measures those in whose names a part occurs. Everything
runs on one thread, the tools in turn, best of some rounds. BLAS is called from a loop in machine
code; to its time that of a call from Python is added, as ours take it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import ctypes
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from report import columns

import pullback as pb
from pullback.runtime.libraries import resolve
from pullback.runtime.link import link

Array = np.ndarray[Any, Any]
ROUNDS = 9
LEAST = 2e-3
"""Seconds that a round takes at least."""

BEHIND, SQUARES_BEHIND = 1.0, 0.95
"""What the best of the others may take over our time before a row is marked."""

TOOLS = ("numpy", "jax", "torch")


class Gemm(NamedTuple):
    """What to ask BLAS for: rows, columns, terms, and which operands are stored transposed."""

    m: int
    n: int
    k: int
    x_transposed: bool = False
    y_transposed: bool = False
    batch: int = 1


class Case(NamedTuple):
    """A product of arrays of these shapes, written for a module such as NumPy.

    The gradient, if that is asked for, is of the sum of the squared product by all operands.
    """

    name: str
    function: Callable[..., Any]
    shapes: Sequence[tuple[int, ...]]
    dtype: str = "f8"
    gemm: Gemm | None = None
    gradient: bool = False
    arrange: Callable[[Array], Array] = np.ascontiguousarray


def einsum(text: str) -> Callable[..., Any]:
    """A function of operands by its text, with the tool's own choice of order."""
    return lambda np, *operands: np.einsum(text, *operands)


def matmul(np: Any, x: Any, y: Any) -> Any:
    return np.matmul(x, y)


def _squares() -> Iterator[Case]:
    for dtype, what in (("f8", ""), ("f4", ", float32")):
        for n in (4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024):
            yield Case(f"square {n}{what}", matmul, ((n, n), (n, n)), dtype, Gemm(n, n, n))
    for n in (31, 33, 50, 100):
        yield Case(f"square {n}", matmul, ((n, n), (n, n)), "f8", Gemm(n, n, n))
    for n in (16, 48, 200):
        flags = (("T", "ji,jk->ik", True, False), ("N T", "ij,kj->ik", False, True))
        for name, text, *transposed in (*flags, ("T T", "ji,kj->ik", True, True)):
            gemm = Gemm(n, n, n, *transposed)
            yield Case(f"transposed {name} {n}", einsum(text), ((n, n), (n, n)), "f8", gemm)
    for n in (16, 300):
        shapes = ((n, n), (n, n))
        yield Case(f"in columns {n}", matmul, shapes, arrange=np.asfortranarray)
        yield Case(f"slices {n}", matmul, shapes, arrange=_part_of_wider)


def _part_of_wider(x: Array) -> Array:
    return np.concatenate([x, x], -1)[..., : x.shape[-1]]


def _vectors() -> Iterator[Case]:
    shapes = ((10, 10), (100, 100), (1000, 1000), (100_000, 10), (10, 100_000), (1_000_000, 3))
    for m, k in shapes:
        yield Case(f"matrix {m}x{k} vector", matmul, ((m, k), (k,)), gemm=Gemm(m, 1, k))
        yield Case(f"vector matrix {m}x{k}", matmul, ((m,), (m, k)), gemm=Gemm(1, k, m))
    yield Case("matrix 1000x1000 vector, float32", matmul, ((1000, 1000), (1000,)), "f4")
    yield Case("vector matrix 1000x1000, float32", matmul, ((1000,), (1000, 1000)), "f4")
    for n in (10, 1000, 100_000):
        yield Case(f"dot {n}", einsum("i,i->"), ((n,), (n,)))
    for m, n in ((100, 100), (1000, 1000)):
        yield Case(f"outer {m}x{n}", einsum("i,j->ij"), ((m,), (n,)))
    yield Case(
        "rank one added 300", lambda np, a, x, y: a + np.outer(x, y), ((300, 300), (300,), (300,))
    )
    yield Case("bilinear 300", einsum("i,ij,j->"), ((300,), (300, 300), (300,)))


def _skinny() -> Iterator[Case]:
    yield Case("20000x100 @ 100x2", matmul, ((20000, 100), (100, 2)), gemm=Gemm(20000, 2, 100))
    yield Case("20000x100 @ 100x8", matmul, ((20000, 100), (100, 8)), gemm=Gemm(20000, 8, 100))
    for k, m, n in (
        (1000, 200, 2),
        (20000, 100, 2),
        (1000, 40, 40),
        (20000, 10, 10),
        (100_000, 3, 3),
    ):
        gemm = Gemm(m, n, k, x_transposed=True)
        yield Case(f"({k}x{m}).T @ {k}x{n}", einsum("ki,kj->ij"), ((k, m), (k, n)), gemm=gemm)
    yield Case("280000x3 @ 3x3", matmul, ((280_000, 3), (3, 3)), gemm=Gemm(280_000, 3, 3))
    yield Case("3x3 @ 3x280000", matmul, ((3, 3), (3, 280_000)), gemm=Gemm(3, 280_000, 3))
    yield Case("2x100 @ 100x20000", matmul, ((2, 100), (100, 20000)), gemm=Gemm(2, 20000, 100))
    yield Case("8x500 @ 500x500", matmul, ((8, 500), (500, 500)), gemm=Gemm(8, 500, 500))
    yield Case("500x500 @ 500x8", matmul, ((500, 500), (500, 8)), gemm=Gemm(500, 8, 500))
    yield Case("1000x10 @ 10x25", matmul, ((1000, 10), (10, 25)), gemm=Gemm(1000, 25, 10))
    yield Case("256x784 @ 784x10", matmul, ((256, 784), (784, 10)), gemm=Gemm(256, 10, 784))


def _batched() -> Iterator[Case]:
    for b, n in ((1000, 3), (1000, 4), (1000, 8), (1000, 16), (200, 32), (100, 64), (10, 128)):
        shapes = ((b, n, n), (b, n, n))
        yield Case(f"batched {b} {n}x{n}", matmul, shapes, gemm=Gemm(n, n, n, batch=b))
    for b, n in ((1000, 4), (1000, 16), (100, 64)):
        shapes = ((b, n, n), (b, n, n))
        yield Case(f"batched {b} {n}x{n}, float32", matmul, shapes, "f4", Gemm(n, n, n, batch=b))
    shapes = ((4, 512, 64), (4, 512, 64))
    gemm = Gemm(512, 512, 64, y_transposed=True, batch=4)
    yield Case("scores 4x512x64, float32", einsum("bqd,bkd->bqk"), shapes, "f4", gemm)
    shapes, gemm = ((4, 512, 512), (4, 512, 64)), Gemm(512, 64, 512, batch=4)
    yield Case("mixed 4x512x64, float32", matmul, shapes, "f4", gemm)
    gemm = Gemm(512, 64, 512, x_transposed=True, batch=4)
    yield Case("mixed back 4x512x64, float32", einsum("bqk,bqd->bkd"), shapes, "f4", gemm)
    shapes = ((2, 8, 64, 32), (2, 8, 64, 32))
    yield Case("heads bhqd,bhkd->bhqk, float32", einsum("bhqd,bhkd->bhqk"), shapes, "f4")
    yield Case(
        "heads bqhd,bkhd->bhqk, float32", einsum("bqhd,bkhd->bhqk"), ((2, 64, 8, 32),) * 2, "f4"
    )
    for b, n in ((1000, 4), (1000, 16), (100, 64)):
        yield Case(f"batched {b} {n}x{n} vectors", einsum("bij,bj->bi"), ((b, n, n), (b, n)))
        yield Case(f"batched {b} vectors {n}x{n}", einsum("bi,bij->bj"), ((b, n), (b, n, n)))
    yield Case("rows ij,ij->i 10000x10", einsum("ij,ij->i"), ((10_000, 10),) * 2)
    yield Case("rows ij,ij->i 1000x100", einsum("ij,ij->i"), ((1000, 100),) * 2)
    yield Case("columns ij,ij->j 1000x100", einsum("ij,ij->j"), ((1000, 100),) * 2)
    yield Case("squares bij,bij->b 100x30x30", einsum("bij,bij->b"), ((100, 30, 30),) * 2)


def _several() -> Iterator[Case]:
    yield Case("ij,jk,kl->il", einsum("ij,jk,kl->il"), ((100, 200), (200, 10), (10, 300)))
    yield Case("abc,cd,de->abe", einsum("abc,cd,de->abe"), ((30, 20, 40), (40, 50), (50, 10)))
    yield Case(
        "ab,bc,cd,de->ae", einsum("ab,bc,cd,de->ae"), ((50, 60), (60, 70), (70, 40), (40, 5))
    )
    yield Case("trace ij,ji->", einsum("ij,ji->"), ((200, 200),) * 2)
    yield Case("trace ii->", einsum("ii->"), ((1000, 1000),))
    yield Case("diagonal ii->i", einsum("ii->i"), ((1000, 1000),))
    yield Case("diagonal of product", lambda np, x, y: np.diagonal(x @ y), ((200, 200),) * 2)
    yield Case(
        "Gram 200x1000",
        lambda np, x: x @ x.T,
        ((200, 1000),),
        gemm=Gemm(200, 200, 1000, False, True),
    )
    yield Case(
        "x.T diag(s) x, 1000x40", lambda np, x, s: (x * s[:, None]).T @ x, ((1000, 40), (1000,))
    )
    yield Case(
        "quadratic forms bi,ij,bj->b", einsum("bi,ij,bj->b"), ((1000, 30), (30, 30), (1000, 30))
    )


def _layers() -> Iterator[Case]:
    def layer(np: Any, x: Any, w: Any, b: Any) -> Any:
        return np.maximum(x @ w + b, 0)

    for dtype, what in (("f4", ", float32"), ("f8", "")):
        for m, k, n in ((256, 784, 512), (256, 256, 10), (32, 20, 30)):
            shapes = ((m, k), (k, n), (n,))
            name = f"layer {m}x{k} @ {k}x{n}{what}"
            yield Case(name, layer, shapes, dtype, Gemm(m, n, k))
            yield Case(f"gradient, {name}", layer, shapes, dtype, gradient=True)


def _complex() -> Iterator[Case]:
    for n in (4, 16, 64, 300):
        yield Case(f"complex {n}", matmul, ((n, n), (n, n)), "c16")
    yield Case("complex rows ij,ij->i", einsum("ij,ij->i"), ((1000, 100),) * 2, "c16")


def _gradients() -> Iterator[Case]:
    for case in (*_vectors(), *_skinny(), *_batched(), *_several()):
        if "float32" not in case.name:
            yield case._replace(name=f"gradient, {case.name}", gemm=None, gradient=True)
    for n in (8, 32, 64, 256):
        yield Case(f"gradient, square {n}", matmul, ((n, n), (n, n)), gradient=True)


def cases() -> Iterator[Case]:
    """All of them."""
    families = (_squares, _vectors, _skinny, _batched, _several, _layers, _complex, _gradients)
    for family in families:
        yield from family()


def _inputs(case: Case) -> list[Array]:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in case.shapes]
    if case.dtype == "c16":
        arrays = [x + 1j * rng.normal(size=x.shape) for x in arrays]
    return [case.arrange(x.astype(case.dtype)) for x in arrays]


# -- tools -----------------------------------------------------------------------------------------


def _of_pullback(case: Case, inputs: Sequence[Array]) -> Callable[[], Any]:
    product = case.function
    if not case.gradient:
        compiled = pb.jit(lambda *operands: product(np, *operands))
        return lambda: compiled(*inputs)

    def value(*operands: Any) -> Any:
        out = product(np, *operands)
        return np.sum(out * out)

    gradient = pb.grad(value, argnums=tuple(range(len(inputs))))
    return lambda: gradient(*inputs)


def _of_numpy(case: Case, inputs: Sequence[Array]) -> Callable[[], Any] | None:
    return None if case.gradient else lambda: case.function(np, *inputs)


def _of_jax(case: Case, inputs: Sequence[Array]) -> Callable[[], Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    given = [jax.device_put(x) for x in inputs]

    def value(*operands: Any) -> Any:
        out = case.function(jax.numpy, *operands)
        return jax.numpy.sum(out * out) if case.gradient else out

    positions = tuple(range(len(inputs)))
    function = jax.jit(jax.grad(value, positions) if case.gradient else value)
    return lambda: jax.block_until_ready(function(*given))


def _of_torch(case: Case, inputs: Sequence[Array]) -> Callable[[], Any] | None:
    import torch

    torch.set_num_threads(1)
    given = [torch.from_numpy(np.ascontiguousarray(x)) for x in inputs]
    if case.function.__name__ == "layer":
        return _torch_layer(torch, case, given)
    if not case.gradient:
        return lambda: case.function(torch, *given)
    leaves = [x.requires_grad_() for x in given]

    def step() -> Any:
        out = case.function(torch, *leaves)
        return torch.autograd.grad((out * out).sum(), leaves)

    return step


def _torch_layer(torch: Any, case: Case, given: Sequence[Any]) -> Callable[[], Any]:
    def layer(x: Any, w: Any, b: Any) -> Any:
        return torch.relu(torch.addmm(b, x, w))

    if not case.gradient:
        return lambda: layer(*given)
    leaves = [x.requires_grad_() for x in given]

    def step() -> Any:
        out = layer(*leaves)
        return torch.autograd.grad((out * out).sum(), leaves)

    return step


MAKERS: dict[str, Callable[[Case, Sequence[Array]], Callable[[], Any] | None]] = {
    "pullback": _of_pullback,
    "numpy": _of_numpy,
    "jax": _of_jax,
    "torch": _of_torch,
}


@cache
def _gemm_loop(letter: str) -> Any:
    """``loop(count, batch, steps, arguments)``: calls of gemm, from machine code.

    The arguments are addresses; those of matrices move on by a step in bytes for each of the batch.
    """
    gemm = f"@blas.{letter}gemm"
    load = "\n".join(
        f"  %a{i} = getelementptr ptr, ptr %arguments, i64 {i}\n  %x{i} = load ptr, ptr %a{i}"
        for i in range(13)
    )
    move = "\n".join(
        f"  %s{i} = getelementptr i64, ptr %steps, i64 {i}\n  %d{i} = load i64, ptr %s{i}\n"
        f"  %o{i} = mul i64 %item, %d{i}\n  %y{i} = getelementptr i8, ptr %x{i}, i64 %o{i}"
        for i in range(13)
    )
    given = ", ".join(f"ptr %y{i}" for i in range(13))
    text = f"""
declare void {gemm}({", ".join(["ptr"] * 13)})
define i64 @loop(i64 %count, i64 %batch, ptr %steps, ptr %arguments) {{
entry:
{load}
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %done ]
  br label %items
items:
  %item = phi i64 [ 0, %body ], [ %following, %items ]
{move}
  call void {gemm}({given})
  %following = add i64 %item, 1
  %items_left = icmp slt i64 %following, %batch
  br i1 %items_left, label %items, label %done
done:
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %body, label %end
end:
  ret i64 0
}}
"""
    linked = link(text, resolve([f"blas.{letter}gemm"]), ["loop"])
    kinds = (ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    return ctypes.CFUNCTYPE(*kinds)(linked.address("loop")), linked


def _of_blas(case: Case, inputs: Sequence[Array]) -> Callable[[int], Any] | None:
    """A function that calls BLAS so many times."""
    g = case.gemm
    if g is None:
        return None
    function, _ = _gemm_loop("d" if case.dtype == "f8" else "s")
    target = np.empty((g.batch, g.m, g.n), case.dtype)
    flags = np.frombuffer(b"NT", np.uint8)
    leading = (g.k if g.y_transposed else g.n, g.m if g.x_transposed else g.k, g.n)
    sizes = np.array([g.n, g.m, g.k, *leading])
    numbers = np.array([1, 0], case.dtype)
    x, y = (inputs * 2)[:2]
    flagged = (flags[int(g.y_transposed) :], flags[int(g.x_transposed) :])
    shape, (of_y, of_x, of_target) = (sizes[i:] for i in range(3)), (sizes[i:] for i in (3, 4, 5))
    rest = (numbers, y, of_y, x, of_x, numbers[1:], target, of_target)
    arrays = (*flagged, *shape, *rest)
    arguments = np.array([each.ctypes.data for each in arrays])
    steps = np.zeros(13, int)
    steps[[6, 8, 11]] = np.array([g.k * g.n, g.m * g.k, g.m * g.n]) * target.itemsize

    def run(count: int) -> Any:
        function(count, g.batch, steps.ctypes.data, arguments.ctypes.data)
        return arrays

    return run


# -- measuring -------------------------------------------------------------------------------------


def _seconds(run: Callable[[int], Any], count: int) -> float:
    start = time.perf_counter()
    run(count)
    return (time.perf_counter() - start) / count


def _repeated(call: Callable[[], Any]) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in range(count):
            call()

    return run


def measured(case: Case) -> dict[str, float]:
    """Best seconds of each tool, which take turns."""
    inputs = _inputs(case)
    runs: dict[str, Callable[[int], Any]] = {}
    for name, make in MAKERS.items():
        if name in ("jax", "torch") and find_spec(name) is None:
            continue
        call = make(case, inputs)
        if call is not None:
            runs[name] = _repeated(call)
    blas = _of_blas(case, inputs)
    if blas is not None:
        runs["blas"] = blas
    counts = {}
    for name, run in runs.items():
        run(2)
        counts[name] = max(1, int(LEAST / max(_seconds(run, 3), 1e-8)))
    rounds = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            rounds[name].append(_seconds(run, counts[name]))
    return {name: min(times) for name, times in rounds.items()}


def _call_alone() -> float:
    """Seconds of a call of a compiled function of two arrays that does next to nothing."""
    compiled, x = pb.jit(lambda x, y: x + y), np.zeros(1)
    run = _repeated(lambda: compiled(x, x))
    run(100)
    return min(_seconds(run, 10_000) for _ in range(ROUNDS))


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.2g} ns"


def main(parts: Sequence[str]) -> None:
    """Measure, and print a table; * marks rows in which another tool is ahead."""
    titles = ("product", "ours", "BLAS", *TOOLS, "best of the others over ours")
    rows, ratios = [], []
    call = _call_alone()
    for case in cases():
        if parts and not any(part in case.name for part in parts):
            continue
        times = measured(case)
        if "blas" in times:
            times["blas"] += call
        ours = times.pop("pullback")
        ratio = min(times.values()) / ours
        ratios.append(ratio)
        mark = " *" if ratio < (SQUARES_BEHIND if "square" in case.name else BEHIND) else ""
        others = (_duration(times.get(name)) for name in ("blas", *TOOLS))
        row = (case.name, _duration(ours), *others, f"{ratio:.2f}{mark}")
        rows.append(row)
        print("  ".join(f"{cell:>9}" for cell in row[1:]), "", case.name, file=sys.stderr)
    print(columns(titles, rows))
    print(f"\nmedian {median(ratios):.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
