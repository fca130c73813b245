"""Linear algebra of complex matrices, and `eig`, whose results are: beside NumPy, SciPy and JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

import pullback as pb
import pullback.scipy

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
linalg: Any = np.linalg
ours: Any = pullback.scipy.linalg
theirs: Any = scipy.linalg


def draw(*shape: int, dtype: str = "c16", seed: int = 0) -> Array:
    """Random numbers; square matrices are far from singular."""
    rng = np.random.default_rng([seed, *shape])
    x = rng.uniform(-1.0, 1.0, shape) + 1j * rng.uniform(-1.0, 1.0, shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        x = x + 2 * np.diag(np.arange(1.0, shape[-1] + 1))
    return np.asarray(x).astype(dtype)


def adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def definite(*shape: int, dtype: str = "c16") -> Array:
    x = draw(*shape)
    return np.asarray(x @ adjoint(x) + np.eye(shape[-1])).astype(dtype)


def leaves(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


A, F, S, EMPTY = draw(3, 3), draw(4, 4, dtype="c8"), draw(2, 3, 3), np.zeros((0, 0), complex)
TALL, WIDE, P = draw(4, 2), draw(2, 4), definite(3, 3)
SINGULAR = np.array([[1.0, 2.0j], [2.0, 4.0j]])
NAN = np.array([[1.0, 0.0], [np.nan * 1j, 1.0]])
V, W = draw(3), draw(3, 2, seed=1)

OF_SQUARES: list[Function] = [
    linalg.inv,
    linalg.det,
    linalg.slogdet,
    linalg.eigh,
    lambda x: linalg.eigvalsh(x, "U"),
    lambda x: linalg.matrix_power(x, -2),
    lambda x: linalg.pinv(x, hermitian=True),
    lambda x: linalg.svdvals(x[..., 1:]),
    lambda x: linalg.cholesky(x @ adjoint(x)),
    lambda x: linalg.cholesky(x @ adjoint(x), upper=True),
    linalg.eig,
    linalg.eigvals,
]
OF_MATRICES: list[Function] = [
    linalg.svd,
    lambda x: linalg.svd(x, full_matrices=False),
    linalg.qr,
    lambda x: linalg.qr(x, mode="complete"),
    linalg.pinv,
    linalg.matrix_rank,
    linalg.cond,
    lambda x: linalg.matrix_norm(x, ord=2),
    lambda x: linalg.matrix_norm(x, ord="nuc"),
    lambda x: linalg.lstsq(x, np.ones(len(x)) * 1j),
]
OF_SCIPY: list[tuple[str, Function, tuple[Array, ...]]] = [
    ("solve_triangular", lambda f, a, b: f(a, b, lower=True), (A, V)),
    ("solve_triangular", lambda f, a, b: f(a, b, trans="T"), (A, W)),
    ("solve_triangular", lambda f, a, b: f(a, b, trans="C"), (A, W)),
    ("cholesky", lambda f, a: f(a), (P,)),
    ("cho_solve", lambda f, a, b: f((theirs.cholesky(P), False), b) + 0 * a[0, 0], (P, V)),
    ("cho_solve", lambda f, a, b: f((theirs.cholesky(P, True), True), b) + 0 * a[0, 0], (P, V)),
    ("solve", lambda f, a, b: f(a, b, assume_a="pos"), (P, V)),
    ("solve", lambda f, a, b: f(a, b, assume_a="sym"), (A, V)),
    ("solve", lambda f, a, b: f(a, b, assume_a="her"), (A, V)),
    ("lu", lambda f, a: f(a), (A[[2, 0, 1]],)),
    ("lu_factor", lambda f, a: f(a), (F,)),
    ("lu_solve", lambda f, a, b: f(theirs.lu_factor(A), b + 0 * a[0, 0]), (A, V)),
    ("lu_solve", lambda f, a, b: f(theirs.lu_factor(A), b + 0 * a[0, 0], 1), (A, V)),
    ("lu_solve", lambda f, a, b: f(theirs.lu_factor(A), b + 0 * a[0, 0], 2), (A, V)),
    ("qr", lambda f, a: f(a), (TALL,)),
    ("eigh", lambda f, a, b: f(a, b, eigvals_only=True), (A + adjoint(A), P)),
    ("eig", lambda f, a: f(a), (A,)),
    ("eig", lambda f, a: f(a, right=False), (F,)),
    ("eigvals", lambda f, a: f(a), (A.real,)),
    ("polar", lambda f, a: f(a), (TALL,)),
    ("polar", lambda f, a: f(a, side="left"), (WIDE,)),
    ("expm", lambda f, a: f(a), (A,)),
    ("expm_frechet", lambda f, a, e: f(a, e), (A, S[0])),
    ("toeplitz", lambda f, c: f(c), (V,)),
    ("sqrtm", lambda f, a: f(a), (A,)),
    ("solve_sylvester", lambda f, a, b, q: f(a, b, q), (A, S[1], draw(3, 3, seed=2))),
    ("solve_continuous_lyapunov", lambda f, a, q: f(a, q), (A, P)),
]


def assert_same(got: Any, want: Any) -> None:
    """Dtypes, shapes, and values to rounding relative to the largest."""
    for x, y in zip(leaves(got), map(np.asarray, leaves(want)), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        allowed = 2000 * np.finfo(y.dtype).eps if y.dtype.kind in "fc" else 0
        assert_allclose(x, y, rtol=allowed, atol=allowed * np.max(np.abs(y), initial=1.0))


def test_as_numpy() -> None:
    squares, matrices = (A, S, F, EMPTY), (TALL, WIDE, A, F)
    got: Any = pb.jit(lambda xs: [[f(x) for x in xs] for f in OF_SQUARES])(squares)
    for f, results in zip(OF_SQUARES, got, strict=True):
        for x, result in zip(squares, results, strict=True):
            assert_same(result, f(x))
    got = pb.jit(lambda xs: [[f(x) for x in xs] for f in OF_MATRICES])(matrices)
    for f, results in zip(OF_MATRICES, got, strict=True):
        for x, result in zip(matrices, results, strict=True):
            assert_same(result, f(x))


def test_solve() -> None:
    pairs = [(A, V), (A, W), (S, W), (F, draw(4, dtype="c8")), (A, V.real), (A.real, V)]
    pairs += [(EMPTY, np.zeros((0, 2))), (A, np.zeros((3, 0)))]
    got: Any = pb.jit(lambda pairs: [linalg.solve(a, b) for a, b in pairs])(pairs)
    for (a, b), x in zip(pairs, got, strict=True):
        assert_same(x, linalg.solve(a, b))


def test_as_scipy() -> None:
    def everything(of: Any, arguments: Any) -> Any:
        cases = zip(OF_SCIPY, arguments, strict=True)
        return [f(getattr(of, name), *xs) for (name, f, _), xs in cases]

    arguments = [xs for _, _, xs in OF_SCIPY]
    got: Any = pb.jit(lambda xs: everything(ours, xs))(arguments)
    for x, y in zip(got, everything(theirs, arguments), strict=True):
        assert_same(x, y)


def test_generalized_eigenvectors() -> None:
    left = A + adjoint(A)
    values, vectors = pb.jit(lambda a, b: ours.eigh(a, b))(left, P)
    assert_allclose(left @ vectors, P @ vectors * values, atol=1e-12)
    assert_allclose(adjoint(vectors) @ P @ vectors, np.eye(3), atol=1e-12)


WRONG: list[tuple[Function, Array]] = [
    (linalg.inv, SINGULAR),
    (linalg.cholesky, -P),
    (linalg.eigh, NAN),
    (linalg.svd, NAN),
    (linalg.eig, NAN),
    (linalg.eigvals, np.real(NAN)),
    (linalg.eigvals, np.array([[np.inf]])),
    (linalg.eig, TALL),
]


def test_errors() -> None:
    for f, x in WRONG:
        with pytest.raises(linalg.LinAlgError) as found:
            pb.jit(lambda x, f=f: f(x))(x)
        assert "test_linalg_complex.py:" in str(found.value)
        if f is not linalg.eigh:
            with pytest.raises(linalg.LinAlgError) as wanted:
                f(x)
            assert str(wanted.value) in str(found.value)


# -- derivatives -------------------------------------------------------------------------------


def parts(xp: Any, *values: Any) -> Any:
    """A real number made of complex ones, of no symmetry."""
    weights = (0.7 - 0.2j) ** np.arange(1.0, 4.0)
    return sum(xp.sum(xp.sin(xp.real(x * weights[i]))) for i, x in enumerate(values))


def hermitian(xp: Any, x: Any) -> Any:
    return x + xp.conj(xp.swapaxes(x, -1, -2))


def projectors(xp: Any, u: Any, v: Any) -> Any:
    """``u_k v_k^H`` for every k, which knows no phases."""
    return xp.einsum("...ik,...jk->...kij", u, xp.conj(v))


def of_eigh(xp: Any, x: Any) -> Any:
    values, vectors = xp.linalg.eigh(hermitian(xp, x))
    return parts(xp, values, projectors(xp, vectors, vectors))


def of_svd(xp: Any, x: Any) -> Any:
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    v = xp.conj(xp.swapaxes(vh, -1, -2))
    return parts(xp, s, projectors(xp, u, v), projectors(xp, u, u) + 0 * projectors(xp, u, u)[:1])


SCALARS: dict[str, tuple[Function, tuple[Array, ...]]] = {
    "inv": (lambda xp, x: parts(xp, xp.linalg.inv(x)), (S,)),
    "det": (lambda xp, x: parts(xp, xp.linalg.det(x)), (S,)),
    "slogdet": (lambda xp, x: parts(xp, *xp.linalg.slogdet(x)), (S,)),
    "solve": (lambda xp, x, y: parts(xp, xp.linalg.solve(x, y)), (A, W)),
    "cholesky": (lambda xp, x: parts(xp, xp.linalg.cholesky(hermitian(xp, x))), (P,)),
    "qr": (lambda xp, x: parts(xp, *xp.linalg.qr(x)), (TALL,)),
    "eigh": (of_eigh, (S,)),
    "svd, tall": (of_svd, (TALL,)),
    "svd, wide": (of_svd, (WIDE,)),
    "pinv": (lambda xp, x: parts(xp, xp.linalg.pinv(x)), (TALL,)),
    "norm": (lambda xp, x: xp.linalg.norm(x, "nuc") + xp.linalg.norm(x, 2), (A,)),
    "eigvals": (lambda xp, x: parts(xp, xp.prod(xp.sin(xp.linalg.eigvals(x)))), (A,)),
    "eigvals, real": (lambda xp, x: parts(xp, xp.prod(xp.linalg.eigvals(x) + 1j)), (A.real,)),
}


def test_gradients_are_those_of_jax() -> None:
    jax = pytest.importorskip("jax")
    jnp = pytest.importorskip("jax.numpy")
    given = [xs for _, xs in SCALARS.values()]

    def gradients(grad: Any, xp: Any, given: Any) -> Any:
        functions = [f for f, _ in SCALARS.values()]
        return [
            grad(lambda *xs, f=f: f(xp, *xs), tuple(range(len(xs))))(*xs)
            for f, xs in zip(functions, given, strict=True)
        ]

    got: Any = pb.jit(lambda given: gradients(pb.grad, np, given))(given)
    with jax.enable_x64(True):
        want = jax.jit(lambda given: gradients(jax.grad, jnp, given))(given)
    for name, xs, ys in zip(SCALARS, got, want, strict=True):
        for x, y in zip(xs, ys, strict=True):
            assert_allclose(x, np.asarray(y), rtol=1e-9, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("name", SCALARS)
def test_second_derivatives(name: str) -> None:
    """Forward over reverse beside differences of gradients."""
    f, given = SCALARS[name]
    wrt = tuple(range(len(given)))
    gradient = pb.grad(lambda *xs: f(np, *xs), wrt)
    drawn = [draw(*x.shape, seed=9) for x in given]
    directions = [v if x.dtype == complex else v.real for x, v in zip(given, drawn, strict=True)]
    _, second = pb.jit(lambda xs, vs: pb.jvp(gradient, xs, vs))(tuple(given), tuple(directions))
    h = 1e-5
    ahead = gradient(*[x + h * v for x, v in zip(given, directions, strict=True)])
    behind = gradient(*[x - h * v for x, v in zip(given, directions, strict=True)])
    for x, y, z in zip(second, ahead, behind, strict=True):
        slope = (y - z) / (2 * h)
        assert_allclose(x, slope, rtol=1e-6, atol=1e-7 * np.max(np.abs(slope)))


PAIRS = np.array([[1.0, 3.0, 0.2], [-3.0, 2.0, 0.5], [0.1, -0.4, 4.0]])


def test_eigenvectors_move_as_differences_say() -> None:
    """In LAPACK's own normalisation, for real matrices with and without complex eigenvalues."""
    for x in (PAIRS, A.real, draw(4, 4)):
        direction = draw(*x.shape, seed=5) if x.dtype == complex else draw(*x.shape, seed=5).real
        along: Any = pb.jit(lambda x, v: pb.jvp(linalg.eig, (x,), (v,))[1])
        h = 1e-6
        ahead, behind = linalg.eig(x + h * direction), linalg.eig(x - h * direction)
        for part, after, before in zip(along(x, direction), ahead, behind, strict=True):
            assert_allclose(part, (after - before) / (2 * h), atol=1e-8)


