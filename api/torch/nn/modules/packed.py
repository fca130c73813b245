"""Recurrent layers over packed sequences: each ends where it ends.

The sequences are run padded: what comes behind the end of one changes nothing before it. Backwards,
each is turned round within its length.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import joining
from ...tensors import Tensor
from ..functional.dropping import dropout
from ..utils.rnn import PackedSequence, padded, sorted_lengths, taken


def run_packed(module: Any, sequence: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
    """What a recurrent layer gives: the states after each element, packed, and the last ones."""
    run = padded(sequence)
    lengths = sorted_lengths(sequence)
    initial = module.initial(run, _permuted(hx, sequence.sorted_indices), single=False)
    last: list[tuple[Tensor, ...]] = []
    for layer in range(module.num_layers):
        ways: list[Tensor] = []
        for suffix in module.suffixes(layer):
            state = tuple(x[len(last)] for x in initial)
            shown, ends = _one_way(module, run, state, suffix, lengths)
            ways.append(shown)
            last.append(ends)
        run = ways[0] if len(ways) == 1 else joining.cat(ways, -1)
        if module.dropout and layer < module.num_layers - 1:
            run = dropout(run, module.dropout, module.training)
    ends = tuple(joining.stack(list(parts)) for parts in zip(*last, strict=True))
    ends = _permuted(ends, sequence.unsorted_indices)
    steps, columns = np.nonzero(np.arange(run.shape[0])[:, None] < lengths)
    data = taken(run, steps * run.shape[1] + columns)
    return sequence._replace(data=data), ends if module.mode == "LSTM" else ends[0]


def _permuted(state: Any, order: Tensor | None) -> Any:
    if state is None or order is None:
        return state
    if isinstance(state, (tuple, list)):
        return tuple(x.index_select(1, order) for x in state)
    return state.index_select(1, order)


def _one_way(
    module: Any, run: Tensor, state: tuple[Tensor, ...], suffix: str, lengths: Any
) -> tuple[Tensor, tuple[Tensor, ...]]:
    steps, batch = run.shape[:2]
    columns = np.arange(batch)
    places = np.arange(steps)[:, None]
    turned = np.where(places < lengths, lengths - 1 - places, places) * batch + columns
    reverse = suffix.endswith("reverse")
    if reverse:
        run = taken(run, turned)
    found: Tensor = module.states(run, state, suffix, reverse=False)
    size = module.proj_size or module.hidden_size
    end = taken(found, (lengths - 1) * batch + columns)
    shown = found[..., :size] if module.mode == "LSTM" else found
    ends = (end[:, :size], end[:, size:]) if module.mode == "LSTM" else (end,)
    return taken(shown, turned) if reverse else shown, ends
