"""All widths of integers and half precision, compiled: what NumPy gives, dtype and bits."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pullback as pb
import pullback.numpy as pnp

Array = np.ndarray[Any, Any]
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = (*SIGNED, *UNSIGNED)
FLOATS = ("float16", "float32", "float64")


@pytest.fixture(autouse=True)
def overflow_is_meant() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def same(f: Callable[..., Any], *arguments: Any) -> None:
    """Compiled as NumPy: types of scalars, dtypes, values, all of a result's parts."""
    got, want = pb.jit(f)(*arguments), f(*arguments)
    pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
    for x, y in pairs:
        assert type(x) is type(y)
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def whole(dtype: str, rng: np.random.Generator, shape: Any = 50) -> Array:
    """Integers of all sizes."""
    limits = np.iinfo(dtype)
    drawn = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.asarray(drawn >> rng.integers(0, limits.bits, shape).astype(dtype))


# -- integers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
def test_arithmetic(dtype: str, rng: np.random.Generator):
    x, y = whole(dtype, rng), whole(dtype, rng)
    same(lambda x, y: (x + y, x - y, x * y, -x, abs(x), x // y, x % y, np.fmod(x, y)), x, y)
    same(lambda x, y: (x & y, x | y, x ^ y, ~x, x << 3, x >> (y & 15), np.bitwise_count(x)), x, y)
    same(lambda x, y: (x < y, x >= y, np.sign(x), np.maximum(x, y), np.clip(x, 3, 50)), x, y)
    same(lambda x, y: (np.gcd(x, y), np.lcm(x, y), x ** (y & 7), x**2), x, y)
    same(lambda x, y: divmod(x, y), x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_sums_are_wide_and_extrema_are_not(dtype: str, rng: np.random.Generator):
    x = whole(dtype, rng, (7, 9))
    same(lambda x: (np.sum(x), np.sum(x, 0), np.prod(x, 1), np.cumsum(x, 1)), x)
    same(lambda x: (x.max(), x.min(1), np.argmax(x), np.argmin(x, 0), np.ptp(x, 1)), x)
    same(lambda x: (x @ x.T, np.dot(x[0], x[1]), np.sum(x, dtype=np.float32, axis=0)), x >> 5)
    same(lambda x: (np.any(x), np.all(x, 0), np.count_nonzero(x)), x)
    np.testing.assert_allclose(pb.jit(np.mean)(x), np.mean(x), rtol=1e-13)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_any_integer_is_an_index(dtype: str, rng: np.random.Generator):
    x = rng.normal(size=(5, 4))
    places = np.array([4, 0, 3, 3], dtype)
    known = places.copy()
    same(lambda x, i: (x[i], x[i, i - i], np.take(x, i, 0), x[i[0]], x[known]), x, places)
    pulled = pb.grad(lambda x, i: np.sum(x[i] * x[i]))(x, places)
    np.testing.assert_allclose(pulled, 2 * x * np.array([1, 0, 0, 2, 1])[:, None])
    many = np.repeat(places[None], 300, 0)
    batched = pb.vmap(lambda x, i: x[i])(np.repeat(x[None], 300, 0), many)
    np.testing.assert_array_equal(batched, np.repeat(x[places][None], 300, 0))
    if dtype in SIGNED:
        same(lambda x, i: x[i], x, -places)


@pytest.mark.parametrize("source", [*INTEGERS, *FLOATS, "bool"])
def test_conversions(source: str, rng: np.random.Generator):
    if source in INTEGERS:
        x = whole(source, rng, 500)
    else:
        scale = rng.choice([1.0, 300.0, 40000.0, 3e9, 1e19], 500)
        x = (rng.uniform(-1, 1, 500) * scale).astype(source)
    targets = [*INTEGERS, *FLOATS, "bool"]
    if x.dtype.kind == "f":
        x[:5] = 0.0, -0.0, np.nan, np.inf, -np.inf
        targets.remove("uint32")
    same(lambda x: tuple(x.astype(target) for target in targets), x)
    if x.dtype.kind == "f":
        inside = x[(x > -(2.0**31)) & (x < 2.0**32)]
        same(lambda x: x.astype("uint32"), inside)


def test_signed_and_unsigned_compare_as_numbers():
    x = np.array([-1, 0, 5, 2**63 - 1, -(2**63)])[:, None]
    y = np.array([0, 5, 2**63, 2**64 - 1, 2**63 - 1], np.uint64)
    same(lambda x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y), x, y)
    same(lambda x, y: (y < x, y <= x, y > x, y >= x, y == x, y != x), x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_python_ints_take_the_dtype(dtype: str):
    limits = np.iinfo(dtype)
    x = np.array([0, 1, limits.min, limits.max], dtype)
    low, high = int(limits.min), int(limits.max)
    same(lambda x: (x + high, x - 1, 2 * x, x & high, np.maximum(x, low)), x)
    for value in (low - 1, high + 1, 2**70, -(2**70)):
        same(lambda x, value=value: (x < value, x >= value, value == x, value != x), x)
        with pytest.raises(OverflowError, match=f"Python integer {value} out of bounds"):
            pb.jit(lambda x, value=value: x + value)(x)
        with pytest.raises(OverflowError, match="out of bounds"):
            pb.jit(lambda x, value=value: np.full_like(x, value))(x)
    add = pb.jit(lambda x, n: x + n)
    below = pb.jit(lambda x, n: x < n)
    for value in (low - 1, low, 3, high, high + 1):
        if not -(2**63) <= value < 2**63:
            continue
        np.testing.assert_array_equal(below(x, value), x < value)
        if low <= value <= high:
            np.testing.assert_array_equal(add(x, value), x + value)
            assert add(x, value).dtype == dtype
        else:
            with pytest.raises(OverflowError, match=f"{value} out of bounds for {dtype}"):
                add(x, value)


def test_numbers_are_numpys_scalars():
    for dtype in (*INTEGERS, *FLOATS):
        kind = np.dtype(dtype).type
        assert type(pb.jit(lambda x: x + x)(kind(3))) is kind
        assert type(pb.jit(lambda x: x[1])(np.arange(3, dtype=dtype))) is kind
        assert getattr(pnp, dtype) is kind


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_made_of_nothing(dtype: str):
    x = np.zeros(20, dtype)
    same(lambda x: (x + np.arange(20, dtype=dtype), np.ones_like(x), np.full_like(x, 7)), x)
    graph = pb.trace(lambda x: x * np.dtype(dtype).type(3) + np.cumsum(x, dtype=dtype), x)
    assert pb.parse(graph.text()).text() == graph.text()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_sums_of_one_number_wrap(dtype: str):
    largest = np.iinfo(dtype).max
    x = np.zeros(300, dtype)
    same(lambda x: np.sum(np.full_like(x, largest), dtype=dtype) + x[0], x)
    same(lambda x: np.sum(np.full_like(x, largest)) + x[0], x)


# -- half precision ----------------------------------------------------------------------------


@pytest.fixture
def half(rng: np.random.Generator) -> Array:
    return rng.normal(size=(40, 30)).astype(np.float16)


def test_half_precision_is_numpys(half: Array):
    """Every operation is rounded, so the bits are NumPy's, in a kernel of many too."""
    same(lambda x: (x * x + x, x / (x * x + 1), np.sqrt(abs(x)) - x * 3, x // 0.25, x % 0.3), half)
    same(lambda x: (x.max(0), x.min(), np.argmax(x, 1), x[0]), half)
    same(lambda x: (x.astype(np.float64) * 3, np.where(x > 0, x, -x), x.T[::2], x < 0.5), half)
    same(lambda x: np.mean(x, 0), half)


def test_half_precision_sums_in_single(half: Array):
    def sums(x: Any) -> Any:
        return np.sum(x), np.sum(x, 0), np.sum(x, 1), np.cumsum(x, 0), x @ x.T, np.var(x, 0)

    wide = sums(half.astype(np.float64))
    for got, want in zip(pb.jit(sums)(half), wide, strict=True):
        assert np.asarray(got).dtype == np.float16
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-4)


def test_a_value_is_its_own_maximum(half: Array):
    """What two kernels compute is the same in both."""

    def f(x: Any) -> Any:
        y = np.exp(x * x) / 3
        return np.sum((y == y.max()).astype(np.int64))

    assert pb.jit(f)(half) >= 1
    pulled = pb.grad(lambda x: np.max(np.sin(x) * x))(half)
    assert pulled.dtype == np.float16
    assert np.count_nonzero(pulled) >= 1


def test_doubles_are_rounded_once(rng: np.random.Generator):
    halves = rng.integers(0, 0x7C00, 3000).astype(np.uint16).view(np.float16)
    middle = (halves.astype(np.float64) + np.nextafter(halves, np.float16(np.inf))) / 2
    x = np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, np.inf), -middle])
    x = np.concatenate([x, [65519.999, 65520.0, 1e300, 5e-324, 2.0**-25, 2.1**-25, np.nan]])
    same(lambda x: x.astype(np.float16), x)


def test_sums_beyond_half_precision_are_infinite():
    same(lambda x: np.sum(np.full_like(x, 60000)) + x[0], np.zeros(300, np.float16))


def test_gradients_are_half_precision(half: Array):
    def loss(w: Any, x: Any) -> Any:
        return np.mean(np.tanh(x @ w) ** 2)

    w = np.linspace(-1, 1, 30).astype(np.float16)
    got = pb.grad(loss)(w, half)
    want = pb.grad(loss)(w.astype(float), half.astype(float))
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, want, rtol=2e-2, atol=2e-3)
