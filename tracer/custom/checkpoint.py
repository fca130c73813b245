"""Functions that reverse mode computes again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import tree
from ..primitives.call import Policy, Recompute, called
from ..transform import as_leaf, captured, trace_function


def checkpoint(
    function: Callable[..., Any],
    policy: Policy | None,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """The call of a function of which reverse mode keeps the operands, and what the policy says."""
    values, spec = tree.flatten((tuple(args), dict(kwargs)))
    leaves = [as_leaf(x) for x in values]

    def flat_function(*xs: Any) -> Any:
        args, kwargs = tree.unflatten(spec, xs)
        return function(*args, **kwargs)

    flat = trace_function(flat_function, leaves, at_arguments=True)
    return flat.result(called(flat.graph, Recompute(policy), [*leaves, *captured(flat)]))
