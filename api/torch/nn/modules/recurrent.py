"""Recurrent networks: cells, and their runs over sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.tracer.control.loops import scan
from pullback.tracer.primitives.elementwise import logistic

from ... import joining
from ...creation import empty, zeros
from ...dtypes import here
from ...node import Row
from ...tensors import Tensor, record
from .. import init
from ..functional.dense import linear
from ..functional.dropping import dropout
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module
from .packed import run_packed

# Each takes what the input gives to the gates, the state, and the weights of the state.


def _parts(x: Any, count: int) -> Any:
    return np.split(x, count, -1)


def _step(h: Any, rest: tuple[Any, ...]) -> Any:
    weight, *bias = rest
    product = np.matmul(h, np.transpose(weight))
    return product + bias[0] if bias else product


def _tanh_step(given: Any, h: Any, *rest: Any) -> Any:
    return np.tanh(given + _step(h, rest))


def _relu_step(given: Any, h: Any, *rest: Any) -> Any:
    return np.maximum(given + _step(h, rest), 0.0)


def _lstm_cell(given: Any, h: Any, c: Any, *rest: Any) -> Any:
    let_in, keep, new, _ = _parts(given + _step(h, rest), 4)
    return logistic(keep) * c + logistic(let_in) * np.tanh(new)


def _lstm_state(given: Any, h: Any, c: Any, *rest: Any) -> Any:
    """The new state, ``c`` being the new cell."""
    show = _parts(given + _step(h, rest), 4)[3]
    return logistic(show) * np.tanh(c)


def _gru_step(given: Any, h: Any, *rest: Any) -> Any:
    reset, update, new = _parts(given, 3)
    reset_h, update_h, new_h = _parts(_step(h, rest), 3)
    fresh = np.tanh(new + logistic(reset + reset_h) * new_h)
    share = logistic(update + update_h)
    return (1.0 - share) * fresh + share * h


TANH = Row("rnn_tanh", _tanh_step, "TanhBackward0")
RELU = Row("rnn_relu", _relu_step, "ReluBackward0")
LSTM_CELL = Row("lstm_cell", _lstm_cell, "AddBackward0")
LSTM_STATE = Row("lstm_state", _lstm_state, "MulBackward0")
GRU_STEP = Row("gru_step", _gru_step, "AddBackward0")
PROJECTED = Row("linear", lambda h, w: np.matmul(h, np.transpose(w)), "MmBackward0")

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
_PLAIN = {"RNN_TANH": TANH, "RNN_RELU": RELU, "GRU": GRU_STEP}

State = tuple[Tensor, ...]
"""The state ``h``, of LSTMs with the cell ``c``."""


def _next_state(
    mode: str, given: Any, state: Sequence[Any], weights: Sequence[Any], projects: bool
) -> tuple[Any, ...]:
    if mode != "LSTM":
        return (_PLAIN[mode].apply(given, *state, *weights),)
    own = weights[:-1] if projects else weights
    cell = _lstm_cell(given, *state, *own)
    shown = _lstm_state(given, state[0], cell, *own)
    return (PROJECTED.apply(shown, weights[-1]) if projects else shown), cell


def _run(given: Any, *rest: Any) -> Any:
    """The states after each element; of LSTMs the cells lie beside them."""
    *arrays, mode, projects, reverse = rest
    parts = 2 if mode == "LSTM" else 1
    state, weights = tuple(arrays[:parts]), arrays[parts:]

    def step(state: tuple[Any, ...], x: Any) -> tuple[Any, Any]:
        made = _next_state(mode, x, state, weights, projects)
        return made, np.concatenate(made, -1) if parts > 1 else made[0]

    _, found = scan(step, state, given, reverse=reverse)
    return found


RUN = Row("rnn", _run, "StackBackward0")
SHOWN = Row("rnn_states", lambda x, size: x[..., :size], "StackBackward0")
LAST_STATE = Row("rnn_last_state", lambda x, place, size: x[place, ..., :size], "SelectBackward0")
LAST_CELL = Row("rnn_last_cell", lambda x, place, size: x[place, ..., size:], "SelectBackward0")


# -- one step --------------------------------------------------------------------------------


class _Cell(Module):
    mode = ""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = _GATES[self.mode or "RNN_TANH"] * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(empty((rows,), dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw initial values anew: uniform within one over the root of the state's size."""
        _reset(self, self.hidden_size)

    def _next(self, input: Tensor, state: Any, mode: str) -> State:
        if input.ndim not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.ndim}D instead"
                f"{here()}"
            )
        if state is None:
            empty_state = zeros((*input.shape[:-1], self.hidden_size), dtype=input.dtype)
            state = (empty_state, empty_state) if mode == "LSTM" else empty_state
        given = linear(input, self.weight_ih, self.bias_ih)
        weights = [self.weight_hh] if self.bias_hh is None else [self.weight_hh, self.bias_hh]
        whole = tuple(state) if mode == "LSTM" else (state,)
        if mode != "LSTM":
            return (record(_PLAIN[mode], (given, *whole, *weights)),)
        cell = record(LSTM_CELL, (given, *whole, *weights))
        return record(LSTM_STATE, (given, whole[0], cell, *weights)), cell

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


