"""Loops and branches: beside the same written out in Python, beside JAX, and under each other."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.codegen.lowering import lowered
from pullback.testing import check_grads
from pullback.tracer.primitives.reversal import order

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
XS = RNG.normal(size=(5, 3))
W = RNG.normal(size=(3, 3)) / 2


def cell(w: Any, h: Any, x: Any) -> Any:
    return np.tanh(w @ h + x)


def looped(w: Any, xs: Any) -> Any:
    """A recurrent network as a scan: the last state, and a number of every step."""

    def step(h: Any, x: Any) -> tuple[Any, Any]:
        h = cell(w, h, x)
        return h, {"norm": np.sum(h * h), "state": h}

    last, each = pb.scan(step, np.zeros(3), xs)
    return last, each


def unrolled(w: Any, xs: Any) -> Any:
    h, states = np.zeros(3), []
    for i in range(xs.shape[0]):
        h = cell(w, h, xs[i])
        states.append(h)
    stacked = np.stack(states)
    return h, {"norm": np.sum(stacked * stacked, 1), "state": stacked}


def loss(network: Callable[..., Any]) -> Callable[..., Any]:
    def total(w: Any, xs: Any) -> Any:
        last, each = network(w, xs)
        return np.sum(last) + np.sum(each["norm"] ** 2) + np.sum(np.sin(each["state"]))

    return total


def same(got: Any, want: Any, rtol: float = 1e-12) -> None:
    for a, b in zip(pb.ravel_tree(got)[0], pb.ravel_tree(want)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


# -- scan --------------------------------------------------------------------------------------

TRANSFORMED: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "value": pb.jit,
    "grad": lambda f: pb.grad(f, (0, 1)),
    "jvp": lambda f: lambda w, xs: pb.jvp(f, (w, xs), (np.cos(w), np.sin(xs))),
    "jacfwd": pb.jacfwd,
    "hessian": pb.hessian,
    "reverse twice": lambda f: pb.jacrev(pb.jacrev(f)),
    "vmap": lambda f: lambda w, xs: pb.vmap(f, (None, 0))(w, np.stack([xs, 2 * xs])),
    "gradients of a batch": lambda f: (
        lambda w, xs: pb.vmap(pb.grad(f), (0, None))(np.stack([w, w.T, 2 * w]), xs)
    ),
    "gradient of a batch": lambda f: (
        lambda w, xs: pb.grad(lambda w: np.sum(pb.vmap(f, (None, 1), 0)(w, np.stack([xs] * 2, 1))))(
            w
        )
    ),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_scan_is_the_loop_written_out(name: str) -> None:
    transform = TRANSFORMED[name]
    same(transform(loss(looped))(W, XS), transform(loss(unrolled))(W, XS), 1e-10)


def test_scan_has_the_trees_of_its_function() -> None:
    last, each = looped(W, XS)
    want_last, want = unrolled(W, XS)
    assert set(each) == {"norm", "state"}
    same((last, each), (want_last, want))


def test_directions_and_lengths() -> None:
    xs = np.arange(4.0)
    add = lambda c, x: (c + x, c)  # noqa: E731
    same(pb.scan(add, 0.0, xs), (6.0, [0.0, 0.0, 1.0, 3.0]))
    same(pb.scan(add, 0.0, xs, reverse=True), (6.0, [6.0, 5.0, 3.0, 0.0]))
    same(pb.scan(lambda c, _: (2 * c, None), 1, length=5), (32, None))
    last, ys = pb.scan(add, 1.5, np.zeros(0))
    assert last == 1.5
    assert ys.shape == (0,)
    assert pb.scan(lambda c, x: (c, x), None, xs)[1].tolist() == xs.tolist()
    assert pb.grad(lambda a: pb.scan(add, a, np.zeros(0))[0])(2.0) == 1.0


def test_numbers_take_the_type_that_a_step_gives() -> None:
    ones = np.ones(3, np.float32)
    last, ys = pb.scan(lambda c, x: (c + x, c), 0, ones)
    assert last.dtype == ys.dtype == np.float32
    assert pb.scan(lambda c, x: (c + 1, c), 0, ones)[0].dtype == np.int64
    complex_last, _ = pb.scan(lambda c, x: (c * 1j, x), 1.0, ones)
    assert complex_last == -1j


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pb.scan(lambda c, x: (c[None], x), np.ones(2), np.ones(3)), TypeError, "is f64"),
        (lambda: pb.scan(lambda c, x: ((c, c), x), 1.0, np.ones(3)), TypeError, "after a step"),
        (lambda: pb.scan(lambda c, x: c, 1.0, np.ones(3)), TypeError, "a carry and a y"),
        (lambda: pb.scan(lambda c, x: (c, x), 1.0), ValueError, "neither arrays nor a length"),
        (
            lambda: pb.scan(lambda c, x: (c, x), 1.0, (np.ones(2), np.ones(3))),
            ValueError,
            r"lengths \[2, 3\]",
        ),
        (lambda: pb.scan(lambda c, x: (c, x), 1.0, 2.0), ValueError, "0-d"),
        (lambda: pb.scan(lambda c, x: (c, x), 1.0, length=-1), ValueError, "not negative"),
        (
            lambda: pb.scan(lambda c, x: (c + 0.5, x), np.ones((), np.float32) > 0, np.ones(2)),
            TypeError,
            "is bool",
        ),
        (lambda: pb.while_loop(lambda x: x, lambda x: x, 1.0), TypeError, "one bool, got f64"),
        (lambda: pb.cond(np.ones(2) > 0, np.sin, np.cos, 1.0), TypeError, "one bool"),
        (lambda: pb.cond(True, lambda x: x, lambda x: (x, x), 1.0), TypeError, "branches give"),
        (lambda: pb.cond(True, lambda x: x, lambda x: x[None], np.ones(2)), TypeError, "types"),
        (lambda: pb.switch(0.5, [np.sin, np.cos], 1.0), TypeError, "integer"),
        (lambda: pb.switch(2, [np.sin, lambda x: x], 1.0), IndexError, "out of bounds"),
        (lambda: pb.fori_loop(np.float64(0), 3, lambda i, v: v, 1.0), TypeError, "integer"),
    ],
)
def test_what_is_wrong_is_told(call: Callable[[], Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        call()
    assert "test_control.py" in str(raised.value)


def test_errors_within_a_loop_leave_it() -> None:
    def total(places: Any) -> Any:
        table = pb.numpy.asarray(np.arange(5.0))
        return pb.scan(lambda c, i: (c + table[i], None), 0.0, places)[0]

    assert pb.jit(total)(np.array([1, 4, 2])) == 7.0
    with pytest.raises(IndexError, match="index 9"):
        pb.jit(total)(np.array([1, 9, 2]))


def test_loops_within_loops() -> None:
    def double(x: Any) -> Any:
        def outer(c: Any, row: Any) -> Any:
            inner, _ = pb.scan(lambda d, y: (d * 0.9 + np.sin(y * c), None), 0.0, row)
            return c + inner, inner

        last, each = pb.scan(outer, 0.1, x)
        return last + np.sum(each * each)

    def plain(x: Any) -> Any:
        c: Any = 0.1
        total: Any = 0.0
        for i in range(x.shape[0]):
            d: Any = 0.0
            for j in range(x.shape[1]):
                d = d * 0.9 + np.sin(x[i, j] * c)
            c, total = c + d, total + d * d
        return c + total

    x = RNG.normal(size=(3, 4))
    same(pb.value_and_grad(double)(x), pb.value_and_grad(plain)(x), 1e-11)
    same(pb.vmap(pb.grad(double))(np.stack([x, -x])), [pb.grad(plain)(x), pb.grad(plain)(-x)])


def test_a_loop_reads_arrays_from_outside_anew() -> None:
    table = np.arange(3.0)
    f = pb.jit(lambda x: pb.scan(lambda c, y: (c + np.sum(table * y), None), 0.0, x)[0])
    assert f(np.ones(2)) == 6.0
    table[0] = 10.0
    assert f(np.ones(2)) == 26.0


def test_text_of_loops_is_read_back() -> None:
    graph = pb.trace(pb.grad(loss(looped)), W, XS)
    again = pb.parse(graph.text())
    assert again.text() == graph.text()
    (got,) = again.evaluate(W, XS, np.zeros(3))
    np.testing.assert_allclose(got, pb.grad(loss(looped))(W, XS), rtol=1e-12)


def test_the_plan_of_a_loop_is_shown() -> None:
    text = str(pb.jit(loss(looped)).plan(W, XS))
    assert "5 times" in text
    assert "[i]" in text
    branch = pb.jit(lambda p, x: pb.cond(p, np.sin, lambda x: x * 2, x))
    assert "plan of the number" in str(branch.plan(True, XS))


def test_random_bodies_beside_the_loop_written_out() -> None:
    """Bodies put together at random: value, gradient and tangent."""
    pieces: list[Callable[[Any, Any], Any]] = [
        lambda a, b: a * b,
        lambda a, b: a - 0.5 * b,
        lambda a, b: np.sin(a) + b,
        lambda a, b: np.where(b > 0, a, b),
        lambda a, b: np.maximum(a, b),
        lambda a, b: np.cumsum(a) * 0.3,
        lambda a, b: np.roll(a, 1) + np.mean(b),
        lambda a, b: a[::-1] * np.exp(-b * b),
    ]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        chosen = [pieces[i] for i in rng.integers(0, len(pieces), 4)]

        def step(c: Any, x: Any, chosen: Any = chosen) -> Any:
            a, b = c
            for piece in chosen:
                a, b = piece(a, b) * 0.7 + 0.1 * x, a * 0.5
            return (a, b), np.sum(a * b)

        def scanned(a: Any, xs: Any, step: Any = step) -> Any:
            (a, b), ys = pb.scan(step, (a, a * 0.2), xs)
            return np.sum(a * a) + np.sum(b) + np.sum(np.cos(ys))

        def written(a: Any, xs: Any, step: Any = step) -> Any:
            c, ys = (a, a * 0.2), []
            for i in range(xs.shape[0]):
                c, y = step(c, xs[i])
                ys.append(y)
            return np.sum(c[0] * c[0]) + np.sum(c[1]) + np.sum(np.cos(np.stack(ys)))

        a, xs = rng.normal(size=4), rng.normal(size=(3, 4))
        same(pb.value_and_grad(scanned, (0, 1))(a, xs), pb.value_and_grad(written, (0, 1))(a, xs))
        tangents = rng.normal(size=4), rng.normal(size=(3, 4))
        same(pb.jvp(scanned, (a, xs), tangents), pb.jvp(written, (a, xs), tangents))


# -- while and fori ----------------------------------------------------------------------------


def root(a: Any) -> Any:
    """Newton's iteration for the square root."""
    return pb.while_loop(lambda x: abs(x * x - a) > 1e-13 * a, lambda x: 0.5 * (x + a / x), 1.0 + a)


