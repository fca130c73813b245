"""Sequences of different lengths: padded, or packed one element after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record, wrapped

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """Sequences without padding: the first elements of all, then the second ones, and so on.

    ``batch_sizes`` tells how many sequences have a first, a second, ... element; the longest are
    first, ``sorted_indices`` are their places in the batch, None if they were sorted already.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).data
    tensor([1, 3, 2])
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with the elements in another dtype."""
        return self._replace(data=self.data.to(*args, **kwargs))


def _take(x: Any, places: Any) -> Any:
    return np.take(np.reshape(x, (-1, *x.shape[2:])), places, 0)


def _spread(x: Any, places: Any, valid: Any, padding: float) -> Any:
    taken = np.take(x, places, 0)
    mask = np.reshape(valid, (*valid.shape, *(1,) * (taken.ndim - valid.ndim)))
    return np.where(mask, taken, np.asarray(padding).astype(x.dtype))


PACK = Row("pack_padded_sequence", _take, "PackPaddedSequenceBackward0")
PAD = Row("pad_packed_sequence", _spread, "CopySlices")


def _numbers(lengths: Any) -> Any:
    return np.asarray(lengths.value() if isinstance(lengths, Tensor) else lengths, np.int64)


def taken(x: Tensor, places: Any) -> Tensor:
    """The elements at places (row, column) of the first two axes, in the order of the places."""
    return record(PACK, (x, wrapped(places)))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else wrapped(np.argsort(permutation.value()))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences (length, batch, ...) without their padding.

    Unless ``enforce_sorted`` is false, the longest must come first.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.pack_padded_sequence(torch.tensor([[1, 3], [2, 0]]), [2, 1]).batch_sizes
    tensor([2, 1])
    """
    counts = _numbers(lengths)
    x: Tensor = input.transpose(0, 1) if batch_first else input
    if len(counts) != x.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
            f"(batch_size={x.shape[1]}){here()}"
        )
    if (counts <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            f"that is <= 0{here()}"
        )
    order = np.argsort(-counts, kind="stable")
    if enforce_sorted and (np.diff(counts) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            f"sidestep this requirement if you do not need ONNX exportability.{here()}"
        )
    present = np.arange(counts.max())[:, None] < counts[order]
    steps, columns = np.nonzero(present)
    data = taken(x, steps * x.shape[1] + order[columns])
    sizes = wrapped(present.sum(1))
    if enforce_sorted:
        return PackedSequence(data, sizes)
    return PackedSequence(data, sizes, wrapped(order), wrapped(np.argsort(order)))


def sorted_lengths(sequence: PackedSequence) -> Any:
    """The lengths, the longest first."""
    sizes = sequence.batch_sizes.value()
    return (np.arange(sizes[0]) < sizes[:, None]).sum(0)


def padded(sequence: PackedSequence, padding: float = 0.0, total: int | None = None) -> Tensor:
    """(length, batch, ...), the longest sequences first."""
    sizes = sequence.batch_sizes.value()
    steps = len(sizes) if total is None else total
    if steps < len(sizes):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={steps} and max sequence length being {len(sizes)}{here()}"
        )
    valid = np.arange(steps)[:, None] < sorted_lengths(sequence)
    places = np.zeros(valid.shape, np.int64)
    places[valid] = np.arange(int(sizes.sum()))
    return record(PAD, (sequence.data, wrapped(places), wrapped(valid)), (float(padding),))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The sequences padded again, in the order that they had, and their lengths.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.pad_packed_sequence(rnn.pack_sequence([torch.ones(2), torch.ones(1)]))
    (tensor([[1., 1.],
            [1., 0.]]), tensor([2, 1]))
    """
    found = padded(sequence, padding_value, total_length)
    found = found.transpose(0, 1) if batch_first else found
    lengths = sorted_lengths(sequence)
    if sequence.unsorted_indices is not None:
        found = found.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.value()]
    return found, wrapped(lengths)


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (length, ...) side by side, (longest, batch, ...), with padding.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    from ... import joining
    from .. import functional as F

    most = max(x.shape[0] for x in sequences)
    lines: list[Tensor] = []
    for x in sequences:
        more = most - x.shape[0]
        around = (0, more) if padding_side == "right" else (more, 0)
        lines.append(F.pad(x, (0, 0) * (x.ndim - 1) + around, value=padding_value))
    made: Tensor = joining.stack(lines, 0 if batch_first else 1)
    return made


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, each of its own length.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.unpad_sequence(torch.tensor([[1, 3], [2, 0]]), [2, 1])
    [tensor([1, 2]), tensor([3])]
    """
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [x[i, :n] for i, n in enumerate(_numbers(lengths).tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (length, ...) packed.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).batch_sizes
    tensor([2, 1])
    """
    lengths = [x.shape[0] for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed.

    >>> from pullback.torch.nn.utils import rnn
    >>> rnn.unpack_sequence(rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences))
