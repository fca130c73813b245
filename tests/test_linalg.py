"""`numpy.linalg` on traced values: compiled beside NumPy, derivatives beside JAX."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pullback as pb
import pullback.numpy as pnp

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
linalg: Any = np.linalg


def draw(*shape: int, dtype: str = "f8", seed: int = 0) -> Array:
    """Random numbers; square matrices are far from singular."""
    x = np.random.default_rng([seed, *shape]).uniform(-1.0, 1.0, shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        x = x + 2 * np.diag(np.arange(1.0, shape[-1] + 1))
    return np.asarray(np.round(3 * x) if dtype[0] == "i" else x).astype(dtype)


def definite(*shape: int, dtype: str = "f8") -> Array:
    x = draw(*shape)
    return np.asarray(x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])).astype(dtype)


def jit(f: Function) -> Function:
    return pb.jit(f)


def leaves(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def compare(f: Function, *arguments: Any, signs: bool = False) -> None:
    """Compiled as NumPy: type, dtype, shape, and values to rounding relative to the largest."""
    with np.errstate(all="ignore"):
        want, got = f(*arguments), jit(f)(*arguments)
    assert type(got) is type(want) or not isinstance(want, tuple)
    assert len(leaves(got)) == len(leaves(want))
    for x, y in zip(leaves(got), map(np.asarray, leaves(want)), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        finite = np.abs(y)[np.isfinite(y)]
        allowed = 2000 * np.finfo(y.dtype).eps if y.dtype.kind == "f" else 0
        assert_allclose(x, y, rtol=allowed, atol=allowed * np.max(finite, initial=1.0))


A, B, C = draw(3, 3), draw(2, 4, 4), draw(1, 1)
TALL, WIDE, STACK = draw(5, 3), draw(3, 5), draw(2, 3, 4, 3)
I, F = draw(3, 3, dtype="i8"), draw(4, 4, dtype="f4")  # noqa: E741
N, EMPTY = draw(6, 6), np.zeros((0, 0))
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
RANK_ONE = np.outer([1.0, 2.0, -1.0], [3.0, 1.0, 2.0])
SQUARES = (A, B, C, I, F, N, EMPTY, np.zeros((2, 0, 3, 3)))
MATRICES = (*SQUARES, TALL, WIDE, STACK, np.zeros((0, 3)), np.zeros((3, 0)))

OF_SQUARES: list[Function] = [
    linalg.inv,
    linalg.det,
    linalg.slogdet,
    linalg.eigh,
    linalg.eigvalsh,
    lambda x: linalg.eigh(x, UPLO="U"),
    lambda x: linalg.eigvalsh(x, "u"),
    lambda x: linalg.matrix_power(x, -2),
    lambda x: linalg.matrix_power(x, 0),
    lambda x: linalg.matrix_power(x, 5),
    lambda x: linalg.matrix_rank(x, hermitian=True),
    lambda x: linalg.pinv(x, hermitian=True),
]
OF_MATRICES: list[Function] = [
    linalg.svd,
    linalg.svdvals,
    lambda x: linalg.svd(x, full_matrices=False),
    lambda x: linalg.svd(x, compute_uv=False),
    linalg.qr,
    lambda x: linalg.qr(x, mode="complete"),
    lambda x: linalg.qr(x, mode="r"),
    linalg.pinv,
    lambda x: linalg.pinv(x, rtol=0.2),
    lambda x: linalg.pinv(x, rtol=np.full(x.shape[:-2], 0.2)),
    lambda x: linalg.pinv(x * 1.0, rtol=None),
    linalg.matrix_rank,
    lambda x: linalg.matrix_rank(x, tol=1.5),
    lambda x: linalg.matrix_rank(x, rtol=0.3),
    linalg.matrix_transpose,
    linalg.matrix_norm,
    lambda x: linalg.norm(x, axis=(-1, -2), ord=2, keepdims=True),
    lambda x: linalg.matrix_norm(x, ord="nuc"),
    lambda x: linalg.matrix_norm(x, ord=1),
    lambda x: linalg.matrix_norm(x, ord=np.inf, keepdims=True),
    lambda x: linalg.vector_norm(x, axis=-1),
    linalg.diagonal,
    linalg.trace,
]


def _names(functions: list[Function]) -> list[str]:
    return [
        f.__name__ if f.__name__ != "<lambda>" else inspect.getsource(f).strip().rstrip(",")[10:]
        for f in functions
    ]


@pytest.mark.parametrize("f", OF_SQUARES, ids=_names(OF_SQUARES))
def test_of_squares(f: Function) -> None:
    for x in SQUARES:
        compare(f, x)


@pytest.mark.parametrize("f", OF_MATRICES, ids=_names(OF_MATRICES))
def test_of_matrices(f: Function) -> None:
    for x in MATRICES:
        compare(f, x)


def test_cholesky() -> None:
    for x in (definite(3, 3), definite(2, 4, 4), definite(1, 1), definite(3, 3, dtype="f4"), EMPTY):
        compare(linalg.cholesky, x)
        compare(lambda x: linalg.cholesky(x, upper=True), x)
    lopsided = np.tril(definite(3, 3)) + np.triu(np.full((3, 3), 9.0), 1)
    compare(linalg.cholesky, lopsided)
    compare(lambda x: linalg.cholesky(x, upper=True), lopsided.T.copy())
    compare(linalg.eigh, lopsided)
    compare(lambda x: linalg.eigh(x, "U"), lopsided)


def test_cond() -> None:
    for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro"):
        for x in (A, B, F, SINGULAR, np.array([[np.nan, 1.0], [1.0, 2.0]])):
            if np.isnan(x).any() and p in (None, 2, -2):
                continue
            compare(lambda x, p=p: linalg.cond(x, p), x)
    compare(linalg.cond, TALL)


def test_norms_of_matrices() -> None:
    for ord, axis in itertools.product((2, -2, "nuc", "fro", 1, -1), ((0, 1), (2, 0), (-1, -2))):
        compare(lambda x, o=ord, a=axis: linalg.norm(x, o, axis=a), draw(3, 4, 5))
    for ord in (None, 2, "nuc", "fro", 1):
        compare(lambda x, o=ord: linalg.norm(x, o), np.zeros((0, 3)))


def test_solve() -> None:
    solve = linalg.solve
    compare(solve, A, draw(3))
    compare(solve, A, draw(3, 2))
    compare(solve, A, draw(5, 3, 2))
    compare(solve, B, draw(4))
    compare(solve, B, draw(2, 4, 3))
    compare(solve, B, draw(3, 1, 4, 2))
    compare(solve, I, draw(3, dtype="f4"))
    compare(solve, F, draw(4, 2, dtype="f4"))
    compare(solve, A, np.zeros((3, 0)))
    compare(solve, EMPTY, np.zeros((0, 2)))
    compare(solve, EMPTY, np.zeros(0))
    compare(solve, np.zeros((0, 3, 3)), draw(3))
    compare(lambda b: solve(A, b), draw(3, 2))


def test_lstsq() -> None:
    lstsq = linalg.lstsq
    for x in (TALL, WIDE, A, F, I):
        for b in (draw(len(x)), draw(len(x), 2)):
            compare(lstsq, x, b.astype(x.dtype))
    compare(lambda a, b: lstsq(a, b, rcond=0.3), TALL, draw(5))
    compare(lambda a, b: lstsq(a, b, rcond=-1), TALL, draw(5))
    compare(lstsq, np.zeros((0, 3)), np.zeros(0))
    compare(lstsq, np.zeros((3, 0)), np.ones(3))
    solution, _, rank, _ = jit(lstsq)(RANK_ONE, np.ones(3))
    assert rank == 1
    assert_allclose(solution, lstsq(RANK_ONE, np.ones(3))[0], atol=1e-14)


def test_tensors_and_products() -> None:
    a = draw(4, 6, 8, 3)
    compare(linalg.tensorsolve, a, draw(4, 6))
    compare(lambda a, b: linalg.tensorsolve(a, b, axes=(0, 2)), draw(2, 3, 3, 2), draw(3, 2))
    compare(linalg.tensorinv, a)
    compare(lambda a: linalg.tensorinv(a, ind=1), draw(6, 2, 3))
    compare(lambda x, y: linalg.multi_dot([x, y]), TALL, A)
    compare(lambda x, y, z: linalg.multi_dot([x, y, z]), TALL, A, WIDE)
    compare(linalg.outer, draw(3), draw(4))
    compare(linalg.cross, draw(4, 3), draw(4, 3, seed=1))
    compare(linalg.vecdot, draw(4, 3), draw(3))
    compare(linalg.matmul, TALL, A)


# -- errors ------------------------------------------------------------------------------------

WRONG: list[tuple[Function, tuple[Any, ...]]] = [
    (linalg.inv, (SINGULAR,)),
    (linalg.solve, (SINGULAR, np.ones(2))),
    (linalg.solve, (np.stack([np.eye(2), SINGULAR]), np.ones((2, 2, 1)))),
    (linalg.cholesky, (-A,)),
    (linalg.cholesky, (np.zeros((2, 2)),)),
    (lambda x: linalg.matrix_power(x, -1), (SINGULAR,)),
    (linalg.svd, (np.full((3, 3), np.nan),)),
    (linalg.svdvals, (np.full((4, 3), np.nan),)),
    (linalg.eigh, (np.full((3, 3), np.nan),)),
    (linalg.eigvalsh, (np.full((3, 3), np.nan),)),
    (linalg.pinv, (np.full((3, 3), np.nan),)),
    (linalg.inv, (np.ones(3),)),
    (linalg.inv, (TALL,)),
    (linalg.svd, (np.ones(3),)),
    (linalg.cond, (EMPTY,)),
    (linalg.cond, (np.ones(3),)),
    (linalg.lstsq, (A, np.ones(2))),
    (linalg.lstsq, (B, np.ones(2))),
    (linalg.tensorsolve, (WIDE, np.ones(3))),
    (linalg.matrix_power, (TALL, 2)),
    (linalg.matrix_power, (A, 2.5)),
    (lambda x: linalg.eigh(x, UPLO="X"), (A,)),
    (lambda x: linalg.qr(x, mode="x"), (A,)),
    (lambda x: linalg.norm(x, ord=7), (A,)),
    (lambda x: linalg.norm(x, ord="x"), (A,)),
    (lambda x: linalg.norm(x, ord=2), (B,)),
    (lambda x: linalg.multi_dot([x]), (A,)),
    (lambda x: linalg.tensorinv(x, ind=0), (A,)),
]


@pytest.mark.parametrize(("f", "arguments"), WRONG, ids=range(len(WRONG)))
def test_errors_are_those_of_numpy(f: Function, arguments: tuple[Any, ...]) -> None:
    """The class and the message, and the user's line."""
    with pytest.raises((linalg.LinAlgError, ValueError, TypeError)) as wanted:
        f(*arguments)

    def traced(*xs: Any) -> Any:
        return f(*xs)

    given = [x for x in arguments if isinstance(x, np.ndarray)]
    rest = [x for x in arguments if not isinstance(x, np.ndarray)]
    compiled = pb.jit(lambda *xs: traced(*xs, *rest))
    with pytest.raises(type(wanted.value)) as found:
        compiled(*given)
    message = " ".join(str(wanted.value).split())
    assert message in " ".join(str(found.value).split())
    assert "test_linalg.py:" in str(found.value)
    assert type(found.value) is type(wanted.value)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="right-hand sides"):
        jit(linalg.solve)(A, np.ones(2))


