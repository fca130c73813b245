"""Random functions of three numbers to three, with loops and branches nested in one another.

They are written against a `Library`, so that the same body runs with pullback's loops, with loops
written out in Python, and in JAX. All stay tame: what loops carry is squashed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

import pullback as pb

N = 3
MOST = 3
"""How often a loop goes round that decides by values."""


@dataclass(frozen=True)
class Library:
    """The functions that a body is written with."""

    np: Any
    scan: Callable[..., Any]
    while_loop: Callable[..., Any]
    fori_loop: Callable[..., Any]
    cond: Callable[..., Any]
    switch: Callable[..., Any]
    put: Callable[..., Any]
    add: Callable[..., Any]
    transforms: Any


Body: TypeAlias = Callable[[Library, Any, Any], Any]
"""``body(library, x, c)``: of what goes through, and of something from outside."""


# -- libraries ---------------------------------------------------------------------------------


def _put(x: Any, i: Any, v: Any) -> Any:
    x = np.copy(x)
    x[i] = v
    return x


def _add(x: Any, i: Any, v: Any) -> Any:
    x = np.copy(x)
    np.add.at(x, i, v)
    return x


def _written_scan(f: Any, init: Any, xs: Any, reverse: bool = False) -> Any:
    c, ys = init, [None] * xs.shape[0]
    for i in reversed(range(len(ys))) if reverse else range(len(ys)):
        c, ys[i] = f(c, xs[i])
    return c, np.stack(ys)  # type: ignore[arg-type]


def _written_while(cond: Any, body: Any, init: Any) -> Any:
    c = init
    for _ in range(MOST):
        goes_on = cond(c)
        c = tuple(np.where(goes_on, a, b) for a, b in zip(body(c), c, strict=True))
    return c


def _written_fori(n: Any, body: Any, init: Any) -> Any:
    c = init
    for i in range(MOST):
        c = np.where(i < n, body(i, c), c)
    return c


def _written_switch(i: Any, branches: Any, *operands: Any) -> Any:
    out = branches[0](*operands)
    for number, branch in enumerate(branches[1:], 1):
        out = np.where(i == number, branch(*operands), out)
    return out


OURS = Library(
    np, pb.scan, pb.while_loop, lambda n, body, init: pb.fori_loop(0, n, body, init), pb.cond,
    pb.switch, _put, _add, pb,
)  # fmt: skip

WRITTEN_OUT = Library(
    np, _written_scan, _written_while, _written_fori,
    lambda p, f, g, *x: np.where(p, f(*x), g(*x)), _written_switch, _put, _add,
    SimpleNamespace(grad=pb.grad, vmap=pb.vmap, checkpoint=lambda f: f),
)  # fmt: skip


def of_jax(jax: Any) -> Library:
    """JAX's; it has no reverse mode of loops that decide by values, so they are scans of masks."""
    jnp, lax = jax.numpy, jax.lax

    def while_loop(cond: Any, body: Any, init: Any) -> Any:
        def step(c: Any, _: Any) -> Any:
            goes_on = cond(c)
            return tuple(jnp.where(goes_on, a, b) for a, b in zip(body(c), c, strict=True)), None

        return lax.scan(step, init, None, MOST)[0]

    def fori_loop(n: Any, body: Any, init: Any) -> Any:
        return lax.fori_loop(0, MOST, lambda i, c: jnp.where(i < n, body(i, c), c), init)

    return Library(
        jnp, lambda f, init, xs, reverse=False: lax.scan(f, init, xs, reverse=reverse),
        while_loop, fori_loop, lax.cond, lax.switch, lambda x, i, v: x.at[i].set(v),
        lambda x, i, v: x.at[i].add(v), jax,
    )  # fmt: skip


# -- pieces ------------------------------------------------------------------------------------


def _symmetric(n: Any, x: Any) -> Any:
    return n.diag(n.arange(1.0, 1.0 + N)) + 0.1 * n.outer(n.tanh(x), n.tanh(x))


def _whole(L: Library, value: Any) -> Any:
    """A small number that values decide."""
    return L.np.abs(L.np.floor(2 * value)).astype(np.int64) % (MOST + 1)


