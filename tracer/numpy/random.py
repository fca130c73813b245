"""Random numbers from explicit keys: what the functions of `pullback.numpy.random` compute.

Shapes: the axes of a batch of keys come first, then those of ``size``; without ``size``, those
that the parameters broadcast to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives import elementwise as rows
from ..trace import Tracer
from ..types import (
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    UINT32,
    UINT64,
    DType,
    Shape,
    is_float,
    is_integer,
)
from .creation import as_numpy_dtype, asarray
from .joining import stack
from .promotion import (
    as_dtype,
    common_dtype,
    common_shape,
    is_python_scalar,
    prepare,
    python_type,
    shape_of,
)
from .threefry import FOLDS, MORE_DRAWS, SPLITS, check_key, spread_key, threefry, words

Words: TypeAlias = tuple[Tracer, Tracer]
Standard: TypeAlias = Callable[[Tracer, Shape, DType], Tracer]
"""``standard(key, shape, dtype)``: draws from a distribution without parameters."""


# -- keys --------------------------------------------------------------------------------------


def key(seed: Any) -> Tracer:
    """The key of a seed: its high and its low 32 bits."""
    wide = _as_word(seed)
    return stack([as_dtype(wide >> 32, UINT32), as_dtype(wide, UINT32)], axis=-1)


def split(key: Any, num: Any = 2) -> Tracer:
    """New keys, along new axes before the last."""
    return stack(words(asarray(key), as_shape(num), SPLITS), axis=-1)


def fold_in(key: Any, data: Any) -> Tracer:
    """The key that belongs to a number, of which the low 32 bits count."""
    old, place = asarray(key), asarray(data)
    check_key(old)
    if not is_integer(place.dtype):
        raise TypeError(f"what is folded in is an integer, got {place.type}{at(user_location())}")
    counter = as_dtype(place, UINT32), prepare(FOLDS, UINT32, ())
    return stack(threefry(spread_key(old, 0), counter), axis=-1)


def as_shape(size: Any) -> Shape:
    """A shape given as a tuple or as one extent."""
    return (int(size),) if isinstance(size, (int, np.integer)) else tuple(int(n) for n in size)


# -- uniform -----------------------------------------------------------------------------------


def bits(key: Any, size: Any = (), dtype: Any = UINT32) -> Tracer:
    """Random bits as unsigned integers."""
    wanted = as_numpy_dtype(dtype)
    if wanted.kind != "u":
        raise TypeError(f"random bits are unsigned integers, not {wanted}{at(user_location())}")
    drawn = words(asarray(key), as_shape(size))
    return wide_word(drawn) if wanted == UINT64 else as_dtype(drawn[0], wanted)


def wide_word(drawn: Words) -> Tracer:
    """Two words as one of 64 bits."""
    high, low = (as_dtype(x, UINT64) for x in drawn)
    result: Tracer = (high << 32) | low
    return result


def fraction(drawn: Words, dtype: DType, offset: float = 0.0) -> Tracer:
    """Multiples of a power of two from 0 to below 1, exact; ``offset`` moves them by a part.

    With an offset of half a step the result is never 0 nor 1; one bit is given up for it.
    """
    spare = 1 if offset else 0
    last = (27 if dtype == FLOAT64 else 24 if dtype == FLOAT32 else 11) - spare
    low = _whole(drawn[-1], last, dtype)
    low = low + offset if offset else low
    if dtype != FLOAT64:
        return low * 2.0**-last
    return _whole(drawn[0], 26, dtype) * 2.0**-26 + low * 2.0 ** (-26 - last)


def _whole(word: Tracer, count: int, dtype: DType) -> Tracer:
    """The uppermost bits of a word as a number. It fits int32, which converts faster."""
    return as_dtype(as_dtype(word >> (32 - count), INT32), dtype)


def uniform(
    key: Any, low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = None
) -> Tracer:
    """Numbers from ``low`` on to below ``high``."""
    wanted, shape = of_parameters(size, dtype, low, high)
    drawn = fraction(words(asarray(key), shape), wanted)
    low, high = parameter(low), parameter(high)
    return placed(drawn, low, high if _is(low, 0.0) else high - low)


def bernoulli(key: Any, p: Any = 0.5, size: Any = None) -> Tracer:
    """True with probability ``p``."""
    _, shape = of_parameters(size, None, p)
    drawn = fraction(words(asarray(key), shape), FLOAT64)
    return rows.lt(drawn, prepare(p, FLOAT64, drawn.shape))


def randint(key: Any, low: Any, high: Any = None, size: Any = None, dtype: Any = INT64) -> Tracer:
    """Integers from ``low`` on to below ``high``, or from 0 on to below ``low``.

    A number of 64 random bits (128 where the range may be wider than 32 bits) as a fraction of
    one is multiplied by the width, so the bias of a result is below 2**-32 (2**-64) of it.
    """
    wanted = as_numpy_dtype(dtype)
    if not is_integer(wanted):
        raise TypeError(f"randint makes integers, not {wanted}{at(user_location())}")
    low, high = (0, low) if high is None else (low, high)
    _check_range(low, high, wanted)
    narrow = wanted.itemsize <= 4 or (_both_int(low, high) and high - low <= 2**32)
    shape = as_shape(size) if size is not None else common_shape([shape_of(low), shape_of(high)])
    source = asarray(key)
    drawn = wide_word(words(source, shape))
    first, last = (_as_word(x) for x in (low, high))
    if _both_int(low, high) and high - low == 2**64:
        return as_dtype(first + drawn, wanted)
    width = last - first
    offset = high_product(drawn, width)
    if not narrow:
        rest = high_product(wide_word(words(source, shape, MORE_DRAWS)), width)
        total = drawn * width + rest
        offset = offset + as_dtype(total < rest, UINT64)
    return as_dtype(first + offset, wanted)


def _both_int(low: Any, high: Any) -> bool:
    return type(low) is int and type(high) is int


def _check_range(low: Any, high: Any, dtype: DType) -> None:
    """What NumPy checks of bounds, where they are known."""
    limits = np.iinfo(dtype)
    if type(low) is int and low < int(limits.min):
        raise ValueError(f"low is out of bounds for {dtype}{at(user_location())}")
    if type(high) is int and high > int(limits.max) + 1:
        raise ValueError(f"high is out of bounds for {dtype}{at(user_location())}")
    if _both_int(low, high) and low >= high:
        raise ValueError(f"low >= high{at(user_location())}")


def _as_word(value: Any) -> Tracer:
    """An integer modulo 2**64."""
    if type(value) is int:
        return prepare(value % 2**64, UINT64, ())
    number = asarray(value)
    if not is_integer(number.dtype):
        raise TypeError(f"an integer is wanted, got {number.type}{at(user_location())}")
    return as_dtype(number, UINT64)


def high_product(x: Tracer, y: Tracer) -> Tracer:
    """The upper 64 bits of the product of two integers of 64 bits."""
    low = 2**32 - 1
    lowest = (x & low) * (y & low)
    middle = (x >> 32) * (y & low) + (lowest >> 32)
    other = (x & low) * (y >> 32) + (middle & low)
    result: Tracer = (x >> 32) * (y >> 32) + (middle >> 32) + (other >> 32)
    return result


# -- distributions of location and scale -------------------------------------------------------


def of_parameters(size: Any, dtype: Any, *parameters: Any) -> tuple[DType, Shape]:
    """The dtype and the shape of draws, one key's, from a distribution with these parameters."""
    values = [parameter(x) for x in parameters]
    wanted = common_dtype([*values, 1.0], "this distribution") if dtype is None else dtype
    wanted = as_numpy_dtype(wanted)
    if not is_float(wanted):
        raise TypeError(f"this distribution has floating values, not {wanted}{at(user_location())}")
    shape = as_shape(size) if size is not None else common_shape([shape_of(x) for x in values])
    return wanted, shape