def test_derivatives_of_while() -> None:
    assert root(2.0) == pytest.approx(2.0**0.5)
    assert pb.grad(root)(2.0) == pytest.approx(0.5 * 2.0**-0.5)
    assert pb.hessian(root)(2.0) == pytest.approx(-0.25 * 2.0**-1.5)
    assert pb.jvp(root, (2.0,), (1.0,))[1] == pytest.approx(0.5 * 2.0**-0.5)
    a = np.array([0.5, 2.0, 1e6])
    same(pb.vmap(root)(a), np.sqrt(a))
    same(pb.vmap(pb.grad(root))(a), 0.5 / np.sqrt(a))
    same(pb.grad(lambda a: np.sum(pb.vmap(root)(a)))(a), 0.5 / np.sqrt(a))
    same(pb.vmap(pb.hessian(root))(a), -0.25 * a**-1.5)


@pytest.mark.parametrize("dtype", ["f2", "f4", "c8", "c16"])
def test_dtypes_of_what_is_carried(dtype: str) -> None:
    """Each kind of loop, beside the loop written out in Python."""
    x = np.array([0.3, 0.9]).astype(dtype)
    step = lambda v: np.cos(v) * x + v[::-1]  # noqa: E731
    loops: list[Callable[[Any], Any]] = [
        lambda x: pb.fori_loop(0, np.int64(3) + (x.shape[0] > 9), lambda i, v: step(v), x),
        lambda x: pb.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, step(s[1])), (0, x))[1],
        lambda x: pb.scan(lambda v, _: (step(v), v), x, length=3, checkpoint="binomial")[0],
        lambda x: pb.cond(np.real(x[0]) > 0, lambda x: step(step(step(x))), lambda x: x, x),
    ]
    slope = lambda f: pb.grad(lambda x: np.sum(np.abs(f(x))).astype(np.float64))  # noqa: E731
    want = slope(lambda x: step(step(step(x))))(x)
    for f in loops:
        got = slope(f)(x)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-2 if dtype == "f2" else 1e-5)


