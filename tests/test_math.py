"""Elementary functions: error bounds, special values, and that lanes do not matter."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

from pullback.codegen.assembly import FunctionWriter, Value, constant
from pullback.codegen.math import FUNCTIONS, sincos
from pullback.codegen.math.shared import CALLABLE, call_shared, call_sincos
from pullback.runtime import link

from .elementary import (
    DTYPES,
    EXACT,
    EXTENDED,
    MEASURED,
    NATIVE_LANES,
    TWO_OPERANDS,
    Array,
    Compiled,
    Emit,
    compiled,
    errors,
    in_higher_precision,
    operands,
    ufunc,
    ulps,
    with_mpmath,
)

BOUND = 1.5
WITH_TABLES = {
    ("pow", "f64"),
    ("tanh", "f64"),
    *(
        (name, "f32")
        for name in (
            "pow", "tanh", "erf", "log", "log2", "log10", "log_of_sum", "log1p", "logaddexp",
            "asinh", "acosh",
        )
    ),
}  # fmt: skip
BULK, FEW = 4000, 60

both_types = pytest.mark.parametrize("dtype", ["f64", "f32"])


def check_errors(name: str, got: Array, xs: list[Array], exact: Array) -> None:
    found = errors(name, got, xs, exact)
    worst = int(np.argmax(found))
    at = ", ".join(repr(x[worst]) for x in xs)
    message = f"{name}({at}) = {got[worst]!r}, not {exact[worst]!r}"
    assert found[worst] <= BOUND, f"{found[worst]:.2f} ulp: {message}"


def same_bits(a: Array, b: Array) -> Array:
    bits = np.uint64 if a.dtype == np.float64 else np.uint32
    return (a.view(bits) == b.view(bits)) | (np.isnan(a) & np.isnan(b))


@both_types
@pytest.mark.parametrize("name", MEASURED)
def test_error_bound(name: str, dtype: str) -> None:
    xs = operands(name, dtype, BULK)
    got = compiled(name, dtype, NATIVE_LANES[dtype])(*xs)
    if dtype == "f32" or (EXTENDED and name not in {"erf", "erfc"}):
        check_errors(name, got, xs, in_higher_precision(name, xs))


@pytest.mark.parametrize("name", MEASURED)
def test_error_bound_against_mpmath(name: str) -> None:
    xs = operands(name, "f64", FEW * (5 if name in {"erf", "erfc"} else 1), seed=1)
    got = compiled(name, "f64", NATIVE_LANES["f64"])(*xs)
    check_errors(name, got, xs, with_mpmath(name, xs))


@both_types
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_lane_gives_the_same_bits(name: str, dtype: str) -> None:
    xs = operands(name, dtype, 400, seed=2)
    one = compiled(name, dtype, 1)(*xs)
    assert same_bits(one, compiled(name, dtype, NATIVE_LANES[dtype])(*xs)).all()


def among_many(function: Emit) -> Emit:
    """Of values that are all wanted after the function, more than calls leave where they are."""

    def emit(w: FunctionWriter, *xs: Value) -> Value:
        many = [w.op("fmul", xs[-1], constant(xs[0].type, 1 + k / 64)) for k in range(24)]
        found = function(w, *xs)
        for value in many:
            found = w.op("fadd", found, value)
        return found

    return emit


@both_types
@pytest.mark.parametrize("name", sorted(CALLABLE & set(FUNCTIONS)))
def test_called_for_the_same_bits(name: str, dtype: str) -> None:
    count = 2 if name in TWO_OPERANDS else 1
    xs = [np.concatenate([x, special_values(dtype)]) for x in operands(name, dtype, 200, seed=5)]

    def call(w: FunctionWriter, *values: Value) -> Value:
        return call_shared(w, name, values)

    lanes = NATIVE_LANES[dtype]
    got = [Compiled(among_many(f), dtype, lanes, count)(*xs) for f in (call, FUNCTIONS[name])]
    assert same_bits(*got).all()


def at_a_place(sine: Emit) -> Emit:
    """A lane that is known at run time, for which LLVM puts the vector on the stack, aligned."""

    def emit(w: FunctionWriter, x: Value) -> Value:
        first = w.intrinsic("fabs", w.extract(sine(w, x), 0))
        scaled = w.op("fmul", first, constant(first.type, 3.9))
        place = w.cast("fptosi", scaled, "i64")
        one = constant(first.type, 1.0)
        other = w.make(x.type, f"insertelement {x}, {one}, {place}")
        found = sine(w, other)
        picked = w.make(first.type, f"extractelement {found}, {place}")
        return sine(w, w.make(x.type, f"insertelement {found}, {picked}, i64 1"))

    return emit


@both_types
def test_called_beside_what_is_aligned_on_the_stack(dtype: str) -> None:
    x = operands("sin", dtype, 400, seed=6)[0] % 3

    def call(w: FunctionWriter, *values: Value) -> Value:
        return call_shared(w, "sin", values)

    lanes = NATIVE_LANES[dtype]
    called, inlined = (
        Compiled(among_many(at_a_place(f)), dtype, lanes, 1) for f in (call, FUNCTIONS["sin"])
    )
    assert same_bits(called(x), inlined(x)).all()
    code = link.assembly(called.text, level=1)
    assert not re.search(r"pushq?\s+\S+\s+callq?\s+\S*math\.", code)


@both_types
def test_sine_and_cosine_called(dtype: str) -> None:
    def product(of: Any) -> Emit:
        return lambda w, x: w.op("fmul", *of(w, x))

    x = np.concatenate([*operands("sin", dtype, 200, seed=5), special_values(dtype)])
    got = [
        Compiled(among_many(product(of)), dtype, NATIVE_LANES[dtype], 1)(x)
        for of in (call_sincos, sincos)
    ]
    assert same_bits(*got).all()


@pytest.mark.parametrize("name", MEASURED)
def test_formulas_without_avx512(name: str) -> None:
    """They are others for some functions, and give the same bits for all the rest."""
    for dtype in ("f64", "f32"):
        xs = operands(name, dtype, 300, seed=4)
        lanes = NATIVE_LANES[dtype]
        got = Compiled(FUNCTIONS[name], dtype, lanes, len(xs), avx512=False)(*xs)
        if dtype == "f32":
            check_errors(name, got, xs, in_higher_precision(name, xs))
        if (name, dtype) not in WITH_TABLES:
            assert same_bits(got, compiled(name, dtype, lanes)(*xs)).all()


@both_types
@pytest.mark.parametrize("name", sorted(EXACT))
def test_exact_functions_give_the_bits_of_numpy(name: str, dtype: str) -> None:
    xs = operands(name, dtype, BULK, seed=3)
    with np.errstate(all="ignore"):
        exact = ufunc(name)(*xs)
    wrong = ~same_bits(compiled(name, dtype, NATIVE_LANES[dtype])(*xs), exact)
    assert not wrong.any(), [x[wrong][0] for x in xs]


def special_values(dtype: str) -> Array:
    info: Any = np.finfo(DTYPES[dtype])
    positive = [
        0, info.smallest_subnormal, info.tiny / 2, info.tiny, info.eps, 0.5, 1 - info.epsneg, 1,
        1 + info.eps, 1.5, 2, 2.5, 3, 10, 1 / info.eps, 2 / info.eps, info.max / 2, info.max,
        np.inf, np.nan,
    ]  # fmt: skip
    return np.array([*positive, *(-np.array(positive))]).astype(DTYPES[dtype])


@both_types
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name: str, dtype: str) -> None:
    values = special_values(dtype)
    xs = [values]
    if name in TWO_OPERANDS:
        xs = [v.ravel() for v in np.meshgrid(values, values)]
    got = compiled(name, dtype, NATIVE_LANES[dtype])(*xs)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        exact = ufunc(name)(*xs)
        # NumPy's logaddexp and the other formulas of this comparison may be off by a few ulps.
        close = errors(name, got, xs, exact.astype(np.longdouble)) <= 8
    plain = np.isfinite(exact) & (exact != 0)
    wrong = np.where(plain, ~close | (np.signbit(got) != np.signbit(exact)), ~same_bits(got, exact))
    assert not wrong.any(), [
        (*(x[i] for x in xs), got[i], exact[i]) for i in np.flatnonzero(wrong)[:5]
    ]


@pytest.mark.parametrize(
    ("name", "xs", "exact"),
    [
        ("exp2", np.arange(-1074.0, 1024.0), np.ldexp(1.0, np.arange(-1074, 1024))),
        ("log2", np.ldexp(1.0, np.arange(-1074, 1024)), np.arange(-1074.0, 1024.0)),
        ("log10", 10.0 ** np.arange(0.0, 23.0), np.arange(0.0, 23.0)),
        ("cbrt", np.arange(-500.0, 500.0) ** 3, np.arange(-500.0, 500.0)),
    ],
)
def test_exact_results_are_exact(name: str, xs: Array, exact: Array) -> None:
    np.testing.assert_array_equal(compiled(name, "f64", 8)(xs), exact)


@both_types
def test_pair_of_sine_and_cosine(dtype: str) -> None:
    def sine(w: FunctionWriter, x: Value) -> Value:
        return sincos(w, x)[0]

    def cosine(w: FunctionWriter, x: Value) -> Value:
        return sincos(w, x)[1]

    lanes = NATIVE_LANES[dtype]
    xs = operands("sin", dtype, 200)
    for emit, name in [(sine, "sin"), (cosine, "cos")]:
        pair = Compiled(emit, dtype, lanes, 1)(*xs)
        assert same_bits(pair, compiled(name, dtype, lanes)(*xs)).all()


def test_huge_arguments_of_one_lane_leave_the_others_alone() -> None:
    xs = np.array([0.5, 1e22, -3.0, np.inf, 1e300, np.nan, 2.0**30, 1.0])
    got = compiled("sin", "f64", 8)(xs)
    assert ulps(got, with_mpmath("sin", [xs]))[[1, 4]].max() <= BOUND
    ordinary = np.array([0, 2, 7])
    plain = compiled("sin", "f64", 8)(np.tile(xs[ordinary], 8))[: ordinary.size]
    np.testing.assert_array_equal(got[ordinary], plain)
    np.testing.assert_array_equal(np.isnan(got), ~np.isfinite(xs))


def test_functions_for_rare_arguments_are_shared() -> None:
    def thrice(w: FunctionWriter, x: Value) -> Value:
        return FUNCTIONS["sin"](w, FUNCTIONS["cos"](w, FUNCTIONS["sin"](w, x)))

    text = Compiled(thrice, "f64", 8, 1).text
    assert text.count("declare <8 x double> @per_lane.sin.1.v8f64(") == 1
    assert text.count("declare <8 x double> @per_lane.cos.1.v8f64(") == 1
    assert text.count("define ") == 1


def test_odd_number_of_lanes() -> None:
    xs = operands("tanh", "f64", 50)
    got = Compiled(FUNCTIONS["tanh"], "f64", 3, 1)(*xs)
    assert same_bits(got, compiled("tanh", "f64", 8)(*xs)).all()
