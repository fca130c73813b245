"""A mixture of Gaussians fitted by SciPy's L-BFGS, with a gradient compiled from NumPy code.

    python examples/gmm.py

The objective is that of ADBench (https://github.com/microsoft/ADBench, F. Srajer et al. 2018): the
logarithm of the posterior under a Wishart prior on the precision matrices. ADBench adds the prior's
logarithm with the wrong sign, here it has the right one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import multigammaln

import pullback as pb

DATA = Path(__file__).parent / "data" / "gmm_d10_K25.txt"

Array = NDArray[np.float64]
Params = dict[str, Array]


@dataclass(frozen=True)
class Problem:
    """Points to explain, and the prior's scale `gamma` and degrees of freedom above d + 1, `m`."""

    points: Array
    gamma: float
    m: int


def read(path: Path) -> tuple[Params, Problem]:
    """Starting values and the problem, from a file of ADBench."""
    numbers = iter(path.read_text().split())
    d, k, n = (int(next(numbers)) for _ in range(3))

    def take(*shape: int) -> Array:
        return np.array([float(next(numbers)) for _ in range(np.prod(shape))]).reshape(shape)

    params = {"alphas": take(k), "means": take(k, d), "factors": take(k, d + d * (d - 1) // 2)}
    return params, Problem(take(n, d), float(next(numbers)), int(next(numbers)))


def places(d: int) -> NDArray[np.intp]:
    """Where in (diagonal, below it column by column, 0) each number of a d x d factor stands."""
    place = np.full((d, d), d + d * (d - 1) // 2)
    np.fill_diagonal(place, np.arange(d))
    columns, rows = np.triu_indices(d, 1)
    place[rows, columns] = d + np.arange(len(rows))
    return place


def triangular(factors: Array) -> Array:
    """Lower triangular matrices Q, the precisions being QᵀQ; their diagonals come as logarithms."""
    k, size = factors.shape
    d = int(np.sqrt(2 * size))
    numbers = [np.exp(factors[:, :d]), factors[:, d:], np.zeros((k, 1))]
    return np.concatenate(numbers, axis=1)[:, places(d)]


def log_prior(params: Params, problem: Problem) -> Array:
    """Wishart's, of all components."""
    factors = params["factors"]
    d = problem.points.shape[1]
    freedom = d + problem.m + 1
    constant = freedom * d * np.log(problem.gamma / np.sqrt(2)) - multigammaln(freedom / 2, d)
    squares = np.sum(np.exp(factors[:, :d]) ** 2) + np.sum(factors[:, d:] ** 2)
    log_determinants = np.sum(factors[:, :d])
    return len(factors) * constant + problem.m * log_determinants - problem.gamma**2 / 2 * squares


def logsumexp(x: Array) -> Array:
    """Along the last axis, in which nothing overflows."""
    top = np.max(x, axis=-1, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=-1)) + top[..., 0]


@pb.jit
def log_likelihood(params: Params, points: Array) -> Array:
    alphas, means, factors = params["alphas"], params["means"], params["factors"]
    n, d = points.shape
    q = triangular(factors)
    # Q (x - mean) as Qx - Q mean: one product for all points and components.
    turned = np.tensordot(points, q, axes=(1, 2)) - np.einsum("kij,kj->ki", q, means)
    exponents = alphas + np.sum(factors[:, :d], axis=1) - np.sum(turned**2, axis=2) / 2
    mixed = logsumexp(exponents) - logsumexp(alphas)
    return np.sum(mixed) - n * d / 2 * np.log(2 * np.pi)


def fit(start: Params, problem: Problem, iterations: int = 40) -> tuple[Params, list[float]]:
    """The best parameters, and the log-likelihood at the start and after every iteration."""
    vector, restore = pb.ravel_tree(start)

    @pb.value_and_grad
    def objective(vector: Array) -> Array:
        params = restore(vector)
        return -log_likelihood(params, problem.points) - log_prior(params, problem)

    history: list[float] = []

    def note(xk: Array) -> None:
        history.append(float(log_likelihood(restore(xk), problem.points)))
        print(f"iteration {len(history) - 1:3}   log-likelihood {history[-1]:11.2f}")

    note(vector)
    result = minimize(
        objective,
        vector,
        jac=True,
        method="L-BFGS-B",
        callback=note,
        options={"maxiter": iterations},
    )
    print(f"{result.nfev} values and gradients, log-posterior {-result.fun:.2f}")
    return restore(result.x), history


def main() -> None:
    start, problem = read(DATA)
    n, d = problem.points.shape
    print(f"{n} points in {d} dimensions, {len(start['alphas'])} components")
    clock = time.perf_counter()
    params, _ = fit(start, problem)
    print(f"{time.perf_counter() - clock:.2f} s, compilation included")
    weights = np.exp(params["alphas"] - logsumexp(params["alphas"]))
    # The points of this file are noise around 0: one component is all they need.
    print(f"largest weight {np.max(weights):.3f}")


if __name__ == "__main__":
    main()
