"""Programs that need every kind of kernel, for code of other machines than this one.

``python -m tests.portable FILE`` runs them and writes their results, as arrays by name; the
environment says what the machine is to be taken for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

import pullback as pb

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Program:
    """A function of NumPy with its arguments; ``like`` is what it means, if not itself."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    like: Callable[..., Any] | None = None

    def expected(self) -> list[Array]:
        """What NumPy gives."""
        with np.errstate(all="ignore"):
            return listed((self.like or self.function)(*self.args))

    def found(self) -> list[Array]:
        """What machine code gives."""
        return listed(pb.jit(self.function)(*self.args))


def listed(result: Any) -> list[Array]:
    """The results as a list of arrays."""
    return [np.asarray(x) for x in (result if isinstance(result, tuple) else (result,))]


def draw(*shape: int, dtype: Any = float) -> Array:
    """Normal numbers, of which none is very near zero."""
    x = np.random.default_rng(len(shape) + sum(shape)).normal(size=shape)
    return np.asarray(x + np.copysign(0.05, x)).astype(dtype)


def whole(*shape: int, dtype: Any = np.int64) -> Array:
    """Integers, of both signs where there are."""
    low = 1 if np.issubdtype(dtype, np.unsignedinteger) else -100
    return np.random.default_rng(sum(shape)).integers(low, 100, shape).astype(dtype)


def every_line(x: Any) -> Any:
    """Elementary functions, each where it is real, but those of `by_tables`."""
    unit, above = x / (1.0 + abs(x)), 1.0 + abs(x)
    lines = [
        np.exp(x), np.exp2(x), np.expm1(x), np.sqrt(above), np.cbrt(x),
        np.sin(x), np.cos(x), np.tan(x),
        np.arcsin(unit), np.arccos(unit), np.arctan(x), np.sinh(x), np.cosh(x),
        np.arctanh(unit), np.arctan2(x, above), np.hypot(x, 2.0), np.sin(1e12 * x),
    ]  # fmt: skip
    return np.stack(lines)


def by_log1p(x: Any) -> Any:
    """Functions that have another formula in single precision where registers hold tables."""
    above = 1.0 + abs(x)
    return np.stack([np.log1p(above), np.arcsinh(x), np.arccosh(above), np.logaddexp(x, 1.0)])


def by_tables(x: Any) -> Any:
    """Functions that have another formula where registers hold tables."""
    return (
        np.log(abs(x)), np.log2(abs(x)), np.log10(abs(x)), abs(x) ** x, x**3.0, np.tanh(x),
    )  # fmt: skip


def roundings(x: Any, y: Any) -> Any:
    """Exact functions: any machine gives NumPy's bits."""
    return (
        np.floor(x), np.ceil(x), np.trunc(x), np.rint(x), np.sign(x), np.remainder(x, y), x // y,
        np.copysign(x, y), np.nextafter(x, y), np.maximum(x, y), np.where(x > y, x, y),
        x.astype(np.int32), x.astype(np.int64).astype(np.uint8), np.isnan(x) | (x < y),
    )  # fmt: skip


def integers(x: Any, y: Any) -> Any:
    """Whole numbers, wrapping."""
    return (
        x + y, x * y, x // (y | 1), x % (y | 1), x & y, x ^ ~y, x << 3, x >> 2, abs(x),
        np.bitwise_count(x), np.minimum(x, y), np.sum(x), np.cumsum(x), np.max(x), x == y,
        x.astype(np.float64), x.astype(np.float32), np.gcd(x, y), x**3,
    )  # fmt: skip


def special(x: Any) -> Any:
    """Special functions with vector forms, and one of SciPy's."""
    s = scipy.special
    return (
        s.erf(x), s.erfc(x), s.gammaln(x), s.digamma(x), s.i0e(x), s.ndtr(x), s.expit(x),
        s.gammainc(1.5, abs(x)), s.erfinv(x / (1.0 + abs(x))),
    )  # fmt: skip


def swing(x: Any) -> Any:
    """A loop that stays one."""
    v = -x
    for k in range(60):
        v = v - 0.1 * np.sin(x) + 0.001 * k
        x = x + 0.1 * v
    return x, v


def halvings(x: Any) -> Any:
    """A loop whose length depends on values."""
    count, rest = pb.while_loop(
        lambda s: s[1] > 1.0, lambda s: (s[0] + 1, 0.5 * s[1]), (0, np.sum(x * x))
    )
    return count, rest


def halvings_in_python(x: Array) -> Any:
    count, rest = 0, float(np.sum(x * x))
    while rest > 1.0:
        count, rest = count + 1, 0.5 * rest
    return count, rest


def written(x: Any, i: Any) -> Any:
    """Reads and writes at places that values give."""
    y = np.zeros(50, x.dtype)
    np.add.at(y, i, x)
    y[3:20:2] *= 2.0
    return y, x[i[::-1]], np.take(x, i) + x[::-1]


def network(w: Any, x: Any) -> Any:
    """The gradient of a small network's loss."""
    return np.sum(np.tanh(x @ w) ** 2) + np.sum(np.exp(-np.abs(x @ w)))


