"""The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import memory
from ..dtypes import here
from ..modes import enable_grad
from .line_search import strong_wolfe
from .optimizer import Optimizer, check_at_least

Array = np.ndarray[Any, Any]


class LBFGS(Optimizer):
    """Steps along a direction from the last gradients (Nocedal and Wright, 2006, algorithm 7.5).

    ``step`` calls its closure several times. ``line_search_fn``: None or ``"strong_wolfe"``.

    >>> w = torch.tensor([3.0], requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(4., grad_fn=<SumBackward0>)
    >>> w
    tensor([1.], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_at_least("learning rate", lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported{here()}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(
                f"LBFGS doesn't support per-parameter options (parameter groups){here()}"
            )
        self._params = self.param_groups[0]["params"]

    # -- all parameters as one vector ----------------------------------------------------------

    def _flat_gradient(self) -> Array:
        parts = [
            np.zeros(p.numel(), p.dtype.numpy) if p.gradient is None else p.gradient.value().ravel()
            for p in self._params
        ]
        return np.concatenate(parts)

    def _values(self) -> list[Array]:
        return [p.value().copy() for p in self._params]

    def _move_from(self, start: list[Array], step: float, direction: Array) -> None:
        place = 0
        for p, value in zip(self._params, start, strict=True):
            part = direction[place : place + value.size].reshape(value.shape)
            memory.write(p, value + step * part)
            place += value.size

    def _evaluated(self, closure: Callable[[], Any]) -> tuple[float, Array]:
        loss = closure()
        return float(loss), self._flat_gradient()

    # -- the method ----------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Several steps; gives the loss before the first."""
        if closure is None:
            raise TypeError(f"LBFGS.step() needs a closure that computes the loss again{here()}")
        with enable_grad():
            first_loss = closure()
            self._run(closure, float(first_loss))
        return first_loss

    def _run(self, closure: Callable[[], Any], loss: float) -> None:
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("n_iter", 0)
        state["func_evals"] = state.get("func_evals", 0) + 1
        gradient = self._flat_gradient()
        if np.abs(gradient).max() <= group["tolerance_grad"]:
            return
        evaluations, turns = 1, 0
        while turns < group["max_iter"]:
            turns += 1
            state["n_iter"] += 1
            direction = self._direction(state, gradient, group["history_size"])
            state["prev_flat_grad"], before = gradient, loss
            slope = float(gradient @ direction)
            rate = group["lr"]
            if state["n_iter"] == 1:
                rate = min(1.0, 1.0 / float(np.abs(gradient).sum())) * rate
            if slope > -group["tolerance_change"]:
                state["t"] = rate
                break
            rate, loss, gradient, used = self._along(
                closure, direction, rate, loss, gradient, slope, turns
            )
            state["t"] = rate
            evaluations += used
            state["func_evals"] += used
            moved = float(np.abs(direction * rate).max())
            if self._is_done(turns, evaluations, gradient, moved, abs(loss - before)):
                break

    def _is_done(
        self, turns: int, evaluations: int, gradient: Array, moved: float, change: float
    ) -> bool:
        group = self.param_groups[0]
        small = group["tolerance_change"]
        return (
            turns == group["max_iter"]
            or evaluations >= group["max_eval"]
            or bool(np.abs(gradient).max() <= group["tolerance_grad"])
            or moved <= small
            or change < small
        )

    def _along(
        self,
        closure: Callable[[], Any],
        direction: Array,
        rate: float,
        loss: float,
        gradient: Array,
        slope: float,
        turn: int,
    ) -> tuple[float, float, Array, int]:
        """One step: its length, the loss and gradient there, how often these were computed."""
        group = self.param_groups[0]
        start = self._values()
        if group["line_search_fn"] is None:
            self._move_from(start, rate, direction)
            if turn == group["max_iter"]:
                return rate, loss, gradient, 0
            loss, gradient = self._evaluated(closure)
            return rate, loss, gradient, 1

        def at(length: float) -> tuple[float, Array]:
            self._move_from(start, length, direction)
            found = self._evaluated(closure)
            self._move_from(start, 0.0, direction)
            return found

        found = strong_wolfe(
            at, direction, rate, loss, gradient, slope, tolerance=group["tolerance_change"]
        )
        self._move_from(start, found.length, direction)
        return found.length, found.loss, found.gradient, found.evaluations

    def _direction(self, state: dict[str, Any], gradient: Array, limit: int) -> Array:
        """Minus the gradient times the inverse Hessian that the steps so far tell of."""
        if state["n_iter"] == 1:
            state["old_dirs"], state["old_stps"], state["ro"] = [], [], []
            state["H_diag"], state["d"] = 1.0, -gradient
            return -gradient
        changes, steps, scales = state["old_dirs"], state["old_stps"], state["ro"]
        change, step = gradient - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = float(change @ step)
        if curvature > 1e-10:
            if len(changes) == limit:
                for kept in (changes, steps, scales):
                    kept.pop(0)
            changes.append(change)
            steps.append(step)
            scales.append(1.0 / curvature)
            state["H_diag"] = curvature / float(change @ change)
        direction: Any = -gradient
        shares: list[float] = []
        for y, s, scale in zip(changes[::-1], steps[::-1], scales[::-1], strict=True):
            shares.append(float(s @ direction) * scale)
            direction = direction - shares[-1] * y
        direction = direction * state["H_diag"]
        for y, s, scale, share in zip(changes, steps, scales, shares[::-1], strict=True):
            direction = direction + (share - float(y @ direction) * scale) * s
        state["d"] = direction
        result: Array = direction
        return result
