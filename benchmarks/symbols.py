"""Gradients of SymPy's expressions: compiled, beside lambdify, autowrap, SymEngine and CasADi.

`python benchmarks/symbols.py [NAME ...]` measures those in whose names a part occurs, and prints
the section of RESULTS.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PULLBACK_CACHE_DIR"] = ""
# For autowrap's C: the constants that SymPy uses, and all that the machine can do.
os.environ["CFLAGS"] = "-D_GNU_SOURCE -O3 -march=native"

import gc
import resource
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from statistics import geometric_mean, median
from typing import Any, NamedTuple

import numpy as np
import sympy
from report import columns, seconds

import pullback as pb

POINTS = 100_000
ROUNDS, LEAST = 9, 0.02
"""Rounds, and seconds that each takes at least."""

FIRSTS = 5
REQUIRED = 3.0
COPY = "(a copy)"
"""Beside the tools: what it takes to read and write as many bytes as the gradient does."""

AUTOWRAP_LIMIT = 20
"""Operations beyond which autowrap is left out: its C compiler takes long."""

Array = np.ndarray[Any, Any]
Gradient = Callable[[Sequence[Array]], Any]


class Case(NamedTuple):
    """An expression with a number in it, of symbols, at points between 0.5 and 2."""

    name: str
    make: Callable[[int], Any]
    symbols: tuple[Any, ...]


def _cases() -> Iterator[Case]:
    x, y, z, w = sympy.symbols("x y z w")
    yield Case("Rosenbrock", lambda k: (1 - x) ** 2 + k * (y - x**2) ** 2, (x, y))
    yield Case(
        "normal density",
        lambda k: k * sympy.exp(-((x - y) ** 2) / (2 * z**2)) / sympy.sqrt(2 * sympy.pi * z**2),
        (x, y, z),
    )
    yield Case(
        "polynomial",
        lambda k: sum((x + i * y) ** 3 * z**2 / (i + 1) for i in range(6)) + k * x * y * z * w,
        (x, y, z, w),
    )
    yield Case(
        "functions",
        lambda k: (
            sympy.exp(-(x**2)) * sympy.sin(y * z) + k * sympy.log(1 + w**2) * sympy.tanh(x * y)
        ),
        (x, y, z, w),
    )
    yield Case("Black-Scholes", _black_scholes, sympy.symbols("S K r sigma T"))
    yield Case("pieces", _pieces, (x, y))
    yield Case("Lennard-Jones, 3 bodies", _lennard_jones, sympy.symbols("q:9"))
    for n in (4, 7, 12):
        yield Case(f"arm of {n} joints", lambda k, n=n: _arm(k, n), sympy.symbols(f"t:{n}"))


def _black_scholes(k: int) -> Any:
    s, strike, r, sigma, t = sympy.symbols("S K r sigma T")
    d = (sympy.log(s / strike) + (r + sigma**2 / 2) * t) / (sigma * sympy.sqrt(t))

    def normal(v: Any) -> Any:
        return (1 + sympy.erf(v / sympy.sqrt(2))) / 2

    return k * s * normal(d) - strike * sympy.exp(-r * t) * normal(d - sigma * sympy.sqrt(t))


def _pieces(k: int) -> Any:
    x, y = sympy.symbols("x y")
    return sympy.Piecewise((x**2 * y, x < 1), (k * sympy.sqrt(x) * y**2, y < 1), (x / y, True))


def _lennard_jones(k: int) -> Any:
    q = sympy.symbols("q:9")
    bodies = [q[:3], q[3:6], q[6:]]
    energy = 0
    for i in range(3):
        for j in range(i):
            square = sum((a - b) ** 2 for a, b in zip(bodies[i], bodies[j], strict=True)) + k
            energy += 1 / square**6 - 1 / square**3
    return energy


def _arm(k: int, joints: int) -> Any:
    """The square distance of the end of a plane arm from a point."""
    angles, end, angle = sympy.symbols(f"t:{joints}"), [0, 0], 0
    for i, joint in enumerate(angles):
        angle = angle + joint
        end = [end[0] + sympy.cos(angle) * (i + 1), end[1] + sympy.sin(angle) * (i + 1)]
    return (end[0] - k) ** 2 + (end[1] - 2) ** 2


# -- tools -----------------------------------------------------------------------------------------


def _derivatives(expression: Any, symbols: Sequence[Any]) -> list[Any]:
    return [sympy.diff(expression, x) for x in symbols]


def of_pullback(expression: Any, symbols: Sequence[Any]) -> Gradient:
    gradient = pb.from_sympy(expression, symbols).grad
    return lambda args: gradient(*args)


def of_lambdify(expression: Any, symbols: Sequence[Any]) -> Gradient:
    function = sympy.lambdify(
        symbols, _derivatives(expression, symbols), ["scipy", "numpy"], cse=True
    )
    return lambda args: function(*args)


def of_autowrap(expression: Any, symbols: Sequence[Any]) -> Gradient | None:
    """A loop in C for each derivative, which Cython calls."""
    from sympy.utilities.autowrap import ufuncify

    if sympy.count_ops(expression) > AUTOWRAP_LIMIT or expression.has(sympy.Piecewise):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slopes = _derivatives(expression, symbols)
        functions = [ufuncify(symbols, g, backend="cython") for g in slopes]
    return lambda args: [f(*args) for f in functions]


def of_symengine(expression: Any, symbols: Sequence[Any]) -> Gradient:
    """By LLVM, in the order of memory that is quicker."""
    import symengine

    given = [symengine.sympify(x) for x in symbols]
    converted = symengine.sympify(expression)
    slopes = [converted.diff(x) for x in given]
    function = symengine.Lambdify(given, slopes, backend="llvm", cse=True)
    return lambda args: function(args)


def of_casadi(expression: Any, symbols: Sequence[Any]) -> Gradient:
    import casadi

    names = ("exp", "log", "sin", "cos", "tanh", "sqrt", "erf")
    words = {name: getattr(casadi, name) for name in names}
    words["select"] = _casadi_select
    given = [casadi.SX.sym(str(x)) for x in symbols]
    value = sympy.lambdify(symbols, expression, [words, "numpy"])(*given)
    slopes = casadi.gradient(value, casadi.vertcat(*given))
    function = casadi.Function("gradient", given, [slopes]).map(POINTS)
    return lambda args: function(*args)


def _casadi_select(conditions: Sequence[Any], values: Sequence[Any], default: float) -> Any:
    import casadi

    found: Any = default
    for condition, value in zip(reversed(conditions), reversed(values), strict=True):
        found = value if condition is True else casadi.if_else(condition, value, found)
    return found


def _as_they_are(args: Sequence[Array]) -> Any:
    return args


def _as_casadi(args: Sequence[Array]) -> Any:
    import casadi

    return [casadi.DM(x.reshape(1, -1)) for x in args]


MAKERS: dict[str, tuple[Callable[..., Gradient | None], Callable[[Sequence[Array]], Any]]] = {
    "pullback": (of_pullback, _as_they_are),
    "lambdify": (of_lambdify, _as_they_are),
    "autowrap": (of_autowrap, _as_they_are),
    "symengine": (of_symengine, lambda args: np.stack(args, -1)),
    "casadi": (of_casadi, _as_casadi),
}


def missing() -> dict[str, str]:
    """What tools lack that cannot be measured here."""
    lacks = {x: "not installed" for x in ("symengine", "casadi") if find_spec(x) is None}
    if find_spec("Cython") is None:
        lacks["autowrap"] = "no Cython"
    elif shutil.which("cc") is None:
        lacks["autowrap"] = "no C compiler"
    return lacks


def tools() -> list[str]:
    """Those that are there."""
    return [x for x in MAKERS if x not in missing()]


def _copy(args: Sequence[Array]) -> Callable[[], Any]:
    out = np.empty((len(args), POINTS))

    def copy() -> None:
        for row, x in zip(out, args, strict=True):
            np.copyto(row, x)

    return copy


# -- measuring -------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """Seconds by tool: of each round, and from the expression to the first gradient."""

    rounds: dict[str, list[float]]
    first: dict[str, float]
    apart: float

    @property
    def peers(self) -> list[str]:
        """The other tools."""
        return [tool for tool in self.rounds if tool not in ("pullback", COPY)]

    @property
    def best(self) -> float:
        """How far we are ahead of the best of them."""
        return min(map(self.ahead, self.peers))

    def ahead(self, tool: str) -> float:
        """How many times our time goes into a tool's."""
        pairs = zip(self.rounds[tool], self.rounds["pullback"], strict=True)
        return median([theirs / ours for theirs, ours in pairs])

    def compiling(self, tool: str) -> float:
        """Seconds of the first gradient but for those that every one takes."""
        return self.first[tool] - min(self.rounds[tool])


