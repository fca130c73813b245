"""Differentiation of recorded tensors: ``torch.autograd``."""

from __future__ import annotations

from typing import Any

from ..anomaly import detect_anomaly, set_detect_anomaly
from ..modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from ..tensors import Tensor
from . import anomaly_mode, forward_ad, function, functional, grad_mode, graph
from .function import Function
from .grad_mode import set_multithreading_enabled
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .gradients import backward, grad

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


def Variable(data: Any, requires_grad: bool = False) -> Tensor:
    """A tensor of the same memory, as older programs ask for it.

    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
    made: Tensor = data.detach()
    return made.requires_grad_(requires_grad)
