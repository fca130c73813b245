"""What is not a function in NumPy: `vectorize`, `r_`, `c_`; Python's copies and roundings."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pullback as pb
import pullback.numpy as pnp
from pullback.testing import check_grads
from pullback.tracer.errors import UnsupportedFunctionError

X = np.random.default_rng(3).normal(size=(3, 4))


def test_vectorize_maps_the_function() -> None:
    calls = []

    def f(x: Any, y: Any) -> Any:
        calls.append(x)
        return np.where(x > y, x, y * y)

    mapped = pnp.vectorize(f)
    found = pb.jit(lambda x, v: mapped(x, v))(X, X[0])
    assert len(calls) == 1
    assert_allclose(found, np.vectorize(f)(X, X[0]))
    assert_allclose(mapped(X, X[0]), found)
    check_grads(lambda x: mapped(x, 0.25 * x[0]), [X], order=1)


def test_vectorize_with_signature_and_options() -> None:
    dot = pnp.vectorize(np.dot, signature="(n),(n)->()")
    assert_allclose(pb.jit(lambda x: dot(x, x[0]))(X), X @ X[0])
    scaled = pnp.vectorize(lambda x, by: (x * by, -x), excluded={"by"}, otypes="ff")
    first, second = pb.jit(lambda x: scaled(x, by=2.0))(X)
    assert first.dtype == second.dtype == np.float32
    assert_allclose(first, 2.0 * X, rtol=1e-6)
    assert_allclose(pb.jit(lambda x: pnp.vectorize(np.sin)(x))(0.5), np.sin(0.5))


@pytest.mark.parametrize("name", ["r_", "c_"])
def test_concatenators(name: str) -> None:
    numpy, traced = getattr(np, name), getattr(pnp, name)
    v = X[0]
    assert_allclose(pb.jit(lambda v: traced[v, v])(v), numpy[v, v])
    assert_allclose(pb.jit(lambda x: traced[x, x])(X), numpy[X, X])
    assert_allclose(traced[v, 1:5], numpy[v, 1:5])
    assert_allclose(pb.jit(lambda v: traced[1:5, v])(v), numpy[1:5, v])
    with pytest.raises(UnsupportedFunctionError, match="directives"):
        pb.jit(lambda v: traced["0,2", v])(v)


def test_copies_have_storage_of_their_own() -> None:
    def f(x: Any) -> Any:
        one, two = copy.copy(x), copy.deepcopy(x)
        one[0] = 5.0
        two[1] = 7.0
        return x, one, two

    for found, wanted in zip(pb.jit(f)(X[0]), f(X[0].copy()), strict=True):
        assert_allclose(found, wanted)


@pytest.mark.parametrize("function", [math.floor, math.ceil, math.trunc, round])
def test_python_roundings_give_ints(function: Any) -> None:
    for value in (2.5, -1.2, 3.7):
        found = pb.jit(lambda a: function(a) * np.float32(1.0))(value)
        assert found.dtype == np.float32
        assert found == function(value)
    assert pb.jit(lambda a: round(a, 1))(np.float64(0.26)) == 0.3
    with pytest.raises(TypeError):
        pb.jit(lambda x: function(x))(X)
