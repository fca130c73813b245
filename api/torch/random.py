"""Random tensors.

The numbers come from NumPy's PCG64, seeded by `manual_seed`: reproducible, and other than torch's
for the same seed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from .calling import factory
from .dtypes import as_numpy, here
from .modes import MODE
from .shapes import shape_argument
from .tensors import Tensor, wrapped


class Generator:
    """A source of random numbers of its own.

    >>> generator = torch.Generator().manual_seed(0)
    >>> torch.rand(2, generator=generator).shape
    torch.Size([2])
    """

    def __init__(self, device: Any = "cpu") -> None:
        self._seed = np.random.SeedSequence().entropy
        self.numpy = np.random.default_rng(self._seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start again from a seed."""
        self._seed = seed
        self.numpy = np.random.default_rng(seed % 2**64)
        return self

    def initial_seed(self) -> Any:
        """What it started from."""
        return self._seed

    def seed(self) -> Any:
        """Start again from a seed that the system gives."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def get_state(self) -> Tensor:
        """All that it goes on from, as bytes."""
        text = json.dumps([self._seed, self.numpy.bit_generator.state])
        return wrapped(np.frombuffer(text.encode(), np.uint8).copy())

    def set_state(self, new_state: Tensor) -> None:
        """Go on from what `get_state` has given."""
        seed, state = json.loads(new_state.value().tobytes())
        if state["bit_generator"] != "PCG64":
            raise RuntimeError(f"the state is of another generator: PCG64 is used here{here()}")
        self._seed, self.numpy.bit_generator.state = seed, state


_default = Generator()
default_generator = _default


def seed() -> Any:
    """Start from a seed that the system gives.

    >>> torch.seed() == torch.initial_seed()
    True
    """
    return _default.seed()


def initial_seed() -> Any:
    """What random numbers started from.

    >>> generator = torch.manual_seed(3)
    >>> torch.initial_seed()
    3
    """
    return _default.initial_seed()


def get_rng_state() -> Tensor:
    """All that random numbers go on from, as bytes.

    >>> state = torch.get_rng_state()
    >>> first = torch.rand(2)
    >>> torch.set_rng_state(state)
    >>> torch.equal(torch.rand(2), first)
    True
    """
    return _default.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on from what `get_rng_state` has given.

    >>> torch.set_rng_state(torch.get_rng_state())
    """
    _default.set_state(new_state)


def manual_seed(seed: int) -> Generator:
    """Make what is random reproducible from here on.

    >>> first = torch.manual_seed(0) and torch.rand(3)
    >>> second = torch.manual_seed(0) and torch.rand(3)
    >>> torch.equal(first, second)
    True
    """
    return _default.manual_seed(seed)


def source(generator: Generator | None = None) -> np.random.Generator:
    """NumPy's generator behind a ``generator`` argument."""
    if any(level.kind == "vmap" and level.randomness != "same" for level in MODE.levels):
        raise RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the "
            "'same' or 'different' randomness flags on vmap or perform the randomness operation "
            f"out of vmap{here()}"
        )
    return (generator or _default).numpy


def per_item(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """What draws a tensor; within a `vmap` whose items are to differ, one for each of them."""

    @functools.wraps(draw)
    def function(*args: Any, **kwargs: Any) -> Tensor:
        levels = [x for x in MODE.own.levels if x.kind == "vmap" and x.randomness == "different"]
        if not levels:
            return draw(*args, **kwargs)
        from .joining import stack
        from .levels import enter_batched

        level = levels[-1]
        with level.outside():
            items = stack([function(*args, **kwargs) for _ in range(level.size)])
        return enter_batched(level, items, 0)

    return function


def _drawn(draw: str, shape: Any, dtype: Any, generator: Generator | None) -> np.ndarray[Any, Any]:
    """Numbers of a floating dtype; complex ones of two parts, which share the variance."""
    wanted, numbers = as_numpy(dtype), source(generator)
    if wanted.kind not in "fc":
        raise NotImplementedError(f"{draw} is for floating-point tensors{here()}")
    made = getattr(numbers, draw)(shape, dtype=np.float32 if wanted.itemsize == 4 else np.float64)
    if wanted.kind == "c":
        scale = np.sqrt(0.5) if draw == "standard_normal" else 1.0
        made = (made + 1j * getattr(numbers, draw)(shape)) * scale
    drawn: np.ndarray[Any, Any] = np.asarray(made, wanted)
    return drawn


@per_item
@factory
def rand(
    *size: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers spread evenly over [0, 1).

    >>> (torch.rand(100) < 1).all()
    tensor(True)
    """
    return wrapped(_drawn("random", shape_argument(size), dtype, generator), requires_grad)


@per_item
@factory
def randn(
    *size: Any,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Normally distributed numbers, of mean 0 and variance 1.

    >>> torch.randn(2, 3).shape
    torch.Size([2, 3])
    """
    return wrapped(_drawn("standard_normal", shape_argument(size), dtype, generator), requires_grad)


@per_item
@factory
def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Whole numbers from ``low`` (0) to before ``high``.

    >>> torch.randint(3, 5, (3,)).dtype
    torch.int64
    """
    if size is None:
        low, high, size = 0, low, high
    numbers = source(generator).integers(int(low), int(high), shape_argument((size,)))
    return wrapped(numbers.astype(np.int64 if dtype is None else as_numpy(dtype)), requires_grad)


@per_item
@factory
def randperm(
    n: int,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """The numbers below n in random order.

    >>> torch.randperm(4).sum()
    tensor(6)
    """
    wanted = np.int64 if dtype is None else as_numpy(dtype)
    return wrapped(source(generator).permutation(int(n)).astype(wanted), requires_grad)


@factory
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normally distributed numbers; mean and deviation may be tensors.

    >>> torch.normal(0.0, 1.0, (2,)).shape
    torch.Size([2])
    """
    given = [x for x in (mean, std) if isinstance(x, Tensor)]
    if size is None and not given:
        raise TypeError(f"normal() needs a size, or a tensor as mean or deviation{here()}")
    shape = np.broadcast_shapes(*(x.shape for x in given)) if size is None else tuple(size)
    wanted = given[0].dtype.numpy if given and dtype is None else as_numpy(dtype)
    low, width = (x.value() if isinstance(x, Tensor) else x for x in (mean, std))
    drawn = low + width * source(generator).standard_normal(shape)
    return wrapped(np.asarray(drawn).astype(wanted), requires_grad)


@per_item
@factory
def rand_like(
    input: Tensor,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`rand` in the shape and dtype of a tensor.

    >>> torch.rand_like(torch.ones(2)).shape
    torch.Size([2])
    """
    return rand(
        input.shape,
        dtype=dtype or input.dtype,
        requires_grad=requires_grad,
        generator=generator,
    )


@per_item
@factory
def randn_like(
    input: Tensor,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`randn` in the shape and dtype of a tensor.

    >>> torch.randn_like(torch.ones(2)).shape
    torch.Size([2])
    """
    return randn(
        input.shape,
        dtype=dtype or input.dtype,
        requires_grad=requires_grad,
        generator=generator,
    )


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """One with the given probability, else zero.

    >>> torch.bernoulli(torch.ones(2))
    tensor([1., 1.])
    """
    chances = input.value()
    return wrapped((source(generator).random(chances.shape) < chances).astype(chances.dtype))
