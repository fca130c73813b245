"""What matrices are refused, in torch's words."""

from __future__ import annotations

from ..dtypes import here
from ..tensors import Tensor


def matrix(name: str, input: Tensor) -> None:
    """At least two dimensions, of floats.

    Raises:
        RuntimeError: torch's.
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"linalg.{name}: The input tensor A must have at least 2 dimensions.{here()}"
        )
    if input.dtype.numpy.kind not in "fc":
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got "
            f"{input.dtype.title}{here()}"
        )


def square(name: str, input: Tensor) -> None:
    """The same, and as many rows as columns.

    Raises:
        RuntimeError: torch's.
    """
    matrix(name, input)
    rows, columns = input.shape[-2:]
    if rows != columns:
        raise RuntimeError(
            f"linalg.{name}: A must be batches of square matrices, but they are {rows} by "
            f"{columns} matrices{here()}"
        )