LEAVES: list[Callable[[Any, Library, Any, Any], Any]] = [
    lambda k, L, x, c: L.np.sin(x) * c,
    lambda k, L, x, c: L.np.tanh(k.w @ x) + c,
    lambda k, L, x, c: x[k.places] * 0.7 + k.v,
    lambda k, L, x, c: L.np.where(x > 0.1, x * c, L.np.cos(x)),
    lambda k, L, x, c: L.np.cumsum(x) * 0.4 - L.np.max(c),
    lambda k, L, x, c: L.np.sort(L.np.sin(x))[::-1] + c * 0.3,
    lambda k, L, x, c: L.np.real(L.np.fft.fft(x * c)) * 0.3,
    lambda k, L, x, c: L.put(L.np.tanh(x), 1, c[0] * 0.5),
    lambda k, L, x, c: L.add(L.np.tanh(x), k.places, L.np.sin(c)),
    lambda k, L, x, c: L.np.concatenate([L.np.sin(x[1:]), c[:1]]),
    lambda k, L, x, c: L.np.linalg.solve(_symmetric(L.np, x) + k.w * 0.1, c),
    lambda k, L, x, c: L.np.linalg.cholesky(_symmetric(L.np, x)) @ c,
    lambda k, L, x, c: x * L.np.linalg.det(_symmetric(L.np, c) * 0.5),
    lambda k, L, x, c: L.np.log1p(x * x) - L.np.cumprod(L.np.tanh(c) + 1.2),
    lambda k, L, x, c: L.np.maximum(x, 0.3 * c)[_whole(L, c[0]) % N] + 0.1 * x,
]


def squashed(L: Library, x: Any) -> Any:
    """Values that no number of turns makes large."""
    return 1.3 * L.np.tanh(x)


def _scanned(k: Any, L: Library, f: Body, g: Body, x: Any, c: Any) -> Any:
    def step(s: Any, y: Any) -> Any:
        u, v = s
        u = squashed(L, f(L, u, v) + y)
        return (u, 0.5 * v + squashed(L, y)), g(L, u, c)

    (u, v), ys = L.scan(step, (x, c), L.np.outer(k.v, x), reverse=k.flag)
    return u + v + ys[0] - 0.3 * ys[-1]


def _by_places(k: Any, L: Library, f: Body, g: Body, x: Any, c: Any) -> Any:
    def step(s: Any, i: Any) -> Any:
        s = squashed(L, f(L, s, c) * x[i % N])
        return s, s[i % N]

    s, ys = L.scan(step, c, L.np.arange(MOST), reverse=k.flag)
    return s + ys


def _while(k: Any, L: Library, f: Body, g: Body, x: Any, c: Any) -> Any:
    def goes_on(s: Any) -> Any:
        return (s[0] < L.np.minimum(1.5 + L.np.sum(x), MOST)) & (L.np.sum(s[1] ** 2) > 0.2)

    def step(s: Any) -> Any:
        return s[0] + 1.0, squashed(L, f(L, s[1], s[2])), L.np.tanh(s[2] + 0.3 * s[1])

    _, u, v = L.while_loop(goes_on, step, (0.0, x, c))
    return u + v


def _for(k: Any, L: Library, f: Body, g: Body, x: Any, c: Any) -> Any:
    count = _whole(L, L.np.sum(x))
    return L.fori_loop(count, lambda i, s: squashed(L, f(L, s, c)) + 0.1 * i, x)


LOOPS: list[Callable[[Any, Library, Body, Body, Any, Any], Any]] = [
    _scanned,
    _by_places,
    _while,
    _for,
    lambda k, L, f, g, x, c: L.cond(L.np.sum(x) > 0, lambda x: f(L, x, c), lambda x: g(L, c, x), x),
    lambda k, L, f, g, x, c: L.switch(
        _whole(L, x[1]) % 3, [lambda x: f(L, x, c), lambda x: g(L, x, x), lambda x: x * c], x
    ),
    lambda k, L, f, g, x, c: L.transforms.checkpoint(lambda x, c: g(L, squashed(L, f(L, x, c)), c))(
        x, c
    ),
    lambda k, L, f, g, x, c: L.transforms.grad(lambda x: L.np.sum(squashed(L, f(L, x, c))))(x),
    lambda k, L, f, g, x, c: L.np.mean(
        L.transforms.vmap(lambda r: f(L, r, c))(L.np.outer(L.np.tanh(c), x)), 0
    ),
]


# -- drawing -----------------------------------------------------------------------------------


def _piece(draw: Callable[[Any], Any], depth: int) -> Body:
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    k = SimpleNamespace(
        w=rng.normal(size=(N, N)) / 2, v=rng.normal(size=N), places=rng.integers(-N, N, N),
        flag=bool(rng.random() < 0.5),
    )  # fmt: skip
    if depth == 0:
        leaf = draw(st.sampled_from(LEAVES))
        return lambda L, x, c: leaf(k, L, x, c)
    loop, f, g = draw(st.sampled_from(LOOPS)), _piece(draw, depth - 1), _piece(draw, depth - 1)
    return lambda L, x, c: loop(k, L, f, g, x, c)


def _chained(first: Body, second: Body) -> Body:
    return lambda L, x, c: second(L, squashed(L, first(L, x, c)), c)


@st.composite
def bodies(draw: Callable[[Any], Any], depths: Sequence[int] = (0, 1, 2)) -> Body:
    """Two pieces one after the other, of these depths of loops."""
    one, two = (_piece(draw, draw(st.sampled_from(list(depths)))) for _ in range(2))
    return _chained(one, two)
