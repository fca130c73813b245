"""What a traced mask selects: ``x[mask]``, where how many elements that are is not known.

All elements are kept, with the mask. Elementwise functions compute at every place; the result is
written back through the same mask, ``x[mask] += v``, or reduced along the selected elements.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, NoReturn

import numpy as np

from ..errors import TracedValueError, at
from ..location import user_location
from ..primitives.structure import reshape
from ..trace import Tracer, operand_node
from ..types import BOOL, INT64, DType, normalize_axis
from .creation import as_numpy_dtype, asarray
from .items import ALL, Mask, Positions, before, completed, items
from .promotion import as_dtype, is_python_scalar, spread
from .ufuncs import apply_in_place, call


def refuse(what: str) -> NoReturn:
    """Raise the error for what depends on how many elements a traced mask selects."""
    raise TracedValueError(
        f"{what}: the number of elements that a traced mask selects is not known while tracing\n"
        "  use np.where(mask, x, otherwise), or where=mask in a reduction; x[mask] can be computed "
        f"with elementwise, summed, and assigned to x[mask]{at(user_location())}"
    )


class Selected(np.lib.mixins.NDArrayOperatorsMixin):
    """The elements that a traced mask selects, with those that it does not.

    ``values`` are all elements; ``mask`` covers ``mask.ndim`` axes of them from ``first`` on, which
    are one axis of the selection.

    >>> def f(x):
    ...     x = x.copy()
    ...     x[x < 0] *= -10.0
    ...     return x, np.mean(x[x > 2])
    >>> pb.jit(f)(np.array([-1.0, 2.0, 4.0]))
    (array([10.,  2.,  4.]), np.float64(7.0))
    """

    __slots__ = ("first", "mask", "values")
    __array_priority__ = 1001.0

    def __init__(self, values: Tracer, mask: Tracer, first: int) -> None:
        self.values = values
        self.mask = mask
        self.first = first

    @property
    def dtype(self) -> DType:
        """The dtype of the elements."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.values.ndim - self.mask.ndim + 1

    @property
    def chosen(self) -> Tracer:
        """The mask in the shape of the values."""
        ones = (1,) * (self.values.ndim - self.first - self.mask.ndim)
        return spread(reshape(self.mask, shape=(*self.mask.shape, *ones)), self.values.shape)

    def is_like(self, mask: Tracer, first: int) -> bool:
        """Whether it is what this mask selects at this place."""
        return operand_node(self.mask) is operand_node(mask) and self.first == first

    def _with(self, values: Tracer) -> Selected:
        return Selected(values, self.mask, self.first)

    # -- elementwise ---------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's ufuncs, element by element."""
        out = kwargs.pop("out", None)
        if method == "reduce" and ufunc.__name__ in _REDUCE:
            return _REDUCE[ufunc.__name__](*inputs, **{"axis": 0, **kwargs})
        if method != "__call__" or kwargs:
            refuse(f"np.{ufunc.__name__} with {method if method != '__call__' else [*kwargs]}")
        operands = [self._aligned(x) for x in inputs]
        if out is not None:
            if out[0] is not self:
                refuse("out=")
            return self._replaced(ufunc, operands)
        result = call(ufunc, *operands)
        if isinstance(result, tuple):
            return tuple(self._with(x) for x in result)
        return self._with(result)

    def _aligned(self, value: Any) -> Any:
        """An operand as it stands beside all the values.

        Raises:
            TracedValueError: for one whose shape would have to agree with the number of elements.
        """
        if isinstance(value, Selected):
            if not value.is_like(self.mask, self.first) or value.ndim != self.ndim:
                refuse("an operation on what two masks select")
            return value.values
        if is_python_scalar(value):
            return value
        operand = asarray(value)
        after = self.values.ndim - self.first - self.mask.ndim
        if operand.ndim > after and operand.size != 1:
            refuse(f"an operation with an array of shape {operand.shape}")
        return reshape(operand, shape=()) if operand.ndim > after else operand

    def _replaced(self, ufunc: np.ufunc, operands: list[Any]) -> Selected:
        """``selected += value``: the values are replaced, within the kind of their dtype."""
        self.values = apply_in_place(ufunc, Tracer(self.values.node), *operands[1:])
        return self

    def __getitem__(self, index: Any) -> Selected:
        """Parts along other axes than that of the selected elements, which is taken whole.

        Raises:
            TracedValueError: for any other index.
        """
        from .indexing import get_item

        given = completed(items(index), self.ndim)
        axes = [axis for axis, item in enumerate(given) if item is not None]
        place = axes[self.first] if self.first < len(axes) else 0
        arrays = sum(not isinstance(item, (slice, NoneType)) for item in given)
        if given[place] != ALL or any(isinstance(x, Mask) for x in given) or arrays > 1:
            refuse("an element of x[mask]")
        raw = [x.values if isinstance(x, Positions) else x for x in given]
        whole = (*raw[:place], *[ALL] * self.mask.ndim, *raw[place + 1 :])
        added = sum(x.values.ndim - 1 for x in given[:place] if isinstance(x, Positions))
        part = get_item(self.values, whole)
        return Selected(Tracer(part.node), self.mask, before(given, place) + added)

    def astype(self, dtype: Any) -> Selected:
        """In another dtype."""
        return self._with(as_dtype(self.values, as_numpy_dtype(dtype)))

    def copy(self) -> Selected:
        """The same: it is a copy already."""
        return self._with(self.values)

    # -- reductions ------------------------------------------------------------------------------

    def _reduced(self, function: Callable[..., Any], axis: Any = None, **options: Any) -> Tracer:
        if axis is None:
            axes: tuple[int, ...] = tuple(range(self.values.ndim))
        elif isinstance(axis, int) and normalize_axis(axis, self.ndim) == self.first:
            axes = tuple(range(self.first, self.first + self.mask.ndim))
        else:
            refuse("a reduction along another axis than that of the selected elements")
        result: Tracer = function(self.values, axis=axes, where=self.chosen, **options)
        return result

    def sum(self, axis: Any = None, **options: Any) -> Tracer:
        """The sum of the selected elements."""
        return self._reduced(np.sum, axis, **options)

    def prod(self, axis: Any = None, **options: Any) -> Tracer:
        """The product of the selected elements."""
        return self._reduced(np.prod, axis, **options)

    def mean(self, axis: Any = None, **options: Any) -> Tracer:
        """The mean of the selected elements; NaN if there are none."""
        return self._reduced(np.mean, axis, **options)

    def var(self, axis: Any = None, **options: Any) -> Tracer:
        """The variance of the selected elements."""
        return self._reduced(np.var, axis, **options)

    def std(self, axis: Any = None, **options: Any) -> Tracer:
        """The standard deviation of the selected elements."""
        return self._reduced(np.std, axis, **options)

    def any(self, axis: Any = None, **options: Any) -> Tracer:
        """Whether one of the selected elements is true."""
        return self._reduced(np.any, axis, **options)

    def all(self, axis: Any = None, **options: Any) -> Tracer:
        """Whether all of the selected elements are true."""
        return self._reduced(np.all, axis, **options)

    def max(self, axis: Any = None, *, initial: Any) -> Tracer:
        """The largest of the selected elements and ``initial``."""
        return self._reduced(np.max, axis, initial=initial)

    def min(self, axis: Any = None, *, initial: Any) -> Tracer:
        """The smallest of the selected elements and ``initial``."""
        return self._reduced(np.min, axis, initial=initial)

    @property
    def size(self) -> Tracer:
        """How many elements are selected: a traced number."""
        counted: Tracer = np.sum(as_dtype(self.chosen, INT64))
        return counted

    # -- what cannot be ------------------------------------------------------------------------

    @property
    def shape(self) -> NoReturn:
        """Not known while tracing."""
        refuse("the shape of x[mask]")

    def __len__(self) -> int:
        refuse("the length of x[mask]")

    def __iter__(self) -> NoReturn:
        refuse("iteration over x[mask]")

    def __bool__(self) -> bool:
        refuse("the truth of x[mask]")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """NumPy asks for actual values; there are none."""
        refuse("an array of x[mask]")

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        """NumPy's reductions on the selected elements."""
        name = _FUNCTIONS.get(function)
        if name is None or not isinstance(args[0], Selected):
            refuse(f"np.{function.__name__} of x[mask]")
        return getattr(args[0], name)(*args[1:], **kwargs)


_FUNCTIONS: dict[Callable[..., Any], str] = {
    np.sum: "sum",
    np.prod: "prod",
    np.mean: "mean",
    np.var: "var",
    np.std: "std",
    np.any: "any",
    np.all: "all",
    np.max: "max",
    np.min: "min",
}

_REDUCE: dict[str, Callable[..., Any]] = {
    "add": Selected.sum,
    "multiply": Selected.prod,
    "logical_or": Selected.any,
    "logical_and": Selected.all,
}


def select_where(part: Tracer, mask: Any, first: int) -> Selected:
    """What a traced mask over the axes of ``part`` from ``first`` on selects."""
    return Selected(Tracer(part.node), as_dtype(asarray(mask), BOOL), first)
