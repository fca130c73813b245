"""The table of NumPy's functions: what each does to traced values.

A module adds a function by `implement`; `FUNCTIONS` is what NEP 18 looks up, by the function.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import (
    complexes,
    counting,
    creation,
    einsum,
    fft,
    joining,
    linalg,
    numeric,
    products,
    quantiles,
    reductions,
    selection,
    sets,
    shaping,
    sized,
    sorting,
)
from .creation import asarray

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""NumPy's function -> the function on traced values."""


def implement(numpy_function: Callable[..., Any], traced: Callable[..., Any]) -> None:
    """Give a function of NumPy its meaning for traced values."""
    FUNCTIONS[numpy_function] = traced


def _implement_all(module: ModuleType, names: str, owner: Any = np) -> None:
    for name in names.split():
        implement(getattr(owner, name), getattr(module, name))


_implement_all(creation, "astype full_like zeros_like ones_like linspace meshgrid")
_implement_all(
    shaping,
    "reshape ravel transpose matrix_transpose swapaxes moveaxis rollaxis squeeze expand_dims "
    "broadcast_to broadcast_arrays atleast_1d atleast_2d atleast_3d flip fliplr flipud rot90 roll "
    "repeat tile resize",
)
_implement_all(
    joining,
    "concatenate stack vstack hstack dstack column_stack append block split array_split hsplit "
    "vsplit dsplit unstack pad delete insert",
)
_implement_all(
    reductions,
    "sum prod max min mean var std ptp count_nonzero average argmax argmin cumsum cumulative_sum "
    "nansum nanprod nanmax nanmin nanmean nanvar nanstd",
)
_implement_all(
    selection,
    "where clip select nan_to_num take take_along_axis put_along_axis diagonal diag diagflat tril "
    "triu trace choose result_type",
)
_implement_all(
    numeric,
    "round fix diff ediff1d trapezoid gradient isclose allclose array_equal cross interp convolve "
    "correlate polyval vander sinc unwrap apply_along_axis",
)
_implement_all(products, "dot inner outer vdot tensordot kron")
_implement_all(complexes, "real imag angle real_if_close iscomplex isreal iscomplexobj isrealobj")
implement(np.einsum, einsum.einsum)
implement(np.copy, creation.ascopy)
implement(np.empty_like, creation.zeros_like)
implement(np.amax, reductions.max)
implement(np.amin, reductions.min)
implement(np.around, numeric.round)
implement(np.any, reductions.any_of)
implement(np.all, reductions.all_of)
implement(np.shape, lambda a: asarray(a).shape)
implement(np.ndim, lambda a: asarray(a).ndim)
implement(np.size, lambda a, axis=None: asarray(a).size if axis is None else asarray(a).shape[axis])

for _name, _function in fft.FOURIER.items():
    implement(getattr(np.fft, _name), _function)
for _name, _function in linalg.LINALG.items():
    implement(getattr(np.linalg, _name), _function)
_implement_all(products, "matmul vecdot outer tensordot", np.linalg)
implement(np.linalg.cross, lambda x1, x2, /, *, axis=-1: numeric.cross(x1, x2, axis=axis))
implement(np.linalg.matrix_transpose, shaping.matrix_transpose)

_implement_all(sorting, "sort argsort partition argpartition lexsort searchsorted digitize")
_implement_all(quantiles, "median nanmedian quantile percentile nanquantile nanpercentile")
_implement_all(
    sets,
    "unique unique_values unique_counts unique_inverse unique_all isin intersect1d union1d "
    "setdiff1d setxor1d",
)
_implement_all(counting, "bincount histogram histogram_bin_edges histogram2d histogramdd")
_implement_all(sized, "nonzero flatnonzero argwhere")
implement(np.where, sized.sized_where)

SIZED: dict[str, Callable[..., Any]] = {
    "nonzero": sized.nonzero,
    "flatnonzero": sized.flatnonzero,
    "argwhere": sized.argwhere,
    "where": sized.sized_where,
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

CREATION: dict[str, Callable[..., Any]] = {
    "array": creation.array,
    "asarray": creation.asarray,
    "ascontiguousarray": creation.asarray,
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
}
"""Those whose arrays are to be filled, or read at traced places: traced where all else is."""
