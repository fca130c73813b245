"""`numpy.r_` and `numpy.c_` on traced values: arrays joined by writing them in brackets."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.errors import UnsupportedFunctionError, at
from pullback.tracer.location import user_location
from pullback.tracer.numpy.creation import asarray, contains_tracer
from pullback.tracer.numpy.joining import concatenate
from pullback.tracer.numpy.shaping import reshape

__all__ = ["c_", "r_"]


class Concatenator:
    """What joins its items, slices as ranges, along the first axis or, as columns, the last.

    >>> import pullback.numpy as pnp
    >>> pb.jit(lambda x: pnp.r_[0.0, x, 1:3])(np.array([5.0, 6.0]))
    array([0., 5., 6., 1., 2.])
    >>> pb.jit(lambda x: pnp.c_[x, x])(np.array([5.0, 6.0]))
    array([[5., 5.],
           [6., 6.]])
    """

    def __init__(self, concrete: Any, columns: bool) -> None:
        self._concrete = concrete
        self._columns = columns

    def __getitem__(self, items: Any) -> Any:
        parts = items if isinstance(items, tuple) else (items,)
        if not any(contains_tracer(x) for x in parts):
            return self._concrete[items]
        if any(isinstance(x, str) for x in parts):
            raise UnsupportedFunctionError(
                "directives in np.r_ and np.c_ have no meaning for traced values; use "
                f"np.concatenate or np.stack{at(user_location())}"
            )
        return concatenate([self._array(x) for x in parts], -1 if self._columns else 0)

    def _array(self, item: Any) -> Any:
        x = asarray(np.r_[item] if isinstance(item, slice) else item)
        if self._columns and x.ndim < 2:
            return reshape(x, (x.size, 1))
        return x if x.ndim else reshape(x, (1,))


r_ = Concatenator(np.r_, columns=False)
c_ = Concatenator(np.c_, columns=True)