def test_eigenvectors_beside_torch() -> None:
    """Of what knows no phase: PyTorch refuses all else."""
    torch = pytest.importorskip("torch")

    def f(x: Any) -> Any:
        values, vectors = linalg.eig(x)
        return np.sum(np.abs(vectors) ** 4 * np.real(values))

    given = torch.tensor(PAIRS, requires_grad=True)
    values, vectors = torch.linalg.eig(given)
    torch.sum(torch.abs(vectors) ** 4 * torch.real(values)).backward()
    assert_allclose(pb.grad(f)(PAIRS), given.grad, rtol=1e-10)


def test_one_factorisation_serves_values_vectors_and_derivatives() -> None:
    plan = str(pb.value_and_grad(lambda x: np.sum(np.abs(linalg.eigvals(x)))).plan(PAIRS))
    assert plan.count(": geev ") == 1


def test_roots_move_as_their_polynomial_says() -> None:
    """By ``-z^(n-k) / p'(z)``, in the convention of complex derivatives; zeros in front raise."""
    p = np.array([2.0, -1.0, 3.0, 1.5])
    roots = np.roots(p)
    by_coefficient = -np.vander(roots, 4) / np.polyval(np.polyder(p), roots)[:, None]
    got = pb.grad(lambda p: np.sum(np.imag(np.roots(p)) ** 4))(p)
    assert_allclose(got, np.sum(4 * roots.imag[:, None] ** 3 * by_coefficient.imag, axis=0))
    with pytest.raises(linalg.LinAlgError, match="test_linalg_complex"):
        pb.jit(lambda p: np.roots(p))(np.array([0.0, 1.0, 2.0]))


def test_equal_eigenvalues() -> None:
    """The values have derivatives where the vectors are independent."""
    gradient = pb.grad(lambda x: np.sum(np.real(linalg.eigvals(x)) ** 2))
    assert_allclose(gradient(np.eye(3)), 2 * np.eye(3))
