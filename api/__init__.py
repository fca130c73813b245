"""A tracing compiler with automatic differentiation for people who write NumPy."""

from pullback.runtime.compiler import clear_cache
from pullback.runtime.function import Function
from pullback.runtime.paths import set_paths_limit
from pullback.runtime.recompilation import set_recompilation_limit
from pullback.runtime.signature import ShapeDtype
from pullback.runtime.threads import set_num_threads
from pullback.tracer.errors import (
    FrozenDrawWarning,
    LeakedTracerError,
    LongTraceWarning,
    LoweringError,
    RecompilationWarning,
    TracedValueError,
    UnsupportedFunctionError,
    UnsupportedTypeError,
)
from pullback.tracer.ir import Graph

from . import checkpoint_policies, debug, testing
from .callbacks import pure_callback
from .control import associative_scan, cond, fori_loop, map, scan, switch, while_loop
from .custom import (
    checkpoint,
    custom_jvp,
    custom_linear_solve,
    custom_root,
    custom_vjp,
    remat,
)
from .inspecting import parse
from .numpy import random
from .symbolic import Formula, from_sympy, primitive_from_sympy
from .transforms import (
    disable_jit,
    eval_shape,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jet,
    jit,
    jvp,
    linear_transpose,
    linearize,
    ravel_tree,
    sparse_hessian,
    sparse_jacobian,
    sparsity,
    stop_gradient,
    trace,
    value_and_grad,
    vjp,
    vmap,
)

__version__ = "0.1.0"

__all__ = [
    "Formula",
    "FrozenDrawWarning",
    "Function",
    "Graph",
    "LeakedTracerError",
    "LongTraceWarning",
    "LoweringError",
    "RecompilationWarning",
    "ShapeDtype",
    "TracedValueError",
    "UnsupportedFunctionError",
    "UnsupportedTypeError",
    "associative_scan",
    "checkpoint",
    "checkpoint_policies",
    "clear_cache",
    "cond",
    "custom_jvp",
    "custom_linear_solve",
    "custom_root",
    "custom_vjp",
    "debug",
    "disable_jit",
    "eval_shape",
    "fori_loop",
    "from_sympy",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jet",
    "jit",
    "jvp",
    "linear_transpose",
    "linearize",
    "map",
    "parse",
    "primitive_from_sympy",
    "pure_callback",
    "random",
    "ravel_tree",
    "remat",
    "scan",
    "set_num_threads",
    "set_paths_limit",
    "set_recompilation_limit",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "stop_gradient",
    "switch",
    "testing",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