def test_not_a_number_stays_one() -> None:
    """No routine loops forever, crashes, or makes numbers out of nothing but NaN."""
    for size, value in itertools.product((1, 2, 3, 7, 40), (np.nan, np.inf, -np.inf)):
        x = draw(size, size)
        x[0, 0] = value
        for f in (linalg.inv, linalg.det, linalg.slogdet, linalg.qr):
            for part in leaves(jit(f)(x)):
                assert part.dtype == x.dtype
        for f in (linalg.eigh, linalg.svd, linalg.cholesky, linalg.pinv):
            try:
                parts = leaves(jit(f)(x))
            except linalg.LinAlgError:
                continue
            assert all(part.dtype == x.dtype for part in parts)
    compare(linalg.det, np.full((3, 3), np.nan))
    compare(linalg.slogdet, np.full((3, 3), np.nan))
    compare(linalg.slogdet, SINGULAR)
    compare(linalg.slogdet, -np.eye(3))
    compare(linalg.inv, np.full((3, 3), np.nan))
    compare(linalg.cholesky, np.full((3, 3), np.nan))


def test_concrete_matrices_are_numpys() -> None:
    assert_allclose(pnp.linalg.inv(A), linalg.inv(A), rtol=0)
    compare(lambda x: pnp.linalg.det(pnp.array([[x, 1.0], [2.0, x]])), np.float64(3.0))


