"""The names of `pullback.numpy`."""

from __future__ import annotations

import builtins

import numpy as np

import pullback as pb
import pullback.numpy as pnp


def test_names_that_builtins_have_too() -> None:
    names = {*dir(builtins)} & {*dir(np)}
    assert {"abs", "all", "any", "max", "min", "round", "sum"} <= names
    for name in names:
        getattr(pnp, name)
    assert pnp.sin(0.0) == 0.0
    assert pb.jit(lambda x: pnp.any(x))(np.array([True, False]))