def test_third_derivatives_of_loops_without_a_length() -> None:
    """Reverse mode alone: what is kept of a loop is read by several others."""
    loops: list[Callable[[Any], Any]] = [
        root,
        lambda a: pb.fori_loop(0, np.int64(3) + (a > 9), lambda i, v: np.sin(v) * a, a),
    ]
    for f in loops:
        want = pb.jacfwd(pb.jacfwd(pb.jacfwd(f)))(2.0)
        third = pb.grad(pb.grad(pb.grad(f)))
        assert third(2.0) == pytest.approx(want)
        assert pb.vmap(third)(np.array([2.0, 3.0]))[0] == pytest.approx(want)


def test_a_loop_that_does_not_run() -> None:
    never = lambda x: pb.while_loop(lambda v: v < 0, lambda v: v * 2, x)  # noqa: E731
    assert never(3.0) == 3.0
    assert pb.grad(never)(3.0) == 1.0
    assert pb.fori_loop(3, 1, lambda i, v: v * 2, 5.0) == 5.0


def power(n: Any, x: Any) -> Any:
    return pb.fori_loop(0, n, lambda i, v: np.sin(v) * x + i * 0.1, x)


def test_bounds_that_are_traced() -> None:
    known = pb.grad(lambda x: power(5, x))(0.9)
    traced = pb.grad(power, 1)
    assert traced(5, 0.9) == pytest.approx(known, rel=1e-14)
    assert traced(0, 0.9) == 1.0
    assert traced(-3, 0.9) == 1.0
    counts, x = np.array([0, 1, 5]), np.full(3, 0.9)
    same(pb.vmap(traced)(counts, x), [traced(n, 0.9) for n in counts])
    same(pb.vmap(traced, (0, None))(counts, 0.9), [traced(n, 0.9) for n in counts])
    check_grads(lambda x: power(np.int64(4), x), (0.7,))
    # Stacks grow beyond their first room.
    long = pb.grad(lambda n, x: pb.fori_loop(0, n, lambda i, v: v + x / n, 0.0), 1)
    assert long(100_000, 3.0) == pytest.approx(1.0)


