"""The loss of sequences whose labels are not aligned with them (Graves et al., 2006)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record, wrapped

_NEVER = -1e30
"""The logarithm of what cannot be; not infinite, so that derivatives are numbers."""


def _losses(logs: Any, labels: Any, jumps: Any, last: Any, lengths: Any, again: bool) -> Any:
    """Minus the logarithms of the labels' probabilities, by the forward recursion.

    Works on logs (T, N, C); labels with blanks between (N, L); where a blank may be jumped over;
    (N, L) what the sequence may end in; and the lengths (N).
    """
    steps, count, _ = logs.shape
    first = np.arange(labels.shape[1]) < 2

    def emitted(t: int) -> Any:
        return np.take_along_axis(logs[t], labels, 1)

    def shifted(alpha: Any, by: int) -> Any:
        front = np.full((count, by), _NEVER)
        return np.concatenate([front.astype(logs.dtype), alpha[:, :-by]], 1)

    alpha = np.where(first, emitted(0), _NEVER)
    for t in range(1, steps):
        near = np.logaddexp(alpha, shifted(alpha, 1)) if labels.shape[1] > 1 else alpha
        if labels.shape[1] > 2:
            far = np.where(jumps, shifted(alpha, 2), _NEVER)
            near = np.logaddexp(near, far)
        moved = np.maximum(near + emitted(t), _NEVER)
        alpha = np.where((t < lengths)[:, None], moved, alpha)
    ends = np.where(last, alpha, _NEVER)
    top = np.max(ends, 1)
    found = -(top + np.log(np.sum(np.exp(ends - top[:, None]), 1)))
    return np.where(found > -_NEVER / 2, 0.0 if again else np.inf, found)


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
    """How unlikely the labels are, in any alignment: connectionist temporal classification.

    Args:
        log_probs: (T, N, C), or (T, C): logarithms of probabilities.
        targets: (N, S), or all labels one after the other.
        input_lengths: how many of the T steps each sequence has.
        target_lengths: how many labels each has.
        blank: the class that stands between labels.
        reduction: "none", "sum", or "mean" of the losses over the numbers of labels.
        zero_infinity: labels that are too many for their sequence give 0, not infinity.

    The gradient is the derivative by ``log_probs``; torch's is that by what `log_softmax` was made
    of, which comes out the same where that is what gave them.

    >>> logs = torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log()
    >>> torch.nn.functional.ctc_loss(logs, torch.tensor([1]), (2,), (1,)).exp()
    tensor(1.3333)
    """
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"{reduction} is not a valid value for reduction{here()}")
    batched = log_probs.ndim == 3
    logs = log_probs if batched else log_probs.unsqueeze(1)
    lengths, counts = (_numbers(x) for x in (input_lengths, target_lengths))
    _check(logs, lengths, counts)
    labels, jumps, last = _with_blanks(_numbers(targets), counts, blank)
    losses = record(
        CTC,
        (logs, wrapped(labels), wrapped(jumps), wrapped(last), wrapped(lengths)),
        (zero_infinity,),
    )
    result: Tensor
    if reduction == "none":
        result = losses if batched else losses.squeeze(0)
    elif reduction == "sum":
        result = losses.sum()
    else:
        shares = np.maximum(counts, 1).astype(log_probs.dtype.numpy)
        result = (losses / wrapped(shares)).mean()
    return result


def _numbers(x: Any) -> Any:
    array = x.detach().value() if isinstance(x, Tensor) else np.asarray(x)
    return np.array(array, np.int64) if array.ndim else np.array([array], np.int64)


def _check(logs: Tensor, lengths: Any, counts: Any) -> None:
    steps, batch, _ = logs.shape
    if len(lengths) != batch or len(counts) != batch:
        what = "input_lengths" if len(lengths) != batch else "target_lengths"
        raise RuntimeError(f"{what} must be of size batch_size{here()}")
    if lengths.max(initial=0) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value "
            f"{int(lengths.max())} (while checking arguments for ctc_loss_allocate_outputs){here()}"
        )


def _with_blanks(targets: Any, counts: Any, blank: int) -> tuple[Any, Any, Any]:
    """Labels with a blank before, between and after; what may be jumped over; possible ends."""
    most = int(counts.max(initial=0))
    labels = np.full((len(counts), 2 * most + 1), blank)
    starts = np.cumsum(counts) - counts
    for i, n in enumerate(counts):
        row = targets[i] if targets.ndim == 2 else targets[starts[i] :]
        labels[i, 1 : 2 * n : 2] = row[:n]
    jumps = np.zeros(labels.shape, bool)
    jumps[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    places = np.arange(labels.shape[1])
    last = (places == 2 * counts[:, None]) | (places == 2 * counts[:, None] - 1)
    return labels, jumps, last
