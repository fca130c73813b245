"""The methods and attributes of NumPy's arrays on traced ones: each the function of that name."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import TracedValueError, at
from .location import user_location

if TYPE_CHECKING:
    from .numpy.flat import Flat
    from .trace import Tracer


def _method(module: str, function: str) -> Callable[..., Tracer]:
    def method(self: Tracer, *args: Any, **kwargs: Any) -> Tracer:
        from importlib import import_module

        functions = import_module(f".numpy.{module}", __package__)
        result: Tracer = getattr(functions, function)(self, *args, **kwargs)
        return result

    method.__name__ = function
    method.__doc__ = f"`numpy.ndarray.{function}` of a traced array."
    return method


def _shaped(function: str) -> Callable[..., Tracer]:
    """Methods that take a shape or axes as one tuple or as several arguments."""
    apply = _method("shaping", function)

    def method(self: Tracer, *extents: Any, **kwargs: Any) -> Tracer:
        given = extents[0] if len(extents) == 1 else extents
        return apply(self, given, **kwargs) if extents else apply(self, **kwargs)

    return method


def _of_known(name: str, way_out: str) -> Callable[..., Any]:
    """What makes Python's values of an array that is known while tracing, or of one number."""

    def method(self: Tracer, *args: Any, **kwargs: Any) -> Any:
        from .known import known_value
        from .path import actual_value

        value = known_value(self)
        if value is None and self.size == 1:
            value = actual_value(self, f"{name}()")
        if value is not None:
            return getattr(value, name)(*args, **kwargs)
        raise TracedValueError(
            f"{name}() needs the values of a traced {self.type}, which are not known while "
            f"tracing\n  {way_out}{at(user_location())}"
        )

    method.__name__ = name
    return method


def _whole(ufunc: np.ufunc) -> Callable[..., Tracer]:
    """What `math.floor` and its like ask a number for: a Python int."""

    def method(self: Tracer) -> Tracer:
        from .trace import Tracer

        if self.ndim:
            raise TypeError(
                f"only 0-d arrays can be converted to Python scalars{at(user_location())}"
            )
        rounded: Any = ufunc(self)
        return Tracer(rounded.astype(np.int64).node, int)

    return method


