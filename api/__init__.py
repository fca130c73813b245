"""A tracing compiler with automatic differentiation for people who write NumPy."""

from pullback.runtime.compiler import clear_cache
from pullback.runtime.function import Function
from pullback.runtime.signature import ShapeDtype
from pullback.tracer.errors import (
    LeakedTracerError,
    LoweringError,
    TracedValueError,
    UnsupportedFunctionError,
    UnsupportedTypeError,
)
from pullback.tracer.ir import Graph
from pullback.tracer.text import parse

from . import testing
from .numpy import random
from .transforms import (
    eval_shape,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    ravel_tree,
    stop_gradient,
    trace,
    value_and_grad,
    vjp,
    vmap,
)

__version__ = "0.1.0"

__all__ = [
    "Function",
    "Graph",
    "LeakedTracerError",
    "LoweringError",
    "ShapeDtype",
    "TracedValueError",
    "UnsupportedFunctionError",
    "UnsupportedTypeError",
    "clear_cache",
    "eval_shape",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "parse",
    "random",
    "ravel_tree",
    "stop_gradient",
    "testing",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]
