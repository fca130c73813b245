"""Complex numbers: NumPy's meaning, derivatives in every direction, JAX's convention, accuracy."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest

import pullback as pb
import pullback.numpy as pnp
from pullback.testing import check_grads
from pullback.tracer.errors import TracedValueError, UnsupportedFunctionError
from pullback.tracer.primitive import TABLE, Primitive
from pullback.tracer.types import is_complex, is_inexact

from .draw import Array, Case, cases, domain_of, draw_unprepared

Z = np.array([0.5 + 1.5j, -1.2 + 0.3j, 2.0 - 0.7j, -0.4 - 0.9j])
W = np.array([1.1 - 0.2j, 0.3 + 0.8j, -0.6 + 0.1j, 1.7 + 2.0j])
M = np.array([[1.0 + 2.0j, 0.5j, 3.0], [0.1, -1.0 - 1.0j, 2.0 + 0.2j]])
R = np.array([0.5, -1.5, 2.0, 0.25])

# -- meaning -----------------------------------------------------------------------------------

MEANINGS: list[Callable[..., Any]] = [
    lambda z, w: z + 2,
    lambda z, w: 1j * z - w / 3.0,
    lambda z, w: z**2 + z**-3 + z**0.5 + z**w + 2.0**z,
    lambda z, w: (z == w, z != w, z < w, z <= w, z > w, z >= w),
    lambda z, w: (np.real(z), np.imag(z), z.real, z.imag, np.conj(z), z.conj(), np.conjugate(w)),
    lambda z, w: (abs(z), np.abs(z), np.absolute(z), np.angle(z), np.angle(z, deg=True)),
    lambda z, w: (np.angle(z.real), np.real(z.real), np.imag(z.real), np.conj(z.imag)),
    lambda z, w: (np.sign(z), np.square(z), np.reciprocal(z), np.positive(z), np.rint(3 * z)),
    lambda z, w: (np.round(z, 1), np.sinc(z), np.float_power(z, 2)),
    lambda z, w: (np.isfinite(z), np.isnan(z), np.isinf(z), np.iscomplex(z), np.isreal(z)),
    lambda z, w: (np.sum(z), np.prod(z), np.mean(z), np.var(z), np.std(z), np.var(z, ddof=1)),
    lambda z, w: (np.any(z), np.all(z), np.max(z), np.min(z), np.argmax(z), np.argmin(z)),
    lambda z, w: (np.cumsum(z), np.diff(z), np.count_nonzero(z), np.ptp(z.real)),
    lambda z, w: (np.maximum(z, w), np.minimum(z, w), np.clip(z, -1, 1 + 1j)),
    lambda z, w: (np.dot(z, w), np.vdot(z, w), np.inner(z, w), np.outer(z, w), z @ w),
    lambda z, w: (np.vecdot(z, w), np.einsum("i,j->ij", z, w), np.tensordot(z, w, 1)),
    lambda z, w: (np.convolve(z, w), np.correlate(z, w, "full"), np.polyval(z, w), np.kron(z, w)),
    lambda z, w: (np.where(z.real > 0, z, w), np.where(z.real > 0, z, 1.0)),
    lambda z, w: (np.select([z.real > 0, z == w], [z, w]), np.flip(z), np.tile(z, 2)),
    lambda z, w: (np.concatenate([z, w.real]), np.stack([z, w]), np.pad(z, 1), z[::-1], z[[1, 1]]),
    lambda z, w: (z.astype(complex), z.real.astype(np.complex64), z.astype(bool)),
    lambda z, w: (np.zeros_like(z), np.ones_like(z.real, dtype=complex), np.full_like(z, 1j)),
    lambda z, w: (np.linalg.norm(z), np.linalg.norm(z, 1), np.linalg.norm(z, 3)),
    lambda z, w: (np.isclose(z, w), np.allclose(z, z), np.nan_to_num(z / 0.0), np.trapezoid(z)),
    lambda z, w: (np.interp(w.real, np.array([0.0, 1.0, 2.0]), np.array([0j, 1j, 2.0])),),
    lambda z, w: (z.real.dtype.type(2) * z, np.add.reduce(z), np.multiply.outer(z, w)),
    lambda z, w: (np.linspace(z[0], w[0], 5), np.gradient(z)),
    lambda z, w: (np.logical_and(z, w), np.logical_not(z), np.take(z, [0, 2]), np.roll(z, 1)),
]  # fmt: skip


def leaves(value: Any) -> list[Array]:
    return [np.asarray(x) for x in (value if isinstance(value, tuple) else (value,))]


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_as_numpy(dtype: type):
    z: Array = Z.astype(dtype)
    w: Array = W.astype(dtype)
    everything = pb.jit(lambda z, w: tuple(f(z, w) for f in MEANINGS))(z, w)
    for f, got in zip(MEANINGS, everything, strict=True):
        with np.errstate(all="ignore"):
            want = leaves(f(z, w))
        for x, y in zip(leaves(got), want, strict=True):
            assert (x.dtype, x.shape) == (y.dtype, y.shape)
            allowed = 1e-12 if y.dtype.itemsize > 8 or y.dtype == np.float64 else 2e-5
            np.testing.assert_allclose(x, y, rtol=allowed, atol=allowed)


def test_matrix_products():
    rng = np.random.default_rng(1)
    for shape in ((3, 4, 5), (20, 30, 17)):
        n, k, m = shape
        a = rng.normal(size=(n, k)) + 1j * rng.normal(size=(n, k))
        b = rng.normal(size=(k, m)) + 1j * rng.normal(size=(k, m))
        got = pb.jit(lambda a, b: (a @ b, a.real @ b, np.vecmat(a[:, 0], a.conj())))(a, b)
        want = a @ b, a.real @ b, np.vecmat(a[:, 0], a.conj())
        for x, y in zip(got, want, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12)


def test_infinite_products_of_a_real_matrix():
    """The zero imaginary parts of a converted operand are no factors: no NaN is made of them."""
    x = np.array([[np.inf, 1.0]])
    (got,) = np.asarray(pb.jit(lambda x, z: x @ z)(x, np.array([1.0 + 2.0j, 0.0])))
    assert got == complex(np.inf, np.inf)


def test_python_numbers_are_weak():
    f = pb.jit(lambda x, c: x * c)
    assert f(np.float32(2.0), 1j) == 2j
    assert f(np.ones(2, np.float32), 1j).dtype == np.complex64
    assert f(np.ones(2, np.complex64), 1.5).dtype == np.complex64
    assert f(np.ones(2), np.complex64(1j)).dtype == np.complex128
    assert f(np.ones(2, np.int64), 1j).dtype == np.complex128
    assert isinstance(pb.jit(lambda c: c * c)(2j), np.complex128)
    assert f.signatures[0].startswith("(f32[], complex)")


def test_every_kind_of_argument():
    f = pb.jit(lambda z: (z, z.real, 2.0 * z))
    for z in (1 + 2j, np.complex128(1 + 2j), np.array(1 + 2j), Z, Z[::2], M.T, Z.astype(">c16")):
        for got, want in zip(f(z), (z, np.real(z), 2.0 * z), strict=True):
            np.testing.assert_array_equal(got, want)
    assert f(np.zeros((0, 3), complex))[0].shape == (0, 3)
    outside = Z.copy()
    g = pb.jit(lambda x: x + outside)
    np.testing.assert_array_equal(g(1.0), 1.0 + outside)
    outside[0] = 7j
    assert g(1.0)[0] == 1.0 + 7j


def test_parts_are_views():
    def f(z: Any) -> Any:
        z = z.copy()
        z.real = 3.0
        z.imag[1:] = z[1:].real + 1.0
        z[0] = 1j
        z.imag += 0.5
        part = z.real
        z[3] = 9.0
        return z, part

    for got, want in zip(pb.jit(f)(Z), f(Z), strict=True):
        np.testing.assert_array_equal(got, want)


def test_arrays_to_fill():
    def f(x: Any) -> Any:
        out = pnp.zeros(3, complex)
        out[1] = x
        out.imag[2] = x
        return out, pnp.array([x, 1j])

    got = pb.jit(f)(2.0)
    np.testing.assert_array_equal(got[0], [0.0, 2.0, 2j])
    np.testing.assert_array_equal(got[1], [2.0, 1j])


def test_lost_imaginary_parts():
    with pytest.warns(np.exceptions.ComplexWarning, match="discards the imaginary part"):
        np.testing.assert_array_equal(pb.jit(lambda z: z.astype(float))(Z), np.real(Z))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pb.jit(lambda z: z.astype(bool))(Z).all()

    def in_place(x: Any) -> Any:
        x = x.copy()
        x *= 1j
        return x

    def item(x: Any) -> Any:
        x = x.copy()
        x[0] = 1j
        return x

    def imaginary(x: Any) -> Any:
        x = x.copy()
        x.imag = 1.0
        return x

    for f in (in_place, item, imaginary):
        with pytest.raises(TypeError, match=r"test_complex\.py"):
            pb.jit(f)(R)
    with pytest.raises(TracedValueError, match=r"\.real"):
        pb.jit(np.real_if_close)(Z)
    np.testing.assert_array_equal(pb.jit(np.real_if_close)(R), R)


def test_rows_for_real_numbers_only():
    with pytest.raises(UnsupportedFunctionError, match=r"searchsorted is not compiled for c128"):
        pb.jit(lambda z: np.searchsorted(z, z))(Z)


def test_order():
    parts = (1.0, -1.0, 0.0, np.nan, np.inf)
    z = np.array([complex(x, y) for x in parts for y in parts] * 2)
    np.testing.assert_array_equal(pb.jit(np.sort)(z), np.sort(z, kind="stable"))
    np.testing.assert_array_equal(pb.jit(np.argsort)(z), np.argsort(z, kind="stable"))


def test_nan_among_them_comes_first():
    z = np.array([1.0, complex(np.nan, 1.0), 3.0, complex(2.0, np.nan)])
    got = pb.jit(lambda z: (np.argmax(z), np.argmin(z), np.max(z), np.min(z)))(z)
    want = np.argmax(z), np.argmin(z), np.max(z), np.min(z)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


def test_text():
    def f(z: Any) -> Any:
        return z * complex(1.5, -0.0) + complex(np.inf, np.nan)

    graph = pb.trace(f, Z)
    text = graph.text()
    assert "c128[4]" in text
    assert "complex(1.5, -0.0)" in text
    assert pb.parse(text).text() == text


def test_parts_make_one_kernel():
    """What is computed once for both parts is in one loop, which writes them side by side."""
    plan = pb.jit(lambda z: np.exp(z) * z).plan(np.zeros(1000, complex))
    assert len(plan.kernels) == 1


# -- derivatives -------------------------------------------------------------------------------

FREE_PHASE = frozenset({"eigenvectors", "left_singular_vectors", "right_singular_vectors"})
"""Rows of vectors whose phases nothing determines: test_linalg.py compares what is made of them."""

TO_COMPLEX = frozenset({"complex", "rfft", "general_eigenvalues", "general_eigenvectors"})
"""Rows that make complex numbers of real ones."""

OF_COMPLEX = [
    pytest.param(row, dtype, id=f"{row.name}-{dtype}")
    for row in TABLE.values()
    for dtype in ("c128", "f64")
    if row.differentiable
    and dtype in domain_of(row).dtypes
    and (dtype == "c128" or row.name in TO_COMPLEX)
    and row.name not in {"convert", *FREE_PHASE, "pure_callback"}
]


def draw_complex(x: Array, rng: np.random.Generator) -> Array:
    drawn = np.asarray(rng.uniform(-1.0, 1.0, x.shape))
    return drawn + 1j * rng.uniform(-1.0, 1.0, x.shape) if is_complex(x.dtype) else drawn


def paired(xs: Any, ys: Any) -> Any:
    """How much cotangents give for tangents."""
    return sum(np.real(np.sum(x * y)) for x, y in zip(xs, ys, strict=True))


@pytest.mark.parametrize(("row", "dtype"), OF_COMPLEX)
def test_derivatives_in_every_direction(row: Primitive, dtype: str, rng: np.random.Generator):
    """Forward against differences, reverse against forward, and the second order both ways."""
    every = [case for case in cases([dtype]) if case.row is row]
    chosen = [case for case in every if sum(map(math.prod, case.shapes)) <= 50][:3]
    drawn = [draw_unprepared(row, case.shapes, case.dtype, rng) for case in chosen]
    prepare = domain_of(row).prepare or (lambda *xs: xs)
    flags = [[is_inexact(x.dtype) for x in xs] for xs in drawn]
    point = tuple(x for xs in drawn for x in xs if is_inexact(x.dtype))

    def filled(values: Any, lift: Callable[[Any], Any]) -> list[Sequence[Any]]:
        given = iter(values)
        return [
            prepare(*(next(given) if flag else lift(x) for x, flag in zip(xs, kept, strict=True)))
            for xs, kept in zip(drawn, flags, strict=True)
        ]

    def f(*values: Any) -> tuple[Any, ...]:
        from pullback.tracer.trace import lift

        pairs = zip(chosen, filled(values, lift), strict=True)
        return tuple(case.row(*xs, **case.params) for case, xs in pairs)

    def reference(*values: Any) -> list[Array]:
        pairs = zip(chosen, filled(values, lambda x: x), strict=True)
        return [evaluated(case, xs) for case, xs in pairs]

    tangent, ct = ([draw_complex(x, rng) for x in xs] for xs in (point, reference(*point)))
    everything = tuple(range(len(point)))
    gradient = pb.grad(lambda *xs: paired(f(*xs), ct), everything)

    @pb.jit
    def compiled(point: Any, tangent: Any) -> Any:
        value, along = pb.jvp(f, point, tangent)
        _, forward = pb.jvp(gradient, point, tangent)
        slope = pb.grad(lambda *xs: paired(gradient(*xs), tangent), everything)
        return value, along, gradient(*point), forward, slope(*point)

    value, along, pulled, forward, reverse = compiled(point, tuple(tangent))
    close(value, reference(*point), 1e-12)
    close(along, difference(reference, point, tangent), 1e-7)
    np.testing.assert_allclose(paired(ct, along), paired(pulled, tangent), rtol=1e-10, atol=1e-10)
    close(forward, reverse, 1e-9)
    close(forward, difference(pb.jit(gradient), point, tangent), 1e-6)


def evaluated(case: Case, operands: Sequence[Array]) -> Array:
    (result,) = case.graph().evaluate(*operands)
    return result


def close(got: Any, want: Any, allowed: float) -> None:
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=allowed, atol=allowed)


def difference(f: Callable[..., Any], point: Any, direction: Any) -> list[Array]:
    def central(h: float) -> list[Array]:
        ahead = f(*[x + h * d for x, d in zip(point, direction, strict=True)])
        behind = f(*[x - h * d for x, d in zip(point, direction, strict=True)])
        return [(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)]

    rough, fine = central(1e-3), central(5e-4)
    return [np.asarray((4 * b - a) / 3) for a, b in zip(rough, fine, strict=True)]


def test_gradient_is_the_pair_of_partials():
    def f(x: Any, y: Any) -> Any:
        z = x + 1j * y
        return np.abs(z) ** 2 + np.real(np.exp(z))

    x, y = 0.3, 0.8
    by_x, by_y = pb.grad(f, (0, 1))(x, y)
    got = pb.grad(lambda z: np.abs(z) ** 2 + np.real(np.exp(z)))(x + 1j * y)
    np.testing.assert_allclose(got, by_x - 1j * by_y, rtol=1e-13)


def test_derivatives_at_zero():
    assert pb.grad(np.abs)(0j) == 0
    assert pb.grad(lambda z: np.linalg.norm(z))(np.zeros(2, complex))[0] == 0

    def safe(z: Any) -> Any:
        return np.sum(np.where(z == 0, 0, np.real(np.log(z))))

    np.testing.assert_array_equal(pb.grad(safe)(np.array([0j, 2.0])), [0.0, 0.5])


def test_holomorphic():
    with pytest.raises(TypeError, match=r"holomorphic=True"):
        pb.grad(np.sin)(Z[0])
    derivative = pb.grad(np.sin, holomorphic=True)
    np.testing.assert_allclose(derivative(Z[0]), np.cos(Z[0]), rtol=1e-13)
    np.testing.assert_allclose(
        pb.grad(derivative, holomorphic=True)(Z[0]), -np.sin(Z[0]), rtol=1e-13
    )
    jacobians: list[Any] = [pb.jacfwd, pb.jacrev]
    for jacobian in jacobians:
        with pytest.raises(TypeError, match=r"holomorphic=True"):
            jacobian(np.sin)(Z)
        got = jacobian(np.sin, holomorphic=True)(Z)
        np.testing.assert_allclose(got, np.diag(np.cos(Z)), rtol=1e-13, atol=1e-13)


def test_checks_and_batches():
    check_grads(lambda z, w: np.exp(z) * np.conj(w) + abs(z), (Z, W))
    each = pb.vmap(lambda z, w: np.vdot(z, w))(M, M)
    np.testing.assert_allclose(each, np.sum(M.conj() * M, axis=1))


PEERS: list[Callable[[Any, Any], Any]] = [
    lambda np, z: np.sum(np.abs(z) ** 2),
    lambda np, z: np.sum(np.real(np.exp(1j * z) / z)),
    lambda np, z: np.imag(np.sum(np.sqrt(z) * np.conj(z))),
    lambda np, z: np.sum(np.angle(z) * np.abs(z)),
    lambda np, z: np.real(np.vdot(z, np.log(z) ** 2)),
    lambda np, z: np.real(np.sum(np.tanh(z) * np.arcsinh(z))),
    lambda np, z: np.real(np.prod(z)) + np.imag(np.mean(z)),
    lambda np, z: np.abs(np.sum(np.where(np.real(z) > 0, z, np.sin(z)))),
    lambda np, z: np.var(z) + np.real(np.sum(z ** (0.5 + 1j))),
    lambda np, z: np.real(np.cumsum(z)[2] * np.dot(z, np.real(z))),
]  # fmt: skip


def test_gradients_are_those_of_jax():
    jax = pytest.importorskip("jax")
    jnp = pytest.importorskip("jax.numpy")
    ours = pb.jit(lambda z: [pb.grad(functools.partial(f, np))(z) for f in PEERS])(Z)
    with jax.enable_x64(True):
        theirs = jax.jit(lambda z: [jax.grad(functools.partial(f, jnp))(z) for f in PEERS])(Z)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, np.asarray(want), rtol=1e-11, atol=1e-12)


def test_pulled_and_pushed_are_those_of_jax():
    jax = pytest.importorskip("jax")
    jnp = pytest.importorskip("jax.numpy")

    def f(np: Any, z: Any) -> Any:
        return np.exp(z) * np.conj(z) + np.abs(z)

    with jax.enable_x64(True):
        _, pull = jax.vjp(lambda z: f(jnp, z), jnp.asarray(Z))
        _, along = jax.jvp(lambda z: f(jnp, z), (jnp.asarray(Z),), (jnp.asarray(W),))
        ours = pb.vjp(lambda z: f(np, z), Z)[1](W)
        np.testing.assert_allclose(ours[0], np.asarray(pull(jnp.asarray(W))[0]), rtol=1e-12)
        got = pb.jvp(lambda z: f(np, z), (Z,), (W,))[1]
        np.testing.assert_allclose(got, np.asarray(along), rtol=1e-12)


# -- accuracy ----------------------------------------------------------------------------------

EXACT: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "sqrt": mpmath.sqrt,
    "log1p": lambda z: mpmath.log(1 + z), "sin": mpmath.sin, "cos": mpmath.cos,
    "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos, "atan": mpmath.atan,
    "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "asinh": mpmath.asinh,
    "acosh": mpmath.acosh, "atanh": mpmath.atanh,
}  # fmt: skip


def hard_points(rng: np.random.Generator) -> Array:
    """Of every size, and close to the points where formulas cancel."""
    sizes = np.exp(rng.uniform(-20.0, 4.0, 60))
    anywhere = sizes * np.exp(2j * np.pi * rng.random(60))
    near = [c + 1e-7 * anywhere[:10] for c in (1.0, -1.0, 1j, -1j, 0.0)]
    return np.concatenate([anywhere, np.exp(2j * np.pi * rng.random(10)), *near])


def test_accuracy(rng: np.random.Generator):
    """Errors relative to the size of the result, against many digits: some units."""
    z = hard_points(rng)
    names = list(EXACT)
    results = pb.jit(lambda z: tuple(TABLE[name](z) for name in names))(z)
    for name, got in zip(names, results, strict=True):
        with mpmath.workdps(60):
            want = np.array([complex(EXACT[name](mpmath.mpc(x))) for x in z])
        error = np.abs(got - want) / np.abs(want) / np.finfo(float).eps
        assert error.max() < 6.0, f"{name}: {error.max():.1f} at {z[error.argmax()]}"