class Methods:
    """What NumPy's arrays have beside operators."""

    __slots__ = ()

    sum = _method("reductions", "sum")
    prod = _method("reductions", "prod")
    mean = _method("moments", "mean")
    var = _method("moments", "var")
    std = _method("moments", "std")
    min = _method("reductions", "min")
    max = _method("reductions", "max")
    any = _method("reductions", "any_of")
    all = _method("reductions", "all_of")
    argmin = _method("reductions", "argmin")
    argmax = _method("reductions", "argmax")
    cumsum = _method("running", "cumsum")
    cumprod = _method("running", "cumprod")
    take = _method("selection", "take")
    trace = _method("selection", "trace")
    diagonal = _method("selection", "diagonal")
    searchsorted = _method("sorting", "searchsorted")
    sort = _method("sorting", "sort_in_place")
    argsort = _method("sorting", "argsort")
    partition = _method("sorting", "partition_in_place")
    argpartition = _method("sorting", "argpartition")
    nonzero = _method("sized", "nonzero")
    choose = _method("selection", "choose")
    round = _method("numeric", "round")
    dot = _method("products", "dot")
    astype = _method("creation", "cast")
    copy = _method("creation", "ascopy")
    reshape = _shaped("reshape")
    transpose = _shaped("transpose")
    ravel = _method("shaping", "ravel")
    swapaxes = _method("shaping", "swapaxes")
    squeeze = _method("shaping", "squeeze")
    repeat = _method("sized", "repeat")

    def clip(self: Any, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Tracer:
        """The array with no element below one bound or above the other."""
        return _method("selection", "clip")(self, min, max, out, **kwargs)

    def compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Tracer:
        """The slices along an axis where a known condition holds."""
        return _method("places", "compress")(condition, self, axis, out)

    def put(self: Any, indices: Any, values: Any, mode: str = "raise") -> None:
        """Values at positions in the flattened array."""
        _method("writing", "put")(self, indices, values, mode)

    item = _of_known("item", "keep it an array: numpy functions work on traced values")
    tolist = _of_known("tolist", "keep it an array: numpy functions work on traced values")
    tobytes = _of_known("tobytes", "return the array and call tobytes() on the result")

    def flatten(self: Any, order: str = "C") -> Tracer:
        """All elements along one axis, in storage of their own."""
        flat: Tracer = self.ravel(order)
        return flat.copy()

    conj = _method("complexes", "conj")
    conjugate = conj

    def __copy__(self: Any) -> Tracer:
        """`copy.copy`: storage of its own, as NumPy's."""
        copied: Tracer = self.copy()
        return copied

    def __deepcopy__(self: Any, memo: Any) -> Tracer:
        """`copy.deepcopy`."""
        copied: Tracer = self.copy()
        return copied

    def __format__(self: Any, spec: str) -> str:
        """The value where it is known while tracing; else what stands for it."""
        from .known import known_value

        known = known_value(self)
        return repr(self) if known is None else format(known[()], spec)

    __floor__ = _whole(np.floor)
    __ceil__ = _whole(np.ceil)
    __trunc__ = _whole(np.trunc)

    def __round__(self: Any, ndigits: int | None = None) -> Tracer:
        """Python's `round`, of a number only; without digits it gives an int."""
        result: Tracer = _whole(np.rint)(self) if ndigits is None else self.round(ndigits)
        return result

    def fill(self: Any, value: Any) -> None:
        """One value everywhere, in place."""
        self[...] = value

    @property
    def T(self: Any) -> Tracer:
        """The array with its axes reversed."""
        result: Tracer = self.transpose()
        return result

    @property
    def mT(self: Any) -> Tracer:
        """The matrices in the last two axes transposed."""
        result: Tracer = _method("shaping", "matrix_transpose")(self)
        return result

    @property
    def real(self: Any) -> Tracer:
        """The real parts: a view; the array itself where it is real."""
        return _method("complexes", "real")(self)

    @real.setter
    def real(self: Any, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self: Any) -> Tracer:
        """The imaginary parts: a view; zeros where the array is real."""
        return _method("complexes", "imag")(self)

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        _method("complexes", "require_imag")(self)[...] = value

    @property
    def itemsize(self: Any) -> int:
        """Bytes of an element."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self: Any) -> int:
        """Bytes of all elements."""
        return int(self.size) * int(self.dtype.itemsize)

    @property
    def flat(self: Any) -> Flat:
        """The elements, one after another, to be read and written."""
        from .numpy.flat import Flat

        return Flat(self)

    @flat.setter
    def flat(self: Any, value: Any) -> None:
        self.flat[...] = value

    @property
    def device(self) -> str:
        """Where the values are, in the words of the array API."""
        return "cpu"

    def to_device(self: Any, device: str, /, *, stream: Any = None) -> Tracer:
        """The array itself: there is one device."""
        if device != "cpu":
            raise ValueError(f"there is no device {device!r}, only 'cpu'{at(user_location())}")
        result: Tracer = self
        return result

    def view(self: Any, dtype: Any = None, type: Any = None) -> Tracer:
        """The same elements in the same storage.

        Raises:
            TracedValueError: for another dtype: traced values have no bits to be read otherwise.
        """
        if dtype is not None and np.dtype(dtype) != self.dtype:
            raise TracedValueError(
                f"the bits of a traced {self.type} cannot be read as {np.dtype(dtype)}\n"
                f"  astype converts the values{at(user_location())}"
            )
        same: Tracer = self[...]
        return same

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU, in the words of DLPack."""
        return (1, 0)

    __dlpack__ = _of_known("__dlpack__", "return the array and hand over the result")

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        """`pullback.numpy`: the functions of the array API, in the versions that NumPy has.

        Raises:
            ValueError: for another version.
        """
        from importlib import import_module

        version: Any = api_version
        np.empty(0).__array_namespace__(api_version=version)
        return import_module("pullback.numpy")
