"""The functions as methods and operators of tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from . import (
    arithmetic,
    blas,
    calling,
    complexes,
    copies,
    draws,
    exchange,
    found,
    frames,
    indexing,
    inplace,
    joining,
    operators,
    pairs,
    pointwise,
    products,
    random,
    reductions,
    reshaping,
    running,
    scattering,
    shapes,
    sorting,
    special,
    stacking,
    statistics,
    storage,
    striding,
    turning,
    typed_methods,
    typeinfo,
    windows,
    written,
)
from .linalg import decompositions, lowrank, reflections, systems, triangular
from .nn import functional
from .tensors import Tensor

NAMES: dict[Any, str] = {
    arithmetic: "add sub div pow clamp where masked_fill lerp addcmul addcdiv nan_to_num round "
    "isclose allclose equal",
    reductions: "sum nansum mean prod amax amin any all argmax argmin max min var std cumsum norm "
    "softmax log_softmax logsumexp",
    shapes: "reshape flatten ravel unflatten t transpose permute movedim squeeze unsqueeze "
    "broadcast_to clone flip roll tile tril triu diag diagonal trace",
    joining: "split chunk unbind narrow select",
    products: "matmul mm mv dot bmm outer addmm",
    indexing: "nonzero gather index_select masked_select take",
    pairs: "rsub clamp_min clamp_max",
    sorting: "sort argsort msort topk kthvalue median nanmedian mode",
    running: "cumprod cummax cummin logcumsumexp diff",
    statistics: "aminmax nanmean count_nonzero quantile nanquantile cov corrcoef dist renorm "
    "bincount histc histogram",
    scattering: "scatter scatter_add scatter_reduce index_copy index_add index_fill index_reduce "
    "put index_put masked_scatter take_along_dim repeat_interleave",
    stacking: "tensor_split hsplit vsplit dsplit split_with_sizes kron",
    turning: "rot90 fliplr flipud adjoint diag_embed diagflat select_scatter slice_scatter "
    "diagonal_scatter",
    striding: "as_strided as_strided_scatter",
    found: "unique unique_consecutive argwhere nonzero_static",
    blas: "addmv addr baddbmm addbmm inner vdot cross",
    systems: "det slogdet logdet matrix_power matrix_exp pinverse cholesky_solve cholesky_inverse "
    "triangular_solve",
    reflections: "orgqr ormqr geqrf",
    draws: "multinomial",
    typeinfo: "is_floating_point is_complex is_signed is_nonzero is_same_size",
}
"""Functions that are methods, too, by the module that has them."""

ONLY_FUNCTIONS: dict[Any, str] = {
    pairs: "isin",
    sorting: "searchsorted bucketize",
    running: "trapezoid cumulative_trapezoid gradient vander",
    statistics: "std_mean var_mean cdist pdist",
    reductions: "frobenius_norm nuclear_norm",
    stacking: "atleast_1d atleast_2d atleast_3d column_stack dstack broadcast_tensors "
    "broadcast_shapes block_diag cartesian_prod combinations",
    turning: "tril_indices triu_indices",
    found: "unravel_index",
    blas: "chain_matmul",
    triangular: "lu_unpack",
    lowrank: "svd_lowrank pca_lowrank",
    draws: "poisson binomial randint_like",
    copies: "scalar_tensor",
    random: "normal bernoulli",
    joining: "cat stack hstack vstack",
    products: "einsum tensordot",
    typeinfo: "result_type promote_types can_cast finfo iinfo",
    frames: "stft istft",
    windows: "hann_window hamming_window blackman_window bartlett_window kaiser_window",
}
"""Functions that are not, or of which the method is another."""

RENAMED: dict[str, Callable[..., Any]] = {
    "cholesky": decompositions.cholesky_top,
    "qr": decompositions.qr_top,
    "svd": decompositions.svd_top,
    "inverse": systems.inv,
    "lu": triangular.lu_top,
    "lu_solve": triangular.lu_solve_top,
    "slogdet": systems.slogdet_top,
}
"""Functions and methods that have another name where they are."""

ALIASES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "clip": "clamp",
    "greater": "gt",
    "less": "lt",
    "not_equal": "ne",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "greater_equal": "ge",
    "less_equal": "le",
    "arctan2": "atan2",
    "ger": "outer",
    "moveaxis": "movedim",
    "row_stack": "vstack",
    "trapz": "trapezoid",
    "unsafe_chunk": "chunk",
    "unsafe_split": "split",
    "concat": "cat",
    "concatenate": "cat",
}


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The tensor where the condition holds, else ``other``."""
    result: Tensor = arithmetic.where(condition, self, other)
    return result


