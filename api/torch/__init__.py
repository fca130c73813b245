"""PyTorch's tensors and autograd on pullback's compiler.

``import pullback.torch as torch`` runs programs written for PyTorch's autograd: tensors that record
what is done to them, ``backward()``, ``.grad``, ``no_grad`` and so on, with float32 as the default
dtype, and torch's promotion, printing and error texts. Work is recorded, and compiled when a value
is needed: a backward pass is one native function, reused for every later one of that structure.

>>> w = torch.tensor([1.0, 2.0], requires_grad=True)
>>> loss = (w * w).sum()
>>> loss
tensor(5., grad_fn=<SumBackward0>)
>>> loss.backward()
>>> w.grad
tensor([2., 4.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import autograd, func, methods, nn, optim, utils
from .anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from .compute import counts
from .creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    meshgrid,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .dtypes import (
    Size,
    device,
    dtype,
    float32,
    float64,
    get_default_dtype,
    int32,
    int64,
    set_default_dtype,
)
from .dtypes import bool_ as bool
from .joining import cat, hstack, stack, vstack
from .modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .printing import set_printoptions
from .products import einsum, tensordot
from .random import (
    Generator,
    bernoulli,
    manual_seed,
    normal,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
)
from .tensors import Tensor
from .vmapping import vmap

methods.install()

float = float32
double = float64
int = int32
long = int64
inf = float32.numpy.type("inf").item()
nan = float32.numpy.type("nan").item()
pi = 3.141592653589793
concat = concatenate = cat

_functions = sorted(methods.functions())
globals().update(methods.functions())

if TYPE_CHECKING:

    def __getattr__(name: str) -> Callable[..., Any]:
        """The functions of the tables."""
        raise AttributeError(name)


def is_tensor(obj: Any) -> Any:
    """Whether it is a tensor.

    >>> torch.is_tensor(torch.ones(1))
    True
    """
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> Any:
    """The number of elements.

    >>> torch.numel(torch.ones(2, 3))
    6
    """
    return input.numel()


__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "arange",
    "as_tensor",
    "autograd",
    "bernoulli",
    "bool",
    "cat",
    "concat",
    "concatenate",
    "counts",
    "device",
    "double",
    "dtype",
    "einsum",
    "empty",
    "empty_like",
    "enable_grad",
    "eye",
    "float",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "full_like",
    "func",
    "get_default_dtype",
    "hstack",
    "inf",
    "inference_mode",
    "int",
    "int32",
    "int64",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_tensor",
    "linspace",
    "logspace",
    "long",
    "manual_seed",
    "meshgrid",
    "nan",
    "nn",
    "no_grad",
    "normal",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "pi",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "set_default_dtype",
    "set_grad_enabled",
    "set_printoptions",
    "stack",
    "tensor",
    "tensordot",
    "utils",
    "vmap",
    "vstack",
    "zeros",
    "zeros_like",
]
__all__ += _functions  # pyright: ignore[reportUnsupportedDunderAll]
