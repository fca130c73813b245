"""What a call from Python into machine code costs, by what goes in and out (ns a call)."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import pullback as pb
from pullback.codegen.assembly import Module
from pullback.codegen.call import write_entry
from pullback.codegen.entry import Argument, Entry, Group, Leaf, Table
from pullback.runtime.libraries import resolve
from pullback.runtime.link import load, object_code
from pullback.runtime.native import Guard, NativeCallable, Specialisation
from pullback.tracer.types import FLOAT64, ArrayType, scalar

NOTHING = "define i64 @run(ptr %i, ptr %o, ptr %w, ptr %s) nounwind {\n  ret i64 0\n}\n"
VECTOR = ArrayType((10,), FLOAT64)
X = Argument("array", VECTOR)
NUMBER = Argument("float", scalar(FLOAT64))


class Function(NativeCallable):
    """Kernels that do nothing, so that only the call is measured."""

    def __init__(self, entry: Entry, **parts: Any) -> None:
        module = Module()
        write_entry(module, entry)
        module.functions.append(NOTHING)
        start = perf_counter()
        code = object_code(module.text())
        compiled = perf_counter()
        linked = load([code], resolve(module.symbols), ["entry"])
        self.times = compiled - start, perf_counter() - compiled
        self.set_slow(lambda *args: None)
        self.set_chain([Specialisation(linked, entry, **parts)])


def nanoseconds(call: str, **names: Any) -> float:
    """The least mean time of a call."""
    number = 20_000
    return min(timeit.repeat(call, globals=names, number=number, repeat=25)) / number * 1e9


def report(name: str, call: str, function: Callable[..., Any]) -> None:
    """Print one line."""
    ns = nanoseconds(call, f=function, x=np.arange(10.0))
    compile_time, load_time = getattr(function, "times", (0.0, 0.0))
    print(f"{name:32} {ns:6.0f} ns {compile_time * 1e3:8.2f} ms {load_time * 1e3:8.2f} ms")


def whole_functions() -> None:
    """Print what calls of compiled functions take, small kernels included."""
    x, y, out = np.arange(10.0), np.arange(7.0), np.empty(10)
    tree = {f"w{k}": np.arange(10.0 + k) for k in range(10)}
    outs = {name: np.empty_like(w) for name, w in tree.items()}
    slope = pb.grad(lambda x: np.sum(np.sin(x)))
    slopes = pb.grad(lambda tree: sum(np.sum(w * w) for w in tree.values()))
    step = pb.jit(lambda w: 0.5 * w, donate_argnums=0)
    names = {**locals(), "many": [np.arange(20.0 + k) for k in range(20)]}
    rows = (
        ("gradient, 10 elements", "slope(x)", 1),
        ("two signatures in turn", "slope(x); slope(y)", 2),
        ("twenty more signatures in turn", "for z in many: slope(z)", 20),
        ("into a given array", "slope(x, out=out)", 1),
        ("a donated array", "step(x)", 1),
        ("a dict of ten arrays", "slopes(tree)", 1),
        ("a dict of ten, into another", "slopes(tree, out=outs)", 1),
    )
    for name, calls, count in rows:
        for _ in range(2):
            exec(calls, names)
        print(f"{name:32} {nanoseconds(calls, **names) / count:6.0f} ns")


def main() -> None:
    """Print the table: time of a call, then once to compile and to load the code."""
    Function(Entry((X,), (VECTOR,), Leaf(0)))
    names = {"x": 1.0}
    pair = Group("tuple", (Leaf(0), Leaf(1)))
    table = Table((0, 1), (Leaf(0), Leaf(1)))
    guards = tuple(Guard(names, "x", names["x"]) for _ in range(4))
    captured = np.arange(10.0)
    rows = {
        "array -> array": Function(Entry((X,), (VECTOR,), Leaf(0))),
        "array -> number": Function(Entry((X,), (scalar(FLOAT64),), Leaf(0))),
        "array -> (number, array)": Function(Entry((X,), (scalar(FLOAT64), VECTOR), pair)),
        "array -> dict of two arrays": Function(
            Entry((X,), (VECTOR, VECTOR), table), objects=("a", "b")
        ),
        "with 4 guards and a capture": Function(
            Entry((X,), (VECTOR,), Leaf(0), captures=(X,), guarded=True),
            guards=guards,
            captures=(captured,),
        ),
        "with a workspace of 1 MB": Function(
            Entry((X,), (VECTOR,), Leaf(0), workspace_bytes=1_000_000)
        ),
        "with the lock released": Function(Entry((X,), (VECTOR,), Leaf(0), release_gil=True)),
    }
    for name, function in rows.items():
        report(name, "f(x)", function)
    report("number -> number", "f(1.5)", Function(Entry((NUMBER,), (scalar(FLOAT64),), Leaf(0))))
    report("to the slow path", "f(1)", rows["array -> array"])
    report("for comparison: np.empty(10)", "f(10)", np.empty)
    report("for comparison: np.negative(x)", "f(x)", np.negative)
    whole_functions()


if __name__ == "__main__":
    main()