def _clock() -> float:
    """Seconds of the processor, those of finished child processes included."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _points(case: Case) -> list[Array]:
    rng = np.random.default_rng(0)
    return [rng.uniform(0.5, 2.0, POINTS) for _ in case.symbols]


def _made(
    tool: str, case: Case, args: Sequence[Array], number: int
) -> tuple[float, Callable[[], Any]] | None:
    """Seconds from the expression to the gradient, and a call of it."""
    make, arrange = MAKERS[tool]
    expression, given = case.make(number), arrange(args)
    gc.collect()
    start = _clock()
    gradient = make(expression, case.symbols)
    if gradient is None:
        return None
    gradient(given)
    return _clock() - start, lambda: gradient(given)


def measured(case: Case) -> Measured:
    """Rounds of all tools in turn."""
    args = _points(case)
    calls: dict[str, Callable[[], Any]] = {}
    first: dict[str, float] = {}
    for tool in tools():
        made = _made(tool, case, args, 2)
        if made is not None:
            first[tool], calls[tool] = made
    ours = np.asarray(calls["pullback"]())
    apart = max(_apart(np.asarray(call()), ours) for call in calls.values())
    made_ones = list(calls)
    calls[COPY] = _copy(args)
    rounds: dict[str, list[float]] = {tool: [] for tool in calls}
    for _ in range(ROUNDS):
        for tool, call in calls.items():
            rounds[tool].append(_seconds(call))
    for number in range(3, 3 + FIRSTS):
        for tool in made_ones:
            if tool != "autowrap":  # its C compiler takes many seconds
                made = _made(tool, case, args, number)
                assert made is not None
                first[tool] = min(made[0], first[tool])
    return Measured(rounds, first, apart)


def _apart(found: Array, ours: Array) -> float:
    """The largest difference, relative to the largest number of each derivative."""
    if found.ndim == 1:
        found = np.stack([np.broadcast_to(x, ours.shape[1:]) for x in found])
    found = found.T if found.shape != ours.shape else found
    size = np.maximum(np.max(np.abs(ours), -1, keepdims=True), 1e-300)
    return float(np.max(np.abs(found - ours) / size))


def _seconds(call: Callable[[], Any]) -> float:
    """Seconds of the best of the calls of a round."""
    best, end = float("inf"), _clock() + LEAST
    while (start := _clock()) < end:
        call()
        best = min(best, _clock() - start)
    return best


EXPLANATION = """\
Gradients at 100,000 points by one thread, in seconds of the processor, as the machine may be
shared. The tools take turns; *ours ahead* is a tool's time over ours in the same round, the median
over the rounds. *First* is from SymPy's expression to its gradient, derivatives and the first call
included, of expressions with other numbers each time, in a process that has compiled before; of
autowrap, measured for the shortest expressions only, with what its C compiler takes at `-O3
-march=native`. lambdify is with NumPy and `cse`, SymEngine's `Lambdify` with LLVM and `cse`. *A
copy* reads and writes as many bytes as the gradient does, by NumPy: where that takes about as long
as the gradient, the memory is the bound."""

TITLES = ("gradient", "tool", "best", "ours ahead", "first", "first, theirs over ours")


def rows(case: Case, found: Measured) -> list[tuple[str, ...]]:
    """The lines of a table."""
    lines: list[tuple[str, ...]] = []
    for tool, times in found.rounds.items():
        name = case.name if tool == "pullback" else ""
        ahead = "" if tool == "pullback" else f"{found.ahead(tool):.3g}x"
        first, ratio = found.first.get(tool), ""
        if first is not None and tool != "pullback":
            ratio = f"{first / found.first['pullback']:.2g}x"
        took = "" if first is None else seconds(first)
        lines.append((name, tool, seconds(min(times)), ahead, took, ratio))
    return lines


def verdict(found: dict[str, Measured]) -> str:
    """What is required, and whether it is met."""
    ahead = {name: x.best for name, x in found.items()}
    least = min(ahead, key=lambda name: ahead[name])
    short = [name for name in ahead if ahead[name] < REQUIRED]
    met = f"NOT MET by {', '.join(short)}" if short else "met"
    first = (
        f"Ahead of the best of the others {geometric_mean(ahead.values()):.3g}x, geometric mean, "
        f"at least {ahead[least]:.3g}x ({least}); required {REQUIRED:.0f}x: {met}."
    )
    copies = [
        f"{name}: a copy of as many bytes takes {found[name].ahead(COPY):.2g} of our time."
        for name in short
    ]
    lines = [first, *copies]
    beside = [x for x in found.values() if "symengine" in x.first]
    if beside:
        ratios = [x.first["symengine"] / x.first["pullback"] for x in beside]
        alone = [x.compiling("symengine") / x.compiling("pullback") for x in beside]
        lines.append(
            f"SymEngine with LLVM has its first gradient in {geometric_mean(ratios):.2g} times our "
            f"time, geometric mean, and in {geometric_mean(alone):.2g} times without the time of a "
            f"later one; required at least 1: {'met' if min(alone) >= 1 else 'NOT MET'}."
        )
    if lacks := missing():
        absent = ", ".join(f"{tool} ({why})" for tool, why in lacks.items())
        lines.append(
            f"Not measured here, so that what is said of the best leaves it out: {absent}."
        )
    return "\n".join(lines)


def section() -> str:
    """The section of RESULTS.md, measured in a process of its own."""
    done = subprocess.run([sys.executable, __file__], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def main(parts: Sequence[str]) -> None:
    """Measure, and print a table and what is required."""
    pb.set_num_threads(1)
    lines: list[tuple[str, ...]] = []
    found: dict[str, Measured] = {}
    for case in _cases():
        if parts and not any(part in case.name for part in parts):
            continue
        found[case.name] = this = measured(case)
        assert this.apart < 1e-9, (case.name, this.apart)
        lines += rows(case, this)
        print(f"{case.name}: {this.best:.3g}x", file=sys.stderr)
    print(EXPLANATION, "\n")
    print(columns(TITLES, lines))
    print(f"\n{verdict(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
