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

from . import (
    accelerator,
    autograd,
    backends,
    cuda,
    fft,
    func,
    functional,
    linalg,
    masked,
    methods,
    nn,
    optim,
    return_types,
    signal,
    special,
    testing,
    utils,
)
from .anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from .compute import counts
from .constructors import CONSTRUCTORS
from .creation import (
    as_tensor,
    empty,
    empty_like,
    empty_permuted,
    empty_strided,
    eye,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .dtypes import (
    Size,
    bfloat16,
    complex64,
    complex128,
    device,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .dtypes import bool_ as bool
from .exchange import asarray, from_dlpack, frombuffer
from .files import load, save
from .layouts import (
    channels_last,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from .modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .printing import set_printoptions
from .random import (
    Generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from .ranges import arange, linspace, logspace, meshgrid
from .ranges import range_ as range
from .recompiling import RecompilationWarning
from .settings import (
    are_deterministic_algorithms_enabled,
    compile,
    get_default_device,
    get_float32_matmul_precision,
    set_default_device,
    set_float32_matmul_precision,
    use_deterministic_algorithms,
)
from .tensors import Tensor
from .vmapping import vmap
from .watching import Program, programs

methods.install()

float = float32
double = float64
half = float16
short = int16
cfloat = complex64
cdouble = complex128
int = int32
long = int64
inf = float32.numpy.type("inf").item()
nan = float32.numpy.type("nan").item()
pi = 3.141592653589793
__version__ = "2.13.0+pullback"
"""The version of PyTorch that this follows."""

_functions = sorted({**methods.functions(), **CONSTRUCTORS})
globals().update({**methods.functions(), **CONSTRUCTORS})
Tensor.__module__ = __name__

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
    "Program",
    "RecompilationWarning",
    "Size",
    "Tensor",
    "accelerator",
    "arange",
    "are_deterministic_algorithms_enabled",
    "as_tensor",
    "asarray",
    "autograd",
    "backends",
    "bfloat16",
    "bool",
    "cdouble",
    "cfloat",
    "channels_last",
    "compile",
    "complex64",
    "complex128",
    "contiguous_format",
    "counts",
    "cuda",
    "device",
    "double",
    "dtype",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "enable_grad",
    "eye",
    "fft",
    "float",
    "float16",
    "float32",
    "float64",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "func",
    "functional",
    "get_default_device",
    "get_default_dtype",
    "get_float32_matmul_precision",
    "get_rng_state",
    "half",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_tensor",
    "layout",
    "linalg",
    "linspace",
    "load",
    "logspace",
    "long",
    "manual_seed",
    "masked",
    "memory_format",
    "meshgrid",
    "nan",
    "nn",
    "no_grad",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "pi",
    "preserve_format",
    "programs",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "range",
    "return_types",
    "save",
    "seed",
    "set_default_device",
    "set_default_dtype",
    "set_float32_matmul_precision",
    "set_grad_enabled",
    "set_printoptions",
    "set_rng_state",
    "short",
    "signal",
    "special",
    "strided",
    "tensor",
    "testing",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "use_deterministic_algorithms",
    "utils",
    "vmap",
    "zeros",
    "zeros_like",
]
__all__ += _functions  # pyright: ignore[reportUnsupportedDunderAll]
