"""`torch.linalg`: matrices in the last two dimensions, those before them a batch.

>>> A = torch.tensor([[2.0, 1.0], [1.0, 2.0]], requires_grad=True)
>>> torch.linalg.slogdet(A).logabsdet.backward()
>>> A.grad
tensor([[ 0.6667, -0.3333],
        [-0.3333,  0.6667]])
"""

from __future__ import annotations

from typing import Any

from ..blas import cross as _cross
from ..blas import vecdot
from ..calling import flexible
from ..errors import LinAlgError
from ..products import matmul
from ..running import vander as _vander
from ..shapes import diagonal as _diagonal
from ..tensors import Tensor
from .decompositions import (
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from .failing import cholesky_ex, inv_ex, ldl_factor_ex, lu_factor_ex, solve_ex
from .norms import cond, matrix_norm, matrix_rank, norm, vector_norm
from .reflections import householder_product
from .symmetric import ldl_factor, ldl_solve
from .systems import (
    det,
    inv,
    lstsq,
    matrix_exp,
    matrix_power,
    multi_dot,
    pinv,
    slogdet,
    solve,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from .triangular import lu, lu_factor, lu_solve


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along a dimension of extent 3.

    >>> torch.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    return _cross(input, other, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices.

    >>> torch.linalg.diagonal(torch.eye(2))
    tensor([1., 1.])
    """
    return _diagonal(A, offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers of the elements, ascending, along a new last dimension.

    >>> torch.linalg.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    return _vander(x if x.ndim else x.reshape(1), N, increasing=True)


__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]

globals().update({name: flexible(globals()[name]) for name in __all__ if name != "LinAlgError"})