def test_while_within_scan() -> None:
    def f(a: Any) -> Any:
        return np.sum(pb.scan(lambda c, x: (c, root(x) * c), 2.0, a)[1])

    a = np.array([0.5, 2.0, 9.0])
    same(pb.value_and_grad(f)(a), (2 * np.sum(np.sqrt(a)), 1 / np.sqrt(a)))
    same(pb.vjp(f, a)[1](1.0), (1 / np.sqrt(a),))


def test_branches_within_while_within_scan() -> None:
    def f(a: Any) -> Any:
        def less(v: Any) -> Any:
            return pb.cond(v > 10, lambda v: v / 3, lambda v: v - 0.7 * a, v)

        def step(c: Any, x: Any) -> Any:
            return pb.while_loop(lambda v: v > 1, less, c + x), None

        return pb.scan(step, a, np.array([5.0, 30.0, 2.0]))[0]

    check_grads(f, (1.3,), order=1)
    same(pb.vmap(pb.grad(f))(np.array([1.3, 0.9])), [pb.grad(f)(1.3), pb.grad(f)(0.9)])


def test_gradient_steps_within_a_gradient() -> None:
    def error(w: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ w - y) ** 2)

    def trained(w: Any, rate: Any, x: Any, y: Any) -> Any:
        step = pb.grad(error)
        last = pb.scan(lambda w, _: (w - rate * step(w, x, y), None), w, length=5)[0]
        return error(last, x[:3], y[:3])

    x, y = RNG.normal(size=(8, 3)), RNG.normal(size=8)
    check_grads(lambda w, rate: trained(w, rate, x, y), (np.ones(3), np.array(0.1)))


# -- branches ----------------------------------------------------------------------------------

BRANCHES: list[Callable[..., Any]] = [lambda x: x * x, np.sin, lambda x: 3.0 + 0 * x]


def test_switch() -> None:
    f: Callable[..., Any] = lambda i, x: pb.switch(i, BRANCHES, x)  # noqa: E731
    x = np.array([1.0, -2.0])
    for i, branch in enumerate(BRANCHES):
        same(pb.jit(f)(i, x), branch(x))
        got = pb.grad(lambda x, i=i: np.sum(f(i, x) ** 2))(x)
        same(got, pb.grad(lambda x, b=branch: np.sum(b(x) ** 2))(x))
    same(pb.jit(f)(-1, x), BRANCHES[-1](x))
    places = np.array([0, 2, 1, 1])
    points = np.array([1.0, 2.0, 3.0, 4.0])
    same(pb.vmap(f)(places, points), [1.0, 3.0, np.sin(3.0), np.sin(4.0)])
    same(pb.vmap(pb.grad(f, 1))(places, points), [2.0, 0.0, np.cos(3.0), np.cos(4.0)])
    same(pb.vmap(f, (None, 0))(1, points), np.sin(points))
    same(pb.hessian(lambda x: f(0, x))(3.0), 2.0)


