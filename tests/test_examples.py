"""The examples in short, and the programs of the benchmarks on little data."""

from __future__ import annotations

import importlib
import re
import runpy
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES, BENCHMARKS = ROOT / "examples", ROOT / "benchmarks"


@pytest.fixture(scope="module")
def jax() -> Iterator[Any]:
    """JAX with 64-bit numbers; as it was afterwards."""
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(scope="module")
def digits() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / "digits.py"))


@pytest.fixture(scope="module")
def gmm() -> Iterator[Any]:
    yield from imported(EXAMPLES, "gmm")


def imported(folder: Path, name: str) -> Iterator[Any]:
    """A module of a folder that is not a package, while it is needed."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    yield importlib.import_module(name)
    sys.path.remove(str(folder))
    for new in set(sys.modules) - before:
        if str(getattr(sys.modules[new], "__file__", "")).startswith(str(folder)):
            del sys.modules[new]


# -- digits ----------------------------------------------------------------------------------


def test_digits_are_read(digits: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    params, tested = digits["train"]()
    assert tested > 0.96
    assert {name: p.shape for name, p in params.items()} == {
        "w1": (64, 64),
        "b1": (64,),
        "w2": (64, 10),
        "b2": (10,),
    }
    assert "test accuracy" in capsys.readouterr().out


def test_digits_test_images_are_not_trained_on(digits: dict[str, Any]) -> None:
    images, labels, test_images, test_labels = digits["load_digits"]()
    assert len(images) == len(labels) == 1437
    assert len(test_images) == len(test_labels) == 360
    assert not {x.tobytes() for x in images} & {x.tobytes() for x in test_images}


def test_digits_gradient_against_differences(digits: dict[str, Any]) -> None:
    images, labels, *_ = digits["load_digits"]()
    rows = images[:5], np.eye(10)[labels[:5]]
    params = digits["initial_params"](np.random.default_rng(1), hidden=3)
    _, gradient = digits["loss"](params, *rows)
    vector, restore = pb.ravel_tree(params)
    direction = np.random.default_rng(2).normal(size=vector.size)

    def at(step: float) -> float:
        return float(digits["loss"](restore(vector + step * direction), *rows)[0])

    difference = (at(1e-5) - at(-1e-5)) / 2e-5
    assert pb.ravel_tree(gradient)[0] @ direction == pytest.approx(difference, rel=1e-7)


# -- mixture of Gaussians --------------------------------------------------------------------


def part(gmm: Any, points: int) -> tuple[Any, Any]:
    start, problem = gmm.read(gmm.DATA)
    return start, gmm.Problem(problem.points[:points], problem.gamma, problem.m)


def test_mixture_gets_more_likely(gmm: Any) -> None:
    _, history = gmm.fit(*part(gmm, 200), iterations=5)
    assert len(history) == 6
    assert all(later > before for before, later in pairwise(history))


def test_triangular_factors(gmm: Any) -> None:
    factors = np.array([[0.0, np.log(2), np.log(3), 4.0, 5.0, 6.0]])
    np.testing.assert_allclose(gmm.triangular(factors)[0], [[1, 0, 0], [4, 2, 0], [5, 6, 3]])


def test_mixture_likelihood_against_scipy(gmm: Any) -> None:
    """SciPy works with the precision matrix, of condition 4e9, so it has fewer digits right."""
    from scipy.stats import Covariance, multivariate_normal

    start, problem = part(gmm, 7)
    weights = np.exp(start["alphas"]) / np.sum(np.exp(start["alphas"]))
    densities = [
        weight * multivariate_normal(mean, Covariance.from_precision(q.T @ q)).pdf(problem.points)
        for weight, mean, q in zip(
            weights, start["means"], gmm.triangular(start["factors"]), strict=True
        )
    ]
    expected = np.sum(np.log(np.sum(densities, axis=0)))
    assert gmm.log_likelihood(start, problem.points) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("m", [0, 2])
def test_mixture_prior_against_scipy(gmm: Any, m: int) -> None:
    """The prior's constant, too: the density of the precision matrices QᵀQ."""
    from scipy.stats import wishart

    start, problem = part(gmm, 1)
    d = problem.points.shape[1]
    law = wishart(d + m + 1, np.eye(d) / 1.5**2)
    expected = sum(law.logpdf(q.T @ q) for q in gmm.triangular(start["factors"]))
    found = gmm.log_prior(start, gmm.Problem(problem.points, 1.5, m))
    assert found == pytest.approx(expected, rel=1e-12)