# -- derivatives -------------------------------------------------------------------------------


def of_symmetric(f: Function) -> Function:
    return lambda xp, x: f(xp, x + xp.swapaxes(x, -1, -2))


SCALARS: dict[str, tuple[Function, tuple[Array, ...]]] = {
    "inv": (lambda xp, x: xp.sum(xp.sin(xp.linalg.inv(x))), (B,)),
    "det": (lambda xp, x: xp.sum(xp.sin(xp.linalg.det(x))), (B,)),
    "det of a singular matrix": (lambda xp, x: xp.linalg.det(x), (SINGULAR,)),
    "slogdet": (lambda xp, x: xp.sum(xp.linalg.slogdet(x)[1] ** 2), (B,)),
    "solve": (lambda xp, x, y: xp.sum(xp.sin(xp.linalg.solve(x, y))), (A, draw(3, 2))),
    "solve many": (lambda xp, x, y: xp.sum(xp.sin(xp.linalg.solve(x, y))), (A, draw(5, 3, 1))),
    "cholesky": (
        of_symmetric(lambda xp, x: xp.sum(xp.sin(xp.linalg.cholesky(x)))),
        (definite(2, 4, 4),),
    ),
    "cholesky, upper": (
        of_symmetric(lambda xp, x: xp.sum(xp.sin(xp.linalg.cholesky(x, upper=True)))),
        (definite(3, 3),),
    ),
    "qr": (lambda xp, x: sum(xp.sum(xp.sin(y)) for y in xp.linalg.qr(x)), (TALL,)),
    "qr, square": (lambda xp, x: sum(xp.sum(xp.sin(y)) for y in xp.linalg.qr(x)), (B,)),
    "eigh": (
        of_symmetric(lambda xp, x: sum(xp.sum(xp.sin(y) ** 2) for y in xp.linalg.eigh(x))),
        (B,),
    ),
    "eigvalsh": (of_symmetric(lambda xp, x: xp.sum(xp.sin(xp.linalg.eigvalsh(x)))), (B,)),
    "eigvalsh of equal ones": (
        of_symmetric(lambda xp, x: xp.sum(xp.sin(xp.linalg.eigvalsh(x)))),
        (np.eye(3),),
    ),
    "svd": (
        lambda xp, x: sum(xp.sum(xp.sin(y) ** 2) for y in xp.linalg.svd(x, full_matrices=False)),
        (TALL,),
    ),
    "svd, wide": (
        lambda xp, x: sum(xp.sum(xp.sin(y) ** 2) for y in xp.linalg.svd(x, full_matrices=False)),
        (WIDE,),
    ),
    "svd, square": (lambda xp, x: sum(xp.sum(y**4) for y in xp.linalg.svd(x)), (B,)),
    "nuclear norm": (lambda xp, x: xp.linalg.norm(x, "nuc"), (TALL,)),
    "spectral norm": (lambda xp, x: xp.linalg.norm(x, 2), (WIDE,)),
    "cond": (lambda xp, x: xp.linalg.cond(x), (A,)),
    "pinv, tall": (lambda xp, x: xp.sum(xp.sin(xp.linalg.pinv(x))), (TALL,)),
    "pinv, traced tolerance": (
        lambda xp, x: xp.sum(xp.sin(xp.linalg.pinv(x, rtol=x.ravel()[0] * 1e-9))),
        (TALL,),
    ),
    "pinv, wide": (lambda xp, x: xp.sum(xp.sin(xp.linalg.pinv(x))), (WIDE,)),
    "lstsq": (lambda xp, x, y: xp.sum(xp.linalg.lstsq(x, y)[0] ** 2), (TALL, draw(5))),
    "matrix_power": (lambda xp, x: xp.sum(xp.linalg.matrix_power(x, -3)), (A,)),
    "tensorinv": (lambda xp, x: xp.sum(xp.linalg.tensorinv(x, 1) ** 2), (draw(6, 2, 3),)),
}


