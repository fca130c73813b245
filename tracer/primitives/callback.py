"""Python functions that compiled code calls, as rows.

``pure_callback`` is one of the results of a function that has no other effect than these; one that
no result is wanted of is not called. ``debug_callback`` is there for what its function does beside:
it is kept although nothing reads it, and such rows stay in the order of the program. A function is
printed as its name; a graph that was read from text cannot call it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import MethodType
from typing import Any, NoReturn

import numpy as np

from .. import tree
from ..errors import LeakedTracerError, UnsupportedFunctionError, at
from ..location import Location, user_location
from ..primitive import Domain, OfDtype, Primitive, register
from ..trace import WEAK_DTYPES, Tracer, tracing, untraced
from ..types import ArrayType, DType, Shape
from .items import items_graph, one_by_one, results
from .scan import NOTHING, batch_size
from .structure import concatenate, repeated, reshape, slice

METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all")
"""What a batch can do with a function of single items."""


KINDS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


@dataclass(frozen=True)
class Callback:
    """A Python function of trees of arrays, to be called with their leaves.

    ``spec`` is the structure of its positional arguments and keywords, ``given`` are the types of
    the leaves; ``result_spec`` and ``results`` those of what it returns. Two are equal if they call
    the very same function in the same way.
    """

    function: Callable[..., Any] = field(compare=False)
    name: str
    spec: tree.TreeSpec
    given: tuple[ArrayType, ...]
    result_spec: tree.TreeSpec | None
    results: tuple[ArrayType, ...]
    vmap_method: str | None = None
    where: Location | None = field(default=None, compare=False)
    identity: tuple[int, ...] = field(init=False)
    made: dict[Any, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", _identity(self.function))

    def __repr__(self) -> str:
        return repr(self.name)

    def __call__(self, *arrays: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
        """The leaves of what the function returns, as machine code reads arrays.

        Raises:
            TypeError: for a result of another structure or dtype than promised.
            ValueError: for one of another shape.
            LeakedTracerError: for one that is traced.
        """
        args, kwargs = tree.unflatten(self.spec, arrays)
        try:
            if tracing():
                with untraced():
                    found = self.function(*args, **kwargs)
            else:
                found = self.function(*args, **kwargs)
        except BaseException as error:
            line = "" if self.where is None else f" called at {self.where}"
            _note(error, f"in the {self._what}{line}")
            raise
        return () if self.result_spec is None else self._checked(found)

    @property
    def _what(self) -> str:
        return f"callback {self.name}"

    def _checked(self, found: Any) -> tuple[np.ndarray[Any, Any], ...]:
        leaves, spec = tree.flatten(found)
        if spec != self.result_spec:
            raise TypeError(
                f"the {self._what} is to return {_structure(self.result_spec)}, returned "
                f"{_structure(spec)}{at(self.where)}"
            )
        return tuple(map(self._as, leaves, self.results))

    def _as(self, leaf: Any, type: ArrayType) -> np.ndarray[Any, Any]:
        """A result in the form that machine code reads: native, aligned, C-contiguous."""
        if isinstance(leaf, Tracer):
            raise LeakedTracerError(
                f"the {self._what} returned a traced value; pass it as an argument{at(self.where)}"
            )
        array = np.asarray(leaf)
        if array.dtype != type.dtype:
            array = self._converted(leaf, array, type)
        if array.shape != type.shape:
            raise ValueError(
                f"the {self._what} is to return {type}, returned shape {array.shape}"
                f"{at(self.where)}"
            )
        flags = array.flags
        plain = flags.c_contiguous and flags.aligned
        return array if plain else np.require(array, requirements=("C", "A"))

    def _converted(
        self, leaf: Any, array: np.ndarray[Any, Any], type: ArrayType
    ) -> np.ndarray[Any, Any]:
        """A result in native byte order, or a number of Python's in the dtype it stands for."""
        if array.dtype.newbyteorder("=") != type.dtype and not _is_weak(leaf, type.dtype):
            raise TypeError(
                f"the {self._what} is to return {type}, returned dtype {array.dtype}"
                f"{at(self.where)}"
            )
        return np.asarray(leaf, type.dtype)


def _identity(function: Callable[..., Any]) -> tuple[int, ...]:
    """What tells a function from all others as long as it lives; methods are made anew."""
    if isinstance(function, MethodType):
        return id(function.__self__), id(function.__func__)
    return (id(function),)


def _is_weak(value: Any, dtype: DType) -> bool:
    """Whether a value is a number of Python's that stands for any dtype of its kind or above."""
    kind = WEAK_DTYPES.get(value.__class__)
    return kind is not None and KINDS[kind.kind] <= KINDS[dtype.kind]


