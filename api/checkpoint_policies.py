"""Which values reverse mode keeps of a function under `checkpoint`.

A policy is asked about each value in the function: ``policy(primitive, *operand_types, **params)``.

>>> layer = pb.checkpoint(np.tanh, policy=pb.checkpoint_policies.dots_saveable)
>>> pb.grad(layer)(0.0)
np.float64(1.0)
"""

from __future__ import annotations

from typing import Any

from pullback.tracer.primitive import Primitive
from pullback.tracer.types import ArrayType

__all__ = ["dots_saveable", "everything_saveable", "nothing_saveable"]


def everything_saveable(primitive: Primitive, *types: ArrayType, **params: Any) -> bool:
    """Keep all, as without `checkpoint`.

    >>> pb.grad(pb.checkpoint(np.sin, policy=pb.checkpoint_policies.everything_saveable))(0.0)
    np.float64(1.0)
    """
    return True


def nothing_saveable(primitive: Primitive, *types: ArrayType, **params: Any) -> bool:
    """Keep nothing but the arguments, as without a policy.

    >>> pb.grad(pb.checkpoint(np.sin, policy=pb.checkpoint_policies.nothing_saveable))(0.0)
    np.float64(1.0)
    """
    return False


def dots_saveable(primitive: Primitive, *types: ArrayType, **params: Any) -> bool:
    """Keep products of matrices, and compute all else again.

    >>> policy = pb.checkpoint_policies.dots_saveable
    >>> pb.grad(pb.checkpoint(lambda x: np.sum(np.sin(x @ x)), policy=policy))(np.zeros((1, 1)))
    array([[0.]])
    """
    return primitive.name == "dot"