def _reset(module: Module, size: int) -> None:
    bound = 1.0 / math.sqrt(size) if size > 0 else 0.0
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


class RNNCell(_Cell):
    """One step of a plain recurrent network: ``tanh(W x + b + U h + c)``.

    >>> torch.nn.RNNCell(3, 4)(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {nonlinearity}{here()}")
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(batch, input_size), (batch, hidden_size) to the new state."""
        return self._next(input, hx, f"RNN_{self.nonlinearity.upper()}")[0]

    def extra_repr(self) -> str:
        """The sizes and options."""
        relu = ", nonlinearity=relu" if self.nonlinearity == "relu" else ""
        return super().extra_repr() + relu


class LSTMCell(_Cell):
    """One step of a long short-term memory (Hochreiter and Schmidhuber, 1997).

    >>> h, c = torch.nn.LSTMCell(3, 4)(torch.ones(2, 3))
    >>> c.shape
    torch.Size([2, 4])
    """

    mode = "LSTM"

    def forward(self, input: Tensor, hx: Any = None) -> State:
        """(batch, input_size), (h, c) to the new (h, c)."""
        return self._next(input, hx, "LSTM")


class GRUCell(_Cell):
    """One step of a gated recurrent unit (Cho et al., 2014).

    >>> torch.nn.GRUCell(3, 4)(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    mode = "GRU"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(batch, input_size), (batch, hidden_size) to the new state."""
        return self._next(input, hx, "GRU")[0]


# -- sequences -------------------------------------------------------------------------------


