"""How long each kernel takes: code that counts is made, called some times, and forgotten."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pullback.codegen.emit import emit
from pullback.codegen.kernel import Plan, plans_of
from pullback.codegen.timing import EMPTY, NOW, TICKS, timer_of

from ..compiled import MISSED, Compiled, Flat, missed
from ..errors import InternalError
from ..libraries import implied, resolve
from ..link import Linked, load, object_code
from ..objects import entry_object
from ..signature import Call
from ..target import host
from .model import Measured, Taken

ENOUGH_SECONDS, MOST_CALLS, LEAST_CALLS = 0.2, 50, 3
EMPTY_RUNS, EMPTY_TRIALS = 1000, 5


def measured(compiled: Compiled, plan: Plan, call: Call) -> Measured:
    """Times of calls with these arguments, which stay as they are.

    A function with effects is called once, others several times after a first call that does not
    count. What is in loops is timed by other code, whose timers take their time too: it tells the
    shares of the loop's time.
    """
    whole = _runs(compiled, plan, call, inside=False)
    if not any(map(plans_of, plan.kernels)) or compiled.program.graph.effects:
        return whole
    shares = _runs(compiled, plan, call, inside=True).kernels
    kernels = {name: _scaled(name, taken, shares, whole) for name, taken in shares.items()}
    return replace(whole, kernels=kernels)


def _scaled(name: str, taken: Taken, shares: Mapping[str, Taken], whole: Measured) -> Taken:
    """What a kernel takes, by its share of the outermost loop that it is in."""
    outermost = name.partition(".")[0]
    own = whole.kernels[outermost]
    if name == outermost:
        return own
    level = outermost.count(".") + 1
    inside = sum(
        x.seconds
        for other, x in shares.items()
        if other.startswith(f"{outermost}.") and other.count(".") == level
    )
    loop = max(shares[outermost].seconds, inside)
    return Taken(taken.seconds * own.seconds / loop if loop else 0.0, taken.runs)


def _runs(compiled: Compiled, plan: Plan, call: Call, inside: bool) -> Measured:
    """Times of calls, and of kernels, those ``inside`` loops too."""
    linked, places = _counting(compiled, plan, inside)
    native = Flat()
    native.set_slow(missed)
    specialisation = replace(compiled.specialisation, code=linked)
    native.set_chain([specialisation])
    timed = replace(compiled, native=native, specialisation=specialisation)
    counts = (ctypes.c_int64 * 2 * len(places)).from_address(linked.address(TICKS))
    ticks = np.ctypeslib.as_array(counts)
    now = ctypes.CFUNCTYPE(ctypes.c_int64)(linked.address(NOW))
    cost = _cost_of_timing(linked, now, ticks)
    once = bool(compiled.program.graph.effects)
    seconds: list[float] = []
    found: list[np.ndarray[Any, Any]] = []
    begun, begun_ticks = time.perf_counter(), now()
    while not _enough(seconds, once):
        given = _fresh(call)
        ticks[:] = 0
        start = time.perf_counter()
        if timed.call(given) is MISSED:
            raise InternalError("timed code refused arguments of its own signature")
        seconds.append(time.perf_counter() - start)
        found.append(ticks.copy())
    rate = (time.perf_counter() - begun) / max(now() - begun_ticks, 1)
    used = slice(None) if once else slice(1, None)
    medians = np.median(np.array(found[used]), axis=0)
    spent = float(cost.whole * medians[:, 1].sum()) * rate
    return Measured(
        len(found[used]),
        max(statistics.median(seconds[used]) - spent, 0.0),
        _taken(dict(zip(places, medians.tolist(), strict=True)), cost, rate),
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    """The ticks of timing: those that count for what is timed, and those of all around it."""

    within: float
    whole: float


def _taken(found: Mapping[str, Sequence[float]], cost: _Cost, rate: float) -> dict[str, Taken]:
    """What kernels take by themselves, given ticks and runs of each."""
    spent = {name: cost.within * runs for name, (_, runs) in found.items()}
    for name, (_, runs) in found.items():
        around = name.rpartition(".")[0]
        while around:
            spent[around] += cost.whole * runs
            around = around.rpartition(".")[0]
    return {
        name: Taken(max(ticks - spent[name], 0.0) * rate, round(runs))
        for name, (ticks, runs) in found.items()
        if name != EMPTY
    }


def _cost_of_timing(linked: Linked, now: Callable[[], int], ticks: np.ndarray[Any, Any]) -> _Cost:
    """The least of some trials, since anything may come between."""
    run = ctypes.CFUNCTYPE(None, ctypes.c_int64)(linked.address(EMPTY))
    found: list[tuple[float, float]] = []
    for _ in range(EMPTY_TRIALS):
        ticks[:] = 0
        start = now()
        run(EMPTY_RUNS)
        found.append((now() - start, float(ticks[0, 0])))
    whole, within = (min(x) / EMPTY_RUNS for x in zip(*found, strict=True))
    return _Cost(within, whole)


def _enough(seconds: Sequence[float], once: bool) -> bool:
    if once:
        return bool(seconds)
    done = len(seconds) - 1
    return done >= MOST_CALLS or (done >= LEAST_CALLS and sum(seconds) >= ENOUGH_SECONDS)


def _counting(compiled: Compiled, plan: Plan, inside: bool) -> tuple[Linked, list[str]]:
    """Code that counts the ticks of each kernel, and whose they are."""
    machine = host()
    timer = timer_of(machine.triple, inside)
    module = emit(plan, machine.vector_bytes, timer, machine.convention).module
    call = entry_object(compiled.program.entry)
    symbols = resolve({*module.symbols, *call.symbols, *implied()})
    names = ("entry", TICKS, NOW, EMPTY)
    return load([object_code(module.text()), call.code], symbols, names), list(timer.places)


def _fresh(call: Call) -> Call:
    """The call with copies of its arrays, which it may write to."""
    copies = {id(x): x.copy() for x in (*call.leaves, *call.given) if isinstance(x, np.ndarray)}
    leaves = [copies.get(id(x), x) for x in call.leaves]
    given = [copies.get(id(x), x) for x in call.given]
    return replace(call, leaves=leaves, given=given)