@pytest.mark.parametrize("name", SCALARS)
def test_gradients_are_those_of_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    jnp = pytest.importorskip("jax.numpy")
    f, arguments = SCALARS[name]
    wrt = tuple(range(len(arguments)))
    with jax.enable_x64(True):
        value, gradient = jax.value_and_grad(lambda *xs: f(jnp, *xs), wrt)(*arguments)
    found, got = pb.value_and_grad(lambda *xs: f(np, *xs), wrt)(*arguments)
    assert_allclose(found, value, rtol=1e-12)
    for x, y in zip(got, gradient, strict=True):
        assert_allclose(x, y, rtol=1e-10, atol=1e-10)


SMOOTH = [name for name in SCALARS if "singular matrix" not in name and "equal" not in name]


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivatives_and_batches(name: str) -> None:
    """Forward over reverse beside differences of gradients; a batch is a loop."""
    f, arguments = SCALARS[name]
    wrt = tuple(range(len(arguments)))
    gradient = pb.grad(lambda *xs: f(np, *xs), wrt)
    rng = np.random.default_rng(1)
    directions = tuple(rng.uniform(-1, 1, x.shape) for x in arguments)
    _, second = pb.jit(lambda xs, vs: pb.jvp(gradient, xs, vs))(arguments, directions)
    h = 1e-5
    ahead = gradient(*[x + h * v for x, v in zip(arguments, directions, strict=True)])
    behind = gradient(*[x - h * v for x, v in zip(arguments, directions, strict=True)])
    for x, y, z in zip(second, ahead, behind, strict=True):
        assert_allclose(x, (y - z) / (2 * h), rtol=2e-6, atol=2e-6)
    batch = [np.stack([x, x * 1.1, x + 0.01 * np.ones_like(x)]) for x in arguments]
    for i, one in enumerate(zip(*pb.vmap(gradient)(*batch), strict=True)):
        for x, y in zip(one, gradient(*[x[i] for x in batch]), strict=True):
            assert_allclose(x, y, rtol=1e-9, atol=1e-9)


