"""Trees: arguments and results as nested tuples, lists, dicts and registered containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import optree

TreeSpec: TypeAlias = optree.PyTreeSpec
NAMESPACE = "pullback"


def flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree and its structure; None is a tree without leaves.

    >>> flatten({"w": 1.0, "b": (2.0, None)})[0]
    [2.0, 1.0]
    """
    return optree.tree_flatten(tree, namespace=NAMESPACE)


def unflatten(spec: TreeSpec, leaves: Sequence[Any]) -> Any:
    """The tree of this structure with these leaves."""
    return optree.tree_unflatten(spec, leaves)


def spread_prefix(prefix: Any, tree: Any) -> list[Any]:
    """For each leaf of a tree the leaf of ``prefix``, a tree that begins as it does, above it.

    None is a leaf of a prefix.

    Raises:
        ValueError: if ``prefix`` does not begin as the tree does.

    >>> spread_prefix((0, None), ([1.0, 2.0], {"w": 3.0}))
    [0, 0, None]
    """
    above = optree.broadcast_prefix(prefix, tree, none_is_leaf=True, namespace=NAMESPACE)
    leaves = optree.tree_leaves(tree, none_is_leaf=True, namespace=NAMESPACE)
    return [x for x, leaf in zip(above, leaves, strict=True) if leaf is not None]


def register(
    cls: type,
    flatten: Callable[[Any], tuple[Sequence[Any], Any]],
    unflatten: Callable[[Any, Any], Any],
) -> None:
    """Make a class a kind of tree: ``flatten`` gives children and what else an instance is."""
    optree.register_pytree_node(cls, flatten, unflatten, namespace=NAMESPACE)
