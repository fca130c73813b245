"""Looking for the operation whose gradient is not a number: ``torch.autograd.detect_anomaly``."""

from __future__ import annotations

import linecache
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .dtypes import here

if TYPE_CHECKING:
    from pullback.tracer.location import Location

    from .tensors import Tensor


class _Anomaly(threading.local):
    enabled = False
    check_nan = True


ANOMALY = _Anomaly()
"""The setting of the current thread."""


class set_detect_anomaly:
    """Check each step of backward passes for NaN, or no longer: at once, or within a block.

    >>> x = torch.tensor(0.0, requires_grad=True)
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     (x * 2).backward()
    >>> x.grad
    tensor(2.)
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = ANOMALY.enabled, ANOMALY.check_nan
        ANOMALY.enabled, ANOMALY.check_nan = mode, check_nan

    def __enter__(self) -> None:
        """Nothing: it is set already."""

    def __exit__(self, *exception: object) -> None:
        ANOMALY.enabled, ANOMALY.check_nan = self._before


class detect_anomaly(set_detect_anomaly):
    """Within the block, each step of backward passes is checked for NaN.

    The error names the backward node; a warning names the line that recorded the operation.

    >>> x = torch.tensor(4.0, requires_grad=True)
    >>> with torch.autograd.detect_anomaly():
    ...     torch.sqrt(x).backward()
    >>> x.grad
    tensor(0.2500)
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(False)
        self._wanted = check_nan

    def __enter__(self) -> None:
        ANOMALY.enabled, ANOMALY.check_nan = True, self._wanted


def is_anomaly_enabled() -> bool:
    """Whether backward passes are checked.

    >>> torch.is_anomaly_enabled()
    False
    """
    return ANOMALY.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether the check looks for NaN.

    >>> torch.is_anomaly_check_nan_enabled()
    True
    """
    return ANOMALY.check_nan


def check_result(name: str, given: Sequence[Tensor | None], where: Location | None) -> None:
    """Look at what a backward node gives.

    Raises:
        RuntimeError: torch's, if there is a NaN.
    """
    for i, ct in enumerate(given):
        if ct is not None and ANOMALY.check_nan and np.isnan(ct.value()).any():
            warn_of(name, where)
            raise RuntimeError(
                f"Function '{name}' returned nan values in its {i}th output.{here()}"
            )


def warn_of(name: str, where: Location | None) -> None:
    """Name the line that recorded the operation."""
    if where is None:
        return
    source = linecache.getline(where.file, where.line).strip()
    warnings.warn(
        f"Error detected in {name}. Traceback of forward call that caused the error:\n"
        f'  File "{where.file}", line {where.line}, in {where.function}\n    {source}\n',
        UserWarning,
        stacklevel=2,
    )
