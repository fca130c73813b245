"""Transforms: what they return, in which structure, how they nest, and what they notice."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose, assert_array_equal

import pullback as pb

X = np.array([0.3, -1.2, 2.0])
A = np.array([[1.0, 2.0, 0.5], [-0.3, 0.7, 1.1]])


def cube(x: Any) -> Any:
    return np.sum(x**3)


# -- results -----------------------------------------------------------------------------------


def test_grad():
    gradient = pb.grad(cube)(X)
    assert type(gradient) is np.ndarray
    assert_allclose(gradient, 3 * X**2)


def test_value_and_grad():
    value, gradient = pb.value_and_grad(cube)(X)
    assert_allclose(value, np.sum(X**3))
    assert_allclose(gradient, 3 * X**2)


def test_zero_dimensional_results_are_numpy_scalars():
    assert type(pb.jit(np.sin)(1.0)) is np.float64
    assert type(pb.grad(np.sin)(1.0)) is np.float64
    assert type(pb.jit(np.sin)(np.float32(1.0))) is np.float32
    assert type(pb.grad(np.sin)(np.float32(1.0))) is np.float32
    assert type(pb.jit(lambda x: x > 0)(1.0)) is np.bool_
    assert type(pb.jit(np.argmax)(X)) is np.int64
    value, _ = pb.value_and_grad(cube)(X)
    assert type(value) is np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gradient_has_the_dtype_of_its_input(dtype: type):
    gradient = pb.grad(lambda x, y: np.sum(np.sin(x) * y))(X.astype(dtype), X)
    assert gradient.dtype == dtype
    assert_allclose(gradient, np.cos(X) * X, rtol=1e-6)


def test_argnums():
    def f(x: Any, y: Any, z: Any) -> Any:
        return np.sum(x * y**2) + z

    assert_allclose(pb.grad(f, 1)(X, X, 1.0), 2 * X * X)
    assert_allclose(pb.grad(f, -1)(X, X, 1.0), 1.0)
    both = pb.grad(f, (1, 0))(X, X, 1.0)
    assert type(both) is tuple
    assert_allclose(both[0], 2 * X * X)
    assert_allclose(both[1], X * X)
    (single,) = pb.grad(f, (0,))(X, X, 1.0)
    assert_allclose(single, X * X)


class Layer(NamedTuple):
    weights: Any
    bias: Any


def test_trees():
    parameters = {"first": Layer(A, np.zeros(2)), "rest": [X, (2.0, None)]}

    def f(p: Any) -> Any:
        hidden = np.tanh(p["first"].weights @ p["rest"][0] + p["first"].bias)
        return np.sum(hidden) * p["rest"][1][0]

    gradient = pb.grad(f)(parameters)
    assert list(gradient) == ["first", "rest"]
    assert type(gradient["first"]) is Layer
    assert type(gradient["rest"]) is list
    assert gradient["rest"][1][1] is None
    slope = 1 - np.tanh(A @ X) ** 2
    assert_allclose(gradient["first"].weights, 2 * np.outer(slope, X))
    assert_allclose(gradient["first"].bias, 2 * slope)
    assert_allclose(gradient["rest"][0], 2 * slope @ A)
    assert_allclose(gradient["rest"][1][0], np.sum(np.tanh(A @ X)))


def test_trees_of_results():
    result = pb.jit(lambda x: {"b": [x, 2 * x], "a": (x + 1, None, Layer(x, ()))})(X)
    assert list(result) in (["a", "b"], ["b", "a"])
    assert type(result["b"]) is list
    assert_array_equal(result["b"][1], 2 * X)
    assert result["a"][1] is None
    assert type(result["a"][2]) is Layer
    assert result["a"][2].bias == ()


def test_aux():
    def f(x: Any) -> Any:
        return np.sum(x**2), {"twice": 2 * x, "count": 3}

    gradient, aux = pb.grad(f, has_aux=True)(X)
    assert_allclose(gradient, 2 * X)
    assert_allclose(aux["twice"], 2 * X)
    assert aux["count"] == 3
    (value, aux), gradient = pb.value_and_grad(f, has_aux=True)(X)
    assert_allclose(value, np.sum(X**2))
    assert_allclose(aux["twice"], gradient)


def test_keyword_arguments():
    @pb.jit
    def f(x: Any, *, scale: Any = 2.0, shift: Any = 0.0) -> Any:
        return x * scale + shift

    assert_allclose(f(X), 2 * X)
    assert_allclose(f(X, scale=3.0), 3 * X)
    assert_allclose(f(X, shift=1.0, scale=3.0), 3 * X + 1)
    assert_allclose(f(x=X), 2 * X)
    assert_allclose(pb.grad(lambda x, *, scale: np.sum(x * scale))(X, scale=X), X)


def test_static_arguments():
    @pb.jit(static_argnums=1, static_argnames="mode")
    def f(x: Any, power: int, mode: str = "plain") -> Any:
        return x**power if mode == "plain" else -(x**power)

    assert_allclose(f(X, 2), X**2)
    assert_allclose(f(X, 3), X**3)
    assert_allclose(f(X, 2, mode="negative"), -(X**2))
    assert_allclose(f(X, 2), X**2)
    assert len(f.signatures) == 3


@pytest.mark.parametrize("static", [{"static_argnames": "mode"}, {"static_argnums": 2}])
def test_static_arguments_however_passed(static: Any) -> None:
    def f(x: Any, /, y: Any, mode: str = "plain", *, sign: float = 1.0) -> Any:
        return sign * x * y if mode == "plain" else x + y

    compiled = pb.jit(f, **static)
    assert_allclose(compiled(X, 2.0, "sum"), X + 2.0)
    assert_allclose(compiled(X, 2.0, mode="sum"), X + 2.0)
    assert_allclose(compiled(X, mode="sum", y=2.0), X + 2.0)
    assert_allclose(compiled(X, 2.0, sign=-1.0), -2.0 * X)
    assert_allclose(pb.jit(lambda x, n: x * n, static_argnums=-1)(X, n=2), 2 * X)


def test_static_arguments_anywhere():
    f = pb.jit(lambda a, x, b: x + len(a) + b, static_argnums=(0, 2))
    assert_allclose(f("abc", X, 10), X + 13)
    assert_allclose(f("a", X, -1), X)
    last = pb.jit(lambda x, n: x * n, static_argnums=-1)
    assert_allclose(last(X, 4), 4 * X)


def test_default_values_and_star_arguments():
    @pb.jit
    def f(*xs: Any, **named: Any) -> Any:
        return sum(xs) + named.get("more", 0.0)

    assert_allclose(f(X, X), 2 * X)
    assert_allclose(f(X, X, more=1.0), 2 * X + 1)


def test_several_signatures():
    f = pb.jit(lambda x: x * 2)
    arguments: list[Any] = [
        X,
        X[:2],
        A,
        X.astype(np.float32),
        np.arange(3),
        1.5,
        2,
        True,
        np.float64(3.0),
    ]
    for _ in range(3):
        for x in arguments:
            got = f(x)
            assert_array_equal(got, np.multiply(x, 2))
            assert np.asarray(got).dtype == np.multiply(x, 2).dtype
    assert len(f.signatures) == len(arguments)


@pytest.mark.filterwarnings("ignore::pullback.RecompilationWarning")
def test_more_signatures_than_machine_code_tells_apart():
    f = pb.jit(lambda x: np.sum(x))
    for _ in range(2):
        for n in range(40):
            assert f(np.ones(n)) == n


def test_weak_python_numbers():
    f = pb.jit(lambda x, a: x * a)
    assert f(X.astype(np.float32), 2.0).dtype == np.float32
    assert f(X.astype(np.float32), np.float64(2.0)).dtype == np.float64
    assert f(np.arange(3, dtype=np.int32), 2).dtype == np.int32


# -- names, decorators, methods ----------------------------------------------------------------


@pytest.mark.parametrize(
    "transform",
    [pb.jit, pb.grad, pb.value_and_grad, pb.jacfwd, pb.jacrev, pb.hessian, pb.vmap],
)
def test_name_and_documentation_are_kept(transform: Callable[..., Any]):
    def loss(x: Any) -> Any:
        """The loss."""
        return np.sum(x)

    for made in (transform(loss), transform()(loss)):
        assert made.__name__ == "loss"
        assert made.__doc__ == "The loss."
        assert made.__wrapped__ is loss
        assert made.__module__ == __name__
        assert "loss" in repr(made)


def test_decorators():
    @pb.grad
    def plain(x: Any) -> Any:
        return x**2

    @pb.grad(argnums=1)
    def second(x: Any, y: Any) -> Any:
        return x * y**2

    @pb.vmap(in_axes=(0, None))
    def scaled(x: Any, y: Any) -> Any:
        return x * y

    assert plain(3.0) == 6.0
    assert second(3.0, 2.0) == 12.0
    assert_allclose(scaled(X, 2.0), 2 * X)


class Model:
    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.loss = pb.value_and_grad(self.plain)

    def plain(self, x: Any) -> Any:
        return np.sum(x * x) * self.scale

    @pb.jit
    def decorated(self, x: Any) -> Any:
        return x * 2.0


def test_methods():
    model = Model(3.0)
    value, gradient = model.loss(X)
    assert_allclose(value, 3 * np.sum(X * X))
    assert_allclose(gradient, 6 * X)
    model.scale = 5.0
    assert_allclose(model.loss(X)[1], 10 * X)
    assert_allclose(pb.grad(model.plain)(X), 10 * X)


def test_a_decorated_method_cannot_take_self_as_an_array():
    with pytest.raises(TypeError, match=r"Model.*\n.*static"):
        Model(1.0).decorated(X)


def test_partial_functions_and_callable_objects():
    def f(scale: Any, x: Any) -> Any:
        return np.sum(scale * x**2)

    class Loss:
        def __call__(self, x: Any) -> Any:
            return np.sum(x**3)

    assert_allclose(pb.grad(functools.partial(f, 2.0))(X), 4 * X)
    assert_allclose(pb.grad(Loss())(X), 3 * X**2)
    assert pb.grad(math.prod)((2.0, 3.0)) == (3.0, 2.0)


# -- what is captured --------------------------------------------------------------------------

weight = np.array([1.0, 2.0, 3.0])
factor = 2.0
settings = {"power": 2}


def helper(x: Any) -> Any:
    return x * factor


def test_globals_are_read_by_reference():
    global weight, factor
    f = pb.grad(lambda x: np.sum(helper(x) * weight))
    assert_allclose(f(X), [2.0, 4.0, 6.0])
    weight[0] = 10.0
    assert_allclose(f(X), [20.0, 4.0, 6.0])
    weight = np.array([5.0, 5.0, 5.0])
    assert_allclose(f(X), [10.0, 10.0, 10.0])
    factor = 1.0
    assert_allclose(f(X), [5.0, 5.0, 5.0])
    weight = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert_allclose(f(X), [5.0, 7.0, 9.0])
    weight, factor = np.array([1.0, 2.0, 3.0]), 2.0
    assert_allclose(f(X), [2.0, 4.0, 6.0])


def test_a_rebound_function_is_seen():
    def double(x: Any) -> Any:
        return x * 2

    def negative(x: Any) -> Any:
        return -x

    inner = double
    f = pb.jit(lambda x: inner(x))
    assert_allclose(f(X), 2 * X)
    inner = negative
    assert_allclose(f(X), -X)


def test_entries_of_containers_are_seen():
    f = pb.jit(lambda x: x ** settings["power"])
    assert_allclose(f(X), X**2)
    settings["power"] = 3
    assert_allclose(f(X), X**3)
    settings["power"] = 2
    values: list[Any] = [1.0, X]
    g = pb.jit(lambda x: x * values[0] + values[1])
    assert_allclose(g(X), 2 * X)
    values[0] = 2.0
    assert_allclose(g(X), 3 * X)
    values[1] = 0.0
    assert_allclose(g(X), 2 * X)
    values.append(None)
    assert_allclose(g(X), 2 * X)


def test_closures_are_read_by_reference():
    w = np.array([1.0, 2.0, 3.0])
    n = 2

    def f(x: Any) -> Any:
        return np.sum(w * x**n)

    gradient = pb.grad(f)
    assert_allclose(gradient(X), 2 * w * X)
    w[:] = 1.0
    assert_allclose(gradient(X), 2 * X)
    w = np.array([4.0, 5.0, 6.0])
    assert_allclose(gradient(X), 2 * w * X)
    n = 3
    assert_allclose(gradient(X), 3 * w * X**2)
    w = 2.0  # type: ignore[assignment]
    assert_allclose(gradient(X), 6 * X**2)


def test_attributes_are_seen():
    class State:
        pass

    state: Any = State()
    state.scale, state.w = 2.0, X.copy()
    f = pb.jit(lambda x: x * state.scale + state.w)
    assert_allclose(f(X), 3 * X)
    state.scale = 3.0
    assert_allclose(f(X), 4 * X)
    state.w[:] = 0.0
    assert_allclose(f(X), 3 * X)
    state.w = 1.0
    assert_allclose(f(X), 3 * X + 1)


def test_a_captured_array_may_change_its_shape():
    w = np.ones((2, 3))
    f = pb.jit(lambda x: np.sum(w * x))
    assert_allclose(f(X), 2 * np.sum(X))
    w = np.ones((4, 3))
    assert_allclose(f(X), 4 * np.sum(X))
    w = np.ones((4, 3), np.float32)
    assert_allclose(f(X), 4 * np.sum(X))


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::-1], lambda x: x.T.copy().T])
def test_captured_arrays_of_any_layout(layout: Callable[..., Any]):
    w = layout(np.arange(6.0).reshape(2, 3))
    f = pb.jit(lambda x: w * x)
    assert_array_equal(f(X), w * X)
    w[0, 1] = 100.0
    assert_array_equal(f(X), w * X)


def test_an_array_captured_twice_and_passed_too():
    f = pb.grad(lambda x: np.sum(x * X * X))
    assert_allclose(f(X), X * X)


# -- products with Jacobians -------------------------------------------------------------------


def system(x: Any) -> Any:
    return np.sin(A @ x) * np.exp(x[:2])


def exact_jacobian(x: Any) -> Any:
    slopes = (np.cos(A @ x) * np.exp(x[:2]))[:, None] * A
    slopes[:, :2] += np.diag(np.sin(A @ x) * np.exp(x[:2]))
    return slopes


def test_jacobians():
    want = exact_jacobian(X)
    assert_allclose(pb.jacfwd(system)(X), want)
    assert_allclose(pb.jacrev(system)(X), want)
    compiled: Any = pb.jit(pb.jacfwd(system))
    assert_allclose(compiled(X), want)


def test_jvp_and_vjp():
    tangent, ct = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.7])
    value, along = pb.jvp(system, (X,), (tangent,))
    assert_allclose(value, system(X))
    assert_allclose(along, exact_jacobian(X) @ tangent)
    value, pull = pb.vjp(system, X)
    assert_allclose(value, system(X))
    for ct in (np.array([0.3, 0.7]), np.array([1.0, 0.0])):
        (pulled,) = pull(ct)
        assert_allclose(pulled, ct @ exact_jacobian(X))


def test_vjp_of_trees():
    def f(p: Any, y: Any) -> Any:
        return {"a": p["x"] * y, "b": (np.sum(p["x"]), 3)}

    value, pull = pb.vjp(f, {"x": X}, 2.0)
    assert_allclose(value["a"], 2 * X)
    pulled, of_y = pull({"a": X, "b": (1.0, 0)})
    assert_allclose(pulled["x"], 2 * X + 1)
    assert_allclose(of_y, np.sum(X * X))


def test_vjp_with_aux():
    value, pull, aux = pb.vjp(lambda x: (np.sin(x), x * 2), X, has_aux=True)
    assert_allclose(value, np.sin(X))
    assert_allclose(aux, 2 * X)
    assert_allclose(pull(np.ones(3))[0], np.cos(X))


def test_vjp_while_tracing():
    def f(x: Any) -> Any:
        value, pull = pb.vjp(np.sin, x)
        return value * pull(x)[0]

    assert_allclose(pb.jit(f)(X), np.sin(X) * X * np.cos(X))
    slope = np.cos(X) * X * np.cos(X) + np.sin(X) * np.cos(X) - np.sin(X) * X * np.sin(X)
    assert_allclose(pb.grad(lambda x: np.sum(f(x)))(X), slope)


def test_jacobians_of_trees():
    def f(p: Any) -> Any:
        return (p["a"] * p["b"], {"s": np.sum(p["a"])})

    point = {"a": X, "b": 2.0}
    for transform in (pb.jacfwd, pb.jacrev):
        jacobian = transform(f)(point)
        assert_allclose(jacobian[0]["a"], 2 * np.eye(3))
        assert_allclose(jacobian[0]["b"], X)
        assert_allclose(jacobian[1]["s"]["a"], np.ones(3))
        assert jacobian[1]["s"]["b"] == 0.0


@pytest.mark.parametrize("shape", [(), (2,), (2, 2)])
def test_shapes_of_jacobians(shape: tuple[int, ...]):
    x = np.arange(6.0).reshape(2, 3)

    def f(x: Any) -> Any:
        return np.broadcast_to(np.sum(x * x), shape)

    for transform in (pb.jacfwd, pb.jacrev):
        assert_allclose(transform(f)(x), np.broadcast_to(2 * x, (*shape, 2, 3)))


def test_hessian():
    def f(x: Any) -> Any:
        return np.prod(x) + np.sum(x**3)

    want = np.diag(6 * X) + np.prod(X) / np.outer(X, X)
    np.fill_diagonal(want, 6 * X)
    assert_allclose(pb.hessian(f)(X), want, atol=1e-12)
    assert_allclose(pb.jacrev(pb.grad(f))(X), want, atol=1e-12)
    assert_allclose(pb.jacrev(pb.jacrev(f))(X), want, atol=1e-12)
    assert_allclose(pb.jacfwd(pb.jacfwd(f))(X), want, atol=1e-12)
    v = np.array([1.0, 2.0, -1.0])
    assert_allclose(pb.hvp(f, (X,), (v,)), want @ v, atol=1e-12)


def test_no_product_with_the_identity_is_computed(rng: np.random.Generator):
    a, b, w = rng.normal(size=(5, 3)), rng.normal(size=(4, 2, 3)), rng.normal(size=3)
    linear: list[tuple[Callable[[Any], Any], Any]] = [
        (lambda w: a @ w, a),
        (lambda w: w @ a.T, a),
        (lambda w: b @ w, b),
        (lambda w: np.einsum("k,ijk->ji", w, b), np.swapaxes(b, 0, 1)),
    ]
    for f, want in linear:
        for transform in (pb.jacfwd, pb.jacrev):
            assert_allclose(transform(f)(w), want, rtol=1e-15)
    curved = pb.hessian(lambda w: np.sum(np.exp(a @ w)))
    assert_allclose(curved(w), (a.T * np.exp(a @ w)) @ a, rtol=1e-12)
    assert " iota " not in str(curved.ir(w))


def test_hessian_of_trees():
    def f(p: Any) -> Any:
        return np.sum(p["a"] ** 2) * p["b"]

    hessian = pb.hessian(f)({"a": X, "b": 2.0})
    assert_allclose(hessian["a"]["a"], 4 * np.eye(3))
    assert_allclose(hessian["a"]["b"], 2 * X)
    assert_allclose(hessian["b"]["a"], 2 * X)
    assert hessian["b"]["b"] == 0.0


def test_stop_gradient():
    assert pb.grad(lambda x: x * pb.stop_gradient(x))(3.0) == 3.0
    assert pb.grad(lambda x: x * pb.stop_gradient({"a": (x, 2)})["a"][0])(3.0) == 3.0
    _, along = pb.jvp(lambda x: x * pb.stop_gradient(x), (3.0,), (1.0,))
    assert along == 3.0


# -- vmap --------------------------------------------------------------------------------------


def test_vmap_axes():
    x, y = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    assert_allclose(pb.vmap(np.dot, in_axes=(0, None))(x, y), x @ y)
    assert_allclose(pb.vmap(np.dot, in_axes=(1, None))(x, np.ones(2)), x.sum(0))
    assert_allclose(pb.vmap(lambda x: 2 * x, out_axes=1)(x), 2 * x.T)
    assert_allclose(pb.vmap(lambda x: 2 * x, in_axes=1, out_axes=-1)(x), 2 * x)
    assert_allclose(pb.vmap(lambda x: 1.0)(x), np.ones(2))


def test_vmap_of_trees_and_vmap():
    batch = {"a": A, "b": A[:, 0]}
    got = pb.vmap(lambda p: (np.sum(p["a"]) * p["b"], p["b"]))(batch)
    assert_allclose(got[0], A.sum(1) * A[:, 0])
    x = np.arange(24.0).reshape(2, 3, 4)
    assert_allclose(pb.vmap(pb.vmap(np.sum))(x), x.sum(2))
    assert_allclose(
        pb.vmap(pb.vmap(np.cumsum, in_axes=1), in_axes=1)(x), np.cumsum(x.transpose(1, 2, 0), 2)
    )


def test_vmap_of_grad_and_grad_of_vmap():
    per_example = pb.vmap(pb.grad(cube))(A)
    assert_allclose(per_example, 3 * A**2)
    together = pb.grad(lambda x: np.sum(pb.vmap(cube)(x)))(A)
    assert_allclose(together, 3 * A**2)


def test_vmap_of_indexing():
    table, places = np.arange(20.0).reshape(4, 5), np.array([0, 4, -1, 2])
    got = pb.vmap(lambda row, i: row[i])(table, places)
    assert_allclose(got, table[np.arange(4), places])


# -- nesting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("transform", [pb.grad, pb.jacfwd, pb.jacrev])
def test_orders_of_derivatives(order: int, transform: Callable[..., Any]):
    f: Any = pb.jit(np.sin)
    for _ in range(order):
        f = transform(f)
    assert_allclose(f(0.7), math.sin(0.7 + order * math.pi / 2), rtol=1e-14)


def test_modes_nest_in_any_order():
    f: Any = np.exp
    for transform in (pb.jacfwd, pb.grad, pb.jit, pb.jacrev, pb.jacfwd):
        f = transform(f)
    assert_allclose(f(0.3), math.exp(0.3))


def test_inner_derivatives_do_not_see_outer_ones():
    """d/dx (x * d/dy (x + y)) is 1: perturbations are not confused."""
    slope = pb.grad(lambda x: x * pb.grad(lambda y: x + y)(1.0))(1.0)
    assert slope == 1.0
    slope = pb.grad(lambda x: x * pb.jvp(lambda y: x * y, (2.0,), (1.0,))[1])(3.0)
    assert slope == 6.0


def test_compiled_functions_are_part_of_others():
    inner = pb.jit(lambda x: np.sin(x))
    outer = pb.jit(lambda x: inner(x) + inner(x))
    assert_allclose(outer(X), 2 * np.sin(X))
    assert inner.signatures == []
    assert [n.primitive.name for n in outer.ir(X).nodes].count("sin") == 1


def test_inside_of_a_loop():
    def f(x: Any) -> Any:
        for i in range(3):
            x = np.sin(x) * (i + 1)
        return x

    def slope(x: float) -> float:
        h = 1e-6
        return (f(x + h) - f(x - h)) / (2 * h)

    assert_allclose(pb.grad(f)(0.4), slope(0.4), rtol=1e-8)


def test_assignment_is_differentiated():
    def f(x: Any) -> Any:
        y = np.zeros_like(x)
        y[0] = x[0] * x[1]
        y[1:] += x[:-1] ** 2
        y *= 2.0
        return np.sum(y)

    assert_allclose(pb.grad(f)(X), [2 * X[1] + 4 * X[0], 2 * X[0] + 4 * X[1], 0.0])


def test_a_copy_of_an_enclosing_value_is_the_functions_own():
    def f(rate: Any, start: Any) -> Any:
        y = start.copy()
        y[1:-1] += rate * (y[2:] + y[:-2])
        return np.sum(y**2)

    value, slope = pb.value_and_grad(f)(0.5, X)
    assert_allclose(value, f(0.5, X), rtol=1e-15)
    assert_allclose(slope, 2 * (X[1] + 0.5 * (X[0] + X[2])) * (X[0] + X[2]), rtol=1e-14)


@pytest.mark.parametrize(
    ("exponent", "slope"), [(2.0, 0.0), (0.5, 0.0), (0.0, 0.0), (-1.0, -np.inf), (np.nan, np.nan)]
)
def test_powers_of_zero_by_their_exponent(exponent: float, slope: float):
    found = pb.grad(np.power, argnums=1)(0.0, exponent)
    np.testing.assert_equal(found, slope)


# -- where -------------------------------------------------------------------------------------

AT_ZERO: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "log": (lambda x: np.where(x > 0, np.log(x), 0.0), [0.0, 0.5, 0.0]),
    "sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0.0, 0.5 / math.sqrt(2.0), 0.0]),
    "division": (lambda x: np.where(x != 0, 1.0 / x, 0.0), [0.0, -0.25, -1.0]),
    "sqrt of square": (lambda x: np.where(x > 0, np.sqrt(x * x), 0.0), [0.0, 1.0, 0.0]),
    "power": (lambda x: np.where(x > 0, x**0.3, 0.0), [0.0, 0.3 * 2.0**-0.7, 0.0]),
    "other branch": (lambda x: np.where(x <= 0, 0.0, np.log(x)), [0.0, 0.5, 0.0]),
    "nested": (
        lambda x: np.where(x > 0, np.where(x > 1, np.log(x - 1 + 1e-300), 0.0) + np.log(x), 0.0),
        [0.0, 1.5, 0.0],
    ),
    "chain": (lambda x: np.where(x > 0, np.exp(np.sin(np.log(x))), 0.0),
              [0.0, math.exp(math.sin(math.log(2))) * math.cos(math.log(2)) / 2, 0.0]),
    "reshape": (lambda x: np.where(x > 0, np.log(x).reshape(3, 1)[:, 0], 0.0), [0.0, 0.5, 0.0]),
    "flip": (lambda x: np.where(x > 0, np.log(x[::-1])[::-1], 0.0), [0.0, 0.5, 0.0]),
    "columns": (
        lambda x: np.sum(np.where((x > 0)[:, None], np.log(x)[:, None] * [1.0, 2.0], 0.0), axis=1),
        [0.0, 1.5, 0.0],
    ),
    "doubled": (lambda x: np.where(x > 0, np.log(np.broadcast_to(x, (2, 3)))[0], 0.0), [0, 0.5, 0]),
    "partial sums": (lambda x: np.cumsum(np.where(x > 0, np.log(x), 0.0)), [0.0, 1.0, 0.0]),
    "slices": (lambda x: np.log(x)[1] + sum(np.where(x[i] > 0, np.log(x)[i], 0.0) for i in (0, 2)),
               [0.0, 0.5, 0.0]),
    "clip": (lambda x: np.where(x > 0, np.log(np.clip(x, 0, 10)), 0.0), [0.0, 0.5, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_ZERO)
def test_the_untaken_branch_adds_nothing(name: str):
    f, want = AT_ZERO[name]
    x = np.array([0.0, 2.0, -1.0])
    assert_allclose(pb.grad(lambda x: np.sum(f(x)))(x), want)
    jacobian = pb.jacfwd(f)(x)
    assert_allclose(np.sum(jacobian.reshape(-1, 3), axis=0), want)


@pytest.mark.parametrize("name", ["log", "sqrt", "division", "power", "chain", "reshape"])
@pytest.mark.parametrize("inner", [pb.jacfwd, pb.grad])
@pytest.mark.parametrize("outer", [pb.jacfwd, pb.grad])
def test_the_untaken_branch_adds_nothing_twice(name: str, inner: Any, outer: Any):
    f, _ = AT_ZERO[name]

    def total(x: Any) -> Any:
        return np.sum(f(x))

    second = outer(lambda x: np.sum(inner(total)(x)))(np.array([0.0, 2.0, 0.0]))
    h = 1e-5
    a, b = (pb.grad(total)(np.array([0.0, 2.0 + d, 0.0]))[1] for d in (h, -h))
    assert_allclose(second, [0.0, (a - b) / (2 * h), 0.0], rtol=1e-7, atol=1e-7)


def test_norm_at_zero():
    def safe_norm(x: Any) -> Any:
        squares = np.sum(x * x)
        return np.where(squares > 0, np.sqrt(squares), 0.0)

    assert_array_equal(pb.grad(safe_norm)(np.zeros(3)), np.zeros(3))
    assert_allclose(pb.grad(safe_norm)(X), X / np.linalg.norm(X))
    assert_array_equal(pb.jacfwd(safe_norm)(np.zeros(3)), np.zeros(3))


RECOMPUTED: list[Callable[..., Any]] = [
    lambda a, b, c: a * b + c,
    lambda a, b, c: c + a * b,
    lambda a, b, c: a * b - c,
    lambda a, b, c: c - a * b,
    lambda a, b, c: a * b + b * c,
    lambda a, b, c: (a * b).reshape(-1)[::-1].reshape(a.shape) - c,
    lambda a, b, c: np.concatenate([a[:1] * b[:1], (a * b)[1:]]) + c,
    lambda a, b, c: np.sin(a * b + c) * 3.0 - np.cos(a * b + c),
    lambda a, b, c: np.exp(a * b + c) / (a * a + b * b + c * c),
]


@pytest.mark.parametrize("number", range(len(RECOMPUTED)))
@pytest.mark.parametrize("size", [5, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_computed_again_is_the_same(
    number: int, size: int, dtype: Any, rng: np.random.Generator
):
    """The derivative of a maximum finds where it is, though the values are computed again there."""
    f = RECOMPUTED[number]

    def largest(s: Any, a: Any, b: Any, c: Any) -> Any:
        # The product is used elsewhere as well, which changes what instructions it becomes.
        return np.max(f(a, b, c) + s) + 0.001 * np.sum(np.sin(a * b)) * s[0]

    gradient = pb.grad(largest)
    for _ in range(10):
        a, b, c = rng.normal(size=(3, size)).astype(dtype)
        s = np.zeros(size, dtype)
        slope = gradient(s, a, b, c)
        slope[0] -= 0.001 * np.sum(np.sin(a * b))
        assert_allclose(np.sort(slope)[-2:], [0.0, 1.0], atol=1e-6)


def test_a_taken_infinity_stays():
    with np.errstate(all="ignore"):
        assert pb.grad(lambda x: np.where(x >= 0, np.sqrt(x), 0.0))(0.0) == np.inf


# -- others ------------------------------------------------------------------------------------


def test_scipy_minimises():
    def rosenbrock(x: Any) -> Any:
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    found = scipy.optimize.minimize(
        pb.value_and_grad(rosenbrock), np.zeros(5), jac=True, method="BFGS"
    )
    assert found.success
    assert_allclose(found.x, np.ones(5), atol=1e-5)
    newton = scipy.optimize.minimize(
        pb.jit(rosenbrock), np.zeros(5), jac=pb.grad(rosenbrock), hess=pb.hessian(rosenbrock),
        method="Newton-CG", options={"xtol": 1e-10},
    )  # fmt: skip
    assert_allclose(newton.x, np.ones(5), atol=1e-4)


def test_scipy_fits():
    times = np.linspace(0, 2, 30)
    measured = 2.0 * np.exp(-1.5 * times) + 0.3

    def residuals(p: Any) -> Any:
        return p[0] * np.exp(-p[1] * times) + p[2] - measured

    fitted = scipy.optimize.least_squares(
        pb.jit(residuals), [1.0, 1.0, 0.0], jac=pb.jacfwd(residuals)
    )
    assert_allclose(fitted.x, [2.0, 1.5, 0.3], atol=1e-6)


def _softmax_loss(np: Any, w: Any, x: Any) -> Any:
    z = x @ w
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.mean(z[:, 0] - np.log(np.sum(np.exp(z), axis=1)))


def _network(np: Any, w: Any, x: Any) -> Any:
    h = np.tanh(x @ w)
    h = np.maximum(h @ w.T, 0.1 * h[:, :1])
    return np.sum(h**2) / h.size


def _indexing(np: Any, w: Any, x: Any) -> Any:
    picked = w[::-1, 1] * w[np.array([0, 2, 2]), 0]
    return np.sum(picked) + np.sum(x[1:, 0] @ x[:-1] @ w)


def _joining(np: Any, w: Any, x: Any) -> Any:
    joined = np.concatenate([x @ w, w])
    return np.sum(joined**3) + np.sum(np.stack([w, w * 2])[1] ** 2)


def _special(np: Any, w: Any, x: Any) -> Any:
    return np.sum(np.arctan2(w, 2.0) * np.hypot(w, 1.0) + np.log1p(w * w) * np.expm1(w))


def _inverses(np: Any, w: Any, x: Any) -> Any:
    circular = np.arcsin(np.sin(w) * 0.9) + np.arccos(np.cos(w) * 0.5)
    return np.sum(circular + np.arccosh(np.cosh(w) + 1.0) + np.arctanh(np.tanh(w)))


def _selection(np: Any, w: Any, x: Any) -> Any:
    chosen = np.where(w > 0, np.sqrt(np.abs(w)), w**3)
    return np.sum(chosen) + np.trace(x[:3] @ x[:3].T)


def _structure(np: Any, w: Any, x: Any) -> Any:
    every_third = np.transpose(x).reshape(-1)[::3]
    return np.sum(np.pad(w, 1) * 2.0) + np.sum(every_third**2) * w[0, 0]


def _norms(np: Any, w: Any, x: Any) -> Any:
    return np.sum(np.linalg.norm(x @ w, axis=1)) + np.linalg.norm(w)


def _broadcasting(np: Any, w: Any, x: Any) -> Any:
    return np.sum(np.sin(w[:, None, :] - x.T[:, :, None]) * w[:1, 0])


def _columns(np: Any, w: Any, x: Any) -> Any:
    a, b, c = x.T
    return np.sum(np.tanh(a) * b + np.exp(c[::-1]) * a[1]) + np.prod(w[0]) * w[1, 0] + w[2, 1] ** 3


def _strides(np: Any, w: Any, x: Any) -> Any:
    a, b, c = (x[:, 0][i : i + 5 : 2] for i in range(3))
    return np.sum(np.tanh(a) * b + np.exp(b)) + np.sum(c * x[4::-2, 1]) * np.sum(w[::2] * w[1])


def _overlaps(np: Any, w: Any, x: Any) -> Any:
    inner = np.sum(x[1:-1, 1:] * x[2:, 1:] * x[:-2, :-1]) * np.sin(x[0, 0]) * x[-1, 2]
    return inner + np.sum(x[0] * x[-1]) * w[0, 0] + np.sum(w[:0])


def _pinwheel(np: Any, w: Any, x: Any) -> Any:
    around = np.sum(x[0, :2] ** 3), np.sum(x[:2, 2] ** 2), np.sum(x[2, 1:]), np.sum(x[1:3, 0])
    return around[0] * around[1] * around[2] * around[3] * np.sum(w)


def _masked_slices(np: Any, w: Any, x: Any) -> Any:
    clipped = np.maximum(x, 0.0)
    rows = (clipped[:2], clipped[2:4], clipped[4:])
    safe = [np.where(r > 0, np.log(np.where(r > 0, r, 1.0)), 0.0) for r in rows]
    return np.sum(safe[0] * safe[1]) + np.sum(safe[2]) * np.sum(w)


PEERS: dict[str, Callable[..., Any]] = {
    "logistic": lambda np, w, x: np.mean(np.logaddexp(0.0, x @ w)),
    "softmax": _softmax_loss,
    "network": _network,
    "norms": _norms,
    "broadcasting": _broadcasting,
    "variance": lambda np, w, x: np.sum(np.var(x @ w, axis=0) + np.std(w, axis=1)[:2]),
    "cumsum": lambda np, w, x: np.sum(np.cumsum(x @ w, axis=0) ** 2 * np.arange(2.0)),
    "products": lambda np, w, x: np.prod(np.cosh(w)) + np.sum(np.prod(x[:, :2] @ w[:2], axis=1)),
    "einsum": lambda np, w, x: np.einsum("ij,jk,lk->", x, w, x @ w),
    "indexing": _indexing,
    "joining": _joining,
    "extrema": lambda np, w, x: np.max(x @ w) - np.min(w) + np.sum(np.clip(w, -0.4, 0.4) ** 2),
    "special": _special,
    "inverses": _inverses,
    "selection": _selection,
    "structure": _structure,
    "columns": _columns,
    "strides": _strides,
    "overlaps": _overlaps,
    "pinwheel": _pinwheel,
    "masked slices": _masked_slices,
}


@pytest.mark.parametrize("name", PEERS)
def test_jax_agrees(name: str, rng: np.random.Generator):
    jax: Any = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    f = PEERS[name]
    w, x = rng.normal(size=(3, 2)), rng.normal(size=(7, 3))
    value, gradients = pb.value_and_grad(functools.partial(f, np), (0, 1))(w, x)
    of_jax = functools.partial(f, jax.numpy)
    derivatives = jax.jit(
        lambda w, x: (jax.value_and_grad(of_jax, (0, 1))(w, x), jax.hessian(of_jax)(w, x))
    )
    (expected, slopes), curvature = derivatives(w, x)
    assert_allclose(value, f(np, w, x), rtol=1e-13)
    assert_allclose(value, expected, rtol=1e-9)
    for got, want in zip(gradients, slopes, strict=True):
        assert_allclose(got, want, rtol=1e-9, atol=1e-9)
    hessian = pb.hessian(functools.partial(f, np))(w, x)
    assert_allclose(hessian, curvature, rtol=1e-8, atol=1e-8)


def test_long_chains():
    """20,000 operations one after another are traced, differentiated and compiled."""

    def f(x: Any) -> Any:
        for _ in range(10_000):
            x = np.sin(x) * 1.0001
        return np.sum(x)

    value, gradient = pb.value_and_grad(f)(X)
    assert_allclose(value, f(X), rtol=1e-9)
    h = 1e-6
    for i, direction in enumerate(np.eye(3)):
        slope = (f(X + h * direction) - f(X - h * direction)) / (2 * h)
        assert_allclose(gradient[i], slope, rtol=1e-4, atol=1e-9)


def test_long_chains_in_forward_mode():
    def f(x: Any) -> Any:
        for _ in range(5_000):
            x = x + np.sin(x) * 1e-4
        return x

    value, along = pb.jvp(f, (1.0,), (1.0,))
    assert_allclose(value, f(1.0), rtol=1e-12)
    assert_allclose(along, math.sin(value) / math.sin(1.0), rtol=1e-3)