class _Recurrent(Module):
    mode = ""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        if proj_size and (self.mode != "LSTM" or proj_size >= hidden_size):
            raise ValueError(
                "proj_size argument is only supported for LSTM, and has to be smaller than "
                f"hidden_size{here()}"
            )
        for layer in range(num_layers):
            for suffix in self.suffixes(layer):
                self._add_layer(layer, suffix, dtype)
        self.reset_parameters()

    def suffixes(self, layer: int) -> list[str]:
        """What the names of a layer's parameters end in."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 2 if self.bidirectional else 1]

    def _add_layer(self, layer: int, suffix: str, dtype: Any) -> None:
        rows = _GATES[self.mode] * self.hidden_size
        shown = self.proj_size or self.hidden_size
        inputs = self.input_size if layer == 0 else shown * (2 if self.bidirectional else 1)
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, shown),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, name + suffix, Parameter(empty(shape, dtype=dtype)))

    def reset_parameters(self) -> None:
        """Draw initial values anew: uniform within one over the root of the state's size."""
        _reset(self, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        names = ["weight_ih", "weight_hh"]
        names += ["bias_ih", "bias_hh"] if self.bias else []
        names += ["weight_hr"] if self.proj_size else []
        return [
            [getattr(self, name + suffix) for name in names]
            for layer in range(self.num_layers)
            for suffix in self.suffixes(layer)
        ]

    def flatten_parameters(self) -> None:
        """Nothing: parameters need not lie together here."""

    def states(self, input: Tensor, state: State, suffix: str, reverse: bool) -> Tensor:
        """The states after each element; of LSTMs the cells beside them."""
        bias = getattr(self, f"bias_ih{suffix}") if self.bias else None
        given = linear(input, getattr(self, f"weight_ih{suffix}"), bias)
        weights = [getattr(self, f"weight_hh{suffix}")]
        weights += [getattr(self, f"bias_hh{suffix}")] if self.bias else []
        weights += [getattr(self, f"weight_hr{suffix}")] if self.proj_size else []
        if not input.shape[0]:
            raise RuntimeError(f"Expected sequence length to be larger than 0 in RNN{here()}")
        params = (self.mode, bool(self.proj_size), reverse)
        return record(RUN, (given, *state, *weights), params)

    def _one_way(self, input: Tensor, state: State, suffix: str) -> tuple[Tensor, State]:
        """The states after each element, and the last with its cell."""
        reverse = suffix.endswith("reverse")
        found = self.states(input, state, suffix, reverse)
        last, size = 0 if reverse else -1, self.proj_size or self.hidden_size
        state = (record(LAST_STATE, (found,), (last, size)),)
        if self.mode != "LSTM":
            return found, state
        return record(SHOWN, (found,), (size,)), (*state, record(LAST_CELL, (found,), (last, size)))

    def initial(self, input: Tensor, hx: Any, single: bool) -> State:
        """(layers and directions, batch, size) for each part of the state."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        sizes = [self.proj_size or self.hidden_size]
        sizes += [self.hidden_size] if self.mode == "LSTM" else []
        batch = input.shape[1]
        if hx is None:
            return tuple(zeros((count, batch, n), dtype=input.dtype) for n in sizes)
        given = tuple(hx) if self.mode == "LSTM" else (hx,)
        states = tuple(x.unsqueeze(1) if single else x for x in given)
        for x, n in zip(states, sizes, strict=True):
            if x.shape != (count, batch, n):
                raise RuntimeError(
                    f"Expected hidden size {(count, batch, n)}, got {list(x.shape)}{here()}"
                )
        return states

    def forward(self, input: Any, hx: Any = None) -> Any:
        """(length, batch, input_size) and a state to the states after each element, and the last.

        With ``batch_first`` the batch comes first; without a batch it may be left out. Or the input
        is a `PackedSequence`, and so are the states.
        """
        if isinstance(input, PackedSequence):
            return run_packed(self, input, hx)
        if input.ndim not in (2, 3):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead"
                f"{here()}"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}{here()}"
            )
        single = input.ndim == 2
        swapped = self.batch_first and not single
        run = input.unsqueeze(1) if single else input.transpose(0, 1) if swapped else input
        initial = self.initial(run, hx, single)
        last: list[State] = []
        for layer in range(self.num_layers):
            ways: list[Tensor] = []
            for suffix in self.suffixes(layer):
                state = tuple(x[len(last)] for x in initial)
                shown, state = self._one_way(run, state, suffix)
                ways.append(shown)
                last.append(state)
            run = ways[0] if len(ways) == 1 else joining.cat(ways, -1)
            if self.dropout and layer < self.num_layers - 1:
                run = dropout(run, self.dropout, self.training)
        ends = tuple(joining.stack(list(parts)) for parts in zip(*last, strict=True))
        if single:
            run, ends = run.squeeze(1), tuple(x.squeeze(1) for x in ends)
        elif swapped:
            run = run.transpose(0, 1)
        return run, ends if self.mode == "LSTM" else ends[0]

    def extra_repr(self) -> str:
        """The sizes, and the options that are not the usual ones."""
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != usual:
                text += f", {name}={value}"
        return text


class RNN(_Recurrent):
    """A plain recurrent network over sequences, of several layers and both ways if asked.

    >>> out, h = torch.nn.RNN(3, 4)(torch.ones(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    mode = "RNN_TANH"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            dtype=dtype,
        )
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.{here()}"
            )
        self.nonlinearity, self.mode = nonlinearity, f"RNN_{nonlinearity.upper()}"


class LSTM(_Recurrent):
    """A long short-term memory over sequences, of several layers and both ways if asked.

    >>> out, (h, c) = torch.nn.LSTM(3, 4)(torch.ones(5, 2, 3))
    >>> out.shape, c.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    mode = "LSTM"


class GRU(_Recurrent):
    """A gated recurrent unit over sequences, of several layers and both ways if asked.

    >>> out, h = torch.nn.GRU(3, 4)(torch.ones(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    mode = "GRU"
