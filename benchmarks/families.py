"""What is measured: programs, their inputs, and what is required of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import programs

Array = np.ndarray[Any, Any]
Inputs = tuple[Array, ...]

EVERYONE = ("pullback", "jax", "torch", "autograd", "numpy")
COMPILED = (*EVERYONE, "torch.compile")
BY_HAND = (*COMPILED, "numba")
TENSORS = ("pullback", "torch")
MIXTURE = Path(__file__).parents[1] / "examples" / "data" / "gmm_d10_K25.txt"


@dataclass(frozen=True)
class Requirement:
    """At most so many seconds, and so many times as fast as a peer; None is the best of them."""

    seconds: float | None = None
    ratio: float | None = None
    peer: str | None = None


@dataclass(frozen=True)
class Family:
    """A program, differentiated or not.

    Attributes:
        program: for ``fresh`` ones, what makes a new program from a number.
        inputs: the arguments for a size.
        size: the size measured; `tiny` is for tests.
        transform: "gradient", "hessian", "hvp" (along the last input), "value" or "tensors".
        argnums: which arguments it is differentiated by.
        value: whether the value is asked for as well as the gradient.
        one_thread: whether tools get one thread even where a run allows them all.
        fresh: measure the first call of a new function each time.
        stored: with `fresh`, of the same function each time, which may be found on disk.
        tolerance: how far results may be apart, relative to the largest number.
    """

    name: str
    program: Callable[..., Any]
    inputs: Callable[..., Inputs]
    size: tuple[int, ...]
    tiny: tuple[int, ...]
    transform: str = "gradient"
    argnums: tuple[int, ...] = (0,)
    value: bool = True
    one_thread: bool = False
    fresh: bool = False
    stored: bool = False
    tolerance: float = 1e-9
    tools: tuple[str, ...] = EVERYONE
    requirement: Requirement | None = None


def random(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def integers(high: int, *shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).integers(high, size=shape)


def vector(n: int) -> Inputs:
    return (random(n),)


def two_vectors(n: int) -> Inputs:
    return random(n), random(n, seed=1)


def classes(n: int, count: int) -> Inputs:
    return random(n, count, dtype=np.float32), np.arange(n), integers(count, n)


def layers(batch: int, *widths: int, dtype: Any = np.float32) -> Inputs:
    weights: list[Array] = []
    for before, after in pairwise(widths):
        scale = dtype(before**-0.5)
        weights += [random(before, after, dtype=dtype) * scale, np.zeros(after, dtype)]
    x = random(batch, widths[0], seed=2, dtype=dtype)
    return *weights, x, np.arange(batch), integers(widths[-1], batch)


def double_layers(*sizes: int) -> Inputs:
    return layers(*sizes, dtype=np.float64)


def heads(count: int, positions: int, width: int) -> Inputs:
    shape = (count, positions, width)
    return tuple(random(*shape, seed=seed, dtype=np.float32) for seed in range(3))


def labelled_without_offset(n: int, features: int) -> Inputs:
    w, _, x, y = labelled(n, features)
    return w, x, y


def grid(size: int, steps: int) -> Inputs:
    return random(size, size), np.full(steps, 0.2)


def nothing() -> Inputs:
    return ()


def labelled(n: int, features: int) -> Inputs:
    x = random(n, features)
    return random(features, seed=1) * 0.1, np.array(0.1), x, integers(2, n).astype(float)


def options(n: int) -> Inputs:
    rng = np.random.default_rng(0)
    low_high = ((80, 120), (80, 120), (0.2, 2.0), (0.0, 0.05), (0.1, 0.5))
    return tuple(rng.uniform(low, high, n) for low, high in low_high)


def mixture(n: int) -> Inputs:
    """ADBench's file, its first ``n`` points."""
    numbers = np.array(MIXTURE.read_text().split(), float)
    d, k = int(numbers[0]), int(numbers[1])
    triangle = d * (d - 1) // 2
    ends = np.cumsum([3, k, k * d, k * (d + triangle), n * d])
    _, alphas, means, factors, points, _ = np.split(numbers, ends)
    places = np.full((d, d), d + triangle)
    np.fill_diagonal(places, np.arange(d))
    columns, rows = np.triu_indices(d, 1)
    places[rows, columns] = d + np.arange(triangle)
    factors, points = factors.reshape(k, -1), points.reshape(n, d)
    return alphas, means.reshape(k, d), factors, np.zeros((k, 1)), places, points


def masses(n: int) -> Inputs:
    return random(n, 3), random(n, seed=1) ** 2


def samples(n: int) -> Inputs:
    return random(n), np.linspace(-3.0, 3.0, n)


