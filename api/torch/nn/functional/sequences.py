"""The loss of labels that are aligned with longer sequences: temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from pullback.tracer.control.loops import scan
from pullback.tracer.primitives.elementwise import broadcast_scalar, stop_gradient
from pullback.tracer.primitives.elementwise import where as choose

from ...dtypes import here
from ...node import Row
from ...rows import counted
from ...tensors import Tensor, record, wrapped
from .reducing import weighted

Array = np.ndarray[Any, Any]

_NEVER = -1e30
"""The logarithm of a probability that counts as 0, whose differences are numbers still."""


def _losses(x: Any, labels: Any, times: Any, lengths: Any, skips: Any) -> Any:
    """The logarithms, negated, of the probabilities of all alignments of each sequence.

    A. Graves et al., "Connectionist temporal classification" (2006): labels with blanks between
    are gone through from left to right; a blank between different labels may be skipped.
    """
    read: Any = np.take_along_axis(x, np.broadcast_to(labels, (len(x), *labels.shape)), 2)
    never = broadcast_scalar(_NEVER, read[0])
    begins: Any = np.broadcast_to(counted(labels.shape[-1]) < 2, never.shape)

    def step(alpha: Any, item: Any) -> tuple[Any, Any]:
        now, number = item
        before: Any = np.pad(alpha, ((0, 0), (2, 0)), constant_values=_NEVER)
        skipped = choose(skips, before[:, :-2], never)
        reached: Any = np.logaddexp(np.logaddexp(alpha, before[:, 1:-1]), skipped) + now
        goes_on: Any = np.broadcast_to((number < times)[:, None], alpha.shape)
        return choose(goes_on, reached, alpha), number

    steps = counted(len(x) - 1) + 1
    alpha, _ = scan(step, choose(begins, read[0], never), (read[1:], steps))
    ends = np.stack([2 * lengths, np.maximum(2 * lengths - 1, 0)], 1)
    last: Any = np.take_along_axis(alpha, ends, 1)
    some: Any = choose(lengths > 0, last[:, 1], never[:, 0])
    found: Any = -np.logaddexp(last[:, 0], some)
    impossible: Any = found > -_NEVER / 2
    loss: Any = choose(impossible, broadcast_scalar(np.inf, found), found)
    return loss + _normalised(x, times)


def _normalised(x: Any, times: Any) -> Any:
    """Zeros, whose derivatives are those of the sums of probabilities.

    Torch's derivatives are by numbers whose exponentials add up to 1 at each step, and stay so.
    """
    sums: Any = np.sum(np.exp(x), -1)
    seen: Any = counted(len(x))[:, None] < times[None, :]
    kept = choose(seen, sums - stop_gradient(sums), broadcast_scalar(0.0, sums))
    return np.sum(kept, 0)


CTC = Row("ctc_loss", _losses, "CtcLossBackward0")


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """How improbable labels are, however they are aligned with a longer sequence.

    Args:
        log_probs: logarithms of the probabilities of the labels, (T, N, C) or (T, C).
        targets: labels, (N, S), or those of all sequences one after another.
        input_lengths: how many of the T each sequence has.
        target_lengths: how many labels each has.
        blank: the label that stands for none.
        reduction: "none", "sum", or "mean" over sequences of the losses for a label.
        zero_infinity: losses of sequences that are too short for their labels count as 0.

    >>> x = torch.zeros(2, 1, 2).log_softmax(-1)
    >>> torch.nn.functional.ctc_loss(x, torch.tensor([[1]]), (2,), (1,))
    tensor(0.2877)
    """
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"{reduction} is not a valid value for reduction{here()}")
    single = log_probs.ndim == 2
    x: Any = log_probs.unsqueeze(1) if single else log_probs
    times, lengths = (_lengths(n) for n in (input_lengths, target_lengths))
    for name, sizes in (("input_lengths", times), ("target_lengths", lengths)):
        if len(sizes) != x.shape[1]:
            raise RuntimeError(f"{name} must be of size batch_size{here()}")
    if times.max(initial=0) > x.shape[0]:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {x.shape[0]}, but got value "
            f"{times.max()} (while checking arguments for ctc_loss_allocate_outputs){here()}"
        )
    labels = _extended(targets.value(), lengths, blank)
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    given = (x, *(wrapped(a) for a in (labels, times, lengths, skips)))
    loss: Any = record(CTC, given)
    if zero_infinity:
        loss = loss.masked_fill(loss == float("inf"), 0.0)
    if reduction == "mean":
        return (loss / wrapped(np.maximum(lengths, 1).astype(x.dtype.numpy))).mean()  # type: ignore[no-any-return]
    return weighted(loss[0] if single and reduction == "none" else loss, None, reduction)


def _lengths(given: Any) -> Array:
    value = given.value() if isinstance(given, Tensor) else np.array(given)
    return value.reshape(-1).astype(np.int64)


def _extended(targets: Array, lengths: Array, blank: int) -> Array:
    """The labels of each sequence with blanks between and around; blanks fill it up."""
    count = max(int(lengths.max(initial=0)), 1)
    labels = np.full((len(lengths), 2 * count + 1), blank, np.int64)
    if targets.ndim == 1:
        lines = np.split(targets, np.cumsum(lengths)[:-1])
    else:
        lines = list(targets)
    for row, line, n in zip(labels, lines, lengths, strict=True):
        row[1 : 2 * n : 2] = line[:n]
    return labels
