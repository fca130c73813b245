"""NumPy's functions on traced values, as tables of expressions (see expressions.py).

An expression is evaluated on arrays and on traced arrays, with `numpy` and with `pullback.numpy`;
values, dtypes, shapes and the classes of errors have to agree, and derivatives with differences.
"""

from __future__ import annotations

import itertools
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import pullback as pb
import pullback.numpy as pnp
from pullback.testing import check_grads
from pullback.tracer.trace import Tracer, lift

from .expressions import ARRAYS, evaluate, expanded, lines, names

TOLERANCE = {np.dtype(k): x for k, x in (("f4", 4e-6), ("f8", 1e-13), ("c8", 4e-6), ("c16", 1e-13))}


def wanted(text: str) -> list[Any] | Exception:
    """What NumPy gives or raises."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return evaluate(text, np, {k: np.array(x) for k, x in ARRAYS.items()})
    except Exception as error:  # noqa: BLE001
        return error


def agree(text: str, found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected), text
    for got, want in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
        assert got.dtype == want.dtype, f"{text}: {got.dtype} instead of {want.dtype}"
        assert got.shape == want.shape, f"{text}: {got.shape} instead of {want.shape}"
        tolerance = TOLERANCE.get(want.dtype, 0.0)
        assert_allclose(got, want, rtol=tolerance, atol=tolerance, err_msg=text)


def found_by(texts: list[str], namespace: Any) -> list[list[Any]]:
    """The results of traced and compiled expressions, all in one program."""
    used = names(texts)
    counts: list[int] = []

    def program(*values: Any) -> list[Any]:
        results = [
            evaluate(text, namespace, dict(zip(used, values, strict=True))) for text in texts
        ]
        counts.extend(map(len, results))
        return [x for parts in results for x in parts]

    flat = iter(pb.jit(program)(*[ARRAYS[name] for name in used]))
    return [list(itertools.islice(flat, count)) for count in counts]


def _is_finite(x: Any) -> bool:
    return np.asarray(x).dtype == np.float64 and bool(np.isfinite(x).all())


def check_derivatives(namespace: Any, texts: list[str], expected: list[list[Any]]) -> None:
    """Both modes against differences, for the results that are floating."""
    used = names(texts)
    smooth = [k for k in used if ARRAYS[k].dtype == np.float64 and not np.isnan(ARRAYS[k]).any()]
    floating = [[_is_finite(x) for x in results] for results in expected]
    if not smooth or not any(map(any, floating)):
        return

    def program(*values: Any) -> list[Any]:
        arrays = {name: lift(ARRAYS[name]) for name in used}
        arrays.update(zip(smooth, values, strict=True))
        results = [evaluate(text, namespace, arrays) for text in texts]
        return [
            x
            for parts, kinds in zip(results, floating, strict=True)
            for x, kind in zip(parts, kinds, strict=True)
            if kind and isinstance(x, (Tracer, np.ndarray, np.generic))
        ]

    check_grads(pb.jit(program), [ARRAYS[k] for k in smooth], order=1, rtol=2e-5, atol=2e-5)


def refused(text: str, namespace: ModuleType, error: Exception) -> None:
    """The traced expression raises what NumPy raises; NumPy's own subclasses count as builtins."""
    known = [c for c in type(error).__mro__ if c.__module__ in ("builtins", "numpy.exceptions")]
    kind: type[Exception] = known[0]
    used = names([text])
    try:
        pb.jit(lambda *values: evaluate(text, namespace, dict(zip(used, values, strict=True))))(
            *[ARRAYS[k] for k in used]
        )
    except kind:
        return
    pytest.fail(f"{text} does not raise {type(error).__name__}: {error}")


CASES = list(lines())


@pytest.mark.parametrize(("family", "line"), CASES, ids=[f"{a}: {b}"[:90] for a, b in CASES])
def test_expression(family: str, line: str) -> None:
    texts, expected = [], []
    namespaces = (pnp,) if line.startswith("+") else (np, pnp)
    for text in expanded(line):
        results = wanted(text)
        if isinstance(results, Exception):
            for namespace in namespaces:
                refused(text, namespace, results)
        else:
            texts.append(text)
            expected.append(results)
    if not texts:
        return
    for namespace in namespaces:
        for text, found, want in zip(texts, found_by(texts, namespace), expected, strict=True):
            agree(text, found, want)
    if not line.startswith("!"):
        check_derivatives(namespaces[0], texts, expected)