def network_by_hand(w: Array, x: Array) -> Any:
    z = x @ w
    t = np.tanh(z)
    return x.T @ (2.0 * t * (1.0 - t * t) - np.sign(z) * np.exp(-np.abs(z)))


def sorted_every_way(x: Any) -> Any:
    return (
        np.sort(x),
        np.argsort(x, kind="stable"),
        np.argmax(x, -1),
        np.searchsorted(np.sort(x[0]), 0.1),
    )


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, 1, keepdims=True))
    return e / np.sum(e, 1, keepdims=True), np.var(x, 0), np.sum(x), np.min(x, 1), np.cumsum(x, 1)


def moved(x: Any) -> Any:
    return x.T.copy(), np.pad(x, 2), x[::-2, 1::3] + 1.0, np.concatenate([x, 2.0 * x], 1), x * x.T


def halves(x: Any) -> Any:
    return x * x + x, x / 3, np.sum(x), np.exp(x), x.astype(np.float64), np.sort(x), np.max(x)


def complexes(z: Any) -> Any:
    return z * z + 1j, abs(z), np.exp(z), np.sum(z), z / (z + 2.0), np.sqrt(z)


systems = draw(40, 4, 4) + 4.0 * np.eye(4)
symmetric = draw(9, 9) @ draw(9, 9).T + np.eye(9)
places = np.random.default_rng(3).integers(0, 50, 50)
edges = np.array([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e9, -1e9, 3e5, 0.1, np.inf, np.nan])

PROGRAMS: dict[str, Program] = {
    "elementary": Program(every_line, (2.0 * draw(203),)),
    "elementary, single": Program(every_line, (2.0 * draw(203, dtype=np.float32),)),
    "elementary, by log1p": Program(by_log1p, (2.0 * draw(203),)),
    "by log1p, single": Program(by_log1p, (2.0 * draw(203, dtype=np.float32),)),
    "tables": Program(by_tables, (2.0 * draw(203),)),
    "tables, single": Program(by_tables, (2.0 * draw(203, dtype=np.float32),)),
    "roundings": Program(roundings, (7.0 * draw(101), draw(101)[::-1].copy())),
    "roundings, single": Program(
        roundings, (7.0 * draw(101, dtype=np.float32), draw(101, dtype=np.float32)[::-1].copy())
    ),
    "edges": Program(lambda x: (np.floor(x), np.rint(x), np.abs(x)), (edges,)),
    **{
        f"integers, {np.dtype(t)}": Program(
            integers, (whole(75, dtype=t), whole(75, dtype=t)[::-1])
        )
        for t in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64)
    },
    "halves": Program(halves, (draw(77, dtype=np.float16),)),
    "complex": Program(complexes, (draw(33) + 1j * draw(33)[::-1],)),
    "special": Program(special, (abs(draw(53)),)),
    "reductions": Program(softmax, (draw(13, 37),)),
    "reductions, single": Program(softmax, (draw(13, 37, dtype=np.float32),)),
    "moves": Program(moved, (draw(21, 21),)),
    "places": Program(written, (draw(50), places)),
    "loop": Program(swing, (draw(19),)),
    "open loop": Program(halvings, (draw(30),), halvings_in_python),
    "products": Program(
        lambda a, b: (a @ b, a[:3, :3] @ b[:3, :3], np.einsum("ij,ij->i", a, a), a[0] @ b),
        (draw(17, 17), draw(17, 17).T),
    ),
    "systems": Program(lambda a: np.linalg.solve(a, a[:, :, :1] + 1.0), (systems,)),
    "factors": Program(
        lambda a: (np.linalg.cholesky(a), np.linalg.eigvalsh(a), np.linalg.inv(a)), (symmetric,)
    ),
    "sorting": Program(sorted_every_way, (draw(3, 131),)),
    "sorting, single": Program(sorted_every_way, (draw(3, 131, dtype=np.float32),)),
    "sorting, bytes": Program(sorted_every_way, (whole(2, 70, dtype=np.int8),)),
    "transform": Program(lambda x: np.fft.irfft(np.fft.rfft(x)[..., :9]), (draw(5, 32),)),
    "gradient": Program(pb.grad(network), (draw(5, 4), draw(60, 5)), network_by_hand),
    "many items": Program(
        pb.vmap(lambda p: np.linalg.norm(np.cross(p, p[::-1] + 1.0))),
        (draw(100, 3),),
        lambda p: np.linalg.norm(np.cross(p, p[:, ::-1] + 1.0), axis=1),
    ),
    "in parts": Program(lambda x: np.sum(np.exp(np.sin(x)) * x), (draw(90_000),)),
}
"""By what they need."""

SAME_BITS = ("roundings", "edges", "integers", "moves", "places", "sorting")
"""What begins so gives NumPy's bits."""
SAME_EVERYWHERE = ("elementary", "halves", "special", "loop", "systems")
"""What begins so gives the same bits on all machines with this processor's C library."""


def main(file: str) -> None:
    """Run all programs and keep what they give."""
    found = {
        f"{name}/{number}": array
        for name, program in PROGRAMS.items()
        for number, array in enumerate(program.found())
    }
    np.savez(file, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
