"""Random numbers of more distributions, and drawn in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .calling import factory
from .dtypes import as_numpy, here
from .inplace import overwrite
from .random import Generator, per_item, source
from .tensors import Tensor, wrapped
from .writing import check_writable


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Places drawn with the weights of each row.

    >>> torch.multinomial(torch.tensor([0.0, 1.0]), 2, replacement=True)
    tensor([1, 1])
    """
    weights = input.value().astype(np.float64)
    lines = weights.reshape(-1, weights.shape[-1])
    if not (np.isfinite(lines).all() and (lines >= 0).all()):
        raise RuntimeError(
            f"probability tensor contains either `inf`, `nan` or element < 0{here()}"
        )
    if (lines.sum(1) <= 0).any():
        raise RuntimeError(f"invalid multinomial distribution (sum of probabilities <= 0){here()}")
    if not replacement and num_samples > lines.shape[1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement" + here()
        )
    numbers = source(generator)
    drawn = np.stack([_places(numbers, line, num_samples, replacement) for line in lines])
    return wrapped(drawn.reshape(*weights.shape[:-1], num_samples).astype(np.int64))


def _places(numbers: Any, weights: Any, count: int, replacement: bool) -> Any:
    if replacement:
        return numbers.choice(len(weights), count, p=weights / weights.sum())
    # The greatest of exponentially distributed numbers, scaled, is a draw; so are the next ones.
    with np.errstate(divide="ignore"):
        keys = np.log(weights) + numbers.gumbel(size=len(weights))
    return np.argsort(-keys, kind="stable")[:count]


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers of events of the given rates.

    >>> torch.poisson(torch.zeros(2))
    tensor([0., 0.])
    """
    rates = input.value()
    return wrapped(source(generator).poisson(rates).astype(rates.dtype))


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of ``count`` trials succeed.

    >>> torch.binomial(torch.tensor([3.0]), torch.tensor([1.0]))
    tensor([3.])
    """
    trials, chance = count.value(), prob.value()
    drawn = source(generator).binomial(trials.astype(np.int64), chance)
    return wrapped(np.asarray(drawn).astype(trials.dtype))


@factory
@per_item
def randint_like(
    input: Tensor,
    low: int,
    high: Any = None,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Whole numbers from ``low`` (0) to before ``high`` in the shape and dtype of a tensor.

    >>> torch.randint_like(torch.ones(2), 1)
    tensor([0., 0.])
    """
    start, stop = (0, low) if high is None else (low, high)
    wanted = input.dtype.numpy if dtype is None else as_numpy(dtype)
    drawn = source(generator).integers(int(start), int(stop), tuple(input.shape))
    return wrapped(drawn.astype(wanted), requires_grad)


# -- in place --------------------------------------------------------------------------------


def _drawn(self: Tensor, drawn: Any) -> Tensor:
    check_writable(self)
    return overwrite(self, np.asarray(drawn).astype(self.dtype.numpy))


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """One with the given probability, else zero, in place."""
    chance = p.value() if isinstance(p, Tensor) else p
    return _drawn(self, source(generator).random(tuple(self.shape)) < chance)


def exponential_(self: Tensor, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Exponentially distributed numbers of rate ``lambd``, in place."""
    return _drawn(self, source(generator).exponential(1 / lambd, tuple(self.shape)))


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Numbers of trials until one succeeds, in place."""
    return _drawn(self, source(generator).geometric(p, tuple(self.shape)))


def cauchy_(
    self: Tensor, median: float = 0, sigma: float = 1, *, generator: Generator | None = None
) -> Tensor:
    """Numbers of Cauchy's distribution, in place."""
    return _drawn(self, median + sigma * source(generator).standard_cauchy(tuple(self.shape)))


def log_normal_(
    self: Tensor, mean: float = 1, std: float = 2, *, generator: Generator | None = None
) -> Tensor:
    """Exponentials of normally distributed numbers, in place."""
    return _drawn(self, source(generator).lognormal(mean, std, tuple(self.shape)))


def random_(self: Tensor, *bounds: int, generator: Generator | None = None) -> Tensor:
    """Whole numbers below a bound, or between two, in place."""
    kind = self.dtype.numpy
    most = 2 if kind.kind == "b" else 2 ** np.finfo(kind).nmant if kind.kind == "f" else 2**31 - 1
    low, high = bounds if len(bounds) == 2 else (0, *bounds) if bounds else (0, most)
    return _drawn(self, source(generator).integers(low, high, tuple(self.shape)))


METHODS = {
    f.__name__: f for f in (bernoulli_, exponential_, geometric_, cauchy_, log_normal_, random_)
}
