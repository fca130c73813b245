"""Operations with a derivative of the user's own: ``torch.autograd.Function``."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import Kind, here, of_numpy
from ..engine import overwritten_text
from ..grad_fn import BackwardNode, next_of
from ..hooks import FREED, Watch
from ..memory import bump
from ..modes import MODE, enable_grad, no_grad
from ..node import DETACH, Node, Operand, Row, new_node, next_serial, user_line
from ..tensors import Tensor, of_node, operand, wrapped

__all__ = ["Function", "FunctionCtx", "once_differentiable"]

OUTPUT = Row("output", lambda x: x, "FunctionBackward")
"""The row of the outputs of calls: their values are computed like any others."""


class PythonCall(BackwardNode):
    """A call whose derivative is Python code: the backward node of its outputs."""

    freed = False
    watch: Watch | None = None
    by_rule = False
    """Whether the outputs come from a rule for batches, and have derivatives of outer levels."""

    def __init__(self, operands: Sequence[Operand | None]) -> None:
        self.operands = tuple(operands)
        self.serial = next_serial()
        self.where = user_line()
        self.count = 0
        self.outputs: dict[int, weakref.ref[Node]] = {}

    @property
    def _place(self) -> Any:
        return self

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The backward nodes of the arguments, and which of their outputs; None without any."""
        return next_of(self.operands)

    def pull(self, cotangents: list[Tensor | None]) -> list[Tensor | None]:
        """The cotangents of the arguments, given those of the outputs."""
        raise NotImplementedError

    def free(self) -> None:
        """Give up what is saved."""

    def output(self, value: Tensor, place: int) -> Node:
        """A node for an output, of the value of a tensor."""
        with no_grad():
            plain = self.by_rule or not value.node.tracked
            source = value.node if plain else new_node(DETACH, (value.node,))
            node = new_node(OUTPUT, (source,))
        node.track(True)
        node.call, node.output = self, place
        self.outputs[place] = weakref.ref(node)
        return node


