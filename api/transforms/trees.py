"""Trees of arrays as vectors, for optimisers that take vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pullback.tracer import tree
from pullback.tracer.errors import at
from pullback.tracer.location import user_location
from pullback.tracer.trace import Tracer


def ravel_tree(tree_of_arrays: Any) -> tuple[np.ndarray[Any, Any], Callable[[Any], Any]]:
    """All numbers of a tree as one vector, and the function that makes the tree again.

    For optimisers that take vectors. Numbers and vectors may be traced.

    Raises:
        ValueError: from the function, for anything but a vector of so many numbers.

    >>> vector, restore = pb.ravel_tree({"a": np.ones(2), "b": 3.0})
    >>> print(vector, restore(vector)["b"])
    [1. 1. 3.] 3.0
    """
    leaves, spec = tree.flatten(tree_of_arrays)
    arrays = [x if isinstance(x, Tracer) else np.asarray(x) for x in leaves]
    vector = np.concatenate([a.ravel() for a in arrays]) if arrays else np.zeros(0)
    size = vector.size

    def restore(vector: Any) -> Any:
        if np.shape(vector) != (size,):
            raise ValueError(
                f"the tree is made of a vector of shape ({size},), got {np.shape(vector)}"
                f"{at(user_location())}"
            )
        parts, start = [], 0
        for a in arrays:
            parts.append(vector[start : start + a.size].reshape(a.shape))
            start += a.size
        return tree.unflatten(spec, parts)

    return vector, restore
