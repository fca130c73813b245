"""Products of matrices and vectors."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from pullback.tracer.trace import Tracer

from .dtypes import Kind, here
from .node import Row
from .tensors import Tensor, record

_MATMUL_NAMES = {
    (1, 1): "DotBackward0",
    (2, 1): "MvBackward0",
    (1, 2): "SqueezeBackward4",
    (2, 2): "MmBackward0",
}


def _matmul_name(kinds: Sequence[Kind], *params: Any) -> str:
    x, y = (len(k.type.shape) for k in kinds[:2])
    return _MATMUL_NAMES.get((x, y), "UnsafeViewBackward0")


def _linear_name(kinds: Sequence[Kind], *params: Any) -> str:
    ndim = len(kinds[0].type.shape)
    if len(kinds) == 2:
        return {1: "SqueezeBackward4", 2: "MmBackward0"}.get(ndim, "UnsafeViewBackward0")
    return {1: "ViewBackward0", 2: "AddmmBackward0"}.get(ndim, "ViewBackward0")


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    product = np.matmul(x, np.transpose(weight))
    return product if bias is None else product + bias


def _tensordot(x: Any, y: Any, axes: Any) -> Any:
    """What has extent 1 on one side only is summed on the other first."""
    if isinstance(axes, int):
        axes = (tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes)))
    pairs = list(zip(*axes, strict=True))
    left = tuple(i for i, j in pairs if x.shape[i] != 1 == y.shape[j])
    right = tuple(j for i, j in pairs if y.shape[j] != 1 == x.shape[i])
    x = np.sum(x, left, keepdims=True) if left else x
    y = np.sum(y, right, keepdims=True) if right else y
    return np.tensordot(x, y, axes)


BMM = Row("bmm", lambda x, y: np.matmul(x, y), "BmmBackward0")
OUTER = Row("outer", lambda x, y: np.outer(x, y), "MulBackward0")
EINSUM = Row("einsum", lambda *xs: np.einsum(xs[-1], *xs[:-1]), "ViewBackward0")
TENSORDOT = Row("tensordot", _tensordot, "ViewBackward0")
LINEAR = Row("linear", _linear, _linear_name)
ADDMM = Row(
    "addmm", lambda c, x, y, beta, alpha: beta * c + alpha * np.matmul(x, y), "AddmmBackward0"
)
ADDMM_PLAIN = Row("addmm", lambda c, x, y: c + np.matmul(x, y), "AddmmBackward0")


_C_NAMES = {
    "float32": "float",
    "float64": "double",
    "int64": "long long",
    "int32": "int",
    "bool": "bool",
}


def _fitting(kinds: Sequence[Kind], tracers: Sequence[Tracer]) -> Sequence[Tracer]:
    """The operands as they are, if they have a product; torch names the mistake by what it is."""
    types = [k.dtype for k in kinds]
    if types[0] is not types[1]:
        names = " != ".join(_C_NAMES[t.name] for t in types)
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {names}{here()}")
    _check_shapes(kinds[0].type.shape, kinds[1].type.shape)
    return tracers


def _check_shapes(x: Any, y: Any) -> None:
    if not x or not y:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {len(x)}D and "
            f"{len(y)}D{here()}"
        )
    if x[-1] == y[-2 if len(y) > 1 else 0]:
        return
    if len(x) == 1 and len(y) == 1:
        raise RuntimeError(_dot_text(x[0], y[0]) + here())
    if len(y) == 1 and len(x) == 2:
        raise RuntimeError(
            f"size mismatch, got input ({x[0]}), mat ({x[0]}x{x[1]}), vec ({y[0]}){here()}"
        )
    if len(x) > 2 and len(y) > 2:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{y[0]}, {x[-1]}] but got: [{y[0]}, {y[-2]}].{here()}"
        )
    rows = 1
    for extent in x[:-1]:
        rows *= extent
    columns = 1 if len(y) == 1 else y[-1]
    raise RuntimeError(
        "mat1 and mat2 shapes cannot be multiplied "
        f"({rows}x{x[-1]} and {y[-2 if len(y) > 1 else 0]}x{columns}){here()}"
    )


def _dot_text(n: int, m: int) -> str:
    return (
        f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of "
        f"elements, but got {n} and {m} elements respectively"
    )


MATMUL = Row("matmul", lambda x, y: np.matmul(x, y), _matmul_name, _fitting)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of vectors, matrices, or batches of them; the operator ``@``.

    >>> torch.matmul(torch.ones(2, 2), torch.tensor([1.0, 2.0]))
    tensor([3., 3.])
    """
    return record(MATMUL, (input, other))


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices.

    >>> torch.mm(torch.eye(2), torch.ones(2, 2))
    tensor([[1., 1.],
            [1., 1.]])
    """
    for name, x in (("self", input), ("mat2", mat2)):
        if x.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix{here()}")
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector.

    >>> torch.mv(torch.eye(2), torch.ones(2))
    tensor([1., 1.])
    """
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {vec.ndim}, {input.ndim}, {vec.ndim}{here()}"
        )
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors.

    >>> torch.dot(torch.ones(3), torch.ones(3))
    tensor(3.)
    """
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors{here()}"
        )
    if input.dtype is not tensor.dtype:
        raise RuntimeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{input.dtype.title} and {tensor.dtype.title}{here()}"
        )
    return matmul(input, tensor)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices.

    >>> torch.bmm(torch.ones(2, 1, 3), torch.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    for name, x in (("batch1", input), ("batch2", mat2)):
        if x.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor{here()}")
    if mat2.shape[:2] != (input.shape[0], input.shape[2]):
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{input.shape[0]}, {input.shape[2]}] but got: [{mat2.shape[0]}, {mat2.shape[1]}]."
            f"{here()}"
        )
    return record(BMM, (input, mat2))


def outer(input: Tensor, vec2: Any) -> Tensor:
    """All products of the elements of two vectors.

    >>> torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    if not isinstance(vec2, Tensor):
        raise TypeError(
            f"outer(): argument 'vec2' (position 2) must be Tensor, not {type(vec2).__name__}"
            f"{here()}"
        )
    for name, x in (("self", input), ("vec2", vec2)):
        if x.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x.ndim}-D{here()}")
    return record(OUTER, (input, vec2))


