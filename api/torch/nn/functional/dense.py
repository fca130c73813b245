"""Linear layers, and rows of tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.numpy.creation import positions
from pullback.tracer.primitives.elementwise import stop_gradient

from ... import products
from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record, wrapped


def _bilinear(x: Any, y: Any, weight: Any, bias: Any = None) -> Any:
    result = np.einsum("...i,oij,...j->...o", x, weight, y)
    return result if bias is None else result + bias


def _embedding(places: Any, weight: Any, padding: int | None) -> Any:
    rows: Any = np.take(weight, places, 0)
    if padding is None:
        return rows
    # The row of the padding is read, but gets no derivative.
    return np.where(np.expand_dims(places == padding, -1), stop_gradient(rows), rows)


def _bag(weight: Any, places: Any, groups: Any, *rest: Any) -> Any:
    *scales, count, mode, padding = rest
    rows: Any = np.take(weight, places, 0)
    if scales:
        rows = rows * scales[0][:, None]
    bags = positions(count)
    belongs = groups[None, :] == bags[:, None]
    if padding is not None:
        belongs = belongs & (places != padding)[None, :]
    if mode == "max":
        each = np.where(belongs[:, :, None], rows[None], -np.inf)
        greatest: Any = np.max(each, 1)
        empty = ~np.any(belongs, 1)[:, None]
        return np.where(empty, 0.0, greatest)
    sums = np.matmul(belongs.astype(weight.dtype), rows)
    if mode == "sum":
        return sums
    sizes = np.sum(belongs, 1).astype(weight.dtype)
    return sums / np.maximum(sizes, 1.0)[:, None]


BILINEAR = Row("bilinear", _bilinear, lambda k: f"{'Add' if len(k) > 3 else 'View'}Backward0")
EMBEDDING = Row("embedding", _embedding, "EmbeddingBackward0")
BAG = Row("embedding_bag", _bag, "EmbeddingBagBackward0")


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    >>> torch.nn.functional.linear(torch.ones(2), torch.eye(2), torch.ones(2))
    tensor([2., 2.])
    """
    x, w = input.node.info.kind.type, weight.node.info.kind.type
    if x.dtype != w.dtype or not x.shape or len(w.shape) != 2 or x.shape[-1] != w.shape[1]:
        # Told as what it is short for.
        return products.matmul(input, weight.t())
    given = (input, weight) if bias is None else (input, weight, bias)
    return record(products.LINEAR, given)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input1 @ weight[k] @ input2`` for each k, plus a bias.

    >>> torch.nn.functional.bilinear(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1, 2, 2))
    tensor([[4.]])
    """
    given = (input1, input2, weight)
    return record(BILINEAR, given if bias is None else (*given, bias))


def _check_places(places: Tensor, count: int) -> None:
    if places.dtype.numpy.kind != "i":
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{places.dtype.title}Tensor instead (while checking "
            f"arguments for embedding){here()}"
        )
    value = places.node.value
    if value is not None and value.size and (value.min() < 0 or value.max() >= count):
        raise IndexError(f"index out of range in self{here()}")


def _renormalised(weight: Tensor, places: Tensor, limit: float, order: float) -> None:
    """Rows that are looked up and longer than the limit are shortened, in place."""
    value = weight.value().copy()
    rows = np.unique(places.value())
    lengths = np.linalg.norm(value[rows], order, axis=1, keepdims=True)
    value[rows] *= np.where(lengths > limit, limit / (lengths + 1e-7), 1.0).astype(value.dtype)
    weight.detach().copy_(wrapped(value))


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of a table at the given places; that of the padding gets no gradient.

    >>> torch.nn.functional.embedding(torch.tensor([1]), torch.eye(2))
    tensor([[0., 1.]])
    """
    if sparse or scale_grad_by_freq:
        raise NotImplementedError(
            f"embedding: sparse and scale_grad_by_freq are not supported here{here()}"
        )
    _check_places(input, weight.shape[0])
    if max_norm is not None:
        _renormalised(weight, input, max_norm, norm_type)
    return record(EMBEDDING, (input, weight), (_padding(padding_idx, weight),))


def _padding(place: int | None, weight: Tensor) -> int | None:
    if place is None:
        return None
    if not -weight.shape[0] <= place < weight.shape[0]:
        raise AssertionError(f"Padding_idx must be within num_embeddings{here()}")
    return place % weight.shape[0]


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of a table summed, averaged, or the greatest of them: for each row of places.

    ``offsets``: the places are one list, in which the bags begin there.

    >>> torch.nn.functional.embedding_bag(torch.tensor([[0, 1]]), torch.eye(2), mode="sum")
    tensor([[1., 1.]])
    """
    if sparse or scale_grad_by_freq:
        raise NotImplementedError(
            f"embedding_bag: sparse and scale_grad_by_freq are not supported here{here()}"
        )
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}').{here()}"
        )
    groups, count = _bags(input, offsets, include_last_offset)
    places = input.reshape(-1)
    _check_places(places, weight.shape[0])
    if max_norm is not None:
        _renormalised(weight, places, max_norm, norm_type)
    given = [weight, places, wrapped(groups)]
    if per_sample_weights is not None:
        given.append(per_sample_weights.reshape(-1))
    return record(BAG, tuple(given), (count, mode, _padding(padding_idx, weight)))


def _bags(input: Tensor, offsets: Tensor | None, last: bool) -> tuple[Any, int]:
    """The bag of each place, and how many there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences.{here()}"
            )
        count, length = input.shape
        return np.repeat(np.arange(count), length), count
    if offsets is None:
        raise ValueError(f"offsets has to be a 1D Tensor but got {None}{here()}")
    starts = offsets.value()
    if last:
        starts = starts[:-1]
    return np.searchsorted(starts, np.arange(input.shape[0]), "right") - 1, len(starts)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A row for each number, with a one at its place.

    >>> torch.nn.functional.one_hot(torch.tensor([1, 0]))
    tensor([[0, 1],
            [1, 0]])
    """
    places = tensor.value()
    if places.size and places.min() < 0:
        raise RuntimeError(f"Class values must be non-negative.{here()}")
    count = int(places.max()) + 1 if num_classes == -1 else num_classes
    if places.size and places.max() >= count:
        raise RuntimeError(f"Class values must be smaller than num_classes.{here()}")
    return wrapped(np.eye(count, dtype=np.int64)[places])
