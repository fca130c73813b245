"""pullback as a tool of GradBench: answers its messages on standard input.

    python benchmarks/gradbench/pullback_tool.py

https://github.com/gradbench/gradbench asks for twelve functions and their derivatives.
"""

from __future__ import annotations

from typing import Any

import descent
import functions
import geometry
import inputs
import models
import numpy as np
from protocol import Problem, nested, pair, serve

import pullback as pb


def hello() -> dict[str, Problem]:
    square = pb.jit(functions.square)
    return pair(
        square,
        pb.grad(functions.square),
        lambda x: (float(x),),
        (float, float),
        ("square", "double"),
    )


def lse() -> dict[str, Problem]:
    f = functions.log_sum_exp
    return pair(pb.jit(f), pb.grad(f), lambda g: (np.array(g["x"]),), (float, inputs.numbers))


def llsq() -> dict[str, Problem]:
    f = functions.least_squares
    return pair(
        pb.jit(f),
        pb.grad(f),
        lambda g: (np.array(g["x"]), *inputs.step_function(g["n"])),
        (float, inputs.numbers),
    )


def ode() -> dict[str, Problem]:
    return pair(
        pb.jit(functions.ode_state, static_argnums=1),
        pb.jit(pb.grad(functions.last_state), static_argnums=1),
        lambda g: (np.array(g["x"]), g["s"]),
        (inputs.numbers, inputs.numbers),
    )


def det() -> dict[str, Problem]:
    return pair(
        pb.jit(functions.expanded),
        pb.jit(functions.expanded_gradient),
        functions.expansion,
        (float, lambda r: inputs.flat([r])),
    )


def gmm() -> dict[str, Problem]:
    def prepare(g: Any) -> tuple[Any, ...]:
        constant = inputs.mixture_constant(g)
        arguments = np.array(g["x"]), inputs.places(g["d"]), constant, float(g["m"]), g["gamma"]
        return inputs.mixture(g), *arguments

    f = models.log_posterior
    outputs = (float, inputs.named_mixture)
    return pair(pb.jit(f), pb.grad(f), prepare, outputs, ("objective", "jacobian"))


def kmeans() -> dict[str, Problem]:
    return pair(
        pb.jit(models.clustering_cost),
        pb.jit(models.newton_direction),
        lambda g: (np.array(g["centroids"]), np.array(g["points"])),
        (float, inputs.numbers),
        ("cost", "dir"),
    )


def lstm() -> dict[str, Problem]:
    def prepare(g: Any) -> tuple[Any, ...]:
        parameters = [np.array(g["main_params"]), np.array(g["extra_params"])]
        return parameters, np.array(g["state"]), np.array(g["sequence"])

    f = models.lstm_loss
    return pair(pb.jit(f), pb.grad(f), prepare, (float, inputs.flat), ("objective", "jacobian"))


def ba() -> dict[str, Problem]:
    return pair(
        geometry.adjustment_errors,
        geometry.adjustment_jacobian,
        lambda g: tuple(inputs.adjustment(g).values()),
        (inputs.adjustment_errors, inputs.adjustment_jacobian),
        ("objective", "jacobian"),
    )


def ht() -> dict[str, Problem]:
    def prepare(g: Any) -> tuple[Any, ...]:
        hand = inputs.hand(g)
        own = hand.pop("theta"), hand.pop("us")
        static = hand.pop("parents"), hand.pop("mirrored")
        return *own, hand, *static

    return pair(
        pb.jit(geometry.hand_errors, static_argnums=(3, 4)),
        pb.jit(geometry.hand_jacobian, static_argnums=(3, 4)),
        prepare,
        (lambda r: inputs.flat([r]), inputs.numbers),
        ("objective", "jacobian"),
    )


PROBLEMS = {
    "hello": hello(),
    "lse": lse(),
    "llsq": llsq(),
    "ode": ode(),
    "det": det(),
    "gmm": gmm(),
    "kmeans": kmeans(),
    "lstm": lstm(),
    "ba": ba(),
    "ht": ht(),
    "particle": nested(descent.particle, descent.MODES, lambda g: (float(g["w"]),), float),
    "saddle": nested(
        descent.saddle, descent.MODES, lambda g: (np.array(g["start"], float),), inputs.numbers
    ),
}


if __name__ == "__main__":
    serve("pullback", PROBLEMS)