def test_only_the_branch_taken_is_computed() -> None:
    """The other one would raise."""
    table = np.arange(3.0)

    def f(i: Any) -> Any:
        held = pb.numpy.asarray(table)
        return pb.cond(i < 3, lambda i: held[i], lambda i: -1.0, i)

    assert pb.jit(f)(2) == 2.0
    assert pb.jit(f)(7) == -1.0


def test_gradients_of_branches_stay_finite() -> None:
    f = lambda x: pb.cond(x > 0, np.sqrt, lambda x: 0.0, x)  # noqa: E731
    assert pb.grad(f)(0.0) == 0.0
    assert pb.grad(f)(4.0) == 0.25
    same(pb.vmap(pb.grad(f))(np.array([0.0, 4.0])), [0.0, 0.25])


def test_branches_of_numbers_and_of_trees() -> None:
    f = pb.jit(lambda p, x: pb.cond(p, lambda x: {"a": x, "b": 1}, lambda x: {"a": 0, "b": 2}, x))
    assert f(True, 2.5) == {"a": 2.5, "b": 1}
    assert f(False, 2.5) == {"a": 0.0, "b": 2}
    assert pb.cond(0, lambda: 1.0, lambda: 2) == 2.0


# -- the others --------------------------------------------------------------------------------


def test_map_is_vmap() -> None:
    f = lambda row: (np.sum(row), row[::-1])  # noqa: E731
    same(pb.map(f, XS), pb.vmap(f)(XS))
    same(
        pb.grad(lambda x: np.sum(pb.map(np.prod, x)))(XS),
        pb.grad(lambda x: np.sum(np.prod(x, 1)))(XS),
    )