def gaussian_process(n: int) -> Inputs:
    x, rng = np.linspace(0.0, 10.0, n), np.random.default_rng(0)
    y = np.sin(x) + 0.1 * rng.standard_normal(n)
    return np.array([0.1, 0.2, -2.0]), (x[:, None] - x) ** 2, y


def systems(count: int, n: int) -> Inputs:
    return random(count, n, n) + 4 * np.eye(n), random(count, n, 1, seed=1)


def observations(count: int) -> Inputs:
    """Small rotations of cameras near the origin, and points some way in front of them."""
    means = np.array([0.0] * 6 + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0])
    return (means + 0.1 * random(count, 14),)


def rows_of_table(count: int, rows: int, columns: int) -> Inputs:
    return random(rows, columns), integers(rows, count), random(count, columns, seed=2)


def two_species(steps: int) -> Inputs:
    return np.array([1.5, 1.0, 1.0, 3.0]), np.ones(2), np.full(steps, 0.01)


def sequence(steps: int, units: int) -> Inputs:
    scale = units**-0.5
    weights = random(units, units) * scale, random(units, units, seed=1) * scale
    return *weights, np.zeros(units), random(steps, units, seed=2)


def positions(steps: int) -> Inputs:
    motion = np.eye(4)
    motion[0, 2] = motion[1, 3] = 0.1
    return motion, np.eye(4) * 0.01, random(steps, 2), np.eye(2, 4), np.eye(2) * 0.1


def twelve(steps: int) -> Inputs:
    return np.linspace(0.1, 1.0, 12), np.full(steps, 1e-3)


COMPILERS = LOOPS = ("pullback", "jax")

