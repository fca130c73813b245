"""Attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import creation
from ...dtypes import here
from ...joining import cat
from ...node import Row
from ...reductions import SOFTMAX
from ...tensors import Tensor, record
from .activations import softmax
from .dense import linear
from .dropping import dropout


def _scores(q: Any, k: Any, *rest: Any) -> Any:
    *mask, scale = rest
    scores = np.matmul(q * scale, np.swapaxes(k, -1, -2))
    return scores + mask[0] if mask else scores


def _attend(q: Any, k: Any, v: Any, *rest: Any) -> Any:
    *mask, scale = rest
    return np.matmul(SOFTMAX.apply(_scores(q, k, *mask, scale), -1), v)


ATTEND = Row(
    "scaled_dot_product_attention",
    _attend,
    lambda kinds, scale: (
        "ScaledDotProductFlashAttentionForCpuBackward0"
        if len(kinds[0].type.shape) == 4
        else "UnsafeViewBackward0"
    ),
)
SCORES = Row("attention_scores", _scores, "UnsafeViewBackward0")


def _as_added(mask: Tensor, like: Tensor) -> Tensor:
    """A mask of what may be seen as numbers to add: minus infinity where it may not."""
    if mask.dtype.numpy.kind != "b":
        return mask
    zeros = creation.zeros(mask.shape, dtype=like.dtype)
    result: Tensor = zeros.masked_fill(~mask, -math.inf)
    return result


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Means of the values, weighted by the softmax of queries times keys.

    >>> q = k = v = torch.ones(1, 2, 3)
    >>> torch.nn.functional.scaled_dot_product_attention(q, k, v).shape
    torch.Size([1, 2, 3])
    """
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
                f"is_causal=True{here()}"
            )
        size = (query.shape[-2], key.shape[-2])
        attn_mask = creation.ones(size, dtype=query.dtype).tril() > 0
    if enable_gqa:
        shares = query.shape[-3] // key.shape[-3]
        key, value = (_repeated_heads(x, shares) for x in (key, value))
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    masks = () if attn_mask is None else (_as_added(attn_mask, query),)
    if not dropout_p:
        return record(ATTEND, (query, key, value, *masks), (factor,))
    weights = dropout(softmax(record(SCORES, (query, key, *masks), (factor,)), -1), dropout_p)
    return weights @ value


def _repeated_heads(x: Tensor, times: int) -> Tensor:
    *front, heads, length, width = x.shape
    wide = x.unsqueeze(-3).expand(*front, heads, times, length, width)
    result: Tensor = wide.reshape(*front, heads * times, length, width)
    return result


def _split_projection(
    query: Tensor, key: Tensor, value: Tensor, weights: Any, biases: Any
) -> list[Tensor]:
    return [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in several heads at once, between linear layers.

    Tensors are (length, batch, width), or (length, width) of a single example. Gives the result,
    and the weights (averaged over the heads, if asked) or None.

    >>> x = torch.ones(2, 1, 4)
    >>> w = torch.ones(12, 4), torch.zeros(12), torch.eye(4)
    >>> F = torch.nn.functional
    >>> out, weights = F.multi_head_attention_forward(
    ...     x, x, x, 4, 2, w[0], w[1], None, None, False, 0.0, w[2], None
    ... )
    >>> out.shape, weights.shape
    (torch.Size([2, 1, 4]), torch.Size([1, 2, 2]))
    """
    if query.shape[-1] != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got "
            f"{query.shape[-1]}{here()}"
        )
    single = query.ndim == 2
    if single:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    if use_separate_proj_weight:
        weights: Any = (q_proj_weight, k_proj_weight, v_proj_weight)
    else:
        weights = in_proj_weight.chunk(3)  # type: ignore[union-attr]
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    given = _split_projection(query, key, value, weights, biases)
    more = _more_elements(bias_k, bias_v, add_zero_attn, given)
    given[1:] = [cat([x, *rows]) for x, rows in zip(given[1:], more, strict=True)]
    attn_mask, key_padding_mask = (
        x if x is None else _widened(x, len(more[0])) for x in (attn_mask, key_padding_mask)
    )
    q, k, v = (_heads(x, num_heads) for x in given)
    if is_causal and attn_mask is None:
        raise RuntimeError(f"Need attn_mask if specifying the is_causal hint.{here()}")
    masks = _joined_masks(attn_mask, key_padding_mask, q, num_heads)
    factor = 1.0 / math.sqrt(q.shape[-1])
    if need_weights:
        seen = softmax(record(SCORES, (q, k, *masks), (factor,)), -1)
        seen = dropout(seen, dropout_p, training)
        mixed = seen @ v
    else:
        seen = None
        mask = masks[0] if masks else None
        mixed = scaled_dot_product_attention(q, k, v, mask, dropout_p if training else 0.0)
    length, batch = query.shape[:2]
    joined = mixed.permute(2, 0, 1, 3).reshape(length, batch, embed_dim_to_check)
    out = linear(joined, out_proj_weight, out_proj_bias)
    if seen is not None and average_attn_weights:
        seen = seen.mean(1)
    if single:
        return out.squeeze(1), None if seen is None else seen.squeeze(0)
    return out, seen


def _more_elements(
    bias_k: Tensor | None, bias_v: Tensor | None, zeros: bool, given: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Elements that are seen by all: learnt ones, and zeros, behind the keys and the values."""
    shape = (1, *given[1].shape[1:])
    keys, values = ([] if x is None else [x.expand(shape)] for x in (bias_k, bias_v))
    if zeros:
        keys.append(creation.zeros(shape, dtype=given[1].dtype))
        values.append(creation.zeros(shape, dtype=given[1].dtype))
    return keys, values


def _widened(mask: Tensor, count: int) -> Tensor:
    """A mask with as many elements more along the last dimension that are seen."""
    if not count:
        return mask
    return cat([mask, creation.zeros((*mask.shape[:-1], count), dtype=mask.dtype)], -1)


def _heads(x: Tensor, count: int) -> Tensor:
    """(length, batch, width) as (batch, heads, length, width of a head)."""
    length, batch, width = x.shape
    result: Tensor = x.reshape(length, batch, count, width // count).permute(1, 2, 0, 3)
    return result


def _joined_masks(
    mask: Tensor | None, padding: Tensor | None, q: Tensor, heads: int
) -> tuple[Tensor, ...]:
    """What is added to the scores; masks of bools say what must not be seen."""
    added: list[Any] = []
    if mask is not None:
        mask = _as_added(~mask, q) if mask.dtype.numpy.kind == "b" else mask
        if mask.ndim == 3:
            mask = mask.reshape(-1, heads, *mask.shape[1:])
        added.append(mask)
    if padding is not None:
        padding = _as_added(~padding, q) if padding.dtype.numpy.kind == "b" else padding
        added.append(padding.unsqueeze(1).unsqueeze(1))
    if len(added) == 2:
        return (added[0] + added[1],)
    return tuple(added)
