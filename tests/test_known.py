"""Values that are known while tracing: what Python needs the value of, there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb
import pullback.numpy as pnp
from pullback.testing import check_grads
from pullback.tracer.errors import TracedValueError

X = np.arange(12.0).reshape(3, 4)


def same(program: Any, *operands: Any) -> None:
    """The program compiled, and by NumPy: its argument ``xp`` is the namespace."""
    got = pb.jit(lambda *xs: program(pnp, *xs))(*operands)
    for a, b in zip(got, program(np, *operands), strict=True):
        assert_array_equal(a, b)


def test_numbers_in_the_code_are_ints_indices_and_truths():
    def program(xp: Any, x: Any) -> Any:
        steps, places, mask = xp.array([0, 1]), xp.array([2, 0]), xp.array([True, False, True])
        counts = xp.zeros(2, int)
        counts[1] += places[0]
        for step in steps:
            x = np.roll(x, step, axis=1)
        for _ in range(counts[1]):
            x = x + float(places[0])
        if (counts > 1).any() and not counts[0]:
            x = x[mask]
        total = xp.asarray(3)
        return x, x[:, total - 1 :], np.asarray(places), [places.tolist(), places[0].item()][0]

    same(program, X)


def test_shapes_that_follow_from_known_values():
    def program(xp: Any, x: Any) -> Any:
        mask = xp.array([True, False, True])
        (places,) = xp.nonzero(mask)
        counts = xp.bincount(xp.array([0, 2, 2]))
        repeated = xp.repeat(x, counts, axis=0)
        kept = np.compress(mask, x, axis=0), np.extract(xp.eye(3, 4) > 0, x)
        removed = np.delete(x, xp.array([1]), axis=0), np.insert(x, xp.asarray(1), 5.0, axis=1)
        return *kept, *removed, x[places], repeated, xp.unique(counts) * x[:, :3], x[xp.where(mask)]

    same(program, X)


def test_arrays_that_are_made_can_be_filled_and_read_at_traced_places():
    def program(xp: Any, t: Any, i: Any) -> Any:
        turn, grid, table = xp.eye(2), xp.linspace(0.0, 1.0, 5), {k: 2 * k for k in xp.arange(3)}
        turn[0, 0] = turn[1, 1] = np.cos(t)
        turn[0, 1], turn[1, 0] = -np.sin(t), np.sin(t)
        like = xp.zeros_like(X)
        like[1, i] = t * table[xp.arange(3)[2].item()]
        return turn, grid[i], xp.arange(100)[i], like, xp.copy(X)[i], xp.full_like(X, 2)[i]

    same(program, 0.3, 2)


def test_a_step_of_a_lattice_boltzmann_method():
    def step(xp: Any, f: Any, solid: Any) -> Any:
        along, across = xp.array([0, 0, 1, 0, -1]), xp.array([0, 1, 0, -1, 0])
        weights = xp.array([1 / 3] + 4 * [1 / 6])
        f = f.copy()
        for i, x, y in zip(range(5), along, across, strict=True):
            f[..., i] = np.roll(np.roll(f[..., i], x, axis=1), y, axis=0)
        bounced = f[solid, :][:, [0, 3, 4, 1, 2]]
        density = np.sum(f, 2)
        u, v = np.sum(f * along, 2) / density, np.sum(f * across, 2) / density
        rest = xp.zeros(f.shape)
        for i, x, y, weight in zip(xp.arange(5), along, across, weights, strict=True):
            rest[..., i] = density * weight * (1 + 3 * (x * u + y * v))
        f += -(f - rest) / 0.6
        f[solid, :] = bounced
        return f, np.sum((u**2)[~solid])

    rng = np.random.default_rng(3)
    f, solid = 1.0 + 0.1 * rng.random((5, 6, 5)), np.zeros((5, 6), bool)
    solid[1:3, 2:4] = True
    for got, want in zip(
        pb.jit(lambda *xs: step(pnp, *xs))(f, solid), step(np, f, solid), strict=True
    ):
        assert_allclose(got, want, rtol=1e-12)
    check_grads(lambda f: step(pnp, f, solid)[1], (f,), order=1, modes=("rev",))


def test_known_within_enclosed_functions():
    axis = pb.jit(lambda x: _derivative(x, pnp.array([1, 0])))(X)
    assert_array_equal(axis, _derivative(X, [1, 0]))


def _derivative(x: Any, axes: Any) -> Any:
    return pb.grad(lambda y: np.sum(np.roll(y, axes[0] * 2, axis=axes[0]) * x))(x)


def test_arrays_from_outside_are_not_known_nor_what_is_computed_of_them():
    table = np.array([1, 2])
    typed = pb.ShapeDtype(X.shape, X.dtype)
    with pytest.raises(TracedValueError, match="not known while tracing"):
        pb.trace(lambda x: int(pnp.asarray(table)[0]) * x, typed)
    with pytest.raises(TracedValueError, match="item"):
        pb.trace(lambda x: (pnp.array([1, 2]) + x[0, 0])[0].item(), typed)


def test_a_chain_of_known_values_of_any_length():
    def f(x: Any) -> Any:
        steps = pnp.array([1, 2])
        for _ in range(3000):
            steps = steps + steps[::-1] % 3
        return np.roll(x, int(steps[0]) % 3)

    assert pb.jit(f)(X[0]).shape == (4,)


def test_parts_of_what_a_mask_selects():
    def program(xp: Any, x: Any) -> Any:
        mask = x[..., 0] > 3
        kept = x[mask, :][:, [1, 0, 2]]
        x = x.copy()
        x[mask, :3] = kept
        return x, x[mask][:, 1].sum(), x[:, mask[0]][..., 1:].sum(1), x[mask][:, None, 2].sum()

    same(program, np.arange(24.0).reshape(2, 3, 4))


@pytest.mark.parametrize("index", [0, slice(1), (slice(None), [0, 1], [0, 1])])
def test_other_parts_are_refused(index: Any):
    with pytest.raises(TracedValueError, match="an element of x"):
        pb.jit(lambda x: x[x[..., 0, 0] > 0][index].sum())(np.ones((2, 3, 4, 5)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: pnp.zeros((n, 2)),
        lambda x, n: pnp.arange(n) * x,
        lambda x, n: np.tile(x, n),
        lambda x, n: x.reshape(n, -1),
        lambda x, n: np.broadcast_to(x, (n, *x.shape)),
    ],
    ids=range(5),
)
def test_shapes_of_arguments_are_refused_with_a_way_out(f: Any):
    traced: Any = pb.jit(f)
    static: Any = pb.jit(f, static_argnums=1)
    with pytest.raises(TracedValueError, match="static_argnames"):
        traced(X, 2)
    assert static(np.ones(2), 2).size


def test_the_namespace_of_a_traced_array_has_versions():
    def total(x: Any, version: str) -> Any:
        return x.__array_namespace__(api_version=version).sum(x)

    f: Any = pb.jit(total, static_argnames="version")
    assert f(X, version="2024.12") == X.sum()
    with pytest.raises(ValueError, match=r"1999\.12"):
        f(X, version="1999.12")


def test_text_of_traced_and_of_known_values():
    texts = []
    pb.jit(lambda x: texts.append(f"{x[0, 0]:.2f} {pnp.asarray(2.5):.1f}"))(X)
    assert texts == ["Tracer(f64[]) 2.5"]
