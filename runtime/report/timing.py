"""How long each kernel takes: code that counts is made, called some times, and forgotten."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pullback.codegen.timing import NOW, TICKS, counter_of

from ..compiled import MISSED, Compiled, Flat, missed
from ..errors import InternalError
from ..generate import lower
from ..libraries import implied, resolve
from ..link import Linked, load, object_code
from ..objects import Clock, entry_object
from ..signature import Call
from ..target import host
from .model import Measured

ENOUGH_SECONDS, MOST_CALLS, LEAST_CALLS = 0.2, 50, 3


def measured(compiled: Compiled, call: Call) -> Measured:
    """Times of calls with these arguments, which stay as they are.

    A function with effects is called once, others several times after a first call that does not
    count.
    """
    linked, count = _counting(compiled)
    native = Flat()
    native.set_slow(missed)
    specialisation = replace(compiled.specialisation, code=linked)
    native.set_chain([specialisation])
    timed = replace(compiled, native=native, specialisation=specialisation)
    ticks = np.ctypeslib.as_array((ctypes.c_int64 * count).from_address(linked.address(TICKS)))
    now = ctypes.CFUNCTYPE(ctypes.c_int64)(linked.address(NOW))
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
    kernels = np.median(np.array(found[used]), axis=0) * rate
    return Measured(len(found[used]), statistics.median(seconds[used]), tuple(kernels.tolist()))


def _enough(seconds: Sequence[float], once: bool) -> bool:
    if once:
        return bool(seconds)
    done = len(seconds) - 1
    return done >= MOST_CALLS or (done >= LEAST_CALLS and sum(seconds) >= ENOUGH_SECONDS)


def _counting(compiled: Compiled) -> tuple[Linked, int]:
    """Code that counts the ticks of each kernel, and how many kernels there are."""
    program = compiled.program
    counter = counter_of(host().triple)
    between = lower(program.graph, program.entry.donated, Clock({}), counter)
    module, call = between.emission.module, entry_object(program.entry)
    symbols = resolve({*module.symbols, *call.symbols, *implied()})
    linked = load([object_code(module.text()), call.code], symbols, ("entry", TICKS, NOW))
    return linked, max(len(between.plan.kernels), 1)


def _fresh(call: Call) -> Call:
    """The call with copies of its arrays, which it may write to."""
    copies = {id(x): x.copy() for x in (*call.leaves, *call.given) if isinstance(x, np.ndarray)}
    leaves = [copies.get(id(x), x) for x in call.leaves]
    given = [copies.get(id(x), x) for x in call.given]
    return replace(call, leaves=leaves, given=given)
