"""What a traced value does by Python's operators, and NumPy's protocols: hand over to `numpy`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from operator import index as as_index
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .callers import stores
from .errors import STORED, TracedValueError, at
from .location import called_by, user_location

if TYPE_CHECKING:
    from .trace import Tracer


@cache
def _ufuncs() -> ModuleType:
    from .numpy import ufuncs

    return ufuncs


def _ufunc(ufunc: np.ufunc, reflected: bool = False) -> Callable[..., Tracer]:
    def operator(self: Tracer, *others: Any) -> Any:
        ufuncs = _ufuncs()
        for x in others:
            if not ufuncs.takes_part(self, x):
                return NotImplemented
        operands = (*others[::-1], self) if reflected else (self, *others)
        return ufuncs.apply(ufunc, *operands)

    return operator


def _in_place(ufunc: np.ufunc) -> Callable[..., Tracer]:
    def operator(self: Tracer, other: Any) -> Any:
        from .numpy.ufuncs import apply_in_place

        return apply_in_place(ufunc, self, other)

    return operator


def _known(
    convert: Callable[[Any], Any], what: str, way_out: str, ask: bool = True
) -> Callable[[Tracer], Any]:
    """A conversion to one of Python's values, which a traced array has if its own is known.

    With ``ask`` a number that is not known has its value in the call that is being traced.
    """

    def conversion(self: Tracer) -> Any:
        from .known import known_value
        from .path import actual_value

        value = known_value(self)
        stored = value is None and stores()
        if value is None and ask and self.size == 1 and not stored:
            value = actual_value(self, what, truth=convert is bool)
        if value is not None:
            return convert(value)
        if stored and convert is not as_index:
            raise TracedValueError(f"{STORED}{at(user_location())}")
        if convert is bool and self.size != 1:
            raise TracedValueError(
                f"{what} needs one truth, got a traced {self.type}\n"
                f"  np.any or np.all of it is one; {way_out}{at(user_location())}"
            )
        raise TracedValueError(
            f"{what} needs the value of a traced {self.type}, which is not known while tracing\n"
            f"  {way_out}{at(user_location())}"
        )

    return conversion


def _refuse_hash(self: Tracer) -> int:
    raise TracedValueError(
        f"a set or a dict needs a value to look up, got a traced {self.type}\n"
        f"  int(x) or float(x) is the value in this call{at(user_location())}"
    )


class Operators:
    """The operators of a traced array; each is the NumPy ufunc of that name."""

    __slots__ = ()

    __add__ = _ufunc(np.add)
    __radd__ = _ufunc(np.add, reflected=True)
    __iadd__ = _in_place(np.add)
    __sub__ = _ufunc(np.subtract)
    __rsub__ = _ufunc(np.subtract, reflected=True)
    __isub__ = _in_place(np.subtract)
    __mul__ = _ufunc(np.multiply)
    __rmul__ = _ufunc(np.multiply, reflected=True)
    __imul__ = _in_place(np.multiply)
    __truediv__ = _ufunc(np.true_divide)
    __rtruediv__ = _ufunc(np.true_divide, reflected=True)
    __itruediv__ = _in_place(np.true_divide)
    __floordiv__ = _ufunc(np.floor_divide)
    __rfloordiv__ = _ufunc(np.floor_divide, reflected=True)
    __ifloordiv__ = _in_place(np.floor_divide)
    __mod__ = _ufunc(np.remainder)
    __rmod__ = _ufunc(np.remainder, reflected=True)
    __imod__ = _in_place(np.remainder)
    __pow__ = _ufunc(np.power)
    __rpow__ = _ufunc(np.power, reflected=True)
    __ipow__ = _in_place(np.power)
    __divmod__ = _ufunc(np.divmod)
    __rdivmod__ = _ufunc(np.divmod, reflected=True)
    __lshift__ = _ufunc(np.left_shift)
    __rlshift__ = _ufunc(np.left_shift, reflected=True)
    __ilshift__ = _in_place(np.left_shift)
    __rshift__ = _ufunc(np.right_shift)
    __rrshift__ = _ufunc(np.right_shift, reflected=True)
    __irshift__ = _in_place(np.right_shift)
    __matmul__ = _ufunc(np.matmul)
    __rmatmul__ = _ufunc(np.matmul, reflected=True)
    __imatmul__ = _in_place(np.matmul)
    __and__ = _ufunc(np.bitwise_and)
    __rand__ = _ufunc(np.bitwise_and, reflected=True)
    __iand__ = _in_place(np.bitwise_and)
    __or__ = _ufunc(np.bitwise_or)
    __ror__ = _ufunc(np.bitwise_or, reflected=True)
    __ior__ = _in_place(np.bitwise_or)
    __xor__ = _ufunc(np.bitwise_xor)
    __rxor__ = _ufunc(np.bitwise_xor, reflected=True)
    __ixor__ = _in_place(np.bitwise_xor)
    __neg__ = _ufunc(np.negative)
    __pos__ = _ufunc(np.positive)
    __abs__ = _ufunc(np.absolute)
    __invert__ = _ufunc(np.invert)
    __lt__ = _ufunc(np.less)
    __le__ = _ufunc(np.less_equal)
    __gt__ = _ufunc(np.greater)
    __ge__ = _ufunc(np.greater_equal)
    _equal = _ufunc(np.equal)
    _not_equal = _ufunc(np.not_equal)
    __hash__ = _refuse_hash

    def __eq__(self, other: object) -> Tracer:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._equal(other)

    def __ne__(self, other: object) -> Tracer:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._not_equal(other)

    __bool__ = _known(
        bool, "a Python `if`, `while`, `and` or `bool()`", "use np.where(condition, a, b)"
    )
    __float__ = _known(
        float,
        "float()",
        "numpy functions take it as it is; arrays to store it in: pullback.numpy.zeros, x.copy()",
    )
    __int__ = _known(int, "int()", "use .astype(np.int64)")
    __index__ = _known(
        as_index,
        "an index into a list, a range or an array that is not traced",
        "pullback.numpy.asarray(table)[i] looks it up",
    )
    __complex__ = _known(complex, "complex()", "keep it an array")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """NumPy asks for actual values; only what is known while tracing has them."""
        way_out = (
            "np.array makes a list of traced values an array: np.max(np.array([a, b]), axis=0);\n"
            "  to read a NumPy array at traced places: pullback.numpy.asarray(table)[places]"
        )
        if called_by("scipy"):
            way_out = (
                "pullback.scipy has SciPy's functions for traced values: pullback.scipy.linalg"
            )
        values: np.ndarray[Any, Any] = _known(
            lambda value: np.array(value, dtype), "making a NumPy array", way_out, ask=False
        )(self)  # type: ignore[arg-type]
        return values

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NEP 13: real NumPy ufuncs on traced values."""
        from .numpy.protocols import call_ufunc

        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        """NEP 18: real NumPy functions on traced values."""
        from .numpy.protocols import call_function

        return call_function(function, args, kwargs)

    def __getitem__(self, index: Any) -> Tracer:
        from .numpy.indexing import get_item

        item: Tracer = get_item(self, index)  # type: ignore[arg-type]
        return item

    def __setitem__(self, index: Any, value: Any) -> None:
        from .numpy.indexing import set_item

        set_item(self, index, value)  # type: ignore[arg-type]

    def __len__(self: Any) -> int:
        if not self.shape:
            raise TypeError(f"len() of a traced 0-d array{at(user_location())}")
        return int(self.shape[0])

    def __iter__(self: Any) -> Iterator[Tracer]:
        from .known import known_element

        elements = (self[i] for i in range(len(self)))
        return elements if self.ndim > 1 else map(known_element, elements)
