"""Random numbers from explicit keys.

A key says which numbers are drawn: the same key gives the same numbers, whatever the machine, the
vectors, the threads, and the program around. Whoever needs several draws splits the key first.
There is no hidden state, so a traced function draws anew in each call that gets a new key.

>>> from pullback import random
>>> key, other = random.split(random.key(7))
>>> random.normal(key, size=3)
array([-0.79656114, -0.92650763, -0.47117318])
>>> pb.grad(lambda scale: np.mean(random.normal(other, scale=scale, size=100) ** 2))(2.0)
np.float64(4.56999352141721)

Names and parameters are those of `numpy.random.Generator`, with the key in front. The axes of a
batch of keys come before those of ``size``. Parameters may be arrays; values are float64, or as
wide as the floating-point arrays among the parameters, or of ``dtype``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from pullback.runtime.function import Function
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.numpy import random as traced
from pullback.tracer.numpy import sampling, skewed
from pullback.tracer.numpy.creation import contains_tracer
from pullback.tracer.trace import tracing

__all__ = [
    "bernoulli",
    "beta",
    "bits",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "fold_in",
    "gamma",
    "geometric",
    "gumbel",
    "key",
    "laplace",
    "logistic",
    "lognormal",
    "multivariate_normal",
    "normal",
    "pareto",
    "permutation",
    "randint",
    "rayleigh",
    "split",
    "standard_t",
    "truncated_normal",
    "uniform",
    "weibull",
]

Draw = Callable[..., Any]
"""A function of `pullback.tracer.numpy.random`, made for traced values."""


@lru_cache(maxsize=4096)
def _compiled(draw: Draw, names: tuple[str, ...], static: tuple[tuple[str, Any], ...]) -> Function:
    """The function as machine code, of the parameters ``names``."""

    def run(*values: Any) -> Any:
        return draw(**dict(zip(names, values, strict=True)), **dict(static))

    return Function(run, run, (), ())


def _draw(draw: Draw, static: dict[str, Any], **values: Any) -> Any:
    """Inline in a trace, else compiled for the static parameters."""
    if tracing():
        return draw(**values, **static)
    for name, value in values.items():
        if isinstance(value, (list, tuple)):
            values[name] = np.asarray(value)
    return _compiled(draw, tuple(values), tuple(static.items()))(*values.values())


def _size(size: Any) -> tuple[int, ...] | None:
    return None if size is None else traced.as_shape(size)


def _dtype(dtype: Any) -> np.dtype[Any] | None:
    return None if dtype is None else np.dtype(dtype)


def _shape_and_dtype(size: Any, dtype: Any) -> dict[str, Any]:
    return {"size": _size(size), "dtype": _dtype(dtype)}


# -- keys --------------------------------------------------------------------------------------


def key(seed: Any) -> Any:
    """A key: uint32 words along a last axis of two, from an integer of up to 64 bits.

    Raises:
        TypeError: for a seed that is no integer.
        ValueError: for a Python int of more bits.

    >>> pb.random.key(7)
    array([0, 7], dtype=uint32)
    """
    if type(seed) is int:
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"a seed has up to 64 bits, got {seed}{at(user_location())}")
        seed = np.uint64(seed % 2**64)
    return _draw(traced.key, {}, seed=seed)


def split(key: Any, num: int | tuple[int, ...] = 2) -> Any:
    """New keys, which give numbers independent of one another and of the old key's.

    Returns an array of shape ``(*batch, *num, 2)`` for a key of shape ``(*batch, 2)``.

    >>> pb.random.split(pb.random.key(7), 3).shape
    (3, 2)
    """
    return _draw(traced.split, {"num": _size(num)}, key=key)


def fold_in(key: Any, data: Any) -> Any:
    """The key that belongs to an integer (of which the low 32 bits count), such as a step's number.

    >>> key = pb.random.key(7)
    >>> bool(np.any(pb.random.fold_in(key, 1) != pb.random.fold_in(key, 2)))
    True
    """
    return _draw(traced.fold_in, {}, key=key, data=data)


# -- bits and integers -------------------------------------------------------------------------


def bits(key: Any, size: Any = (), dtype: Any = np.uint32) -> Any:
    """Random bits as unsigned integers.

    Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
    2011): an element is what the key makes of the element's number.

    >>> pb.random.bits(pb.random.key(7), 2, np.uint8)
    array([139,  72], dtype=uint8)
    """
    return _draw(traced.bits, _shape_and_dtype(size, dtype), key=key)


def randint(key: Any, low: Any, high: Any = None, size: Any = None, dtype: Any = np.int64) -> Any:
    """Integers from ``low`` on to below ``high``; with one bound, from 0 on to below it.

    Raises:
        ValueError: for Python ints as bounds, out of order or outside of the dtype's range.

    >>> pb.random.randint(pb.random.key(7), 1, 7, size=5)
    array([6, 3, 4, 4, 4])
    """
    static = _shape_and_dtype(size, dtype)
    values = {"low": low, "high": high}
    static |= {name: x for name, x in values.items() if x is None or type(x) is int}
    dynamic = {name: x for name, x in values.items() if name not in static}
    return _draw(traced.randint, static, key=key, **dynamic)


def bernoulli(key: Any, p: Any = 0.5, size: Any = None) -> Any:
    """Bools that are True with probability ``p``.

    >>> pb.random.bernoulli(pb.random.key(7), 0.9, size=4)
    array([ True,  True,  True,  True])
    """
    return _draw(traced.bernoulli, {"size": _size(size)}, key=key, p=p)


def categorical(key: Any, logits: Any, axis: int = -1, size: Any = None) -> Any:
    """Places along an axis of ``logits``, with probabilities proportional to their exponentials.

    The shape is that of ``logits`` without the axis, or ``size``, which that broadcasts to.

    >>> pb.random.categorical(pb.random.key(7), np.log([0.1, 0.1, 0.8]), size=6)
    array([2, 2, 1, 0, 2, 2])
    """
    static = {"axis": int(axis), "size": _size(size)}
    return _draw(sampling.categorical, static, key=key, logits=logits)


def permutation(key: Any, x: Any, axis: int = 0) -> Any:
    """The entries of an array along an axis, or the numbers below an int, in random order.

    >>> pb.random.permutation(pb.random.key(7), 6)
    array([5, 1, 4, 3, 2, 0])
    """
    return _sample(sampling.permutation, "x", x, {"axis": int(axis)}, key=key)


def choice(
    key: Any, a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0
) -> Any:
    """Entries of an array along an axis, or numbers below an int, with probabilities ``p``.

    Without ``replace`` no entry is drawn twice. Traced probabilities count by their proportions.

    Raises:
        ValueError: for more samples than entries without replacement, or probabilities that are
            negative, do not sum to 1, or are not as many as the entries.

    >>> pb.random.choice(pb.random.key(7), np.array([2, 3, 5, 7]), size=3, replace=False)
    array([3, 7, 5])
    """
    shape = _size(size)
    static = {"size": shape, "replace": bool(replace), "axis": int(axis)}
    if p is None:
        return _sample(sampling.choice, "a", a, static, key=key)
    if not contains_tracer(p):
        p = _checked(np.asarray(p, np.float64), replace, math.prod(shape or ()))
    return _sample(sampling.choice, "a", a, static, key=key, p=p)


def _sample(draw: Draw, name: str, population: Any, static: dict[str, Any], **values: Any) -> Any:
    """Draw from entries, or from the numbers below an int."""
    if type(population) is int:
        return _draw(draw, {**static, name: population}, **values)
    return _draw(draw, static, **{name: population}, **values)


def _checked(p: np.ndarray[Any, Any], replace: bool, count: int) -> np.ndarray[Any, Any]:
    """Probabilities, if they are."""
    if not np.all(p >= 0):
        raise ValueError(f"Probabilities are not non-negative{at(user_location())}")
    if abs(float(np.sum(p)) - 1) > 1e-8:
        raise ValueError(f"Probabilities do not sum to 1{at(user_location())}")
    if not replace and np.count_nonzero(p) < count:
        raise ValueError(f"Fewer non-zero entries in p than size{at(user_location())}")
    return p


# -- floating-point numbers --------------------------------------------------------------------


def uniform(key: Any, low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Numbers from ``low`` on to below ``high``, multiples of 2**-53 (2**-24, 2**-11) of the width.

    >>> pb.random.uniform(pb.random.key(7), size=2)
    array([0.84410695, 0.42616042])
    """
    return _draw(traced.uniform, _shape_and_dtype(size, dtype), key=key, low=low, high=high)


