"""Checks for derivatives of your own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pullback.tracer import tree

from .transforms import jvp, vjp

__all__ = ["check_grads"]

Array = np.ndarray[Any, Any]


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    *,
    eps: float | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-4,
    seed: int = 0,
) -> None:
    """Compare derivatives with central differences along random directions.

    Args:
        f: a function of arrays or trees of floating or complex dtype.
        args: where to differentiate it.
        order: how often; the second order checks the derivative of the derivative, and so on.
        modes: ``"fwd"`` (jvp) and ``"rev"`` (vjp); each is followed by each.
        eps: step of the differences; by default the cube root of the dtype's precision.
        rtol: allowed difference, relative.
        atol: allowed difference, absolute.
        seed: of the random directions.

    Raises:
        AssertionError: when a derivative is not what the differences say.
        ValueError: for a mode of another name.

    >>> from pullback.testing import check_grads
    >>> check_grads(lambda x: np.sum(np.sin(x)), (np.arange(3.0),))
    """
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"modes are 'fwd' and 'rev', got {sorted(unknown)}")
    rng = np.random.default_rng(seed)
    _check(f, tuple(args), order, tuple(modes), eps, (rtol, atol), rng)


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    modes: tuple[str, ...],
    eps: float | None,
    tolerance: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    if order == 0:
        return
    directions = _random_like(args, rng)
    numerical = _differences(f, args, directions, eps)
    rtol, atol = tolerance
    for mode in modes:
        if mode == "fwd":
            found = jvp(f, args, directions)[1]
            _compare(found, numerical, rtol, atol, "jvp")
            following = _pushed(f, directions)
        else:
            value, pull = vjp(f, *args)
            ct = _random_like(value, rng)
            found = _dot(pull(ct), directions)
            _compare(found, _dot(ct, numerical), rtol, atol, "vjp")
            following = _pulled(f, ct)
        _check(following, args, order - 1, modes, eps, tolerance, rng)


def _pushed(f: Callable[..., Any], directions: Any) -> Callable[..., Any]:
    return lambda *args: jvp(f, args, directions)[1]


def _pulled(f: Callable[..., Any], ct: Any) -> Callable[..., Any]:
    return lambda *args: vjp(f, *args)[1](ct)


def _random_like(value: Any, rng: np.random.Generator) -> Any:
    leaves, spec = tree.flatten(value)
    arrays = [np.asarray(x) for x in leaves]
    return tree.unflatten(spec, [_random(a, rng) for a in arrays])


def _random(like: Array, rng: np.random.Generator) -> Array:
    drawn = np.asarray(rng.standard_normal(like.shape))
    if like.dtype.kind == "c":
        drawn = drawn + 1j * rng.standard_normal(like.shape)
    return np.asarray(drawn, like.dtype)


def _leaves(value: Any) -> list[Array]:
    return [np.asarray(x) for x in tree.flatten(value)[0]]


def _dot(a: Any, b: Any) -> float:
    """How much a cotangent gives for a tangent: of complex ones the real part counts."""
    pairs = zip(_leaves(a), _leaves(b), strict=True)
    return float(sum(np.sum(np.float64(1.0) * x * y).real for x, y in pairs))


def _differences(
    f: Callable[..., Any], args: tuple[Any, ...], directions: Any, eps: float | None
) -> list[Array]:
    """The derivative along a direction, by central differences."""
    leaves, spec = tree.flatten(args)
    arrays = [np.asarray(x) for x in leaves]
    step = eps or float(max(np.finfo(a.dtype).eps for a in arrays)) ** (1 / 3)
    moves = _leaves(directions)

    def at(distance: float) -> list[Array]:
        moved = [np.asarray(a + distance * d, a.dtype) for a, d in zip(arrays, moves, strict=True)]
        return _leaves(f(*tree.unflatten(spec, moved)))

    pairs = zip(at(step), at(-step), strict=True)
    return [np.asarray((np.float64(1.0) * up - down) / (2 * step)) for up, down in pairs]


def _compare(found: Any, expected: Any, rtol: float, atol: float, what: str) -> None:
    for ours, numbers in zip(_leaves(found), _leaves(expected), strict=True):
        np.testing.assert_allclose(
            ours, numbers, rtol=rtol, atol=atol, err_msg=f"{what} is not the derivative"
        )