def _same(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor itself."""
    return self


def _type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of another."""
    return shapes.to(self, other.dtype)


def _like(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def method(self: Tensor, other: Tensor) -> Tensor:
        return function(self, other.shape)

    method.__doc__ = f"`{function.__name__}` to the shape of another tensor."
    return method


MORE: dict[str, Any] = {
    "stft": frames.stft,
    "istft": frames.istft,
    "where": _where_method,
    "to": shapes.to,
    "view": shapes.view,
    "expand": shapes.expand,
    "repeat": shapes.repeat,
    "cpu": _same,
    "pin_memory": _same,
    "share_memory_": _same,
    "prelu": functional.prelu,
    "hardshrink": functional.hardshrink,
    "conj_physical_": inplace.in_place(complexes.conj, "conj_physical_"),
    "unsafe_split_with_sizes": stacking.split_with_sizes,
    "polygamma": special.polygamma_method,
    "unfold": striding.unfold,
    "sum_to_size": turning.sum_to_size,
    "contiguous": shapes.contiguous,
    "type_as": _type_as,
    "expand_as": _like(shapes.expand),
    "view_as": _like(shapes.view),
    "reshape_as": _like(shapes.reshape),
    "fill_diagonal_": turning.fill_diagonal_,
    "bernoulli": random.bernoulli,
    "relu": pointwise.FUNCTIONS["relu"],
    "T": property(
        lambda self: shapes.permute(self, tuple(range(self.ndim))[::-1]),
        doc="The dimensions in reverse order, a view.",
    ),
    "mH": property(lambda self: shapes.transpose(self, -2, -1)),
    "H": property(lambda self: shapes.t(self)),
    "mT": property(lambda self: shapes.transpose(self, -2, -1), doc="Matrices transposed, a view."),
    "__getitem__": indexing.get_item,
    "__setitem__": indexing.set_item,
    "__matmul__": products.matmul_operator,
    "__neg__": pointwise.FUNCTIONS["neg"],
    "__abs__": pointwise.FUNCTIONS["abs"],
    "__rlshift__": operators.reflected(pairs.FUNCTIONS["bitwise_left_shift"]),
    "__rrshift__": operators.reflected(pairs.FUNCTIONS["bitwise_right_shift"]),
    "__rmatmul__": operators.reflected(products.matmul),
    "__reversed__": turning.reversed_,
    "__lshift__": operators.binary(pairs.FUNCTIONS["bitwise_left_shift"]),
    "__rshift__": operators.binary(pairs.FUNCTIONS["bitwise_right_shift"]),
    "__invert__": pointwise.FUNCTIONS["bitwise_not"],
    "__pos__": pointwise.FUNCTIONS["positive"],
}


@cache
def functions() -> dict[str, Callable[..., Any]]:
    """Every function by its name in torch."""
    found = {**methods(), **complexes.FUNCTIONS, "polygamma": special.polygamma}
    for module, names in ONLY_FUNCTIONS.items():
        found.update({name: getattr(module, name) for name in names.split()})
    found.update({name: _written(name) for name in WRITTEN.split()})
    found.update({name: getattr(functional, name) for name in FROM_NN.split()})
    found.update(written.FUNCTIONS)
    return {name: _flexible(f) for name, f in _with_aliases(found).items()}


def _written(name: str) -> Callable[..., Any]:
    """The function that writes in place of its argument, by the name of the one that does not."""
    plain = pointwise.FUNCTIONS[name[:-1]]
    function = inplace.in_place(plain, name)
    function.__doc__ = (plain.__doc__ or "").replace(f"torch.{plain.__name__}(", f"torch.{name}(")
    return function


def _flexible(function: Callable[..., Any]) -> Callable[..., Any]:
    return function if isinstance(function, type) else calling.flexible(function)


def methods() -> dict[str, Callable[..., Any]]:
    """Those of them that are methods."""
    found: dict[str, Callable[..., Any]] = {
        **pointwise.FUNCTIONS,
        **arithmetic.FUNCTIONS,
        **{name: f for name, f in complexes.FUNCTIONS.items() if name != "complex"},
        **pairs.FUNCTIONS,
        **copies.FUNCTIONS,
        **special.TOP,
        **RENAMED,
    }
    for module, names in NAMES.items():
        found.update({name: getattr(module, name) for name in names.split()})
    return _with_aliases(found)


def _with_aliases(found: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    return {**found, **{alias: found[name] for alias, name in ALIASES.items() if name in found}}


FROM_NN = """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d bilinear
    avg_pool1d max_pool1d max_pool2d max_pool3d adaptive_avg_pool1d channel_shuffle pixel_shuffle
    pixel_unshuffle cosine_similarity pairwise_distance layer_norm rms_norm group_norm dropout
    alpha_dropout feature_alpha_dropout prelu rrelu selu celu threshold hardshrink celu_ rrelu_
    selu_ threshold_
"""
"""Functions of `torch.nn.functional` that are in `torch`, too, with the same arguments."""

WRITTEN = """
    abs_ acos_ acosh_ asin_ asinh_ atan_ atanh_ ceil_ cos_ cosh_ deg2rad_ erf_ erfc_ exp2_ exp_
    expm1_ fix_ floor_ frac_ log10_ log1p_ log2_ log_ neg_ negative_ rad2deg_ reciprocal_ relu_
    rsqrt_ sigmoid_ sin_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ arccos_ arccosh_ arcsin_ arcsinh_
    arctan_ arctanh_
"""
"""Functions of one tensor that write in its place."""

IN_PLACE = """
    copysign nextafter heaviside ldexp gcd lcm float_power bitwise_left_shift bitwise_right_shift
    atan2 arctan2 hypot fmod eq ne lt le gt ge greater greater_equal less less_equal not_equal
    logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor clamp_min
    clamp_max clip subtract multiply divide true_divide nan_to_num digamma lgamma erfinv i0 sinc
    xlogy igamma igammac polygamma logit mvlgamma log log1p log2 log10 cumsum cumprod tril triu
    renorm scatter scatter_add scatter_reduce index_copy index_add index_fill index_reduce put
    index_put masked_scatter addmm addmv addr addbmm baddbmm
"""
"""More methods that write their result in place of the tensor, by the functions' names."""


def install() -> None:
    """Give `Tensor` its methods."""
    plain = {**methods(), **MORE}
    in_place = {f"{name}_": inplace.in_place(plain[name], f"{name}_") for name in IN_PLACE.split()}
    named = {
        name: calling.flexible_method(f) if calling.takes_dim(f) else f
        for name, f in methods().items()
    }
    tables = (
        named,
        inplace.METHODS,
        reshaping.METHODS,
        draws.METHODS,
        operators.OPERATORS,
        inplace.OPERATORS,
    )
    ours = (complexes.METHODS, storage.METHODS, typed_methods.METHODS, exchange.METHODS)
    for table in (*tables, MORE, in_place, *ours):
        for name, method in table.items():
            setattr(Tensor, name, method)
