"""What optimisers have in common: groups of parameters, and what is remembered of each."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import memory
from ..dtypes import here
from ..modes import enable_grad, no_grad
from ..node import Node, Row, number
from ..rows import like_first
from ..tensors import Tensor, record, wrapped
from ..writing import assign

required: Any = object()
"""The default of an option that has to be given."""


def formula(name: str, apply: Callable[..., Any]) -> Row:
    """A step of an optimiser: computed in the dtype of its first operand."""
    return Row(name, apply, None, like_first)


class Optimizer:
    """Groups of parameters with options, and a state for each parameter.

    Sub-classes define ``move``, which writes a parameter's new value down; what it computes is
    compiled together with what comes next.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got torch.{params.dtype.title}Tensor{here()}"
            )
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._numbers: dict[float, Node] = {}
        given = list(params)
        if not given:
            raise ValueError(f"optimizer got an empty parameter list{here()}")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, with options of their own where they are given."""
        group = dict(param_group)
        params = group["params"]
        group["params"] = [params] if isinstance(params, Tensor) else _only_tensors(params)
        for p in group["params"]:
            if not p.is_leaf:
                raise ValueError(f"can't optimize a non-leaf Tensor{here()}")
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter "
                    f"{name}{here()}"
                )
            group.setdefault(name, default)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        if any(id(p) in known for p in group["params"]):
            raise ValueError(f"some parameters appear in more than one parameter group{here()}")
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.gradient is not None:
                    p.gradient.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters; gives what the closure gives, which is called first."""
        result = None
        if closure is not None:
            with enable_grad():
                result = closure()
        self._numbers = {}
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.gradient is not None:
                        gradient = self.prepared(group, p, p.gradient)
                        self.move(group, p, gradient, self.state[p])
        return result

    def prepared(self, group: dict[str, Any], p: Tensor, gradient: Tensor) -> Tensor:
        """The gradient, turned round to maximise, and with that of the weight decay.

        Decoupled, that is not part of the gradient.
        """
        decay = 0 if group.get("decoupled_weight_decay") else group.get("weight_decay", 0)
        maximize = group.get("maximize", False)
        if not decay and not maximize:
            return gradient
        return self.computed(_PREPARED, (gradient, p), (), (decay, maximize))

    def move(
        self, group: dict[str, Any], p: Tensor, gradient: Tensor, state: dict[str, Any]
    ) -> None:
        """Give a parameter its next value."""
        raise NotImplementedError

    # -- for sub-classes -----------------------------------------------------------------------

    def computed(
        self,
        row: Row,
        tensors: tuple[Tensor, ...],
        numbers: tuple[float, ...] = (),
        params: Any = (),
    ) -> Tensor:
        """The tensor of a formula. Numbers that change from step to step are not part of it."""
        return record(row, (*tensors, *[self._number(x) for x in numbers]), params)

    def _number(self, value: Any) -> Node:
        """One node for all parameters that take the number in this step."""
        if isinstance(value, Tensor):
            value = value.item()
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = number(float(value))
        return found

    def put(
        self,
        target: Tensor,
        row: Row,
        tensors: tuple[Tensor, ...],
        numbers: tuple[float, ...] = (),
        params: Any = (),
    ) -> None:
        """Give a tensor the value of a formula of itself and others."""
        assign(target, self.computed(row, (target, *tensors), numbers, params))

    # -- saving and loading --------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The states and the options; parameters are told by their numbers."""
        numbers: dict[int, int] = {}
        groups: list[dict[str, Any]] = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            kept = {name: value for name, value in group.items() if name != "params"}
            groups.append({**kept, "params": [numbers[id(p)] for p in group["params"]]})
        state = {numbers[id(p)]: dict(values) for p, values in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the states and options that `state_dict` gave.

        Raises:
            ValueError: where the groups are not as many, or not as long.
        """
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups{here()}"
            )
        by_number: dict[int, Tensor] = {}
        for group, own in zip(groups, self.param_groups, strict=True):
            if len(group["params"]) != len(own["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group{here()}"
                )
            by_number |= dict(zip(group["params"], own["params"], strict=True))
            own.update({k: copy.deepcopy(v) for k, v in group.items() if k != "params"})
        self.state.clear()
        for key, values in state_dict["state"].items():
            self.state[by_number[key]] = copy.deepcopy(values)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += ["", f"Parameter Group {i}"] if i else [f"Parameter Group {i}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _only_tensors(params: Iterable[Any]) -> list[Tensor]:
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            f"tensors in sets will change between runs. Please use a list instead.{here()}"
        )
    found = [p[1] if isinstance(p, tuple) else p for p in params]
    for p in found:
        if not isinstance(p, Tensor):
            raise TypeError(
                "optimizer can only optimize Tensors, but one of the params is "
                f"{type(p).__name__}{here()}"
            )
    return found


def _prepared(gradient: Any, p: Any, decay: float, maximize: bool) -> Any:
    signed = -gradient if maximize else gradient
    return signed + p * decay if decay else signed


_PREPARED = formula("decayed", _prepared)


def check_at_least(name: str, value: float, low: float = 0.0) -> None:
    """An option that must not be below a limit.

    Raises:
        ValueError: torch's.
    """
    if not value >= low:
        raise ValueError(f"Invalid {name}: {value}{here()}")


def check_betas(betas: tuple[float, float]) -> None:
    """Shares that are to be in [0, 1).

    Raises:
        ValueError: torch's.
    """
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}{here()}")


def zeros(p: Tensor, value: float = 0.0) -> Tensor:
    """A tensor like the parameter for a state."""
    return wrapped(np.full(p.shape, value, p.dtype.numpy))


def counted(state: dict[str, Any]) -> int:
    """The number of this step, from 1; the state keeps it as a tensor, as torch does."""
    step = state.get("step")
    if step is None:
        step = state["step"] = wrapped(np.zeros((), np.float32))
    count = int(step.value()) + 1
    memory.write(step, count)
    return count