def normal(key: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Normally distributed numbers with mean ``loc`` and standard deviation ``scale``.

    By the transform of Box and Muller (1958). Derivatives pass through ``loc`` and ``scale``.

    >>> pb.random.normal(pb.random.key(7), [0.0, 100.0], size=(2, 2))
    array([[ 5.58656170e-01,  9.90360798e+01],
           [-3.44229700e-02,  9.91616343e+01]])
    """
    return _draw(traced.normal, _shape_and_dtype(size, dtype), key=key, loc=loc, scale=scale)


def exponential(key: Any, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Exponentially distributed numbers with mean ``scale``.

    >>> pb.random.exponential(pb.random.key(7), size=2)
    array([1.85858508, 0.55540541])
    """
    return _draw(traced.exponential, _shape_and_dtype(size, dtype), key=key, scale=scale)


def gumbel(key: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Gumbel distribution, that of extreme values, with the mode ``loc``.

    >>> pb.random.gumbel(pb.random.key(7), size=2)
    array([1.77504351, 0.15906675])
    """
    return _draw(traced.gumbel, _shape_and_dtype(size, dtype), key=key, loc=loc, scale=scale)


def laplace(key: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Laplace distribution: ``loc`` and an exponential on either side.

    >>> pb.random.laplace(pb.random.key(7), size=2)
    array([-0.16947608,  0.85293942])
    """
    return _draw(traced.laplace, _shape_and_dtype(size, dtype), key=key, loc=loc, scale=scale)


def logistic(
    key: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None
) -> Any:
    """Numbers of the logistic distribution.

    >>> pb.random.logistic(pb.random.key(7), size=2)
    array([-0.31434932,  1.30645765])
    """
    return _draw(traced.logistic, _shape_and_dtype(size, dtype), key=key, loc=loc, scale=scale)


def cauchy(key: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Cauchy distribution with the median ``loc``.

    >>> pb.random.cauchy(pb.random.key(7), size=2)
    array([-0.24989117,  1.26374912])
    """
    return _draw(traced.cauchy, _shape_and_dtype(size, dtype), key=key, loc=loc, scale=scale)


# -- distributions of shape --------------------------------------------------------------------


def gamma(key: Any, shape: Any, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of the gamma distribution with the mean ``shape * scale``.

    By the inverse of the incomplete gamma function, which derivatives by ``shape`` pass through.

    >>> pb.random.gamma(pb.random.key(7), [0.5, 5.0])
    array([1.00680953, 4.28241232])
    """
    return _draw(skewed.gamma, _shape_and_dtype(size, dtype), key=key, shape=shape, scale=scale)


def chisquare(key: Any, df: Any, size: Any = None, dtype: Any = None) -> Any:
    """Sums of the squares of ``df`` normal numbers; ``df`` may be a fraction.

    >>> pb.random.chisquare(pb.random.key(7), 3.0, size=2)
    array([5.22725372, 1.99310232])
    """
    return _draw(skewed.chisquare, _shape_and_dtype(size, dtype), key=key, df=df)


def standard_t(key: Any, df: Any, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of Student's distribution with ``df`` degrees of freedom.

    >>> pb.random.standard_t(pb.random.key(7), 3.0, size=2)
    array([-0.58162521, -1.54388312])
    """
    return _draw(skewed.standard_t, _shape_and_dtype(size, dtype), key=key, df=df)


def beta(key: Any, a: Any, b: Any, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of the beta distribution with the mean ``a / (a + b)``.

    What one of two gamma variables is of their sum; derivatives pass through both.

    >>> pb.random.beta(pb.random.key(7), 2.0, 3.0, size=2)
    array([0.08811112, 0.57043876])
    """
    return _draw(skewed.beta, _shape_and_dtype(size, dtype), key=key, a=a, b=b)


def dirichlet(key: Any, alpha: Any, size: Any = None, dtype: Any = None) -> Any:
    """Vectors along a last axis, positive with the sum 1, of means proportional to ``alpha``.

    >>> pb.random.dirichlet(pb.random.key(7), [1.0, 2.0, 3.0]).round(3)
    array([0.279, 0.218, 0.503])
    """
    return _draw(skewed.dirichlet, _shape_and_dtype(size, dtype), key=key, alpha=alpha)


def weibull(key: Any, a: Any, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Weibull distribution of shape ``a`` and scale 1.

    >>> pb.random.weibull(pb.random.key(7), 2.0, size=2)
    array([1.36329934, 0.74525526])
    """
    return _draw(skewed.weibull, _shape_and_dtype(size, dtype), key=key, a=a)


def pareto(key: Any, a: Any, size: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Pareto distribution of shape ``a``, less 1, as NumPy's.

    >>> pb.random.pareto(pb.random.key(7), 2.0, size=2)
    array([1.53271675, 0.32009368])
    """
    return _draw(skewed.pareto, _shape_and_dtype(size, dtype), key=key, a=a)


def lognormal(
    key: Any, mean: Any = 0.0, sigma: Any = 1.0, size: Any = None, dtype: Any = None
) -> Any:
    """Numbers whose logarithms are normal with ``mean`` and standard deviation ``sigma``.

    >>> pb.random.lognormal(pb.random.key(7), size=2)
    array([1.74832147, 0.38139481])
    """
    return _draw(skewed.lognormal, _shape_and_dtype(size, dtype), key=key, mean=mean, sigma=sigma)


def rayleigh(key: Any, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Any:
    """Lengths of vectors of two normal numbers of standard deviation ``scale``.

    >>> pb.random.rayleigh(pb.random.key(7), size=2)
    array([1.92799641, 1.0539501 ])
    """
    return _draw(skewed.rayleigh, _shape_and_dtype(size, dtype), key=key, scale=scale)


def geometric(key: Any, p: Any, size: Any = None) -> Any:
    """How many trials the first success takes, each of probability ``p``: integers from 1 on.

    >>> pb.random.geometric(pb.random.key(7), 0.2, size=4)
    array([1, 4, 2, 3])
    """
    return _draw(skewed.geometric, {"size": _size(size)}, key=key, p=p)


def truncated_normal(
    key: Any,
    lower: Any,
    upper: Any,
    loc: Any = 0.0,
    scale: Any = 1.0,
    size: Any = None,
    dtype: Any = None,
) -> Any:
    """``loc + scale * z`` for normal numbers z between ``lower`` and ``upper``.

    Derivatives pass through all four parameters.

    >>> pb.random.truncated_normal(pb.random.key(7), 4.0, np.inf, size=2)
    array([4.03992704, 4.19744717])
    """
    values = {"lower": lower, "upper": upper, "loc": loc, "scale": scale}
    return _draw(skewed.truncated_normal, _shape_and_dtype(size, dtype), key=key, **values)


def multivariate_normal(key: Any, mean: Any, cov: Any, size: Any = None, dtype: Any = None) -> Any:
    """Normal vectors along a last axis with a mean and a covariance, by its Cholesky factor.

    ``mean`` and ``cov`` may have batches in front, which ``size`` replaces if it is given.

    Raises:
        ValueError: when the shapes do not belong together.
        LinAlgError: when the covariance is not positive definite.

    >>> pb.random.multivariate_normal(pb.random.key(7), [0.0, 9.0], [[1.0, 0.9], [0.9, 1.0]])
    array([0.55865617, 9.08262748])
    """
    static = _shape_and_dtype(size, dtype)
    return _draw(skewed.multivariate_normal, static, key=key, mean=mean, cov=cov)
