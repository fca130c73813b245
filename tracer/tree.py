"""Trees: arguments and results as nested tuples, lists, dicts and registered containers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import optree

TreeSpec: TypeAlias = optree.PyTreeSpec


def flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree and its structure; None is a tree without leaves.

    >>> flatten({"w": 1.0, "b": (2.0, None)})[0]
    [2.0, 1.0]
    """
    return optree.tree_flatten(tree)


def unflatten(spec: TreeSpec, leaves: Sequence[Any]) -> Any:
    """The tree of this structure with these leaves."""
    return optree.tree_unflatten(spec, leaves)