def _is(value: Any, number: float) -> bool:
    return is_python_scalar(value) and value == number


def placed(drawn: Tracer, loc: Any, scale: Any) -> Tracer:
    """``loc + scale * drawn``; derivatives by both pass through."""
    if not _is(scale, 1.0):
        drawn = prepare(parameter(scale), drawn.dtype, drawn.shape) * drawn
    if not _is(loc, 0.0):
        drawn = prepare(parameter(loc), drawn.dtype, drawn.shape) + drawn
    return drawn


def parameter(value: Any) -> Any:
    """A parameter as a Python number or a traced array."""
    return value if python_type(value) is not None else asarray(value)


def _single(standard: Standard) -> Standard:
    """Half precision is drawn in single precision and rounded."""

    def draw(key: Tracer, shape: Shape, dtype: DType) -> Tracer:
        return as_dtype(standard(key, shape, FLOAT64 if dtype == FLOAT64 else FLOAT32), dtype)

    return draw


def _standard_normal(key: Tracer, shape: Shape, dtype: DType) -> Tracer:
    # G. Box and M. Muller, Ann. Math. Stat. 29 (1958): a radius and an angle.
    drawn = words(key, shape)
    if dtype == FLOAT64:
        radius, turn = fraction(drawn, dtype, 0.5), fraction(words(key, shape, MORE_DRAWS), dtype)
    else:
        # All bits of one word: the tail reaches as far as they do.
        radius = (as_dtype(drawn[0], dtype) + 0.5) * 2.0**-32
        turn = fraction(drawn, dtype)
    return rows.sqrt(rows.log(radius) * -2.0) * rows.cos(turn * (2.0 * math.pi))


