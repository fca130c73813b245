"""Rules for derivatives: their laws, beside JAX, in loops, under each other and in batches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.testing import check_grads

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=4), RNG.normal(size=4)


def same(got: Any, want: Any, rtol: float = 1e-12) -> None:
    for a, b in zip(pb.ravel_tree(got)[0], pb.ravel_tree(want)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def plain(p: Any, x: Any) -> Any:
    return {"product": np.sin(p["w"]) * x, "sum": np.sum(p["w"] * x**3)}


@pb.custom_jvp
def pushed(p: Any, x: Any) -> Any:
    return plain(p, x)


@pushed.defjvp
def pushed_rule(primals: Any, tangents: Any) -> Any:
    (p, x), (dp, dx) = primals, tangents
    w, dw = p["w"], dp["w"]
    product = np.cos(w) * x * dw + np.sin(w) * dx
    total = np.sum(x**3 * dw + 3.0 * w * x**2 * dx)
    return pushed(p, x), {"product": product, "sum": total}


@pb.custom_vjp
def pulled(p: Any, x: Any) -> Any:
    return plain(p, x)


def pulled_fwd(p: Any, x: Any) -> Any:
    return pulled(p, x), {"given": (p["w"], x)}


def pulled_bwd(residuals: Any, ct: Any) -> Any:
    w, x = residuals["given"]
    dw = ct["product"] * np.cos(w) * x + ct["sum"] * x**3
    return {"w": dw}, ct["product"] * np.sin(w) + ct["sum"] * 3.0 * w * x**2


pulled.defvjp(pulled_fwd, pulled_bwd)
remade = pb.checkpoint(plain)
keeping = pb.checkpoint(plain, policy=lambda primitive, *_, **__: primitive.name == "sin")
kept = pb.checkpoint(plain, policy=pb.checkpoint_policies.everything_saveable)
RULED: dict[str, Any] = {
    "custom_jvp": pushed, "custom_vjp": pulled, "checkpoint": remade, "policy": keeping,
    "everything": kept,
}  # fmt: skip


def loss(f: Callable[..., Any]) -> Callable[..., Any]:
    def total(w: Any, x: Any) -> Any:
        out = f({"w": w}, x)
        return np.sum(out["product"] ** 2) + np.sin(out["sum"])

    return total


def in_scan(f: Callable[..., Any]) -> Callable[..., Any]:
    def step(w: Any, x: Any) -> Any:
        out = f({"w": w}, x * 0.1)
        return w + out["product"], out["sum"]

    return lambda w, x: np.sum(pb.scan(step, w, np.stack([x, x * x, -x]))[1])


def in_cond(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda w, x: pb.cond(x[0] > w[0], loss(f), lambda w, x: np.sum(w * x), w, x)


def stacked(*xs: Any) -> list[Any]:
    return [np.stack([x, 2.0 * x, -x]) for x in xs]


REVERSE: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "value": lambda f: loss(f)(A, B),
    "gradient": lambda f: pb.grad(loss(f), (0, 1))(A, B),
    "gradient of one": lambda f: pb.grad(loss(f), 1)(A, B),
    "of one result": lambda f: pb.grad(lambda x: f({"w": A}, x)["sum"])(B),
    "reverse twice": lambda f: pb.jacrev(pb.jacrev(loss(f), 1), 0)(A, B),
    "batch": lambda f: pb.vmap(loss(f))(*stacked(A, B)),
    "gradients of a batch": lambda f: pb.vmap(pb.grad(loss(f), (0, 1)))(*stacked(A, B)),
    "one for all": lambda f: pb.vmap(pb.grad(loss(f), (0, 1)), (None, 0))(A, *stacked(B)),
    "gradient of a batch": lambda f: pb.grad(
        lambda w, x: np.sum(np.cos(pb.vmap(loss(f), (None, 0))(w, x))), (0, 1)
    )(A, *stacked(B)),
    "batches in batches": lambda f: pb.vmap(pb.vmap(pb.grad(loss(f)), (None, 0)), (0, None))(
        *stacked(A, B)
    ),
    "scan": lambda f: pb.value_and_grad(in_scan(f), (0, 1))(A, B),
    "scan twice": lambda f: pb.jacrev(pb.grad(in_scan(f)))(A, B),
    "scan in a batch": lambda f: pb.vmap(pb.grad(in_scan(f)), (0, None))(*stacked(A), B),
    "cond": lambda f: [pb.grad(in_cond(f), (0, 1))(*x) for x in ((A, B), (B, A))],
    "cond in a batch": lambda f: pb.vmap(pb.grad(in_cond(f)))(*stacked(A, B)),
    "jit": lambda f: pb.jit(pb.grad(loss(pb.jit(f))))(A, B),
    "vjp": lambda f: pb.vjp(loss(f), A, B)[1](2.0),
    "mixed": lambda f: pb.jacfwd(pb.grad(loss(f)))(A, B),
}
FORWARD: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "jvp": lambda f: pb.jvp(loss(f), (A, B), (B, A)),
    "jacfwd": lambda f: pb.jacfwd(in_scan(f))(A, B),
    "reverse over forward": lambda f: pb.grad(lambda w: pb.jvp(loss(f), (w, B), (B, A))[1])(A),
    "batch of jvp": lambda f: pb.vmap(lambda t: pb.jvp(loss(f), (A, B), (t, B))[1])(*stacked(B)),
    "jvp of a batch": lambda f: pb.jvp(pb.vmap(loss(f)), stacked(A, B), stacked(B, A)),
    "jvp in cond": lambda f: pb.jvp(in_cond(f), (A, B), (B, A)),
}


@pytest.mark.parametrize("rule", RULED)
@pytest.mark.parametrize("name", REVERSE)
def test_reverse_is_that_of_the_function(name: str, rule: str) -> None:
    mode = REVERSE[name]
    if (name, rule) == ("mixed", "custom_vjp"):
        with pytest.raises(TypeError, match="pulled has a rule for reverse mode only"):
            mode(pulled)
        return
    same(mode(RULED[rule]), mode(plain), 1e-11)


@pytest.mark.parametrize("rule", [name for name in RULED if name != "custom_vjp"])
@pytest.mark.parametrize("name", FORWARD)
def test_forward_is_that_of_the_function(name: str, rule: str) -> None:
    same(FORWARD[name](RULED[rule]), FORWARD[name](plain), 1e-11)


@pytest.mark.parametrize("rule", ["custom_jvp", "checkpoint", "policy"])
def test_differences_agree(rule: str) -> None:
    check_grads(loss(RULED[rule]), (A, B), order=2)


def test_the_rule_is_what_is_used() -> None:
    """Rules that are wrong on purpose, so that nothing else can have given the result."""
    f = pb.custom_jvp(np.sin)
    f.defjvp(lambda primals, tangents: (f(*primals), 7.0 * tangents[0]))
    assert pb.grad(f)(1.0) == pb.jvp(f, (1.0,), (1.0,))[1] == pb.vmap(pb.grad(f))(A)[1] == 7.0
    assert f(1.0) == np.sin(1.0)
    g = pb.custom_vjp(np.sin)
    g.defvjp(lambda x: (g(x), x), lambda x, ct: (x * x * ct,))
    assert pb.grad(g)(3.0) == 9.0
    assert pb.grad(pb.grad(g))(3.0) == 6.0
    same(pb.grad(lambda x: np.sum(pb.vmap(g)(x)))(A), A * A)


def test_rules_that_call_each_other() -> None:
    sine, cosine = pb.custom_jvp(np.sin), pb.custom_jvp(np.cos)
    sine.defjvp(lambda x, t: (sine(*x), cosine(*x) * t[0]))
    cosine.defjvp(lambda x, t: (cosine(*x), -sine(*x) * t[0]))
    f: Any = sine
    for order in range(5):
        assert f(0.3) == pytest.approx(np.sin(0.3 + order * np.pi / 2))
        f = pb.grad(f)


def test_what_rules_take_from_outside() -> None:
    """Arrays, those made while tracing too, and values of the trace around."""
    table = np.array([1.0, 2.0, 3.0])

    @pb.custom_jvp
    def f(x: Any) -> Any:
        return np.sum(x * table) * np.ones(3)

    @f.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return f(x), 0.5 * f(t) + np.sum(t * table * x) * np.array([1.0, 0.0, -1.0]) * others

    others = np.array([2.0, 2.0, 4.0])
    gradient = pb.jit(pb.grad(lambda x: f(x)[2]))
    same(gradient(np.ones(3)), 0.5 * table - 4.0 * table)
    table[0] = 5.0
    same(gradient(np.ones(3)), 0.5 * table - 4.0 * table)
    others = np.zeros(3)
    same(gradient(np.ones(3)), 0.5 * table)
    same(pb.jacrev(gradient)(np.ones(3)), np.zeros((3, 3)))

    def scaled(x: Any, scale: Any) -> Any:
        g = pb.custom_vjp(lambda y: y * scale)
        g.defvjp(lambda y: (y * scale, None), lambda _, ct: (ct * scale * 10.0,))
        return g(x)

    same(pb.vmap(pb.grad(scaled), (None, 0))(1.0, A), 10.0 * A)
    with pytest.raises(TypeError, match="make it an argument"):
        pb.grad(scaled, 1)(1.0, 2.0)


def test_arguments_that_are_handed_through() -> None:
    @functools.partial(pb.custom_jvp, nondiff_argnums=(0, 2))
    def apply(f: Any, x: Any, n: int, y: Any = 2.0) -> Any:
        return f(x) * n + y

    seen: list[Any] = []

    @apply.defjvp
    def rule(f: Any, n: int, primals: Any, tangents: Any) -> Any:
        seen.append((f, n))
        return apply(f, primals[0], n, primals[1]), n * tangents[0] + 100.0 * tangents[1]

    assert apply(np.sin, 0.0, 3) == 2.0
    assert pb.grad(lambda x: apply(np.sin, x, n=3, y=x))(0.5) == 103.0
    assert seen[-1] == (np.sin, 3)

    @functools.partial(pb.custom_vjp, nondiff_argnums=(1,))
    def power(x: Any, n: int) -> Any:
        return x**n

    power.defvjp(lambda x, n: (power(x, n), x), lambda n, x, ct: (n * x ** (n - 1) * ct,))
    assert pb.grad(lambda x: power(x, 3))(2.0) == 12.0
    assert power(2.0, 3) == 8.0


def test_integers_and_missing_cotangents() -> None:
    @pb.custom_vjp
    def chosen(table: Any, i: Any, unused: Any) -> Any:
        return table[i], i + 1

    def fwd(table: Any, i: Any, unused: Any) -> Any:
        return chosen(table, i, unused), (i, table)

    def bwd(residuals: Any, ct: Any) -> Any:
        i, _ = residuals
        return ct[0] * (np.arange(4) == i), None, None

    chosen.defvjp(fwd, bwd)
    gradient = pb.grad(lambda t, u: chosen(t, 2, u)[0], (0, 1))(A, B)
    same(gradient, ([0.0, 0.0, 1.0, 0.0], np.zeros(4)))
    f = pb.custom_jvp(lambda x, i: (x * i, i))
    f.defjvp(lambda x, t: (f(*x), (t[0] * x[1] + t[1], x[1])))
    assert pb.grad(lambda x: f(x, 3)[0])(1.0) == 3.0
    f.defjvps(lambda t, out, x, i: (t * i, i), None)
    assert pb.jvp(lambda x: f(x, 3)[0], (1.0,), (2.0,))[1] == 6.0


def test_complex_numbers() -> None:
    f = pb.custom_jvp(lambda z: z * z)
    f.defjvp(lambda z, t: (f(*z), 2.0 * z[0] * t[0]))
    size = lambda f: lambda z: abs(f(z)) ** 2  # noqa: E731
    z = 1.0 + 2.0j
    want = pb.grad(size(lambda z: z * z))(z)
    same([pb.grad(size(f))(z)], [want])
    same([pb.grad(size(pb.checkpoint(lambda z: z * z)))(z)], [want])


def bad(rule: Callable[..., Any]) -> Callable[[], Any]:
    f = pb.custom_jvp(np.sin)
    f.defjvp(rule)
    return lambda: pb.grad(lambda x: np.sum(f(x)))(A)


def bad_bwd(bwd: Callable[..., Any], fwd: Any = lambda x: (x, None)) -> Callable[[], Any]:
    f = pb.custom_vjp(lambda x: x)
    f.defvjp(fwd, bwd)
    return lambda: pb.grad(lambda x: np.sum(f(x)))(A)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (bad(lambda x, t: t[0]), r"the rule of sin returns a pair \(out, tangent\)"),
        (bad(lambda x, t: (x[0], (t[0], t[0]))), "the tangent by the rule of sin has structure"),
        (bad(lambda x, t: (x, t[0])), "the value by the rule of sin has structure"),
        (bad(lambda x, t: (x[0], t[0][:2])), r"the rule of sin is f64\[2\] instead of f64\[4\]"),
        (bad(lambda x, t: (x[0], t[0] * 1j)), "is c128"),
        (bad(lambda x, t: (x[0], t[0] * t[0])), "the rule of sin is not linear"),
        (bad_bwd(lambda _, ct: ct), "a tuple with a cotangent for each of 1 arguments"),
        (bad_bwd(lambda _, ct: (ct, ct)), "got 2"),
        (bad_bwd(lambda _, ct: ({"x": ct},)), "cotangent 0 by bwd of <lambda> has structure"),
        (bad_bwd(lambda _, ct: (ct[:1],)), r"is f64\[1\] instead of f64\[4\]"),
        (bad_bwd(lambda _, ct: (ct,), lambda x: x), r"fwd of <lambda> returns a pair"),
        (bad_bwd(lambda _, ct: (ct,), lambda x: (x[:2], x)), r"fwd of <lambda> is f64\[2\]"),
        (lambda: pb.custom_jvp(np.sin)(1.0), "sin has no rule"),
        (lambda: pb.custom_vjp(lambda x: x, (3,)).defvjp(np.sin, np.sin), None),
    ],
)
def test_what_is_wrong_is_told(call: Callable[[], Any], message: str | None) -> None:
    if message is None:
        call()
        return
    with pytest.raises(TypeError, match=message) as raised:
        call()
    assert "test_custom.py" in str(raised.value)


def test_rules_are_not_asked_for_before_a_derivative_is() -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("no derivative here")

    f = pb.custom_vjp(np.sin)
    f.defvjp(lambda x: (f(x), None), refuse)
    assert f(0.0) == 0.0
    with pytest.raises(RuntimeError, match="no derivative"):
        pb.grad(f)(0.0)


def test_text_is_read_back_without_rules() -> None:
    graph = pb.trace(loss(pushed), A, B)
    text = graph.text()
    assert "rule='pushed'" in text
    again = pb.parse(text)
    assert again.text() == text
    same(again.evaluate(A, B), [loss(plain)(A, B)])
    from pullback.tracer.passes import adjoint

    with pytest.raises(TypeError, match="by a rule, which the text"):
        adjoint.vjp(again, [0])


def test_beside_jax() -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)

    def made(lib: Any, num: Any) -> list[Any]:
        @lib.custom_jvp
        def f(x: Any, y: Any) -> Any:
            return num.sin(x) * y

        f.defjvps(lambda t, out, x, y: 3.0 * t * y, lambda t, out, x, y: t * out)

        @lib.custom_vjp
        def g(x: Any, y: Any) -> Any:
            return x * num.exp(y)

        g.defvjp(lambda x, y: (g(x, y), (x, y)), lambda r, ct: (ct * r[1], ct * r[0] * g(*r)))

        def total(x: Any) -> Any:
            return num.sum(f(x, x) * g(x, 2.0 * x))

        return [lib.grad(total)(A), lib.vmap(lib.grad(lambda x: f(x, g(x, x))))(B)]

    same(made(pb, np), [np.asarray(x) for x in made(jax, jax.numpy)])


# -- roots and systems -------------------------------------------------------------------------


def newton(f: Any, x: Any) -> Any:
    def step(x: Any, _: Any) -> Any:
        value, slope = pb.jvp(f, (x,), (np.ones(()),))
        return x - value / slope, None

    return pb.scan(step, x, length=30)[0]


def cube_root(a: Any) -> Any:
    return pb.custom_root(lambda x: x * x * x - a, 1.0, newton, lambda g, y: y / g(1.0))


def test_roots() -> None:
    a = np.array([0.5, 2.0, 30.0])
    slope = a ** (-2 / 3) / 3
    same(pb.vmap(cube_root)(a), np.cbrt(a))
    same(pb.vmap(pb.grad(cube_root))(a), slope)
    same(pb.grad(lambda a: np.sum(pb.vmap(cube_root)(a)))(a), slope)
    same(pb.jvp(cube_root, (2.0,), (1.0,))[1], slope[1])
    same(pb.vmap(pb.grad(pb.grad(cube_root)))(a), -2 / 9 * a ** (-5 / 3))
    same(pb.jacfwd(pb.jacfwd(cube_root))(2.0), -2 / 9 * 2.0 ** (-5 / 3))
    same(pb.custom_root(lambda x: x * x - 2.0, 1.0, newton, lambda g, y: y / g(1.0)), 2**0.5)


def test_roots_of_trees_through_a_loop_of_unknown_length() -> None:
    """The solver has no derivative of its own: only the equation is used."""

    def solution(m: Any, b: Any) -> Any:
        def f(x: Any) -> Any:
            return {"u": m @ x["u"] + np.tanh(x["u"]) - b}

        def solve(f: Any, x: Any) -> Any:
            def step(x: Any) -> Any:
                return {"u": x["u"] - 0.3 * f(x)["u"]}

            return pb.while_loop(lambda x: np.sum(f(x)["u"] ** 2) > 1e-28, step, x)

        def tangent_solve(g: Any, y: Any) -> Any:
            matrix = pb.jacfwd(lambda u: g({"u": u})["u"])(y["u"])
            return {"u": np.linalg.solve(matrix, y["u"])}

        return pb.custom_root(f, {"u": np.zeros(4)}, solve, tangent_solve)["u"]

    m = np.eye(4) + 0.1 * RNG.normal(size=(4, 4))
    check_grads(lambda m, b: np.sum(solution(m, b) ** 2), (m, B), order=2)
    same(pb.jacfwd(solution, 1)(m, B), pb.jacrev(solution, 1)(m, B), 1e-10)
    many = np.stack([B, 2.0 * B])
    same(pb.vmap(pb.jacrev(solution, 1), (None, 0))(m, many)[1], pb.jacrev(solution, 1)(m, many[1]))


def dense(matvec: Callable[[Any], Any], b: Any) -> Any:
    matrix: Any = pb.jacfwd(matvec)(np.zeros(4))
    return np.linalg.solve(matrix, b)


def conjugate_gradients(matvec: Any, b: Any) -> Any:
    def step(state: Any) -> Any:
        x, r, p, rr = state
        q = matvec(p)
        alpha = rr / np.sum(p * q)
        r = r - alpha * q
        now = np.sum(r * r)
        return x + alpha * p, r, r + now / rr * p, now

    start = (b * 0.0, b, b, np.sum(b * b))
    return pb.while_loop(lambda s: s[3] > 1e-28, step, start)[0]


def system(m: Any, b: Any) -> Any:
    return pb.custom_linear_solve(lambda x: m @ x, b, dense, dense)


def symmetric(m: Any, b: Any) -> Any:
    a = m @ m.T + 4.0 * np.eye(4)
    return pb.custom_linear_solve(lambda x: a @ x, b, conjugate_gradients, symmetric=True)


def written_out(m: Any, b: Any) -> Any:
    return np.linalg.solve(m @ m.T + 4.0 * np.eye(4), b)


@pytest.mark.parametrize(("solver", "want"), [(system, np.linalg.solve), (symmetric, written_out)])
def test_linear_systems(solver: Any, want: Any) -> None:
    m = 2.0 * np.eye(4) + RNG.normal(size=(4, 4)) / 3
    modes: list[Callable[[Callable[..., Any]], Any]] = [
        lambda f: f(m, B),
        lambda f: pb.jacrev(f, (0, 1))(m, B),
        lambda f: pb.jacfwd(f, 0)(m, B),
        lambda f: pb.hessian(lambda m: np.sum(f(m, B) ** 2))(m),
        lambda f: pb.jacrev(pb.grad(lambda m: np.sum(f(m, B) ** 2)))(m),
        lambda f: pb.vmap(pb.grad(lambda m, b: np.sum(f(m, b) ** 3)), (None, 0))(m, *stacked(A)),
        lambda f: pb.grad(lambda m, b: np.sum(pb.vmap(f, (0, None))(m, b) ** 3), (0, 1))(
            np.stack([m, m.T]), B
        ),
    ]
    for mode in modes:
        same(mode(solver), mode(want), 1e-9)


def test_systems_that_have_one_mode_only() -> None:
    def solution(b: Any) -> Any:
        return pb.custom_linear_solve(lambda x: 2.0 * x, b, lambda f, b: b / 2.0)

    assert solution(3.0) == 1.5
    assert pb.jvp(solution, (3.0,), (1.0,))[1] == 0.5
    with pytest.raises(TypeError, match="takes a transpose_solve") as raised:
        pb.grad(solution)(3.0)
    assert "test_custom.py" in str(raised.value)
    with pytest.raises(TypeError, match="matvec of custom_linear_solve has structure"):
        pb.custom_linear_solve(lambda x: (x, x), A, dense)
    with pytest.raises(TypeError, match="solve of custom_root is"):
        pb.custom_root(lambda x: x, A, lambda f, x: x[:2], lambda g, y: y)


# -- memory ------------------------------------------------------------------------------------


def deep(layer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def total(x: Any) -> Any:
        for _ in range(6):
            x = layer(x)
        return np.sum(x)

    return total


def one_layer(x: Any) -> Any:
    for k in range(4):
        x = np.sin(np.cumsum(np.exp(-x * x) * (0.1 + k)))
    return x


def test_a_checkpoint_keeps_less() -> None:
    x = RNG.normal(size=5000)
    usual, less = pb.grad(deep(one_layer)), pb.grad(deep(pb.checkpoint(one_layer)))
    same(less(x), usual(x))
    assert less.plan(x).workspace_bytes < 0.6 * usual.plan(x).workspace_bytes
    all_kept = pb.checkpoint(one_layer, policy=pb.checkpoint_policies.everything_saveable)
    kept = pb.grad(deep(all_kept))
    assert kept.plan(x).workspace_bytes < 1.1 * usual.plan(x).workspace_bytes
    assert kept.stages(x)["lower_short_axes"].text.count(" exp ") == usual.stages(x)[
        "lower_short_axes"
    ].text.count(" exp ")


def test_products_are_kept_by_their_policy() -> None:
    m = RNG.normal(size=(40, 40)) / 10

    def layer(x: Any) -> Any:
        return np.tanh(np.sin(x @ m) @ m)

    def products(layer: Any) -> int:
        graph = pb.grad(lambda x: np.sum(layer(x) ** 2)).stages(m)["lower_short_axes"].text
        return graph.count(" dot ")

    usual = products(layer)
    assert products(pb.checkpoint(layer, policy=pb.checkpoint_policies.dots_saveable)) == usual
    assert products(pb.checkpoint(layer)) == usual + 2
