"""Short programs as users write them: the value is NumPy's, the gradient that of differences.

Each is a function of arrays; real `numpy` inside, nothing of pullback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pullback as pb
from pullback.testing import check_grads

RNG = np.random.default_rng(7)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0, axis=0)


def ackley(x: Any) -> Any:
    near = np.exp(-0.2 * np.sqrt(np.mean(x**2)))
    return -20.0 * near - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20.0 + np.e


def rastrigin(x: Any) -> Any:
    return 10 * len(x) + (x**2 - 10 * np.cos(2 * np.pi * x)).sum()


def himmelblau(p: Any) -> Any:
    x, y = p
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def kalman_filter(measured: Any, noise: Any) -> Any:
    """The log-likelihood of positions measured of a body that moves evenly."""
    dt = 0.1
    step = np.array([[1.0, dt], [0.0, 1.0]])
    observe = np.array([[1.0, 0.0]])
    mean, cov, total = np.zeros(2), np.eye(2), 0.0
    for y in measured:
        mean = step @ mean
        cov = step @ cov @ step.T + noise[0] ** 2 * np.eye(2)
        innovation = y - observe @ mean
        spread = (observe @ cov @ observe.T)[0, 0] + noise[1] ** 2
        gain = (cov @ observe.T)[:, 0] / spread
        mean = mean + gain * innovation
        cov = (np.eye(2) - np.outer(gain, observe)) @ cov
        total += -0.5 * (np.log(2 * np.pi * spread) + innovation[0] ** 2 / spread)
    return total


def k_means_step(centres: Any, points: Any) -> Any:
    distances = np.linalg.norm(points[:, np.newaxis] - centres, axis=2)
    nearest = np.argmin(distances, axis=1)
    members = nearest[:, np.newaxis] == np.arange(len(centres))
    counts = np.maximum(members.sum(axis=0), 1)
    updated = (members[:, :, None] * points[:, None]).sum(axis=0) / counts[:, None]
    moved = np.sum((updated - centres) ** 2)
    return moved + np.mean(np.min(distances, axis=1))


def logistic_regression(w: Any, x: Any, y: Any) -> Any:
    """Three steps on mini-batches, then the loss."""
    for batch in np.array_split(np.arange(len(x)), 3):
        p = 1.0 / (1.0 + np.exp(-x[batch] @ w))
        w = w - 0.1 * x[batch].T @ (p - y[batch]) / len(batch)
    z = x @ w
    return np.mean(np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - y * z)


def heat_equation(u: Any, kappa: Any) -> Any:
    """Explicit steps with fixed ends, written in place."""
    u = u.copy()
    for _ in range(5):
        u[1:-1] += kappa * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.trapezoid(u**2, dx=0.1)


def wave_2d(u: Any) -> Any:
    previous, current = u, u
    for _ in range(3):
        laplace = (
            np.roll(current, 1, 0)
            + np.roll(current, -1, 0)
            + np.roll(current, 1, 1)
            + np.roll(current, -1, 1)
            - 4 * current
        )
        previous, current = current, 2 * current - previous + 0.1 * laplace
    return np.sum(current**2)


def fir_filter(signal: Any, taps: Any) -> Any:
    smooth = np.convolve(signal, taps / np.sum(taps), mode="same")
    return np.sqrt(np.mean((signal - smooth) ** 2)) + np.sum(np.diff(smooth, n=2) ** 2)


def polynomial_fit(y: Any) -> Any:
    x = np.linspace(-1.0, 1.0, 12)
    p = np.polyfit(x, y, 3)
    return np.polyval(np.polyder(p), 0.3) + np.sum((np.polyval(p, x) - y) ** 2)


def spline(y: Any) -> Any:
    """A natural cubic spline by the tridiagonal algorithm, at points between."""
    n = len(y)
    right = 6 * np.diff(y, 2)
    upper, solved = [1 / 4], [right[0] / 4]
    for k in range(1, n - 2):
        pivot = 4 - upper[-1]
        upper.append(1 / pivot)
        solved.append((right[k] - solved[-1]) / pivot)
    curvature = [solved[-1]]
    for k in reversed(range(n - 3)):
        curvature.insert(0, solved[k] - upper[k] * curvature[0])
    m = np.concatenate([[0.0], np.stack(curvature), [0.0]])
    t = 0.37
    a, b = 1 - t, t
    between = a * y[:-1] + b * y[1:] + ((a**3 - a) * m[:-1] + (b**3 - b) * m[1:]) / 6
    return np.sum(np.sin(between))


def blurred_edges(image: Any, kernel: Any) -> Any:
    padded = np.pad(image, 1, mode="reflect")
    rows, columns = image.shape
    windows = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    blurred = np.tensordot(kernel.ravel(), np.stack(windows), axes=1)
    gy, gx = np.gradient(blurred)
    return np.mean(np.hypot(gx, gy)) + np.std(blurred)


def page_rank(links: Any) -> Any:
    transition = links / links.sum(axis=0, keepdims=True)
    rank = np.full(len(links), 1 / len(links))
    for _ in range(10):
        rank = 0.85 * transition @ rank + 0.15 / len(links)
    return -np.sum(rank * np.log(rank))


def spectral_radius(a: Any) -> Any:
    v = np.ones(a.shape[0])
    for _ in range(8):
        v = a @ v
        v = v / np.linalg.norm(v)
    return np.dot(v, a @ v)


def runge_kutta(state: Any, mu: Any) -> Any:
    """The van der Pol oscillator."""

    def slope(s: Any) -> Any:
        x, v = s
        return np.stack([v, mu * (1 - x**2) * v - x])

    h = 0.05
    for _ in range(6):
        k1 = slope(state)
        k2 = slope(state + h / 2 * k1)
        k3 = slope(state + h / 2 * k2)
        k4 = slope(state + h * k3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(state**2)


def shrunk_covariance(x: Any, share: Any) -> Any:
    c = np.cov(x, rowvar=False)
    target = np.trace(c) / len(c) * np.eye(len(c))
    mixed = (1 - share) * c + share * target
    off = mixed[np.triu_indices(len(c), k=1)]
    return np.sum(off**2) + np.sum(np.corrcoef(x.T)[0] ** 2)


def softmax_attention(q: Any, k: Any, v: Any) -> Any:
    scores = q @ k.T / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(len(q), dtype=bool), scores, -np.inf)
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.sum(np.einsum("ij,jk->ik", weights, v) ** 2)


def portfolio(w: Any, returns: Any) -> Any:
    """The deepest fall of the value below its maximum so far."""
    value = np.cumprod(1 + returns @ (w / np.sum(w)))
    peak = np.maximum.accumulate(value)
    return np.max((peak - value) / peak)


def piecewise_tariff(income: Any) -> Any:
    tax = np.piecewise(
        income,
        [income < 1.0, (income >= 1.0) & (income < 3.0)],
        [0.0, lambda x: 0.2 * (x - 1.0), lambda x: 0.4 + 0.4 * (x - 3.0)],
    )
    rebate = np.select([income > 4.0, income > 2.0], [0.0, 0.1 * income], default=0.3)
    return np.sum(tax) - np.sum(rebate) + np.interp(2.5, np.arange(5.0), np.cumsum(tax))


def lattice_boltzmann(f: Any, tau: Any) -> Any:
    """A step of a fluid on nine velocities, which walls turn back."""
    dx, dy = np.array([0, 0, 1, 1, 1, 0, -1, -1, -1]), np.array([0, 1, 1, 0, -1, -1, -1, 0, 1])
    weights = np.array([16, 4, 1, 4, 1, 4, 1, 4, 1]) / 36
    wall = np.zeros(f.shape[1:], dtype=bool)
    wall[0], wall[2, 1:3] = True, True
    f = f.copy()
    for i, (x, y) in enumerate(zip(dx, dy, strict=True)):
        f[i] = np.roll(f[i], (y, x), axis=(0, 1))
    bounced = f[:, wall][[0, 5, 6, 7, 8, 1, 2, 3, 4]]
    density = f.sum(axis=0)
    u, v = np.tensordot(dx, f, 1) / density, np.tensordot(dy, f, 1) / density
    even = np.zeros(f.shape)
    for i in range(9):
        along = dx[i] * u + dy[i] * v
        even[i] = weights[i] * density * (1 + 3 * along + 4.5 * along**2 - 1.5 * (u**2 + v**2))
    f += (even - f) / tau
    f[:, wall] = bounced
    return np.sum(f * np.arange(9.0)[:, None, None])


def unscented_transform(mean: Any, spread: Any) -> Any:
    """Sigma points of a position, seen as distance and bearing."""
    n = len(mean)
    points = np.zeros((2 * n + 1, n))
    points[0] = mean
    for k, column in enumerate(np.linalg.cholesky(spread @ spread.T + np.eye(n)).T):
        points[k + 1], points[n + k + 1] = mean + column, mean - column
    seen = np.array([[np.hypot(p[0], p[1]), np.arctan2(p[1], p[0])] for p in points])
    weights = np.full(2 * n + 1, 1 / (2 * n + 2))
    weights[0] += 1 / (2 * n + 2)
    centre = weights @ seen
    return np.linalg.det((weights[:, None] * (seen - centre)).T @ (seen - centre)) + centre.sum()


def gram_schmidt(a: Any) -> Any:
    q, r = np.zeros_like(a), np.zeros((a.shape[1], a.shape[1]))
    for k in range(a.shape[1]):
        v = a[:, k].copy()
        for j in range(k):
            r[j, k] = q[:, j] @ a[:, k]
            v -= r[j, k] * q[:, j]
        r[k, k] = np.sqrt(v @ v)
        q[:, k] = v / r[k, k]
    return np.sum(np.cos(q)) + np.sum(r**3)


def written_backward_pass(w: Any, u: Any, out: Any) -> Any:
    """A recurrent network with its gradient as people write it by hand."""
    states, chances, loss = {-1: np.zeros((3, 1))}, {}, 0.0
    given, wanted = [0, 1, 0], [1, 0, 1]
    for t, (i, j) in enumerate(zip(given, wanted, strict=True)):
        x = np.zeros((2, 1))
        x[i] = 1.0
        states[t] = np.tanh(w @ x + u @ states[t - 1])
        scores = np.exp(out @ states[t])
        chances[t] = scores / np.sum(scores)
        loss -= np.log(chances[t][j, 0])
    d_u, d_out, later = np.zeros_like(u), np.zeros_like(out), np.zeros((3, 1))
    for t in reversed(range(3)):
        d_scores = np.copy(chances[t])
        d_scores[wanted[t]] -= 1
        d_out += d_scores @ states[t].T
        raw = (1 - states[t] ** 2) * (out.T @ d_scores + later)
        d_u += raw @ states[t - 1].T
        later = u.T @ raw
    np.clip(d_out, -0.5, 0.5, out=d_out)
    return loss + np.sum(d_u**2) + np.sum(d_out)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


PROGRAMS: dict[Callable[..., Any], tuple[Any, ...]] = {
    rosenbrock: (normal(6),),
    ackley: (normal(5),),
    rastrigin: (normal(4),),
    himmelblau: (np.array([1.0, 2.0]),),
    kalman_filter: (np.cumsum(normal(8)) * 0.1, np.array([0.3, 0.2])),
    k_means_step: (normal(3, 2), normal(15, 2)),
    logistic_regression: (normal(4), normal(20, 4), (normal(20) > 0).astype(float)),
    heat_equation: (normal(12), np.float64(0.2)),
    wave_2d: (normal(5, 6),),
    fir_filter: (normal(30), np.array([1.0, 2.0, 3.0, 2.0, 1.5])),
    polynomial_fit: (normal(12),),
    spline: (normal(9),),
    blurred_edges: (normal(6, 7), normal(3, 3)),
    page_rank: (RNG.uniform(0.1, 1.0, (5, 5)),),
    spectral_radius: (RNG.uniform(0.1, 1.0, (4, 4)),),
    runge_kutta: (np.array([1.0, 0.5]), np.float64(1.3)),
    shrunk_covariance: (normal(12, 3), np.float64(0.3)),
    softmax_attention: (normal(4, 3), normal(4, 3), normal(4, 2)),
    portfolio: (RNG.uniform(0.5, 1.0, 3), 0.1 * normal(20, 3)),
    piecewise_tariff: (np.array([0.5, 1.7, 2.6, 3.9, 5.2]),),
    lattice_boltzmann: (RNG.uniform(0.5, 1.5, (9, 4, 5)), np.float64(0.7)),
    unscented_transform: (np.array([2.0, 1.0]), normal(2, 2)),
    gram_schmidt: (normal(4, 3),),
    written_backward_pass: (normal(3, 2), normal(3, 3), normal(2, 3)),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program(program: Callable[..., Any]) -> None:
    arguments = PROGRAMS[program]
    assert_allclose(pb.jit(program)(*arguments), program(*arguments), rtol=1e-12)
    check_grads(pb.jit(program), arguments, order=1, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("program", [rosenbrock, ackley, fir_filter], ids=lambda p: p.__name__)
def test_hessian_of_program(program: Callable[..., Any]) -> None:
    check_grads(program, PROGRAMS[program], order=2, rtol=1e-4, atol=1e-4)
