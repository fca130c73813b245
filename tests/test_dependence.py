"""What a function is said to depend on, and how, against what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.tracer.dependence import dependence
from pullback.tracer.primitive import TABLE, Primitive

from .draw import cases


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_rows(row: Primitive, rng: np.random.Generator) -> None:
    """Moved along an operand that it is linear in, a row's result moves as far each time."""
    for case in cases(("f64",)):
        if case.row is not row:
            continue
        graph, operands = case.graph(), case.draw(rng)
        names = [str(i) for i in range(len(operands))]
        found = dependence(graph, names, ["result"])
        for place, kind in enumerate(found.kinds[0]):
            if operands[place].dtype != np.float64 or kind == "nonlinear":
                continue
            step = rng.random(operands[place].shape) * 1e-2
            moved = [
                graph.evaluate(
                    *operands[:place], operands[place] + n * step, *operands[place + 1 :]
                )[0]
                for n in range(3)
            ]
            if kind == "none":
                np.testing.assert_array_equal(moved[0], moved[2])
            else:
                size = np.max(np.abs(moved), initial=1.0) * np.finfo(moved[0].dtype).eps
                first, second = np.diff(np.asarray(moved), axis=0)
                np.testing.assert_allclose(first, second, rtol=0.0, atol=2e3 * float(size))


def test_elements_are_those_of_the_jacobian() -> None:
    def f(x: Any) -> Any:
        shifted = x[1:] * np.sin(x[:-1])
        return np.concatenate([shifted, [np.sum(x[:2])]])

    x = np.linspace(0.5, 1.5, 5)
    found = pb.jit(f).dependence(x).elements("result", "x")
    np.testing.assert_array_equal(found, pb.jacobian(f)(x) != 0.0)


def mixed(params: Any, x: Any, n: Any) -> Any:
    h = params["a"] @ x + params["b"]
    c, ys = pb.scan(lambda c, hi: (0.5 * c + hi * n, c * c), 0.0, h)
    branch = pb.cond(n > 1.0, lambda t: 2.0 * t, lambda t: 3.0 * t, x[0])
    loop = pb.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * 2.0, s[1] + 1), (x, 0))
    return {"c": c, "ys": ys, "where": np.where(x > 0.0, h, 0.0), "s": branch, "loop": loop}


MIXED = """\
                   params["a"]  params["b"]  x          n
result["c"]        linear       linear       linear     linear
result["loop"][0]  none         none         linear     none
result["loop"][1]  none         none         none       none
result["s"]        none         none         linear     nonlinear
result["where"]    linear       linear       nonlinear  none
result["ys"]       nonlinear    nonlinear    nonlinear  nonlinear"""

TABLES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "mixed": (mixed, ({"a": np.ones((3, 3)), "b": np.ones(3)}, np.ones(3), 2.0), MIXED),
    "gradient of a square": (
        pb.grad(lambda x, y: np.sum(x * x) + np.sum(np.exp(y))),
        (np.ones(3), np.ones(3)),
        "        x          y\nresult  linear     none",
    ),
    "solve": (
        np.linalg.solve,
        (np.eye(2), np.ones(2)),
        "        a          b\nresult  nonlinear  linear",
    ),
    "integers": (
        lambda x, i: (x[i], np.argmax(x)),
        (np.ones(3), np.array([0, 1])),
        "           x          i\nresult[0]  linear     nonlinear\nresult[1]  nonlinear  none",
    ),
    "custom rule": (
        pb.checkpoint(lambda x, y: 2.0 * x - y * y),
        (1.0, 2.0),
        "        x          y\nresult  linear     nonlinear",
    ),
    "types": (
        lambda x, y: x / y,
        (pb.ShapeDtype((3,)), pb.ShapeDtype(())),
        "        x          y\nresult  linear     nonlinear",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_functions(name: str) -> None:
    function, arguments, table = TABLES[name]
    found = pb.jit(function).dependence(*arguments)
    assert [x.rstrip() for x in str(found).splitlines()] == table.splitlines()


def test_names_that_are_none() -> None:
    found = pb.jit(lambda x: x).dependence(1.0)
    with pytest.raises(ValueError, match="no 'y'"):
        found.kind("result", "y")
