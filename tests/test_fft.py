"""Fourier transforms: NumPy's values and errors, derivatives against differences and JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import pullback as pb
import pullback.numpy as pnp
from pullback.runtime import pocketfft
from pullback.testing import check_grads

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4, 6))
Z = X + 1j * RNG.normal(size=X.shape)

ONE = ("fft", "ifft", "irfft", "hfft")
SEVERAL = ("fft2", "ifft2", "irfft2", "fftn", "ifftn", "irfftn")
OF_REAL = ("rfft", "ihfft", "rfft2", "rfftn")
NORMS = (None, "backward", "ortho", "forward")


def calls() -> list[tuple[str, dict[str, Any]]]:
    """Functions and arguments."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name in (*ONE, "rfft", "ihfft"):
        found += [(name, {"norm": norm}) for norm in NORMS]
        found += [(name, {"n": n, "axis": axis}) for n in (1, 3, 4, 9) for axis in (0, -1)]
    for name in (*SEVERAL, "rfft2", "rfftn"):
        found += [(name, {"norm": norm}) for norm in NORMS]
        found += [(name, {"axes": (2, 0)}), (name, {"s": (5, -1), "axes": (0, 1)})]
        found += [(name, {"s": (2, 7), "axes": (1, 2), "norm": "ortho"})]
    for name in ("fftshift", "ifftshift"):
        found += [(name, {}), (name, {"axes": 1}), (name, {"axes": (0, -1)})]
    return found


CALLS = calls()


def operand(name: str) -> Any:
    return X if name in OF_REAL else Z


@pytest.mark.parametrize("single", [False, True])
def test_as_numpy(single: bool):
    def cast(x: Any) -> Any:
        return x.astype(np.complex64 if x.dtype.kind == "c" else np.float32) if single else x

    def run(x: Any, z: Any) -> Any:
        return [
            getattr(np.fft, name)(x if name in OF_REAL else z, **kwargs) for name, kwargs in CALLS
        ]

    allowed = 1e-5 if single else 1e-13
    given = cast(X), cast(Z)
    for got, want, call in zip(pb.jit(run)(*given), run(*given), CALLS, strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape), call
        np.testing.assert_allclose(got, want, rtol=allowed, atol=allowed * 10, err_msg=str(call))


def test_sizes_with_large_factors():
    for n in (1, 2, 3, 97, 128, 360, 1009):
        z = RNG.normal(size=(2, n)) + 1j * RNG.normal(size=(2, n))
        for f in (np.fft.fft, np.fft.ifft, lambda z: np.fft.irfft(np.fft.rfft(z.real), z.shape[1])):
            np.testing.assert_allclose(pb.jit(f)(z), f(z), rtol=1e-12, atol=1e-13)


def test_dtypes():
    for dtype in (bool, np.int8, np.int64, np.float16, np.float32, float, np.complex64, complex):
        x = np.arange(6).astype(dtype)
        for f in (np.fft.fft, np.fft.ifft, np.fft.irfft):
            assert pb.jit(f)(x).dtype == f(x).dtype
        if x.dtype.kind != "c":
            assert pb.jit(np.fft.rfft)(x).dtype == np.fft.rfft(x).dtype


def test_empty_batches():
    assert pb.jit(np.fft.fft)(np.zeros((0, 4))).shape == (0, 4)
    assert pb.jit(np.fft.rfft)(np.zeros((2, 0, 4))).shape == (2, 0, 3)


UNKNOWN: Any = "half"


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.fft.fft, np.zeros((3, 0))),
        (lambda x: np.fft.fft(x, 0), X),
        (lambda x: np.fft.fft(x, norm=UNKNOWN), X),
        (lambda x: np.fft.hfft(x, norm=UNKNOWN), X),
        (lambda x: np.fft.fftn(x, (2,), (0, 1)), X),
        (np.fft.irfft, np.zeros((3, 1))),
        (lambda x: np.fft.fft(x, axis=7), X),
    ],
)
def test_errors(f: Callable[..., Any], x: Any):
    with pytest.raises((ValueError, IndexError)) as theirs:
        f(x)
    with pytest.raises(type(theirs.value)) as ours:
        pb.jit(f)(x)
    if isinstance(theirs.value, IndexError):
        return  # NumPy's is that of a tuple.
    assert str(ours.value).startswith(str(theirs.value).split(" (")[0][:30])


def test_a_complex_operand_is_none_of_a_real_transform():
    with pytest.raises(TypeError, match=r"test_fft\.py"):
        pb.jit(np.fft.rfft)(Z)


def test_frequencies():
    def f(d: Any) -> Any:
        return pnp.fft.fftfreq(5, d), np.fft.rfftfreq(6, d), pnp.fft.fft(pnp.zeros(3))

    for got, want in zip(pb.jit(f)(0.5), f(0.5), strict=True):
        np.testing.assert_allclose(got, want)
    np.testing.assert_array_equal(pnp.fft.rfft(X), np.fft.rfft(X))


def test_one_routine_each():
    """The operand is read where it is, the result written where it is returned."""
    plan = pb.jit(np.fft.fft).plan(Z)
    assert len(plan.kernels) == 1
    assert plan.workspace_bytes == 0


@pytest.mark.parametrize("name", ["fft", "ifft", "irfft", "rfft", "hfft", "ihfft"])
def test_derivatives(name: str):
    f = getattr(np.fft, name)
    x = operand(name)[0, :2]
    check_grads(lambda x: f(x, 5) * f(x, 5, norm="ortho"), (x,))
    check_grads(lambda x: f(x * x, axis=0), (x,), order=1)


def test_batches():
    got = pb.vmap(lambda z: np.fft.fft(np.fft.rfft(z.real)))(Z)
    np.testing.assert_allclose(got, np.fft.fft(np.fft.rfft(np.real(Z))), rtol=1e-12, atol=1e-12)


PEERS: list[Callable[[Any, Any], Any]] = [
    lambda np, z: np.sum(np.abs(np.fft.fft(z)) ** 2 * np.arange(6)),
    lambda np, z: np.sum(np.abs(np.fft.ifft2(z, norm="ortho")) * np.arange(6)),
    lambda np, z: np.sum(np.fft.irfft(z, 9) ** 3),
    lambda np, z: np.sum(np.abs(np.fft.rfftn(np.real(z)) * np.fft.rfftn(np.imag(z)))),
    lambda np, z: np.real(np.sum(np.fft.fftshift(np.fft.hfft(z, 7)) * np.arange(7))),
]


def test_gradients_are_those_of_jax():
    jax = pytest.importorskip("jax")
    jnp = pytest.importorskip("jax.numpy")
    z = Z[0]
    ours = pb.jit(lambda z: [pb.grad(functools.partial(f, np))(z) for f in PEERS])(z)
    with jax.enable_x64(True):
        theirs = jax.jit(lambda z: [jax.grad(functools.partial(f, jnp))(z) for f in PEERS])(z)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, np.asarray(want), rtol=1e-10, atol=1e-10)


def test_another_layout_is_refused():
    """What stands in the ufuncs is compared with what they are, and with what they do."""
    read: Any = vars(pocketfft)["_read"]
    with pytest.raises(NotImplementedError, match="keeps the loops of its fft"):
        read(np.add, "fft")
    attempt: Any = vars(pocketfft)["_try"]
    ufuncs = import_module("numpy.fft._pocketfft_umath")
    loops, data = read(ufuncs.ifft, "ifft")
    with pytest.raises(NotImplementedError, match="keeps the loops of its fft"):
        attempt(ufuncs.fft, loops["f64"], data)