class FunctionCtx:
    """What ``forward`` and ``backward`` of a `Function` share.

    >>> class Doubled(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.factor = 2
    ...         return ctx.factor * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, ct):
    ...         return ctx.factor * ct
    >>> x = torch.tensor(1.0, requires_grad=True)
    >>> torch.autograd.grad(Doubled.apply(x), x)
    (tensor(2.),)
    """

    _to_save: tuple[Any, ...] = ()
    dirty: tuple[Any, ...] = ()
    constant: tuple[Any, ...] = ()
    _for_forward: tuple[Any, ...] = ()
    _materialize = True
    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for ``backward``, where they are `saved_tensors`."""
        for i, x in enumerate(tensors):
            if x is not None and not isinstance(x, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type "
                    f"{type(x).__name__}{here()}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for ``jvp``, where they are `saved_tensors`."""
        self._for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """These arguments have been changed in place, and are among the outputs."""
        self.dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """No derivative goes through these outputs."""
        self.constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros for outputs that nothing depends on, or None."""
        self._materialize = value


class FunctionCall(PythonCall, FunctionCtx):
    """One call of a `Function`: ``ctx``, and the backward node."""

    function: type[Function]
    _kinds: tuple[Any, ...] = ()
    _saved: tuple[Any, ...] | None = None
    in_jvp = False

    def __init__(self, arguments: Sequence[Any]) -> None:
        super().__init__(
            [operand(x) if isinstance(x, Tensor) and x.requires_grad else None for x in arguments]
        )
        self._given = [x.shape if isinstance(x, Tensor) else None for x in arguments]
        self.needs_input_grad = tuple(isinstance(x, Tensor) and x.requires_grad for x in arguments)

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved, if it is still there and has not been overwritten.

        Raises:
            RuntimeError: torch's.
        """
        if self.in_jvp:
            return self._for_forward
        if self.freed:
            raise RuntimeError(f"{FREED}{here()}")
        if self._saved is None:
            return self._to_save
        return tuple(_unpacked(x, self) for x in self._saved)

    def keep(self, outputs: Sequence[Any]) -> None:
        """Save what is to be saved, with the versions of now."""
        self.count = len(outputs)
        self._kinds = tuple(x.node.info.kind if isinstance(x, Tensor) else None for x in outputs)
        self._saved = tuple(self._packed(x) for x in self._to_save)
        self._to_save = ()

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The backward nodes of the arguments that are tensors; None where no derivative goes."""
        given = zip(self.operands, self._given, strict=True)
        return next_of(tuple(x for x, shape in given if shape is not None))

    def _packed(self, x: Any) -> Any:
        if x is None:
            return None
        if x.node.call is not self:
            return x, None, x._version
        # An output must not be kept by its own call: its value is.
        return of_value(x.node.operands[0]), x.node.output, x._version

    def free(self) -> None:
        """Give up what is saved."""
        self._saved = ()

    def pull(self, cotangents: list[Tensor | None]) -> list[Tensor | None]:
        """Call ``backward``, and look at what it gives."""
        if self._materialize:
            cotangents = [
                ct if ct is not None or kind is None else _zeros(kind)
                for ct, kind in zip(cotangents, self._kinds, strict=True)
            ]
        backward = self.function.backward
        if backward is Function.backward and self.function.vjp is not Function.vjp:
            backward = self.function.vjp
        given = backward(self, *cotangents)
        return self._checked(given if isinstance(given, tuple) else (given,))

    def _checked(self, given: tuple[Any, ...]) -> list[Tensor | None]:
        count = len(self.operands)
        if len(given) > count and all(x is None for x in given[count:]):
            given = given[:count]
        if len(given) != count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected "
                f"{count}, got {len(given)}){here()}"
            )
        return [self._fitting(i, x) for i, x in enumerate(given)]

    def _fitting(self, i: int, ct: Any) -> Tensor | None:
        target = self.operands[i]
        if ct is not None and target is None and self._given[i] is None:
            raise RuntimeError(
                f"function {self.name()} returned a gradient different than None at position "
                f"{i + 1}, but the corresponding forward input was not a Variable{here()}"
            )
        if ct is None or target is None:
            return None
        if not isinstance(ct, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(ct).__name__}){here()}")
        wanted = target.info.kind.type
        if ct.shape != wanted.shape:
            ct = _summed(ct, wanted.shape, self.name(), i)
        found: Tensor = ct if ct.dtype.numpy == wanted.dtype else ct.to(of_numpy(wanted.dtype))
        return found


def _zeros(kind: Kind) -> Tensor:
    return wrapped(np.zeros(kind.type.shape, kind.type.dtype))


def _summed(ct: Tensor, shape: tuple[int, ...], name: str, i: int) -> Tensor:
    """A cotangent of a wider shape, summed to the shape that was broadcast to it."""
    try:
        fits = np.broadcast_shapes(ct.shape, shape) == tuple(ct.shape)
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"Function {name} returned an invalid gradient at index {i} - got {list(ct.shape)} but "
            f"expected shape compatible with {list(shape)}{here()}"
        )
    more = ct.ndim - len(shape)
    axes = [i for i in range(ct.ndim) if i < more or shape[i - more] == 1]
    found: Tensor = ct.sum(axes).reshape(shape)
    return found


def _unpacked(saved: Any, call: FunctionCall) -> Tensor | None:
    if saved is None:
        return None
    source: Tensor = saved[0]
    _, place, version = saved
    if place is not None:
        node = call.outputs[place]()
        if node is None:
            return source
        if not node.modified:
            return of_value(node)
        holder = node.holder() if node.holder is not None else None
        raise RuntimeError(f"{overwritten_text(node, holder, version)}{here()}")
    if source._version != version:  # pyright: ignore[reportPrivateUsage]
        raise RuntimeError(f"{overwritten_text(source.node, source, version)}{here()}")
    return source


def of_value(node: Any) -> Tensor:
    """A tensor of a node that another tensor has."""
    made: Tensor = Tensor.__new__(Tensor)
    made.node = made.operand = node
    return made


class Function:
    """An operation with a derivative of the user's own, called by ``apply``.

    ``forward(ctx, *args)`` computes, without being recorded; ``backward(ctx, *grad_outputs)`` gives
    a gradient, or None, for each argument. With ``setup_context(ctx, inputs, output)``, ``forward``
    takes the arguments alone. ``jvp(ctx, *tangents)`` is for forward mode, and
    ``vmap(info, in_dims, *args)`` (or ``generate_vmap_rule = True``) for `torch.vmap`.

    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...
    ...     @staticmethod
    ...     def backward(ctx, ct):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * ct
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    generate_vmap_rule = False
    backward_class: Any = None

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs."""
        raise NotImplementedError(
            f"You must implement the forward function for custom autograd.Function.{here()}"
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what ``backward`` needs."""
        raise NotImplementedError(f"setup_context is not implemented.{here()}")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments, given those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            f"autograd.Function to use it with backward mode AD.{here()}"
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the outputs, given those of the arguments."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            f"forward mode AD.{here()}"
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The outputs for a batch of arguments, and which of their axes it lies along."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod "
            f"or set generate_vmap_rule=True.{here()}"
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function.

        Returns:
            What ``forward`` gives, with the derivative attached.
        """
        if kwargs and cls.setup_context is Function.setup_context:
            raise TypeError(f"{cls.__name__}.apply() takes no keyword arguments{here()}")
        if kwargs:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        if MODE.levels:
            from ..custom_func import apply_in_levels

            return apply_in_levels(cls, args)
        return apply_here(cls, args)


def call_class(function: type[Function]) -> type[FunctionCall]:
    """The class of a function's backward nodes."""
    found = function.__dict__.get("backward_class")
    if found is None:
        name = f"{function.__name__}Backward"
        found = function.backward_class = type(name, (FunctionCall,), {"function": function})
    made: type[FunctionCall] = found
    return made