def test_mixture_gradient_against_jax(gmm: Any, jax: Any) -> None:
    start, problem = part(gmm, 50)

    def posterior(params: Any, logsumexp: Any, np: Any, points: Any) -> Any:
        return mixture(np, logsumexp, params["alphas"], params["means"], params["factors"], points)

    def mixture(np: Any, logsumexp: Any, alphas: Any, means: Any, factors: Any, x: Any) -> Any:
        """Written by another route than in the example: factors filled, no product of all."""
        d = x.shape[1]
        columns, rows = np.triu_indices(d, 1)
        q = np.zeros((len(alphas), d, d)).at[:, rows, columns].set(factors[:, d:])
        q = q.at[:, np.arange(d), np.arange(d)].set(np.exp(factors[:, :d]))
        turned = np.einsum("kij,nkj->nki", q, x[:, None] - means)
        exponents = alphas + factors[:, :d].sum(1) - (turned**2).sum(2) / 2
        return (
            logsumexp(exponents, axis=1).sum()
            - len(x) * logsumexp(alphas)
            + problem.m * factors[:, :d].sum()
            - problem.gamma**2 / 2 * (q**2).sum()
        )

    expected = jax.grad(posterior)(
        start, jax.scipy.special.logsumexp, jax.numpy, jax.numpy.asarray(problem.points)
    )
    ours = pb.grad(lambda p: gmm.log_likelihood(p, problem.points) + gmm.log_prior(p, problem))(
        start
    )
    for name, gradient in ours.items():
        scale = np.max(np.abs(expected[name]))
        np.testing.assert_allclose(gradient, expected[name], rtol=0, atol=1e-9 * scale)


# -- benchmarks ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def families() -> Iterator[Any]:
    yield from imported(BENCHMARKS, "families")


def family_count() -> int:
    source = (BENCHMARKS / "families.py").read_text(encoding="utf-8")
    return source.count("\n    Family(")


def computed(tool: str, family: Any) -> list[Any]:
    """A family's result at its tiny size, computed by a tool."""
    tools = importlib.import_module("tools")
    prepared = tools.TOOLS[tool]()
    program = family.program(1.25) if family.fresh else family.program
    inputs = family.inputs(*family.tiny)
    return list(tools.leaves(prepared.prepare(family, program, inputs)()))


def trained() -> list[Any]:
    """The loss of a polynomial for a sine, and its coefficients after a step downhill."""
    x = np.linspace(-3.0, 3.0, 2000)
    powers, weights = np.vander(x, 4, increasing=True), np.array([0.1, 0.2, 0.3, 0.4])
    rest = powers @ weights - np.sin(x)
    return [np.asarray(v) for v in (rest @ rest, *(weights - 1e-7 * 2 * powers.T @ rest))]


@pytest.mark.parametrize("number", range(family_count()))
def test_family_against_a_peer(families: Any, number: int) -> None:
    family = families.FAMILIES[number]
    peer = "torch" if family.transform == "tensors" else "jax"
    pytest.importorskip(peer, reason=f"{peer} is not installed")
    for a, b in zip(computed("pullback", family), computed(peer, family), strict=True):
        assert a.dtype == b.dtype
        scale = max(float(np.max(np.abs(b))), 1e-300)
        np.testing.assert_allclose(a, b, rtol=0, atol=family.tolerance * scale)


@pytest.mark.parametrize("number", range(family_count()))
def test_family_value_is_that_of_numpy(families: Any, number: int) -> None:
    family = families.FAMILIES[number]
    importlib.import_module("tools").pullback()
    program = family.program(1.25) if family.fresh else family.program
    inputs = family.inputs(*family.tiny)
    if family.transform == "tensors":
        pytest.skip("tensors compute nothing with NumPy's functions")
    inputs = inputs[:1] if family.transform == "hvp" else inputs
    assert pb.jit(program)(*inputs) == pytest.approx(program(*inputs), rel=family.tolerance)


def test_training_is_that_of_numpy(families: Any) -> None:
    (family,) = [x for x in families.FAMILIES if x.name == "tensors: a step of training"]
    np.testing.assert_allclose(computed("pullback", family), trained(), rtol=1e-12)


def by_hand() -> list[tuple[str, str]]:
    """Tools and the families that are written by hand for them."""
    pattern = r"^    \"(.+)\": \w+(?:\(\w+\))?,$"
    return [
        (tool, name)
        for tool in ("numba", "casadi")
        for name in re.findall(
            pattern, (BENCHMARKS / f"by_hand_{tool}.py").read_text(encoding="utf-8"), re.MULTILINE
        )
    ]


@pytest.mark.parametrize(("tool", "name"), by_hand())
def test_family_by_hand(families: Any, tool: str, name: str) -> None:
    pytest.importorskip(tool, reason=f"{tool} is not installed")
    (family,) = [x for x in families.FAMILIES if x.name == name]
    for a, b in zip(computed("pullback", family), computed(tool, family), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_report_of_measured_times(families: Any) -> None:
    measure = importlib.import_module("measure")
    report = importlib.import_module("report")
    times = {
        "pullback": measure.Times(0.5, [[1e-6, 2e-6], [3e-6]], 0),
        "jax": measure.Times(0.5, [[4e-6], [9e-6, 12e-6]], 0),
    }
    wanted = families.Requirement(seconds=1e-6, ratio=3.0)
    measured = measure.Measured("it", "one", times, {"jax": 1e-8}, 1e-9, wanted)
    assert measure.ratio(measured, "jax") == pytest.approx(3.5)
    assert "NOT MET; 3.5x, required at least 3x ahead of jax: met" in report.required(measured)
    assert "DISAGREES" in report.lines([measured])
    assert "3.5x, geometric mean over 1 families; behind in 0." in report.summary([measured])