def _note(error: BaseException, note: str) -> None:
    """Tell an exception where it came through, once: the same one may be raised again."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _structure(spec: tree.TreeSpec | None) -> str:
    """A structure as users write it."""
    text = str(spec).removeprefix("PyTreeSpec(").removesuffix(")")
    return "an array" if text == "*" else text.replace("*", "array")


def function_name(function: Callable[..., Any]) -> str:
    """A name to print a function as."""
    return str(getattr(function, "__name__", type(function).__name__))


# -- types and meaning ---------------------------------------------------------------------------


def _require_types(types: Sequence[ArrayType], callback: Callback) -> None:
    if tuple(types) != callback.given:
        wanted = ", ".join(map(str, callback.given))
        raise TypeError(f"a callback of ({wanted}) got ({', '.join(map(str, types))})")


def _infer_pure(*types: ArrayType, callback: Callback, result: int) -> ArrayType:
    _require_types(types, callback)
    return callback.results[result]


def _infer_debug(*types: ArrayType, callback: Callback) -> ArrayType:
    _require_types(types, callback)
    return NOTHING


def _pure_reference(*operands: Any, callback: Callback | str, result: int) -> Any:
    return _live(callback)(*_own(operands))[result]


def _debug_reference(*operands: Any, callback: Callback | str) -> Any:
    _live(callback)(*_own(operands))
    return np.zeros(0, np.bool_)


def _own(operands: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
    """Copies, which the function may keep and write to."""
    return [np.array(x) for x in operands]


def _live(callback: Callback | str) -> Callback:
    if isinstance(callback, str):
        raise UnsupportedFunctionError(
            f"the text of a graph does not hold the callback {callback}{at(user_location())}"
        )
    return callback


def _no_derivative(
    tangents: Sequence[Tracer | None], out: Tracer, *operands: Tracer, **params: Any
) -> NoReturn:
    callback: Callback = params["callback"]
    raise UnsupportedFunctionError(
        f"the derivative of the callback {callback.name} is not known to pullback\n"
        "  give it one, with pb.custom_jvp or pb.custom_vjp around the call"
        f"{at(callback.where)}"
    )


# -- batches -------------------------------------------------------------------------------------


def _one_by_one(
    row: Primitive, callback: Callback, batched: Sequence[bool], operands: Sequence[Tracer]
) -> list[Tracer]:
    """The results of the function for each item of a batch; it is the same loop for all of them."""
    key = tuple(batched)
    if key not in callback.made:
        params = {"callback": callback}
        numbers = results(params, len(callback.results)) or [params]
        callback.made.setdefault(key, items_graph(row, callback.given, batched, numbers))
    return one_by_one(callback.made[key], batched, operands)


def _debug_batch(batched: Sequence[bool], *operands: Tracer, callback: Callback) -> Tracer:
    return _one_by_one(debug_callback, callback, batched, operands)[0]


def _pure_batch(
    batched: Sequence[bool], *operands: Tracer, callback: Callback, result: int
) -> Tracer:
    size = batch_size(operands, batched)
    match callback.vmap_method:
        case None:
            raise UnsupportedFunctionError(
                f"the callback {callback.name} does not say what vmap is to do with it\n"
                f"  pass vmap_method=, one of {', '.join(METHODS)}{at(callback.where)}"
            )
        case "sequential_unrolled" if size:
            items = (_item(batched, operands, i) for i in range(size))
            found = [pure_callback(*item, callback=callback, result=result) for item in items]
            return concatenate(*(reshape(x, shape=(1, *x.shape)) for x in found), axis=0)
        case "sequential" | "sequential_unrolled":
            return _one_by_one(pure_callback, callback, batched, operands)[result]
        case method:
            times = 1 if method == "expand_dims" else size
            given = [
                x if has else repeated(x, times) for x, has in zip(operands, batched, strict=True)
            ]
            many = _for_many(callback, given, size)
            return pure_callback(*given, callback=many, result=result)


def _item(batched: Sequence[bool], operands: Sequence[Tracer], number: int) -> list[Tracer]:
    return [_entry(x, number) if has else x for x, has in zip(operands, batched, strict=True)]


def _entry(x: Tracer, number: int) -> Tracer:
    """An entry of the first axis."""
    starts, sizes = (number, *(0 for _ in x.shape[1:])), (1, *x.shape[1:])
    return reshape(slice(x, starts=starts, sizes=sizes, steps=(1,) * x.ndim), shape=x.shape[1:])


def _for_many(callback: Callback, given: Sequence[Tracer], size: int) -> Callback:
    """The same function, called once with a whole batch."""
    results = tuple(t.with_shape((size, *t.shape)) for t in callback.results)
    return replace(callback, given=tuple(x.type for x in given), results=results, made={})


# -- the rows ------------------------------------------------------------------------------------


def _example(
    function: Callable[..., Any], shapes: Sequence[Shape], count: int, method: str
) -> OfDtype:
    """A callback for tests, of arrays of the drawn dtype and with so many results of it."""

    def make(dtype: DType) -> Callback:
        given = tuple(ArrayType(shape, dtype) for shape in shapes)
        spec = tree.flatten((given, {}))[1]
        shape = np.broadcast_shapes(*shapes)
        results = (ArrayType(shape, dtype),) * count
        result_spec = tree.flatten(results)[1] if results else None
        return Callback(function, "example", spec, given, result_spec, results, method)

    return OfDtype(make)


def _both(x: Any, y: Any) -> tuple[Any, Any]:
    return x + y, (x * y)[..., ::-1] if x.ndim else x * y


_CASES = tuple(
    (shapes, {"callback": _example(_both, shapes, 2, method), "result": result})
    for shapes, method, result in (
        (((3,), (3,)), "broadcast_all", 0),
        (((3,), (3,)), "broadcast_all", 1),
        (((2, 5), (2, 5)), "sequential", 1),
        (((), ()), "sequential_unrolled", 0),
        (((0,), (0,)), "sequential", 0),
    )
)

pure_callback: Primitive = register(
    Primitive(
        "pure_callback",
        _infer_pure,
        _pure_reference,
        Domain(
            _CASES,
            dtypes=("f64", "f32", "c128", "c64", "i64", "i32", "bool", "i8", "u64", "f16"),
            fixed=(0, 1),
        ),
        jvp=_no_derivative,
        batch=_pure_batch,
    )
)
debug_callback: Primitive = register(
    Primitive(
        "debug_callback",
        _infer_debug,
        _debug_reference,
        Domain(
            ((((3,), (3,)), {"callback": _example(_both, ((3,), (3,)), 0, "sequential")}),),
            dtypes=("f64", "c64", "bool"),
        ),
        batch=_debug_batch,
        effect=True,
    )
)
