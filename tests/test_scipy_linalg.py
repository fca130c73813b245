"""`scipy.linalg` on traced values: compiled beside SciPy, derivatives by differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

import pullback as pb
import pullback.scipy
from pullback.tracer.scipy.linalg import LINALG

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
ours: Any = pullback.scipy.linalg
theirs: Any = scipy.linalg


def draw(*shape: int, seed: int = 0) -> Array:
    """Random numbers; square matrices are far from singular."""
    x = np.random.default_rng([seed, *shape]).uniform(-1.0, 1.0, shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        x = x + 2 * np.diag(np.arange(1.0, shape[-1] + 1))
    return np.asarray(x)


def definite(*shape: int) -> Array:
    x = draw(*shape)
    return np.asarray(x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1]))


A, B, C, P = draw(3, 3), draw(2, 4, 4), draw(1, 1), definite(4, 4)
TALL, WIDE = draw(5, 3), draw(3, 5)
MIXED = draw(4, 4)[[2, 0, 3, 1]]
V, W = draw(4), draw(3)
SPIRALS = theirs.block_diag([[1.0, 5.0], [-4.0, 2.0]], [[3.0, -6.0], [7.0, 3.5]]) + draw(4, 4)
"""Two pairs of complex eigenvalues, with positive real parts."""

CASES: list[tuple[str, Function, tuple[Array, ...]]] = [
    ("solve_triangular", lambda f, a, b: f(a, b), (A, W)),
    ("solve_triangular", lambda f, a, b: f(a, b, trans=1, lower=True), (A, draw(3, 2))),
    ("solve_triangular", lambda f, a, b: f(a, b, trans="T", unit_diagonal=True), (A, W)),
    ("cholesky", lambda f, a: f(a), (P,)),
    ("cholesky", lambda f, a: f(a, lower=True), (definite(2, 3, 3),)),
    ("cho_solve", lambda f, a, b: f((theirs.cholesky(P), False), b) + 0 * a[0, 0], (P, V)),
    ("solve", lambda f, a, b: f(a, b), (A, W)),
    ("solve", lambda f, a, b: f(a, b, transposed=True), (A, W)),
    ("solve", lambda f, a, b: f(a, b, assume_a="pos"), (P, V)),
    ("solve", lambda f, a, b: f(a, b, assume_a="pos", lower=True), (P, draw(4, 2))),
    ("solve", lambda f, a, b: f(a, b, assume_a="sym"), (A, W)),
    ("solve", lambda f, a, b: f(a, b, assume_a="upper triangular"), (A, W)),
    ("solve", lambda f, a, b: f(a, b, assume_a="lower triangular"), (A, W)),
    ("inv", lambda f, a: f(a), (B,)),
    ("det", lambda f, a: f(a), (B,)),
    ("pinv", lambda f, a: f(a), (TALL,)),
    ("pinv", lambda f, a: f(a, rtol=0.3, return_rank=True), (WIDE,)),
    ("norm", lambda f, a: f(a, 2), (TALL,)),
    ("norm", lambda f, a: f(a), (V,)),
    ("lu", lambda f, a: f(a), (MIXED,)),
    ("lu", lambda f, a: f(a), (TALL,)),
    ("lu", lambda f, a: f(a), (WIDE,)),
    ("lu", lambda f, a: f(a, permute_l=True), (MIXED,)),
    ("lu", lambda f, a: f(a, p_indices=True), (MIXED,)),
    ("lu_factor", lambda f, a: f(a), (MIXED,)),
    ("lu_solve", lambda f, a, b: f(theirs.lu_factor(MIXED), b + 0 * a[0, 0]), (MIXED, V)),
    ("lu_solve", lambda f, a, b: f(theirs.lu_factor(MIXED), b + 0 * a[0, 0], 1), (MIXED, V)),
    ("qr", lambda f, a: f(a), (TALL,)),
    ("qr", lambda f, a: f(a, mode="economic"), (TALL,)),
    ("qr", lambda f, a: f(a, mode="r"), (TALL,)),
    ("qr", lambda f, a: f(a), (WIDE,)),
    ("svd", lambda f, a: f(a), (TALL,)),
    ("svd", lambda f, a: f(a, full_matrices=False), (WIDE,)),
    ("svd", lambda f, a: f(a, compute_uv=False), (WIDE,)),
    ("svdvals", lambda f, a: f(a), (WIDE,)),
    ("eigh", lambda f, a: f(a), (P,)),
    ("eigh", lambda f, a: f(a, lower=False, eigvals_only=True), (MIXED,)),
    ("eigh", lambda f, a, b: f(a, b, eigvals_only=True), (P, P + 2 * np.eye(4))),
    ("eigvalsh", lambda f, a: f(a), (P,)),
    ("polar", lambda f, a: f(a), (TALL,)),
    ("polar", lambda f, a: f(a, side="left"), (WIDE,)),
    ("expm", lambda f, a: f(a), (B / 4,)),
    ("expm", lambda f, a: f(a), (np.zeros((3, 3)),)),
    ("expm", lambda f, a: f(a), (-30 * A,)),
    ("expm_frechet", lambda f, a, e: f(a, e), (A / 4, draw(3, 3, seed=1))),
    ("sqrtm", lambda f, a: f(a), (A,)),
    ("sqrtm", lambda f, a: f(a), (SPIRALS,)),
    ("sqrtm", lambda f, a: f(a), (np.stack([SPIRALS, P]),)),
    ("solve_sylvester", lambda f, a, b, q: f(a, b, q), (SPIRALS, A, draw(4, 3))),
    ("solve_continuous_lyapunov", lambda f, a, q: f(a, q), (SPIRALS, P)),
    ("toeplitz", lambda f, c: f(c), (V,)),
    ("toeplitz", lambda f, c, r: f(c, r), (V, W)),
    ("circulant", lambda f, c: f(c), (V,)),
    ("hankel", lambda f, c: f(c), (V,)),
    ("hankel", lambda f, c, r: f(c, r), (V, W)),
    ("block_diag", lambda f, x, y, z: f(x, y, z), (A, V, TALL)),
]
IDS = [f"{name}-{i}" for i, (name, _, _) in enumerate(CASES)]


def leaves(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize(("name", "f", "arguments"), CASES, ids=IDS)
def test_as_scipy_has_it(name: str, f: Function, arguments: tuple[Array, ...]) -> None:
    want = f(getattr(theirs, name), *arguments)
    compiled: Any = pb.jit(lambda *xs: f(getattr(ours, name), *xs))
    for x, y in zip(leaves(compiled(*arguments)), map(np.asarray, leaves(want)), strict=True):
        assert np.shape(x) == y.shape
        assert np.asarray(x).dtype.kind == y.dtype.kind
        size = np.max(np.abs(y), initial=1.0)
        assert_allclose(x, y, rtol=1e-11, atol=1e-12 * size)


@pytest.mark.parametrize(("name", "f", "arguments"), CASES, ids=IDS)
def test_derivatives(name: str, f: Function, arguments: tuple[Array, ...]) -> None:
    """The gradient beside differences of the function itself, along symmetric directions."""

    def total(*xs: Any) -> Any:
        xs = tuple(x + np.swapaxes(x, -1, -2) if _reads_a_triangle(name, x) else x for x in xs)
        parts = leaves(f(getattr(ours, name), *xs))
        return sum(np.sum(np.sin(x * 1.0)) for x in parts)

    compiled: Any = pb.jit(total)
    wrt = tuple(range(len(arguments)))
    try:
        gradient = pb.grad(total, wrt)(*arguments)
    except pb.UnsupportedFunctionError:
        assert name in ("qr", "svd")
        return
    if np.any(np.abs(arguments[0]) > 20):
        return  # too steep for differences
    rng = np.random.default_rng(3)
    directions = [rng.uniform(-1, 1, x.shape) for x in arguments]
    h = 1e-5
    ahead = compiled(*[x + h * v for x, v in zip(arguments, directions, strict=True)])
    behind = compiled(*[x - h * v for x, v in zip(arguments, directions, strict=True)])
    along = sum(np.sum(g * v) for g, v in zip(gradient, directions, strict=True))
    assert_allclose(along, (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-7)


def _reads_a_triangle(name: str, x: Any) -> bool:
    return (
        name in ("cholesky", "eigh", "eigvalsh", "solve")
        and x.ndim > 1
        and (x.shape[-1] == x.shape[-2])
    )


def test_factors_go_on_in_the_same_function() -> None:
    def by_lu(a: Any, b: Any) -> Any:
        return ours.lu_solve(ours.lu_factor(a), b)

    def by_cholesky(a: Any, b: Any) -> Any:
        return ours.cho_solve(ours.cho_factor(a), b)

    for f, a in ((by_lu, MIXED), (by_cholesky, P)):
        compiled: Any = pb.jit(f)
        assert_allclose(compiled(a, V), np.linalg.solve(a, V), rtol=1e-12)
        got = pb.grad(lambda a, b, f=f: np.sum(f(a, b) ** 2), (0, 1))(a, V)
        want = pb.grad(lambda a, b: np.sum(np.linalg.solve(a, b) ** 2), (0, 1))(a, V)
        if f is by_cholesky:
            want = (want[0] + want[0].T) / 2, want[1]
        for x, y in zip(got, want, strict=True):
            assert_allclose(x, y, rtol=1e-10, atol=1e-12)


def test_generalized_eigenvectors() -> None:
    other = P + 2 * np.eye(4)
    compiled: Any = pb.jit(lambda a, b: ours.eigh(a, b))
    values, vectors = compiled(MIXED + MIXED.T, other)
    assert_allclose((MIXED + MIXED.T) @ vectors, other @ vectors * values, atol=1e-12)
    assert_allclose(vectors.T @ other @ vectors, np.eye(4), atol=1e-12)


def test_exponentials() -> None:
    """Of any size, of nothing, and twice differentiable."""
    compiled: Any = pb.jit(lambda a: ours.expm(a))
    rotation = np.array([[0.0, -1.0], [1.0, 0.0]])
    for angle in (0.0, 1e-9, 1.0, 50.0, 1e4):
        want = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        assert_allclose(compiled(angle * rotation), want, atol=1e-15 * max(angle * 10, 10))
    assert compiled(np.zeros((0, 0))).shape == (0, 0)
    assert np.isnan(compiled(np.full((2, 2), np.nan))).all()
    assert compiled(np.eye(2, dtype=np.float32)).dtype == np.float32
    for bad in (np.inf, -np.inf, 1e308):
        assert compiled(np.full((2, 2), bad)).shape == (2, 2)


def test_square_roots() -> None:
    """Of large matrices, in single precision, of none, and where there is no real one."""
    compiled: Any = pb.jit(lambda a: ours.sqrtm(a))
    x = np.random.default_rng(2).normal(size=(40, 40)) + 12 * np.eye(40)
    assert_allclose(compiled(x) @ compiled(x), x, atol=1e-12)
    single = compiled(x.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single @ single, x, atol=2e-4)
    assert_allclose(compiled(np.zeros((3, 3))), np.zeros((3, 3)))
    assert compiled(np.zeros((0, 0))).shape == (0, 0)
    for strange in (
        np.diag([-1.0, 4.0]),
        np.full((2, 2), np.nan),
        np.array([[1.0, np.inf], [0, 1]]),
    ):
        assert np.isnan(compiled(strange)).any()
    assert_allclose(compiled(np.diag([-1.0, 4.0]) + 0j), np.diag([1j, 2.0]), atol=1e-15)


def test_errors() -> None:
    def message(f: Function, *arguments: Any) -> str:
        compiled: Any = pb.jit(f)
        with pytest.raises((ValueError, TypeError, IndexError)) as error:
            compiled(*arguments)
        return str(error.value)

    assert "pullback.scipy" in message(lambda a: theirs.expm(a), A)
    assert "of 3 x 3" in message(lambda a, q: ours.solve_sylvester(a, a, q), A, TALL)
    assert "same shape" in message(lambda a, q: ours.solve_continuous_lyapunov(a, q), A, TALL)
    assert "scipy.linalg.logm" in message(lambda a: ours.logm(a), A)
    assert "matrix structure" in message(lambda a: ours.solve(a, a, assume_a="x"), A)
    assert "out of bounds" in message(lambda a, p: ours.lu_solve((a, p), a), A, np.array([0, 7, 2]))
    for f in (
        lambda a: ours.qr(a, pivoting=True),
        lambda a: ours.eigh(a, type=2),
        lambda a: ours.eig(a, left=True),
        lambda a: ours.eigvals(a, a),
        lambda a: ours.pinv(a, atol=1e-3),
    ):
        assert "no meaning for traced values" in message(f, A)


@pytest.mark.parametrize("name", LINALG)
def test_arguments_are_those_of_scipy(name: str) -> None:
    """In SciPy's order, and by SciPy's names."""
    signature = inspect.signature(getattr(theirs, name))
    given = [x for x in signature.parameters.values() if x.kind != x.VAR_POSITIONAL]
    first = [x.name for x in given if x.kind != x.KEYWORD_ONLY]
    traced = inspect.signature(LINALG[name])
    bound = traced.bind(*first).arguments
    assert all(key == value for key, value in bound.items() if key in first)
    if len(given) == len(signature.parameters):
        traced.bind(**{x.name: None for x in given})


def test_concrete_matrices_are_scipys() -> None:
    assert ours.LinAlgError is np.linalg.LinAlgError
    assert_allclose(ours.logm(np.eye(2)), np.zeros((2, 2)))
    assert "expm" in dir(ours)