def computed(function: type[Function], call: FunctionCall, args: tuple[Any, ...]) -> Any:
    """What ``forward`` gives, unrecorded."""
    with no_grad():
        if function.setup_context is Function.setup_context:
            return function.forward(call, *args)
        result = function.forward(*args)
        function.setup_context(call, args, result)
        return result


_unset: Any = object()


def apply_here(
    function: type[Function],
    args: tuple[Any, ...],
    call: FunctionCall | None = None,
    result: Any = _unset,
) -> Any:
    """Call a function, unless its result is there, and attach its derivative."""
    if call is None:
        call = call_class(function)(args)
    recorded = MODE.enabled and any(call.needs_input_grad)
    if result is _unset:
        result = computed(function, call, args)
    outputs = result if isinstance(result, tuple) else (result,)
    places = enumerate(outputs)
    attached = tuple(_attached(call, x, args, i if recorded else None) for i, x in places)
    if recorded:
        call.keep(attached)
    return attached if isinstance(result, tuple) else attached[0]


def _is_among(x: Any, tensors: Sequence[Any]) -> bool:
    return any(x is y for y in tensors)


def _attached(call: FunctionCall, x: Any, args: tuple[Any, ...], place: int | None) -> Any:
    """An output with its place in the record, if it is recorded."""
    if not isinstance(x, Tensor):
        return x
    given = _is_among(x, args)
    dirty = _is_among(x, call.dirty)
    if dirty:
        bump(x)
    constant = _is_among(x, call.constant) or not x.is_floating_point()
    if place is None or constant:
        return x.detach() if given and not dirty else x
    if dirty and x.wants_grad:
        raise RuntimeError(
            f"a leaf Variable that requires grad has been used in an in-place operation.{here()}"
        )
    node = call.output(x, place)
    if dirty or not (given or x.wants_grad):
        x.take_node(node)
        return x
    return of_node(node)


class _Undifferentiable(PythonCall):
    """The derivative of what was said to be differentiable once."""

    def pull(self, cotangents: list[Tensor | None]) -> list[Tensor | None]:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
            f"{here()}"
        )


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Say of a ``backward`` that it cannot be differentiated: it is run without being recorded.

    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...
    ...     @staticmethod
    ...     @torch.autograd.function.once_differentiable
    ...     def backward(ctx, ct):
    ...         return 2 * ct
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor(2.)
    """

    @functools.wraps(function)
    def once(ctx: Any, *cotangents: Any) -> Any:
        with no_grad():
            result = function(ctx, *cotangents)
        tracked = [x for x in cotangents if isinstance(x, Tensor) and x.requires_grad]
        if not MODE.enabled or not tracked:
            return result
        call = _Undifferentiable([operand(x) for x in tracked])
        given = result if isinstance(result, tuple) else (result,)
        with enable_grad():
            attached = tuple(
                of_node(call.output(x, i)) if isinstance(x, Tensor) else x
                for i, x in enumerate(given)
            )
        call.count = len(given)
        return attached if isinstance(result, tuple) else attached[0]

    return once
