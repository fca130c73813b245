"""What holds of transforms whatever they are applied to, over random bodies with loops in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import pullback as pb
from pullback.runtime.signature import take_apart
from pullback.runtime.traced import trace_signature
from pullback.testing import check_grads

from .bodies import MOST, OURS, WRITTEN_OUT, Body, Library, bodies, of_jax, squashed

Array = np.ndarray[Any, Any]
Function = Callable[[Any], Any]
RNG = np.random.default_rng(7)
X, V, CT = RNG.normal(size=(3, 3))
MANY = np.stack([X, 0.5 * X[::-1], -X, V])
OUTSIDE = RNG.normal(size=3) * 0.8


def function_of(body: Body, library: Library = OURS) -> Function:
    """The body as a function of one array, which also comes from outside of its loops."""
    return lambda x: body(library, x, library.np.sin(x) * 0.2 + OUTSIDE)


def weighted(f: Function, n: Any = np) -> Function:
    """One number of the three."""
    return lambda x: n.sum(f(x) * CT)


def same(got: Any, want: Any, tolerance: float = 1e-9) -> None:
    got, want = (pb.ravel_tree(x)[0] for x in (got, want))
    size = 1.0 + np.max(np.abs(want), initial=0.0)
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * size)


def along(f: Function) -> Function:
    return lambda x: pb.jvp(f, (x,), (np.cos(x),))[1]


def back(f: Function) -> Function:
    return lambda x: pb.vjp(f, x)[1](CT)[0]


def each(f: Function) -> Function:
    """A loop in Python."""
    return lambda xs: np.stack([f(x) for x in xs])


def transposed_linear(f: Function) -> Any:
    linear = pb.linearize(f, X)[1]
    return pb.linear_transpose(linear, X)(CT)[0]


def third(f: Function) -> Any:
    curve = lambda t: f(X + t * V)  # noqa: E731
    derivatives = []
    for _ in range(3):
        curve = partial(lambda g, t: pb.jvp(g, (t,), (1.0,))[1], curve)
        derivatives.append(curve(0.0))
    return derivatives


Sides = tuple[Any, Any]
LAWS: dict[str, Callable[[Function], Sides]] = {
    "a jvp and a vjp pair": lambda f: (CT @ pb.jvp(f, (X,), (V,))[1], back(f)(X) @ V),
    "both modes give a Jacobian": lambda f: (pb.jacfwd(f)(X), pb.jacrev(f)(X)),
    "Hessians are symmetric": lambda f: (
        pb.hessian(weighted(f))(X),
        pb.hessian(weighted(f))(X).T,
    ),
    "Hessians by any two modes": lambda f: (
        [a(b(weighted(f)))(X) for a in (pb.jacfwd, pb.jacrev) for b in (pb.jacfwd, pb.jacrev)],
        [pb.hessian(weighted(f))(X)] * 4,
    ),
    "hvp is a Hessian times a vector": lambda f: (
        pb.hvp(weighted(f), (X,), (V,)),
        pb.hessian(weighted(f))(X) @ V,
    ),
    "vmap is a loop": lambda f: (pb.vmap(f)(MANY), each(pb.jit(f))(MANY)),
    "vmap along any axis": lambda f: (
        pb.vmap(f, in_axes=1, out_axes=-1)(MANY.T),
        pb.vmap(f)(MANY).T,
    ),
    "vmap of vmap": lambda f: (
        pb.vmap(pb.vmap(f))(np.stack([MANY, -MANY])),
        [pb.vmap(f)(MANY), pb.vmap(f)(-MANY)],
    ),
    "vmap of grad is a loop": lambda f: (
        pb.vmap(pb.grad(weighted(f)))(MANY),
        each(pb.grad(weighted(f)))(MANY),
    ),
    "grad of vmap": lambda f: (
        pb.grad(lambda xs: np.sum(pb.vmap(weighted(f))(xs)))(MANY),
        pb.vmap(back(f))(MANY),
    ),
    "jvp of vmap is vmap of jvp": lambda f: (along(pb.vmap(f))(MANY), pb.vmap(along(f))(MANY)),
    "vmap of hessian is a loop": lambda f: (
        pb.vmap(pb.hessian(weighted(f)))(MANY),
        each(pb.hessian(weighted(f)))(MANY),
    ),
    "jacfwd of vmap of grad": lambda f: (
        pb.jacfwd(pb.vmap(pb.grad(weighted(f))))(MANY)[1, :, 1],
        pb.hessian(weighted(f))(MANY[1]),
    ),
    "grad of jit is jit of grad": lambda f: (
        pb.grad(pb.jit(weighted(f)))(X),
        pb.jit(pb.grad(weighted(f)))(X),
    ),
    "linearize transposed is vjp": lambda f: (transposed_linear(f), back(f)(X)),
    "jet is nested jvp": lambda f: (
        pb.jet(f, (X,), ((V, 0 * V, 0 * V),))[1],
        third(f),
    ),
    "checkpoint changes nothing": lambda f: (
        [pb.value_and_grad(weighted(pb.checkpoint(f)))(X), pb.jacfwd(back(pb.checkpoint(f)))(X)],
        [pb.value_and_grad(weighted(f))(X), pb.jacfwd(back(f))(X)],
    ),
    "sparse Jacobians are Jacobians": lambda f: (
        pb.sparse_jacobian(f)(X).toarray(),
        pb.jacobian(f)(X),
    ),
    "compiled is interpreted": lambda f: (
        pb.jit(back(f))(X),
        evaluated(back(f), X),
    ),
}


def evaluated(f: Function, x: Array) -> Array:
    """By the meaning of the graph in NumPy."""
    graph, outside, _ = trace_signature(f, take_apart((x,), {}, (), ()).signature)
    return graph.evaluate(x, *outside)[0]


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=3)
@given(body=bodies())
def test_law(law: str, body: Body) -> None:
    same(*LAWS[law](function_of(body)))


@pytest.mark.parametrize("transform", ["value and gradient", "hessian", "gradients of a batch"])
@settings(max_examples=3)
@given(body=bodies((1, 1, 2)))
def test_loops_are_what_they_are_written_out(transform: str, body: Body) -> None:
    apply: Callable[[Function], Any] = {
        "value and gradient": lambda f: pb.value_and_grad(weighted(f))(X),
        "hessian": lambda f: pb.hessian(weighted(f))(X),
        "gradients of a batch": lambda f: pb.vmap(pb.grad(weighted(f)))(MANY),
    }[transform]
    same(apply(function_of(body)), apply(function_of(body, WRITTEN_OUT)))


@settings(max_examples=3)
@given(body=bodies())
def test_derivatives_are_differences(body: Body) -> None:
    check_grads(pb.jit(function_of(body)), (X,), order=1)


COUNTS = np.arange(MOST + 1)


def by_while(f: Function, n: Any, x: Any) -> Any:
    step = lambda s: (s[0] + 1, squashed(OURS, f(s[1])))  # noqa: E731
    return pb.while_loop(lambda s: s[0] < n, step, (0, x))[1]


def by_traced_for(f: Function, n: Any, x: Any) -> Any:
    return pb.fori_loop(0, n, lambda _, x: squashed(OURS, f(x)), x)


def by_python(f: Function, n: int, x: Any) -> Any:
    for _ in range(n):
        x = squashed(OURS, f(x))
    return x


@settings(max_examples=2)
@given(body=bodies((0, 1)))
def test_loops_of_any_kind_are_the_same(body: Body) -> None:
    """While, for, scan with every checkpoint, and Python's: values, gradients, batched counts."""
    f = function_of(body)

    def by_scan(checkpoint: Any) -> Function:
        step = lambda x, _: (squashed(OURS, f(x)), None)  # noqa: E731
        return lambda x: pb.scan(step, x, length=MOST, checkpoint=checkpoint)[0]

    want = pb.value_and_grad(weighted(lambda x: by_python(f, MOST, x)))(X)
    for checkpoint in (None, "sqrt", 2, "binomial", ("binomial", 1)):
        same(pb.value_and_grad(weighted(by_scan(checkpoint)))(X), want)
    slopes = [pb.grad(weighted(partial(by_python, f, int(n))))(X) for n in COUNTS]
    for loop in (by_while, by_traced_for):
        slope = pb.grad(lambda n, x, loop=loop: np.sum(loop(f, n, x) * CT), 1)
        same(slope(np.int64(MOST), X), want[1])
        same(pb.vmap(slope, (0, None))(COUNTS, X), slopes)


@settings(max_examples=2)
@given(body=bodies((1, 2)))
def test_beside_jax(body: Body) -> None:
    jax: Any = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    f, g = weighted(function_of(body)), weighted(function_of(body, of_jax(jax)), jax.numpy)
    same(pb.value_and_grad(f)(X), jax.jit(jax.value_and_grad(g))(X))
    same(pb.hessian(f)(X), jax.jit(jax.hessian(g))(X))
    same(pb.vmap(pb.grad(f))(MANY), jax.jit(jax.vmap(jax.grad(g)))(MANY))
