"""`scipy.stats` for traced and for concrete arrays: distributions and their densities.

A distribution has SciPy's methods and arguments: ``pdf``, ``logpdf`` (``pmf``, ``logpmf`` if it is
discrete), ``cdf``, ``logcdf``, ``sf``, ``logsf``, ``ppf``, ``isf``, with ``loc`` and ``scale``.
Everything else it has from SciPy, for concrete arguments.

>>> from pullback.scipy.stats import norm
>>> loss = lambda mean, x: -np.sum(norm.logpdf(x, mean, 2.0))
>>> x = np.array([1.0, 2.0, 4.0])
>>> float(pb.grad(loss)(0.0, x))
-1.75
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import scipy.stats

from pullback.tracer.numpy.creation import contains_tracer
from pullback.tracer.scipy.distribution_table import DISTRIBUTIONS
from pullback.tracer.scipy.distributions import Distribution, methods, place
from pullback.tracer.scipy.multivariate import MULTIVARIATE


def _traced(values: Any) -> bool:
    return any(map(contains_tracer, values))


class distribution:
    """A distribution of `scipy.stats`, on traced arguments too.

    Called with parameters it gives one that has these, as in SciPy.

    >>> from pullback.scipy.stats import gamma
    >>> round(float(gamma.cdf(2.0, a=3.0)), 12)
    0.323323583817
    >>> gamma(3.0).cdf(2.0) == gamma.cdf(2.0, 3.0)
    np.True_
    """

    def __init__(
        self, scipy_distribution: Any, traced: Mapping[str, Callable[..., Any]], takes: str
    ) -> None:
        self._scipy = scipy_distribution
        self.traced_methods = traced
        self.__doc__ = f"`scipy.stats.{takes}` on traced and on concrete arguments."

    def __getattr__(self, name: str) -> Any:
        """A method, traced if one of its arguments is; or what else SciPy has."""
        found = getattr(self._scipy, name)
        traced = self.traced_methods.get(name)
        if traced is None:
            return found

        def method(*args: Any, **kwargs: Any) -> Any:
            either = traced if _traced((*args, *kwargs.values())) else found
            return either(*args, **kwargs)

        method.__name__ = name
        return method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The distribution with these parameters."""
        if not _traced((*args, *kwargs.values())):
            frozen = self._scipy(*args, **kwargs)
        else:
            frozen = None
        return _frozen(self, frozen, args, kwargs)


class _frozen:
    """A distribution and its parameters."""

    def __init__(self, of: distribution, frozen: Any, args: Any, kwargs: Any) -> None:
        self._of, self._frozen, self._args, self._kwargs = of, frozen, args, kwargs

    def __getattr__(self, name: str) -> Any:
        if name in self._of.traced_methods:
            method = getattr(self._of, name)
            return lambda *x: method(*x, *self._args, **self._kwargs)
        return getattr(self._frozen, name)


def _univariate(d: Distribution) -> distribution:
    """A distribution of the table."""

    def method(compute: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
        return compute(d, place(d, x, args, kwargs))

    traced = {name: partial(method, compute) for name, compute in methods(d).items()}
    return distribution(getattr(scipy.stats, d.name), traced, d.name)


_OWN = {
    **{name: _univariate(d) for name, d in DISTRIBUTIONS.items()},
    **{name: distribution(getattr(scipy.stats, name), m, name) for name, m in MULTIVARIATE.items()},
}


def __getattr__(name: str) -> Any:
    """A name of `scipy.stats`: the distributions above, all else is SciPy's."""
    return _OWN.get(name) or getattr(scipy.stats, name)


def __dir__() -> list[str]:
    """The names of `scipy.stats`."""
    return sorted({*globals(), *dir(scipy.stats)})


__all__ = ["distribution"]
