"""`numpy.vectorize` on traced values: the function is mapped, not called again and again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer.numpy.creation import asarray, contains_tracer
from pullback.tracer.numpy.promotion import common_shape, spread
from pullback.tracer.numpy.shaping import reshape

from ..transforms.batching import vmap

__all__ = ["vectorize"]


class vectorize(np.vectorize):  # pyright: ignore[reportIncompatibleVariableOverride]
    """`numpy.vectorize`; on traced arguments the function is traced once and mapped over them.

    >>> import pullback.numpy as pnp
    >>> clipped = pnp.vectorize(lambda x, top: np.where(x > top, top, x), excluded={1})
    >>> clipped(np.array([1.0, 3.0]), 2.0)
    array([1., 2.])
    >>> pb.grad(lambda x: np.sum(clipped(x, 2.0)))(np.array([1.0, 3.0]))
    array([1., 0.])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The results, each of the broadcast shape of the arguments."""
        if not contains_tracer((*args, *kwargs.values())):
            return super().__call__(*args, **kwargs)
        left_out: set[Any] = set(getattr(self, "excluded", ()))
        mapped = [n for n in (*range(len(args)), *kwargs) if n not in left_out]
        given: dict[Any, Any] = dict(enumerate(args))
        given.update(kwargs)
        pyfunc: Callable[..., Any] = self.pyfunc

        def one(*elements: Any) -> Any:
            now = {**given, **dict(zip(mapped, elements, strict=True))}
            return pyfunc(*[now[n] for n in range(len(args))], **{k: now[k] for k in kwargs})

        cores = _core_ndims(getattr(self, "signature", None), len(mapped))
        results = _mapped(one, [asarray(given[n]) for n in mapped], cores)
        return self._typed(results)

    def _typed(self, results: Any) -> Any:
        dtypes = getattr(self, "otypes", None)
        if not dtypes:
            return results
        if not isinstance(results, tuple):
            return results.astype(np.dtype(dtypes[0]))
        return tuple(x.astype(np.dtype(d)) for x, d in zip(results, dtypes, strict=True))


def _core_ndims(signature: str | None, count: int) -> list[int]:
    """How many of the last axes of each argument the function gets at once."""
    if signature is None:
        return [0] * count
    arguments = re.findall(r"\(([^)]*)\)", signature.split("->")[0])
    return [len([x for x in names.split(",") if x.strip()]) for names in arguments]


def _mapped(one: Callable[..., Any], values: list[Any], cores: list[int]) -> Any:
    shapes = [
        (x.shape[: x.ndim - n], x.shape[x.ndim - n :]) for x, n in zip(values, cores, strict=True)
    ]
    loop = common_shape([outer for outer, _ in shapes])
    if not loop:
        return one(*values)
    lines = [
        reshape(spread(x, (*loop, *core)), (int(np.prod(loop)), *core))
        for x, (_, core) in zip(values, shapes, strict=True)
    ]
    results = vmap(one)(*lines)
    several = isinstance(results, tuple)
    shaped = [reshape(x, (*loop, *x.shape[1:])) for x in (results if several else (results,))]
    return tuple(shaped) if several else shaped[0]
