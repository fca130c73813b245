"""Transformations: from a Python function to one that is compiled, differentiated, vectorized.

Each gives a `Function`, which compiles itself when it is called with arrays, and becomes part of
the graph when it is called while another function is being traced; so they nest in any order.
"""

from .batching import vmap
from .compiling import disable_jit, eval_shape, jit, trace
from .forward import hvp, jvp, stop_gradient
from .jacobians import hessian, jacfwd, jacobian, jacrev
from .linear import linear_transpose, linearize
from .reverse import grad, value_and_grad, vjp
from .sparse import sparse_hessian, sparse_jacobian, sparsity
from .taylor import jet
from .trees import ravel_tree

__all__ = [
    "disable_jit",
    "eval_shape",
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
    "ravel_tree",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]
