"""Decoders, and encoder and decoder together (Vaswani et al., 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ...dtypes import as_numpy, here
from ...tensors import Tensor, wrapped
from .. import functional as F
from .. import init
from .activations import Dropout
from .attention import MultiheadAttention, TransformerEncoder, TransformerEncoderLayer
from .containers import ModuleList
from .dense import Linear
from .module import Module
from .normalisation import LayerNorm


class TransformerDecoderLayer(Module):
    """Attention of a sequence to itself, then to another one, then two linear layers.

    >>> layer = torch.nn.TransformerDecoderLayer(4, 2, 8)
    >>> layer(torch.ones(3, 1, 4), torch.ones(5, 1, 4)).shape
    torch.Size([3, 1, 4])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype
        )
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        named: dict[Any, Any] = {"relu": F.relu, "gelu": F.gelu}
        if isinstance(activation, str) and activation not in named:
            raise RuntimeError(f"activation should be relu/gelu, not {activation}{here()}")
        self.activation = named.get(activation, activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(length, batch, d_model) to the same; ``memory`` is what the encoder gave."""
        own = (tgt_mask, tgt_key_padding_mask)
        other = (memory_mask, memory_key_padding_mask)
        if self.norm_first:
            x = tgt + self._attend_self(self.norm1(tgt), *own)
            x = x + self._attend_other(self.norm2(x), memory, *other)
            out: Tensor = x + self._feed(self.norm3(x))
            return out
        x = self.norm1(tgt + self._attend_self(tgt, *own))
        x = self.norm2(x + self._attend_other(x, memory, *other))
        result: Tensor = self.norm3(x + self._feed(x))
        return result

    def _attend_self(self, x: Tensor, mask: Tensor | None, padding: Tensor | None) -> Any:
        out, _ = self.self_attn(
            x, x, x, key_padding_mask=padding, need_weights=False, attn_mask=mask
        )
        return self.dropout1(out)

    def _attend_other(
        self, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None
    ) -> Any:
        out, _ = self.multihead_attn(
            x, memory, memory, key_padding_mask=padding, need_weights=False, attn_mask=mask
        )
        return self.dropout2(out)

    def _feed(self, x: Tensor) -> Any:
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerDecoder(Module):
    """Copies of a decoder layer, one after the other.

    >>> layer = torch.nn.TransformerDecoderLayer(4, 2, 8)
    >>> decoder = torch.nn.TransformerDecoder(layer, 2)
    >>> decoder(torch.ones(3, 1, 4), torch.ones(5, 1, 4)).shape
    torch.Size([3, 1, 4])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(decoder_layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, tgt: Tensor, memory: Tensor, *masks: Any, **named: Any) -> Tensor:
        """(length, batch, d_model) to the same; the masks are those of the layers."""
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks, **named)
        if self.norm is not None:
            tgt = self.norm(tgt)
        return tgt


class Transformer(Module):
    """An encoder, and a decoder that attends to what that gives.

    >>> model = torch.nn.Transformer(4, 2, 1, 1, 8)
    >>> model(torch.ones(5, 1, 4), torch.ones(3, 1, 4)).shape
    torch.Size([3, 1, 4])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        kinds = (batch_first, norm_first, bias, device, dtype)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*sizes, *kinds)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        else:
            self.encoder = custom_encoder
        if custom_decoder is None:
            last = TransformerDecoderLayer(*sizes, *kinds)
            self.decoder = TransformerDecoder(last, num_decoder_layers, norm())
        else:
            self.decoder = custom_decoder
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(S, N, d_model) and (T, N, d_model) to (T, N, d_model)."""
        if src.ndim == 3 and src.shape[not self.batch_first] != tgt.shape[not self.batch_first]:
            raise RuntimeError(f"the batch number of src and tgt must be equal{here()}")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model{here()}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask)
        result: Tensor = self.decoder(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        )
        return result

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """(sz, sz): minus infinity where a place would look at one that comes later.

        >>> torch.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return wrapped(np.triu(np.full((sz, sz), -np.inf, as_numpy(dtype)), 1))
