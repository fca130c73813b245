"""What `debug.check_nan` tells of the first NaN."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import torch
from pullback.tracer.faults import Fault


def loop(x: Any) -> Any:
    return pb.scan(lambda c, a: (np.sqrt(c - a), c), np.sum(x), np.ones(3))[0]


def logarithms(x: Any) -> Any:
    def turn(s: Any) -> Any:
        return np.log(s[0]), s[1] + 1.0

    return pb.while_loop(lambda s: s[1] < 5.0, turn, (x, 0.0))[0]


def product(x: Any) -> Any:
    return pb.scan(lambda c, a: (c * np.sqrt(a), None), 1.0, x)[0]


def backwards(x: Any) -> Any:
    return pb.scan(lambda c, a: (c + np.log(a), None), 1.0, x, reverse=True)[0]


def chosen(x: Any) -> Any:
    return np.sum(np.where(x > 0.0, np.log(x), 0.0)) + np.sum(np.sqrt(x - 1.0))


def branch(x: Any) -> Any:
    return pb.cond(x > 0.0, np.log, lambda x: np.sqrt(x), x)


def root(x: Any) -> Any:
    return np.sum(np.sqrt(x))


BAD: dict[str, tuple[Callable[..., Any], Any, str]] = {
    "scan": (loop, np.full(3, 0.6), r"^sqrt of f64\[\] made a NaN\n.*turn 1 of .*\n  of -0\.10557"),
    "grad": (pb.grad(loop), np.full(3, 0.6), r"^sqrt of .* NaN\n.*turn 1 of .*\n  of -0\.10557"),
    "vmap": (
        pb.vmap(loop),
        np.array([[9.0, 9.0, 9.0], [0.1, 0.1, 0.1]]),
        r"^sqrt of f64\[2\].*\n.*turn 0 of .*\n  of -0\.7\d*, at \[1\] of the result",
    ),
    "while": (logarithms, 2.0, r"^log of .*\n.*turn 2 of .*\n  of -0\.36"),
    "backwards": (backwards, np.array([1.0, -2.0, 3.0]), r"^log of .*\n.*turn 1 of .*\n  of -2\.0"),
    "not what is not chosen": (
        chosen,
        np.array([-1.0, 2.0]),
        r"^sqrt of f64\[2\].*\n.*\n  of -2\.0",
    ),
    "branch": (branch, -1.0, r"^sqrt of .*\n.*in the branch or call at .*\n  of -1\.0"),
    "argument": (
        lambda x: np.sin(x["a"])[1] + x["b"],
        {"a": np.array([1.0, np.nan]), "b": np.nan},
        r'^x\["a"\], f64\[2\], has a NaN to begin with\n  at \[1\]$',
    ),
    "another element": (
        lambda x: np.flip(np.reshape(np.log(x), (2, 2)), 1)[1, 0],
        np.array([np.nan, -1.0, -2.0, -3.0]),
        r"^log of f64\[4\] made a NaN\n.*\n  of -3\.0, at \[3\] of the result",
    ),
    "literal": (
        lambda x: np.where(x > 0.0, x, np.nan),
        np.array([1.0, -1.0]),
        r"^literal made a NaN\n  at test_faults",
    ),
    "product": (
        lambda x: x @ np.zeros((2, 2)),
        np.array([[1.0, 2.0], [3.0, np.inf]]),
        r"^dot of .* made a NaN\n.*\n  with an infinity at \[1, 1\] of operand 1, at \[1, 0\] of",
    ),
    "complex": (
        lambda z: np.log(z) * 0.0,
        np.array([1j, 0j]),
        r"^mul of c128\[2\], c128\[2\] made a NaN\n.*\n  of \(-inf\+0j\) and 0j, at \[1\] of",
    ),
    "adjoint": (
        pb.grad(lambda x: 0.0 * root(x)),
        np.array([1.0, 0.0]),
        r"^mul of .* made a NaN, in the derivative of sqrt\n.*\(root\)\n  of .*inf.*, at \[1\]",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_nan(name: str) -> None:
    function, argument, message = BAD[name]
    with pytest.raises(FloatingPointError, match=message) as raised:
        pb.debug.check_nan(function)(argument)
    assert len(str(raised.value).splitlines()) <= 3


def test_infinities() -> None:
    slope = pb.grad(product)
    x = np.array([1.0, 0.5, 0.0, 2.0])
    message = (
        r"^div of f64\[\], f64\[\] made an infinity, in the derivative of sqrt\n"
        r".*turn 2 of the loop .*\n  of 1.0 and 0.0$"
    )
    with pytest.raises(FloatingPointError, match=message):
        pb.debug.check_nan(slope, inf=True)(x)
    assert np.isinf(pb.debug.check_nan(pb.grad(root))(np.zeros(2))).all()


def test_block() -> None:
    slope, found = pb.grad(root), []
    slope(np.ones(2))
    with pb.debug.check_nan(inf=True):
        np.testing.assert_array_equal(slope(np.ones(2)), [0.5, 0.5])
        other = threading.Thread(target=lambda: found.append(slope(np.zeros(2))))
        other.start()
        other.join()
        with pytest.raises(FloatingPointError, match="derivative of sqrt"):
            slope(np.zeros(2))
        assert np.isinf(pb.jit(lambda x: slope(x) * 1.0)(np.ones(1) * 0.25)).sum() == 0
    assert np.isinf(found[0]).all()
    assert np.isinf(slope(np.zeros(2))).all()


def test_what_is_written() -> None:
    """It is refused, too, and the arrays are as they were."""

    @pb.debug.check_nan
    def write(x: Any) -> None:
        x[0] = np.log(x[1])

    x = np.array([1.0, -1.0])
    with pytest.raises(FloatingPointError, match=r"^log of f64\[\]"):
        write(x)
    np.testing.assert_array_equal(x, [1.0, -1.0])
    write(x := np.array([1.0, 1.0]))
    assert x[0] == 0.0


def test_tensors() -> None:
    """What is asked for counts, at the line that recorded it, not what tensors hold besides."""

    def loss(x: Any) -> Any:
        logarithms = torch.log(x)
        return torch.where(x > 0, logarithms, 0.0).sum() + 0.0 * torch.sqrt(x * x).sum(), logarithms

    x, zeros = (torch.tensor(v, requires_grad=True) for v in ([1.0, -1.0], [0.0, 0.0]))
    logarithm = r"^log of f32\[2\].*\n.*\(loss\)\n  of -1.0"
    with pb.debug.check_nan():
        value, kept = loss(x)
        value.backward()
        assert value.item() == 0.0
        for wrong in (lambda: loss(x)[1].tolist(), lambda: loss(x)[1].sum().backward()):
            with pytest.raises(FloatingPointError, match=logarithm):
                wrong()
        derivative = r"^mul .* NaN, in the derivative of sqrt\n.*\(loss\)"
        with pytest.raises(FloatingPointError, match=derivative):
            loss(zeros)[0].backward()
    assert torch.isnan(kept).any()
    loss(zeros)[0].backward()
    assert torch.isnan(zeros.grad).all()


def test_fault_as_data() -> None:
    fault = pb.jit(lambda x: np.log(x) * 2.0).find_fault(np.array([[1.0, 2.0], [-3.0, 4.0]]))
    assert isinstance(fault, Fault)
    assert (fault.primitive, fault.index, fault.operands) == ("log", (1, 0), (-3.0,))
    assert fault.primal is None
    logarithm = pb.jit(np.log)
    assert logarithm.find_fault(np.zeros(2)) is None
    with pb.debug.check_nan(inf=True):
        infinite = logarithm.find_fault(np.zeros(2))
        assert infinite is not None
        assert infinite.what == "an infinity"