def test_gradients_are_symmetric_where_one_triangle_is_read() -> None:
    for f in (linalg.cholesky, linalg.eigvalsh):
        gradient = pb.grad(lambda x, f=f: np.sum(np.sin(f(x))))(definite(4, 4))
        assert_allclose(gradient, gradient.T, rtol=1e-12)


def test_determinants_of_singular_matrices() -> None:
    """The gradient is the transposed adjugate: one of rank one, or zero."""
    rank_two = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [5.0, 7.0, 9.0]])
    for x in (rank_two, RANK_ONE, np.zeros((3, 3)), np.diag([0.0, 2.0, 3.0]), np.zeros((1, 1))):
        n, gradient_of_det = len(x), pb.grad(lambda x: linalg.det(x))
        minors = np.array(
            [
                [
                    (-1) ** (i + j) * linalg.det(np.delete(np.delete(x, i, axis=0), j, axis=1))
                    for j in range(n)
                ]
                for i in range(n)
            ]
        )
        assert_allclose(gradient_of_det(x), minors, atol=1e-13)


def test_no_derivative_beyond_the_smaller_extent() -> None:
    for f in (
        lambda x: np.sum(linalg.svd(x)[0]),
        lambda x: np.sum(linalg.qr(x, mode="complete")[0]),
    ):
        with pytest.raises(pb.UnsupportedFunctionError, match=r"reduced[\s\S]*test_linalg\.py"):
            pb.grad(f)(TALL)
    assert pb.grad(lambda x: np.sum(linalg.svd(x)[1]))(TALL).shape == TALL.shape


def test_one_factorisation_serves_the_derivative() -> None:
    def least(a: Any, b: Any) -> Any:
        return np.sum(linalg.solve(a, b) ** 2) + linalg.slogdet(a)[1]

    plan = str(pb.value_and_grad(least, (0, 1)).plan(N, np.ones(6)))
    assert plan.count(": lu ") == 1
    plan = str(pb.value_and_grad(lambda x: np.sum(linalg.eigvalsh(x) ** 3)).plan(N))
    assert plan.count(": eigh ") == 1
    plan = str(pb.value_and_grad(lambda x: linalg.norm(x, "nuc")).plan(TALL))
    assert plan.count(": svd ") == 1
