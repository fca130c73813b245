"""A function for a whole batch, made of one for an item: ``torch.vmap``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from pullback.tracer import tree

from .dtypes import here
from .levels import Level, close_batched, enter_batched
from .tensors import Tensor

Function = Callable[..., Any]


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Function:
    """A function for batches, made of one for single items.

    The function is called once, with tensors that have no values: an ``if`` on them raises.

    Args:
        func: gives tensors.
        in_dims: along which axis of each argument the batch lies; None for what is the same for
            all items. An int, or a tree that begins as the arguments do.
        out_dims: where it lies in the results.
        randomness: ``"error"`` refuses random numbers within; ``"same"`` draws them once for all
            items; ``"different"`` is not supported.
        chunk_size: how many items to do at once.

    >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.arange(6.0).reshape(2, 3))
    tensor([ 3., 12.])
    """
    name = getattr(func, "__name__", repr(func))
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}{here()}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(
            f"vmap: chunk_size should be None or greater than 0. (got {chunk_size}){here()}"
        )
    _check_out_dims(name, out_dims)

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, dims, spec = _placed(name, in_dims, args)
        size = _size(leaves, dims)
        run = _Run(func, name, out_dims, randomness, kwargs)
        if chunk_size is None or chunk_size >= size:
            return run.once(leaves, dims, spec, size)
        return run.in_chunks(leaves, dims, spec, size, chunk_size)

    return batched


def _check_out_dims(name: str, out_dims: Any) -> None:
    if not all(isinstance(x, int) for x in tree.flatten(out_dims)[0]):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python "
            "collection of ints representing where in the outputs the vmapped dimension should "
            f"appear.{here()}"
        )


def _placed(
    name: str, in_dims: Any, args: tuple[Any, ...]
) -> tuple[list[Any], list[int | None], tree.TreeSpec]:
    """The leaves of the arguments, and along which axis of each the batch lies."""
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a "
            f"(potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
            f"{here()}"
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are "
            "trying to vmap over a function with no inputs. The latter is unsupported."
            f"{here()}"
        )
    leaves, spec = tree.flatten(args)
    try:
        dims = tree.spread_prefix(in_dims, args)
    except ValueError:
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the "
            f"structure of `inputs`. in_dims has structure {tree.flatten(in_dims)[1]} but inputs "
            f"has structure {spec}.{here()}"
        ) from None
    return leaves, [_axis(name, in_dims, d, x) for d, x in zip(dims, leaves, strict=True)], spec


def _axis(name: str, in_dims: Any, dim: Any, x: Any) -> int | None:
    if dim is None:
        return None
    asked = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for "
    if not isinstance(dim, int):
        raise ValueError(f"{asked}an input but in_dim must be either an integer or None.{here()}")
    if not isinstance(x, Tensor):
        raise ValueError(
            f"{asked}an input but the input is of type {type(x)}. We cannot vmap over non-Tensor "
            f"arguments, please use None as the respective in_dim{here()}"
        )
    if not -x.dim() <= dim < x.dim():
        raise ValueError(
            f"{asked}some input, but that input is a Tensor of dimensionality {x.dim()} so "
            f"expected in_dim to satisfy -{x.dim()} <= in_dim < {x.dim()}.{here()}"
        )
    return dim % x.dim()


def _size(leaves: Sequence[Any], dims: Sequence[int | None]) -> int:
    sizes = [x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError(f"vmap: Expected at least one Tensor to vmap over{here()}")
    if any(n != sizes[0] for n in sizes):
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension{here()}"
        )
    return int(sizes[0])


class _Run:
    """A call of a function for a batch."""

    def __init__(
        self, func: Function, name: str, out_dims: Any, randomness: str, kwargs: dict[str, Any]
    ) -> None:
        self.func, self.name, self.out_dims = func, name, out_dims
        self.randomness, self.kwargs = randomness, kwargs

    def once(
        self, leaves: Sequence[Any], dims: Sequence[int | None], spec: tree.TreeSpec, size: int
    ) -> Any:
        """All items at once."""
        level = Level("vmap", size, self.randomness)
        with level.around():
            entered = [
                x if d is None else enter_batched(level, x, d)
                for x, d in zip(leaves, dims, strict=True)
            ]
            result = self.func(*tree.unflatten(spec, entered), **self.kwargs)
            outputs, of = tree.flatten(result)
            places = self._out_axes(result, outputs, of)
            closed = close_batched(level, [x for x in outputs if isinstance(x, Tensor)])
        rest = iter(closed)
        found = [_moved(x, next(rest), d, self.name) for x, d in zip(outputs, places, strict=True)]
        return tree.unflatten(of, found)

    def _out_axes(self, result: Any, outputs: Sequence[Any], of: tree.TreeSpec) -> list[Any]:
        for x in outputs:
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"vmap({self.name}, ...): `{self.name}` must only return Tensors, got type "
                    f"{type(x)}. Did you mean to set out_dims= to None for output?{here()}"
                )
        try:
            return tree.spread_prefix(self.out_dims, result)
        except ValueError:
            raise ValueError(
                f"vmap({self.name}, ..., out_dims={self.out_dims})(<inputs>): out_dims is not "
                f"compatible with the structure of `outputs`. out_dims has structure "
                f"{tree.flatten(self.out_dims)[1]} but outputs has structure {of}.{here()}"
            ) from None

    def in_chunks(
        self,
        leaves: Sequence[Any],
        dims: Sequence[int | None],
        spec: tree.TreeSpec,
        size: int,
        chunk: int,
    ) -> Any:
        """Some items at a time, the results one behind the other."""
        from .joining import cat

        parts = []
        for first in range(0, size, chunk):
            count = min(chunk, size - first)
            some = [
                x if d is None else x.narrow(d, first, count)
                for x, d in zip(leaves, dims, strict=True)
            ]
            parts.append(self.once(some, dims, spec, count))
        flat = [tree.flatten(p)[0] for p in parts]
        places = tree.spread_prefix(self.out_dims, parts[0])
        of = tree.flatten(parts[0])[1]
        return tree.unflatten(
            of, [cat(x, d) for x, d in zip(zip(*flat, strict=True), places, strict=True)]
        )


def _moved(item: Tensor, batch: Tensor, dim: int | None, name: str) -> Tensor:
    """The results of all items, the axis of the batch where it is wanted."""
    if dim is None:
        found: Tensor = batch[0]
        return found
    return batch if dim == 0 else batch.movedim(0, dim)
