"""The table of NumPy's functions: what each does to traced values.

A module adds a function by `implement`; `FUNCTIONS` is what NEP 18 looks up, by the function.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import (
    bits,
    calculus,
    complexes,
    counting,
    creation,
    einsum,
    fft,
    joining,
    linalg,
    logic,
    missing,
    moments,
    numeric,
    padding,
    places,
    polynomials,
    products,
    quantiles,
    ranges,
    reductions,
    refused,
    running,
    selection,
    sets,
    shaping,
    sized,
    sliding,
    sorting,
    writing,
)

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy's function -> the function on traced values."""


def implement(numpy_function: Callable[..., Any], traced: Callable[..., Any]) -> None:
    """Give a function of NumPy its meaning for traced values."""
    FUNCTIONS[numpy_function] = traced


def _implement_all(module: ModuleType, names: str, owner: Any = np) -> None:
    for name in names.split():
        implement(getattr(owner, name), getattr(module, name))


FUNCTIONS.update(refused.REFUSALS)
_implement_all(bits, "packbits unpackbits")
_implement_all(creation, "astype full_like zeros_like ones_like empty_like")
_implement_all(ranges, "linspace logspace geomspace meshgrid ix_ vander")
_implement_all(
    shaping,
    "reshape ravel transpose matrix_transpose swapaxes moveaxis rollaxis squeeze expand_dims "
    "broadcast_to broadcast_arrays atleast_1d atleast_2d atleast_3d flip fliplr flipud rot90 roll "
    "tile resize",
)
_implement_all(
    joining,
    "concatenate stack vstack hstack dstack column_stack append block split array_split hsplit "
    "vsplit dsplit unstack delete insert",
)
_implement_all(padding, "pad")
_implement_all(reductions, "sum prod max min ptp count_nonzero argmax argmin")
_implement_all(moments, "mean var std average cov corrcoef")
_implement_all(running, "cumsum cumprod cumulative_sum cumulative_prod")
_implement_all(
    missing,
    "nansum nanprod nanmax nanmin nanmean nanvar nanstd nanargmax nanargmin nancumsum nancumprod",
)
_implement_all(
    selection,
    "where clip select nan_to_num take take_along_axis diagonal diag diagflat tril triu trace "
    "choose result_type",
)
_implement_all(writing, "copyto put place putmask put_along_axis fill_diagonal")
_implement_all(
    places,
    "compress extract piecewise unravel_index ravel_multi_index diag_indices_from "
    "tril_indices_from triu_indices_from",
)
_implement_all(
    calculus,
    "diff ediff1d gradient trapezoid interp convolve correlate unwrap",
)
_implement_all(logic, "isclose allclose array_equal array_equiv isposinf isneginf")
_implement_all(
    numeric,
    "round fix cross sinc i0 apply_along_axis apply_over_axes",
)
_implement_all(
    polynomials, "polyval polyadd polysub polymul polydiv polyder polyint polyfit poly roots"
)
_implement_all(products, "dot inner outer vdot tensordot kron")
_implement_all(complexes, "real imag angle real_if_close iscomplex isreal iscomplexobj isrealobj")
implement(np.einsum, einsum.einsum)
implement(np.copy, creation.ascopy)
implement(np.amax, reductions.max)
implement(np.amin, reductions.min)
implement(np.around, numeric.round)
implement(np.any, reductions.any_of)
implement(np.all, reductions.all_of)
implement(np.shape, shaping.shape_of)
implement(np.ndim, shaping.ndim_of)
implement(np.size, shaping.size_of)
implement(np.common_type, selection.common_type)

for _name, _function in fft.FOURIER.items():
    implement(getattr(np.fft, _name), _function)
for _name, _function in linalg.LINALG.items():
    implement(getattr(np.linalg, _name), _function)
implement(np.linalg.matmul, lambda x1, x2, /: products.matmul(x1, x2))
implement(np.linalg.outer, lambda x1, x2, /: products.outer(x1, x2))
implement(np.linalg.tensordot, lambda x1, x2, /, *, axes=2: products.tensordot(x1, x2, axes))
implement(np.linalg.cross, lambda x1, x2, /, *, axis=-1: numeric.cross(x1, x2, axis=axis))
implement(
    np.linalg.vecdot,
    lambda x1, x2, /, *, axis=-1: products.vecdot(
        shaping.moveaxis(x1, axis, -1), shaping.moveaxis(x2, axis, -1)
    ),
)
implement(np.linalg.matrix_transpose, shaping.matrix_transpose)

_implement_all(
    sorting, "sort sort_complex argsort partition argpartition lexsort searchsorted digitize"
)
_implement_all(quantiles, "median nanmedian quantile percentile nanquantile nanpercentile")
_implement_all(
    sets,
    "unique unique_values unique_counts unique_inverse unique_all isin intersect1d union1d "
    "setdiff1d setxor1d",
)
_implement_all(counting, "bincount histogram histogram_bin_edges histogram2d histogramdd")
_implement_all(sized, "nonzero flatnonzero argwhere repeat")
implement(np.lib.stride_tricks.sliding_window_view, sliding.sliding_window_view)
implement(np.where, sized.sized_where)

SIZED: dict[str, Callable[..., Any]] = {
    "nonzero": sized.nonzero,
    "flatnonzero": sized.flatnonzero,
    "argwhere": sized.argwhere,
    "where": sized.sized_where,
    "repeat": sized.repeat,
    "unique": sets.unique,
    "unique_values": sets.unique_values,
    "unique_counts": sets.unique_counts,
    "unique_inverse": sets.unique_inverse,
    "unique_all": sets.unique_all,
    "intersect1d": sets.intersect1d,
    "union1d": sets.union1d,
    "setdiff1d": sets.setdiff1d,
    "setxor1d": sets.setxor1d,
    "bincount": counting.bincount,
}
"""Functions that `pullback.numpy` has with ``size=`` or ``length=`` beside NumPy's arguments."""

SIZES = frozenset({"size", "length"})
"""Those arguments."""

CREATION: dict[str, Callable[..., Any]] = {
    "array": creation.array,
    "asarray": creation.asarray,
    "ascontiguousarray": creation.ascontiguousarray,
    "asanyarray": creation.asarray,
    "asfortranarray": creation.ascontiguousarray,
    "from_dlpack": creation.from_dlpack,
    "require": creation.require,
    "kaiser": numeric.kaiser,
    "full": creation.full,
}
"""Functions that real NumPy does not dispatch: `pullback.numpy` has them."""

WRITABLE: dict[str, Callable[..., Any]] = {
    "zeros": creation.zeros,
    "empty": creation.zeros,
    "ones": creation.ones,
    "full": creation.full,
    "array": creation.array,
    "asarray": creation.asarray,
    "copy": creation.ascopy,
    **{f.__name__: traced for f, traced in creation.MADE.items()},
    **{
        f"{name}_like": getattr(creation, f"{name}_like")
        for name in ("zeros", "ones", "empty", "full")
    },
    **{
        name: creation.noted(getattr(np, name), getattr(ranges, name))
        for name in ("linspace", "logspace", "geomspace")
    },
}
"""Those whose arrays are to be filled, or read at traced places: traced where all else is."""

LIKE: dict[Callable[..., Any], Callable[..., Any]] = {
    **{getattr(np, name): function for name, function in {**CREATION, **WRITABLE}.items()},
}
"""What makes arrays: with ``like=x`` (NEP 35) as traced as ``x``."""