FAMILIES = (
    Family(
        "call overhead: gradient, 10 elements",
        programs.small,
        vector,
        (10,),
        (10,),
        value=False,
        one_thread=True,
        tools=("pullback", "jax", "jax, NumPy in and out", "torch", "autograd", "numba", "casadi"),
        requirement=Requirement(0.6e-6, 15, "jax, NumPy in and out"),
    ),
    Family(
        "first call: gradient, 10 elements",
        programs.small_with,
        vector,
        (10,),
        (10,),
        value=False,
        fresh=True,
        tools=COMPILERS,
        requirement=Requirement(20e-3),
    ),
    Family(
        "first call: gradient, 10 elements, known before",
        programs.small_with,
        vector,
        (10,),
        (10,),
        value=False,
        fresh=True,
        stored=True,
        tools=COMPILERS,
        requirement=Requirement(ratio=20.0),
    ),
    Family(
        "first call: 100 operations",
        programs.hundred_with,
        two_vectors,
        (1000,),
        (10,),
        "value",
        fresh=True,
        tools=COMPILERS,
        requirement=Requirement(60e-3),
    ),
    Family(
        "first call: Kalman filter, 200 steps",
        programs.kalman_with,
        positions,
        (200,),
        (4,),
        argnums=(0, 1),
        fresh=True,
        tools=LOOPS,
    ),
    Family(
        "tanh exp sin log1p, 1e6",
        programs.transcendental,
        vector,
        (1_000_000,),
        (11,),
        value=False,
        one_thread=True,
        tools=BY_HAND,
        requirement=Requirement(ratio=1.3),
    ),
    Family("Rosenbrock, 1e6", programs.rosenbrock, vector, (1_000_000,), (11,), tools=BY_HAND),
    Family("logsumexp, 1e6", programs.log_sum_exp, vector, (1_000_000,), (11,), tools=BY_HAND),
    Family(
        "softmax cross-entropy, 2048 x 1000, f32",
        programs.cross_entropy,
        classes,
        (2048, 1000),
        (5, 3),
        tolerance=1e-4,
    ),
    Family(
        "perceptron 784-512-256-10, batch 256, f32",
        programs.perceptron,
        layers,
        (256, 784, 512, 256, 10),
        (5, 7, 6, 4, 3),
        argnums=(0, 1, 2, 3, 4, 5),
        tools=COMPILED,
        tolerance=1e-4,
    ),
    Family(
        "perceptron 784-512-256-10, batch 256, f64",
        programs.perceptron,
        double_layers,
        (256, 784, 512, 256, 10),
        (5, 7, 6, 4, 3),
        argnums=(0, 1, 2, 3, 4, 5),
    ),
    Family(
        "attention, 4 heads of 512 x 64, f32",
        programs.attention,
        heads,
        (4, 512, 64),
        (2, 5, 3),
        argnums=(0, 1, 2),
        tolerance=1e-4,
    ),
    Family(
        "logistic regression, 20,000 x 100",
        programs.logistic,
        labelled,
        (20_000, 100),
        (9, 4),
        argnums=(0, 1),
    ),
    Family(
        "Black-Scholes, 1e6, five gradients",
        programs.black_scholes,
        options,
        (1_000_000,),
        (11,),
        argnums=(0, 1, 2, 3, 4),
        tools=BY_HAND,
    ),
    Family(
        "Gaussian mixture, d10 K25 n1000",
        programs.mixture,
        mixture,
        (1000,),
        (7,),
        argnums=(0, 1, 2),
    ),
    Family("pairwise forces, 700 bodies", programs.bodies, masses, (700,), (6,), tools=BY_HAND),
    Family("sorted sample, 1e6", programs.sorted_sample, samples, (1_000_000,), (12,)),
    Family("quantile loss, 1e6", programs.quantile_loss, vector, (1_000_000,), (12,)),
    Family(
        "gather, 50,000 rows of 10,000 x 64",
        programs.gathered,
        rows_of_table,
        (50_000, 10_000, 64),
        (9, 5, 4),
    ),
    Family(
        "Gaussian process, likelihood of 400 points",
        programs.gaussian_process,
        gaussian_process,
        (400,),
        (5,),
    ),
    Family(
        "10,000 systems of 4 equations",
        programs.solutions,
        systems,
        (10_000, 4),
        (3, 2),
        argnums=(0, 1),
    ),
    Family(
        "camera Jacobians, 20,000 of 2 x 14",
        programs.projection_jacobians,
        observations,
        (20_000,),
        (5,),
        "value",
        tools=("pullback", "jax", "torch"),
        requirement=Requirement(ratio=5.0),
    ),
    Family(
        "Runge-Kutta, 1000 steps of 2 variables",
        programs.predator_and_prey,
        two_species,
        (1000,),
        (5,),
        tools=(*LOOPS, "casadi"),
        requirement=Requirement(ratio=10.0),
    ),
    Family(
        "recurrent network, 200 steps of 64 units",
        programs.recurrent,
        sequence,
        (200, 64),
        (4, 3),
        argnums=(0, 1, 2),
        tools=LOOPS,
        requirement=Requirement(ratio=2.0),
    ),
    Family(
        "Kalman filter, 200 steps of 4 states",
        programs.kalman,
        positions,
        (200,),
        (4,),
        argnums=(0, 1),
        tools=LOOPS,
        requirement=Requirement(ratio=10.0),
    ),
    Family(
        "loop of 12 numbers, 1000 steps",
        programs.dozen,
        twelve,
        (1000,),
        (5,),
        tools=(*LOOPS, "casadi"),
        requirement=Requirement(ratio=10.0),
    ),
    Family(
        "heat equation, 256 x 256, 100 steps",
        programs.heat,
        grid,
        (256, 100),
        (5, 3),
        tools=(*LOOPS, "torch"),
        requirement=Requirement(ratio=2.0),
    ),
    Family(
        "Hessian of logistic regression, 1,000 x 40",
        programs.logistic_without_offset,
        labelled_without_offset,
        (1000, 40),
        (9, 4),
        "hessian",
        tools=("pullback", "jax", "torch", "autograd"),
        requirement=Requirement(ratio=2.0),
    ),
    Family(
        "Hessian times a vector, Rosenbrock 1e5",
        programs.rosenbrock,
        two_vectors,
        (100_000,),
        (11,),
        "hvp",
        tools=("pullback", "jax", "torch", "autograd", "numba"),
        requirement=Requirement(ratio=2.0),
    ),
    Family(
        "tensors: a step of training",
        programs.training,
        nothing,
        (),
        (),
        "tensors",
        tools=TENSORS,
        requirement=Requirement(ratio=3.0, peer="torch"),
    ),
    Family(
        "tensors: a layer of the tutorial",
        programs.tutorial_layer,
        nothing,
        (),
        (),
        "tensors",
        tolerance=1e-3,
        tools=TENSORS,
        requirement=Requirement(ratio=3.0, peer="torch"),
    ),
    Family(
        "tensors: layers of digits",
        programs.layers_of_digits,
        nothing,
        (),
        (),
        "tensors",
        tolerance=1e-2,
        tools=TENSORS,
        requirement=Requirement(ratio=1.0, peer="torch"),
    ),
    Family(
        "tensors: names",
        programs.names,
        nothing,
        (),
        (),
        "tensors",
        tolerance=1e-2,
        tools=TENSORS,
        requirement=Requirement(ratio=3.0, peer="torch"),
    ),
    Family(
        "tensors: letters of a name",
        programs.characters,
        nothing,
        (),
        (),
        "tensors",
        tolerance=1e-2,
        tools=TENSORS,
        requirement=Requirement(ratio=3.0, peer="torch"),
    ),
)