@pytest.mark.parametrize("count", [1, 2, 7, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(count: int, reverse: bool) -> None:
    x = RNG.normal(size=(2, count)) + 2
    got = pb.associative_scan(lambda a, b: a * b, x, reverse=reverse, axis=1)
    want = np.cumprod(x[:, ::-1], 1)[:, ::-1] if reverse else np.cumprod(x, 1)
    same(got, want)

    def affine(first: Any, second: Any) -> Any:
        (a, b), (c, d) = first, second
        return a * c, b * c + d

    factors, terms = x[0], x[1]
    got = pb.associative_scan(affine, (factors, terms))[1]
    total, wanted = 0.0, []
    for a, b in zip(factors, terms, strict=True):
        total = a * total + b
        wanted.append(total)
    same(got, wanted)


def test_beside_jax() -> None:
    jax: Any = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp, lax = jax.numpy, jax.lax

    def with_names(xp: Any, scan: Any, cond: Any, fori: Any) -> Any:
        def f(w: Any, xs: Any) -> Any:
            def step(h: Any, x: Any) -> Any:
                h = xp.tanh(w @ h + x)
                h = cond(xp.sum(h) > 0, lambda h: h * 0.5, lambda h: -h, h)
                return fori(0, 3, lambda i, v: v + 0.1 * xp.sin(v) * i, h), xp.sum(h)

            last, ys = scan(step, xp.zeros(3), xs)
            return xp.sum(last**2) + xp.sum(ys**3)

        return f

    ours: Callable[..., Any] = with_names(np, pb.scan, pb.cond, pb.fori_loop)
    theirs = with_names(jnp, lax.scan, lax.cond, lax.fori_loop)
    same(pb.value_and_grad(ours, (0, 1))(W, XS), jax.value_and_grad(theirs, (0, 1))(W, XS), 1e-11)
    same(pb.hessian(ours)(W, XS), jax.hessian(theirs)(W, XS), 1e-10)
    same(pb.jvp(ours, (W, XS), (W, XS)), jax.jvp(theirs, (W, XS), (W, XS)), 1e-11)
    many = np.stack([W, W.T])
    same(
        pb.vmap(pb.grad(ours), (0, None))(many, XS),
        jax.vmap(jax.grad(theirs), (0, None))(many, XS),
        1e-11,
    )


# -- what is done before a loop, and after it ----------------------------------------------------


def test_products_of_all_turns_are_one() -> None:
    """What depends on the xs alone is a product before the loop, a sum of products one after it."""

    def network(w: Any, u: Any, xs: Any) -> Any:
        return np.sum(pb.scan(lambda h, x: (np.tanh(w @ h + u @ x), None), np.zeros(40), xs)[0])

    rng = np.random.default_rng(1)
    w, u = rng.normal(size=(40, 40)) / 8, rng.normal(size=(40, 30)) / 8
    xs = rng.normal(size=(9, 30))
    slope = pb.grad(network, (0, 1, 2))
    plan = str(slope.plan(w, u, xs))
    assert len(re.findall(r"^kernel \d+: (gemm|blocks)", plan, re.MULTILINE)) >= 4

    def written(w: Any, u: Any, xs: Any) -> Any:
        h = np.zeros(40)
        for i in range(9):
            h = np.tanh(w @ h + u @ xs[i])
        return np.sum(h)

    same(slope(w, u, xs), pb.grad(written, (0, 1, 2))(w, u, xs), 1e-12)
    same(pb.jit(network)(w, u, xs), written(w, u, xs))


def test_what_never_changes_is_computed_once() -> None:
    def f(a: Any, x: Any) -> Any:
        return pb.scan(lambda c, y: (c * np.exp(a) + np.sin(y), c), 1.0, x)

    x = np.linspace(0, 1, 7)
    plan = str(pb.jit(f).plan(0.3, x))
    turn = plan[plan.index("7 times") :]
    turn = turn[: turn.index("\nkernel")] if "\nkernel" in turn else turn
    assert "exp" in plan
    assert "exp" not in turn
    assert "sin" not in turn
    c = 1.0
    for y in x:
        c = c * np.exp(0.3) + np.sin(y)
    assert pb.jit(f)(0.3, x)[0] == pytest.approx(c, rel=1e-14)


def test_cheap_values_are_computed_in_the_loop() -> None:
    """What only joins values, and adds and multiplies, is not worth keeping of every turn."""

    def last(x: Any) -> Any:
        def rate(y: Any) -> Any:
            return np.concatenate([x[:1], x[1:] * y[:-1]])

        step = lambda y, _: (y + rate(y + 0.01 * rate(y)), None)  # noqa: E731
        return np.sum(pb.scan(step, np.zeros(4), length=1000)[0] ** 2)

    x = RNG.uniform(size=4) * 1e-3
    check_grads(last, (x,), order=1, rtol=1e-4)
    assert "loop over 1000" not in str(pb.grad(last).plan(x))


def test_values_of_too_many_turns_are_computed_in_the_loop() -> None:
    """A million of them would take more memory than it saves time."""

    def f(x: Any) -> Any:
        return pb.scan(lambda c, y: (c + np.sin(y), None), np.zeros(2), x)[0]

    plan = str(pb.jit(f).plan(pb.ShapeDtype((2_000_000, 2), np.float64)))
    assert "sin" in plan[plan.index("times") :]


@pytest.mark.parametrize("transform", [pb.grad, pb.jacfwd, pb.hessian])
def test_what_does_not_vary_is_not_gone_back_through(transform: Callable[..., Any]) -> None:
    """Of a descent that carries values of a function of ``a`` along, the place does not vary."""

    def stepped(a: Any, s: Any) -> Any:
        y, value, count = s
        following = y - 0.1 * y
        better = a + np.sum(following**2) < value
        return np.where(better, following, y), a + np.sum(y**2), count + 1

    start: Any = (np.ones(2), 9.0, 0)
    loops: list[Callable[[Any], Any]] = [
        lambda a: pb.while_loop(lambda s: s[2] < 5, lambda s: stepped(a, s), start),
        lambda a: pb.scan(lambda s, _: (stepped(a, s), None), start, length=5)[0],
        lambda a: pb.cond(a > 0, lambda a: (start[0], a), lambda a: (-start[0], a * a), a),
        lambda a: pb.scan(lambda s, _: (loops[0](a), None), start, length=2)[0],
    ]
    for loop in loops:
        place: Any = lambda a, loop=loop: np.sum(loop(a)[0]) * a * a  # noqa: E731
        constant = np.sum(loop(1.5)[0])
        f = transform(place)
        want = constant * (2.0 if transform is pb.hessian else 2 * 1.5)
        assert f(1.5) == pytest.approx(want)
        if transform is pb.grad:
            assert "reverse=True" not in str(f.ir(1.5))


def _gates(w: Any, h: Any) -> Any:
    """A step that takes its weights out of one array."""
    a, b = w[:9].reshape(3, 3), w[9:18].reshape(3, 3)
    return np.tanh(a @ h) * np.exp(b.T @ h[::-1]) + w[-3:] * w[0]


def _gates_for_length(w: Any, h: Any, checkpoint: Any = None) -> Any:
    return pb.scan(lambda h, _: (_gates(w, h), None), h, length=4, checkpoint=checkpoint)[0]


def _gates_while(w: Any, h: Any) -> Any:
    step = lambda s: (s[0] + 1, _gates(w, s[1]))  # noqa: E731
    return pb.while_loop(lambda s: s[0] < 4, step, (0, h))[1]


@pytest.mark.parametrize(
    "loop", [_gates_for_length, partial(_gates_for_length, checkpoint="binomial"), _gates_while]
)
def test_parts_of_what_comes_from_outside(loop: Callable[[Any, Any], Any]) -> None:
    """The turns of the loop that goes back add to the parts, which are put together once."""

    def written(w: Any, h: Any) -> Any:
        for _ in range(4):
            h = _gates(w, h)
        return h

    w, h = RNG.normal(size=21) / 2, RNG.normal(size=3)
    slopes = [pb.grad(lambda w, h, f=f: np.sum(f(w, h) ** 2), (0, 1)) for f in (loop, written)]
    got, want = (slope(w, h) for slope in slopes)
    same(got, want)
    got, want = (pb.jacrev(slope)(w, h)[0] for slope in slopes)
    same(got, want, 1e-10)
    turns = str(slopes[0].ir(w, h)).split("\n@")[1:]
    assert turns
    assert not any(word in turn for turn in turns for word in (" pad ", "concatenate"))


# -- how much is kept ----------------------------------------------------------------------------


BINOMIAL = ["binomial", ("binomial", 1), ("binomial", 4), ("binomial", 1000)]


@pytest.mark.parametrize("checkpoint", ["sqrt", "log", 7, 1, 1000, *BINOMIAL])
@pytest.mark.parametrize("reverse", [False, True])
def test_checkpoints_change_nothing(checkpoint: Any, reverse: bool) -> None:
    def f(a: Any, x: Any, kept: Any) -> Any:
        def step(c: Any, y: Any) -> Any:
            c = np.sin(c * a) + y
            return c, c * c

        return pb.scan(step, 0.5, x, reverse=reverse, checkpoint=kept)

    def total(a: Any, x: Any, kept: Any) -> Any:
        last, ys = f(a, x, kept)
        return last + np.sum(np.cos(ys))

    for few in (np.zeros(0), np.ones(1)):
        slopes = [
            pb.grad(lambda a, k=k, few=few: total(a, few, k))(1.1) for k in (None, checkpoint)
        ]
        same(*slopes)
    x = RNG.normal(size=75)
    for kept in (None, checkpoint):
        compiled = pb.jit(f, static_argnums=2)
        same(compiled(1.1, x, kept), compiled(1.1, x, None), 0)
    slope = pb.grad(lambda a, x: total(a, x, checkpoint), (0, 1))(1.1, x)
    same(slope, pb.grad(lambda a, x: total(a, x, None), (0, 1))(1.1, x))


def test_checkpoints_keep_less() -> None:
    def bytes_for(checkpoint: Any, steps: int) -> int:
        def f(a: Any) -> Any:
            step = lambda c, _: (np.sin(c * a), None)  # noqa: E731
            return np.sum(pb.scan(step, a, length=steps, checkpoint=checkpoint)[0])

        return pb.grad(f).plan(np.ones(100)).workspace_bytes

    every, root, log = (bytes_for(kept, 4096) for kept in (None, "sqrt", "log"))
    assert every > 4096 * 800
    assert root < 4 * 64 * 800
    assert log < 4 * 8 * 4 * 800
    few, more = (bytes_for(("binomial", n), 4096) for n in (5, 15))
    assert few < 20 * 832
    assert more - few == 10 * (832 + 64)
    assert bytes_for("binomial", 4096) == bytes_for(("binomial", 13), 4096)
    assert bytes_for("sqrt", 16384) < 2.2 * root
    assert bytes_for("log", 32768) < 1.5 * log
    assert bytes_for("log", 4096 + 4095) < 2 * log


def test_what_is_no_checkpoint() -> None:
    for wrong in ("all", 0, -1, 2.5, ("binomial", 0), ("binomial", 2.0), ("sqrt", 3), ()):
        with pytest.raises(ValueError, match="a checkpoint is"):
            pb.scan(lambda c, x: (c, x), 1.0, np.ones(3), checkpoint=wrong)  # type: ignore[arg-type]


def test_snapshots_take_the_least_steps() -> None:
    @cache
    def least(steps: int, snapshots: int) -> int:
        """How many steps are computed again, trying out all places of the next snapshot."""
        if snapshots == 1 or steps == 1:
            return steps * (steps - 1) // 2
        return min(
            first + least(first, snapshots) + least(steps - first, snapshots - 1)
            for first in range(1, steps)
        )

    for steps in range(1, 40):
        for snapshots in range(1, 9):
            actions = list(order(steps, snapshots))
            assert [place for place, count in actions if not count] == [*range(steps)][::-1]
            assert sum(count for _, count in actions) == least(steps, snapshots)


def test_derivatives_of_derivatives_from_snapshots() -> None:
    """Carries that are trees, a branch within, batches; forward over reverse and twice reverse."""

    def f(a: Any, xs: Any, kept: Any = ("binomial", 3)) -> Any:
        def step(c: Any, x: Any) -> Any:
            u, v = c
            v = pb.cond(v > 0, lambda v: v * x, lambda v: np.cos(v), v)
            return (np.tanh(a * u) + x, v), u * v

        (u, v), ys = pb.scan(step, (a, 1.0), xs, reverse=True, checkpoint=kept)
        return u + v**2 + np.sum(ys**2)

    plain = lambda a, xs: f(a, xs, None)  # noqa: E731
    a, xs = 0.7, RNG.normal(size=9)
    same(pb.grad(f, (0, 1))(a, xs), pb.grad(plain, (0, 1))(a, xs))
    want = pb.hessian(plain, 1)(a, xs)
    same(pb.hessian(f, 1)(a, xs), want, 1e-11)
    same(pb.jacrev(pb.jacrev(f, 1), 1)(a, xs), want, 1e-11)
    same(pb.vmap(pb.hessian(f, 1), (None, 1))(a, np.stack([2 * xs, xs], 1))[1], want, 1e-11)
    batched = pb.grad(lambda a, xs: np.sum(pb.vmap(f, (0, None))(a, xs)), 1)
    same(batched(np.array([a, a]), xs), 2 * pb.grad(plain, 1)(a, xs))


def test_snapshots_of_complex_numbers() -> None:
    def f(a: Any, kept: Any = "binomial") -> Any:
        step = lambda c, _: (c * a * 1j + np.conj(c) ** 2, c)  # noqa: E731
        return np.real(pb.scan(step, a + 0.1j, length=5, checkpoint=kept)[0])

    same(pb.grad(f)(0.4), pb.grad(lambda a: f(a, None))(0.4))


def test_steps_from_snapshots_do_without_what_is_constant() -> None:
    def f(a: Any, kept: Any = "binomial") -> Any:
        step = lambda c, _: (np.tanh(np.exp(a) * c), None)  # noqa: E731
        return pb.scan(step, a, length=20, checkpoint=kept)[0]

    graph = lowered(pb.grad(f).ir(0.3))
    loops = [x for x in graph.nodes if x.primitive.name == "reversal"]
    bodies = [x.params[way] for x in loops for way in ("forward", "backward")]
    assert any(x.primitive.name == "exp" for x in graph.nodes)
    assert bodies
    assert all(x.primitive.name != "exp" for body in bodies for x in body.nodes)
    same(pb.grad(f)(0.3), pb.grad(lambda a: f(a, None))(0.3), 0)


LACK_OF_MEMORY = """
import resource
import numpy as np
import pullback as pb

slope = pb.grad(lambda x, n: np.sum(pb.fori_loop(0, n, lambda i, v: np.sin(v), x)))
x = np.ones(1_000_000)
before = slope(x, 3)[0]
resource.setrlimit(resource.RLIMIT_AS, (3_000_000_000, 3_000_000_000))
try:
    slope(x, 1000)
except MemoryError as error:
    print(error)
print(slope(x, 3)[0] == before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does")
def test_running_out_of_memory_is_an_error() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LACK_OF_MEMORY], capture_output=True, text=True, check=True
    )
    message, where, after = done.stdout.splitlines()
    assert message == "no memory for what reverse mode keeps of a loop's steps"
    assert where.startswith("  at <string>")
    assert after == "True"


def test_carried_values_that_are_written_to_at_computed_places() -> None:
    def step(c: Any, i: Any) -> Any:
        c = c.copy()
        c[i] += np.sin(c[0])
        return c, c[i]

    x, places = np.array([0.1, 0.2, 0.3]), np.array([0, 2, 1, 2])
    expected, found = x.copy(), []
    for i in places:
        expected[i] += np.sin(expected[0])
        found.append(expected[i])
    carried, ys = pb.jit(lambda x: pb.scan(step, x, places))(x)
    np.testing.assert_allclose(carried, expected, rtol=1e-14)
    np.testing.assert_allclose(ys, found, rtol=1e-14)
    check_grads(lambda x: pb.scan(step, x, places), (x,), order=2)