def _lettered(args: Sequence[Any]) -> tuple[Any, ...]:
    """Operands with lists of numbers for their axes, as an equation and operands."""
    count = len(args) // 2
    operands, axes = args[0 : 2 * count : 2], list(args[1 : 2 * count : 2])
    parts = ["".join(_letter(n) for n in part) for part in axes]
    arrow = "->" + "".join(_letter(n) for n in args[-1]) if len(args) % 2 else ""
    return (",".join(parts) + arrow, *operands)


def _letter(number: Any) -> str:
    letters = string.ascii_uppercase + string.ascii_lowercase
    return "..." if number is Ellipsis else letters[number]


def einsum(equation: Any, *operands: Any) -> Tensor:
    """A sum of products, told by the letters of the axes.

    >>> torch.einsum("ij,j->i", torch.eye(2), torch.ones(2))
    tensor([1., 1.])
    """
    if not isinstance(equation, str):
        equation, *rest = _lettered((equation, *operands))
        operands = tuple(rest)
    given = operands[0] if len(operands) == 1 and not isinstance(operands[0], Tensor) else operands
    return record(EINSUM, tuple(given), (equation,))


def _axes_of(dims: Any) -> tuple[int, ...]:
    return (dims,) if isinstance(dims, int) else tuple(int(n) for n in dims)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over several axes.

    >>> torch.tensordot(torch.ones(2, 2), torch.ones(2, 2))
    tensor(4.)
    """
    dims = dims.tolist() if isinstance(dims, Tensor) else dims
    axes = dims if isinstance(dims, int) else tuple(_axes_of(d) for d in dims)
    return record(TENSORDOT, (a, b), (axes,))


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``.

    >>> torch.addmm(torch.ones(2), torch.eye(2), torch.eye(2))
    tensor([[2., 1.],
            [1., 2.]])
    """
    if beta == 1 and alpha == 1:
        return record(ADDMM_PLAIN, (input, mat1, mat2))
    return record(ADDMM, (input, mat1, mat2), (beta, alpha))


def matmul_operator(self: Tensor, other: Any) -> Tensor:
    """``self @ other``."""
    return matmul(self, other) if isinstance(other, Tensor) else NotImplemented