def _side_and_tail(key: Tracer, shape: Shape, dtype: DType) -> tuple[Tracer, Tracer]:
    """1.0 or -1.0, and a probability between 0 and 1/2 of what lies beyond on that side."""
    drawn = words(key, shape)
    tail = fraction(drawn, dtype, 0.5) * 0.5
    one = prepare(1.0, dtype, tail.shape)
    # A bit that the fraction has left over.
    return rows.where((drawn[0] & 1) == 0, one, -one), tail


def _standard_exponential(key: Tracer, shape: Shape, dtype: DType) -> Tracer:
    return -rows.log1p(-fraction(words(key, shape), dtype))


def _standard_gumbel(key: Tracer, shape: Shape, dtype: DType) -> Tracer:
    return -rows.log(-rows.log(fraction(words(key, shape), dtype, 0.5)))


def _standard_laplace(key: Tracer, shape: Shape, dtype: DType) -> Tracer:
    side, tail = _side_and_tail(key, shape, dtype)
    return side * -rows.log(tail * 2.0)


def _standard_logistic(key: Tracer, shape: Shape, dtype: DType) -> Tracer:
    side, tail = _side_and_tail(key, shape, dtype)
    return side * (rows.log1p(-tail) - rows.log(tail))


def _standard_cauchy(key: Tracer, shape: Shape, dtype: DType) -> Tracer:
    side, tail = _side_and_tail(key, shape, dtype)
    return side / rows.tan(tail * math.pi)


def _family(standard: Standard) -> Callable[..., Tracer]:
    """The distributions that a standard one makes, moved and stretched."""
    drawn_as = _single(standard)

    def draw(
        key: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None
    ) -> Tracer:
        wanted, shape = of_parameters(size, dtype, loc, scale)
        return placed(drawn_as(asarray(key), shape, wanted), loc, scale)

    return draw


normal = _family(_standard_normal)
gumbel = _family(_standard_gumbel)
laplace = _family(_standard_laplace)
logistic = _family(_standard_logistic)
cauchy = _family(_standard_cauchy)


def exponential(key: Any, scale: Any = 1.0, size: Any = None, dtype: Any = None) -> Tracer:
    """Waiting times with the mean ``scale``."""
    wanted, shape = of_parameters(size, dtype, scale)
    return placed(_single(_standard_exponential)(asarray(key), shape, wanted), 0.0, scale)
