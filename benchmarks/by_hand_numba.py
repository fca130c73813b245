"""Derivatives written out by hand and compiled by Numba: what the machine can do."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

compiled = njit(fastmath=True, error_model="numpy")


@compiled
def small(x: Any) -> Any:
    slope = np.empty_like(x)
    for i in range(len(x)):
        slope[i] = math.sin(x[i]) + x[i] * math.cos(x[i])
    return slope


@compiled
def transcendental(x: Any) -> Any:
    """Of tanh(x) exp(-x²) + sin(x) log1p(x²)."""
    slope = np.empty_like(x)
    for i in range(len(x)):
        v = x[i]
        t, e, s, square = math.tanh(v), math.exp(-v * v), math.sin(v), v * v
        slope[i] = (1.0 - t * t - 2.0 * v * t) * e
        slope[i] += math.cos(v) * math.log1p(square) + 2.0 * v * s / (1.0 + square)
    return slope


@compiled
def rosenbrock(x: Any) -> Any:
    value, slope = 0.0, np.zeros_like(x)
    for i in range(len(x) - 1):
        curved, straight = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        value += 100.0 * curved * curved + straight * straight
        slope[i] -= 400.0 * curved * x[i] + 2.0 * straight
        slope[i + 1] += 200.0 * curved
    return value, slope


@compiled
def rosenbrock_along(x: Any, v: Any) -> Any:
    """The Hessian times v."""
    result = np.zeros_like(x)
    for i in range(len(x) - 1):
        curved = x[i + 1] - x[i] * x[i]
        bent = v[i + 1] - 2.0 * x[i] * v[i]
        result[i] += 2.0 * v[i] - 400.0 * (bent * x[i] + curved * v[i])
        result[i + 1] += 200.0 * bent
    return result


@compiled
def log_sum_exp(x: Any) -> Any:
    top = np.max(x)
    total, shares = 0.0, np.empty_like(x)
    for i in range(len(x)):
        shares[i] = math.exp(x[i] - top)
        total += shares[i]
    for i in range(len(x)):
        shares[i] /= total
    return top + math.log(total), shares


@compiled
def black_scholes(spot: Any, strike: Any, years: Any, rate: Any, volatility: Any) -> Any:
    """Prices summed, then what traders call delta, and the others."""
    value = 0.0
    slopes = np.empty((5, len(spot)))
    for i in range(len(spot)):
        root = math.sqrt(years[i])
        spread = volatility[i] * root
        drift = (rate[i] + 0.5 * volatility[i] ** 2) * years[i]
        upper = (math.log(spot[i] / strike[i]) + drift) / spread
        lower = upper - spread
        discount = math.exp(-rate[i] * years[i])
        above = 0.5 + 0.5 * math.erf(upper * 0.7071067811865476)
        below = 0.5 + 0.5 * math.erf(lower * 0.7071067811865476)
        density = math.exp(-0.5 * upper * upper) * 0.3989422804014327
        owed = strike[i] * discount * below
        value += spot[i] * above - owed
        slopes[0, i] = above
        slopes[1, i] = -discount * below
        slopes[2, i] = spot[i] * density * volatility[i] / (2.0 * root) + rate[i] * owed
        slopes[3, i] = owed * years[i]
        slopes[4, i] = spot[i] * density * root
    return value, slopes[0], slopes[1], slopes[2], slopes[3], slopes[4]


@compiled
def bodies(positions: Any, masses: Any) -> Any:
    """Each pair once."""
    value = 0.0
    slope = np.zeros_like(positions)
    for i in range(len(positions)):
        value -= masses[i] * masses[i] / math.sqrt(0.01)
        for j in range(i):
            x = positions[i, 0] - positions[j, 0]
            y = positions[i, 1] - positions[j, 1]
            z = positions[i, 2] - positions[j, 2]
            inverse = 1.0 / math.sqrt(x * x + y * y + z * z + 0.01)
            energy = 2.0 * masses[i] * masses[j] * inverse
            value -= energy
            pull = energy * inverse * inverse
            slope[i, 0] += pull * x
            slope[i, 1] += pull * y
            slope[i, 2] += pull * z
            slope[j, 0] -= pull * x
            slope[j, 1] -= pull * y
            slope[j, 2] -= pull * z
    return value, slope


def of(function: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    return lambda *inputs: functools.partial(function, *inputs)


FAMILIES = {
    "call overhead: gradient, 10 elements": of(small),
    "tanh exp sin log1p, 1e6": of(transcendental),
    "Rosenbrock, 1e6": of(rosenbrock),
    "logsumexp, 1e6": of(log_sum_exp),
    "Black-Scholes, 1e6, five gradients": of(black_scholes),
    "pairwise forces, 700 bodies": of(bodies),
    "Hessian times a vector, Rosenbrock 1e5": of(rosenbrock_along),
}
