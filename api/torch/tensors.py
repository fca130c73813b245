"""The tensor: a value, or the record of what gives it, with PyTorch's attributes and methods."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import memory
from .chains import Step
from .compute import value_of
from .dtypes import Size, device, dtype, here
from .grad_fn import backward_node
from .hooks import (
    NOT_A_LEAF,
    NOT_CHANGEABLE,
    RemovableHandle,
    Watch,
    check_gradient,
    watch_of,
)
from .modes import MODE, Mode
from .node import DETACH, Node, Operand, Row, Variable, leaf, new_node, number, write_down
from .typed import Methods

Array = np.ndarray[Any, Any]

_ONLY_OF_LEAVES = NOT_CHANGEABLE.partition(" If ")[0]
_NO_DETACHING = (
    "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel "
    "(DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP "
    "buckets, and hence detach_() cannot be called on these gradients. To fix this error, please "
    "refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
)
NUMBERS = (float, int, complex, np.number, np.bool_)


class Tensor(Methods):
    """An array that remembers what it was computed from.

    Its values are computed when something asks for them: printing, ``item()``, ``numpy()``, an
    ``if``, or a backward pass.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    node: Node
    operand: Operand | None
    wants_grad = False
    nominal = False
    """Requires grad as the base of the view does: no gradient comes to it."""
    gradient: Tensor | None = None
    sharing: memory.Storage | None = None
    chain: tuple[Step, ...] = ()
    own_version = 0
    own_steps = 0
    """How many of the steps of the chain make the tensor itself what it is: it is no view then."""
    counter: list[int] | None = None
    """Counts the writes of a tensor made by ``.data``, and of its views, apart from others."""
    restricted = ""
    """Why a view cannot be written to while that is recorded: how it was made."""
    broken = ""
    """Said of a restricted view since its base has been written to."""
    exposed = False
    retains = False
    watch: Watch | None = None
    inference = False
    __array_priority__ = 1000

    def __init__(self, *data: Any) -> None:
        if data and all(isinstance(n, int) for n in data):
            array = np.zeros(data, np.float32)
        else:
            array = np.array(data[0] if data else (), dtype=np.float32)
        self.take_node(leaf(array))

    # -- the record ----------------------------------------------------------------------------

    def take_node(self, node: Node) -> None:
        """Have this node from now on."""
        self.node = node
        self.operand = None if self.wants_grad or self.exposed or self.broken else node
        holder: weakref.ref[Tensor] = weakref.ref(self)
        node.holder = holder
        if node.session is not None:
            node.session.holders.append(holder)

    def value(self) -> Array:
        """The array itself, computed if it has not been."""
        return value_of(self.node)

    # -- what is known without computing -------------------------------------------------------

    @property
    def shape(self) -> Size:
        """Extents, as a `torch.Size`."""
        return self.node.info.kind.shape

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return self.node.info.kind.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.info.kind.type.shape)

    @property
    def device(self) -> device:
        """The CPU."""
        return device()

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user, not by a recorded operation."""
        if self.broken:
            raise RuntimeError(f"{self.broken}{here()}")
        return not self.node.tracked

    @property
    def grad_fn(self) -> Any:
        """The backward node, None for leaves."""
        if self.broken:
            raise RuntimeError(f"{self.broken}{here()}")
        return backward_node(self.node)

    @property
    def requires_grad(self) -> bool:
        """Whether derivatives by it are wanted, or pass through it."""
        return self.wants_grad or self.node.tracked

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.node.tracked:
            raise RuntimeError(f"{NOT_CHANGEABLE if not wanted else _ONLY_OF_LEAVES}{here()}")
        self.requires_grad_(wanted)

    @property
    def grad(self) -> Any:
        """What backward passes have added up; None before the first."""
        if self.gradient is None and self.node.tracked and not self.retains:
            warnings.warn(NOT_A_LEAF, UserWarning, stacklevel=2)
        return self.gradient

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            check_gradient(self, value)
        self.gradient = value

    @property
    def _version(self) -> int:
        if self.inference:
            raise RuntimeError(f"Inference tensors do not track version counter.{here()}")
        return memory.version_of(self)

    def dim(self) -> int:
        """Number of axes."""
        return self.ndim

    def numel(self) -> int:
        """Number of elements."""
        return self.node.info.kind.type.size

    nelement = numel

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one extent."""
        return self.shape if dim is None else self.shape[dim]

    def is_floating_point(self) -> bool:
        """Whether elements are real numbers with a point."""
        return self.dtype.is_floating_point

    def is_inference(self) -> bool:
        """Whether it was made in inference mode."""
        return self.inference

    def element_size(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        memory.settle(self)
        return int(self.value().ctypes.data)

    # -- gradients -----------------------------------------------------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for derivatives by this tensor, or no longer."""
        if self.node.tracked:
            if not requires_grad:
                raise RuntimeError(f"{NOT_CHANGEABLE}{here()}")
            return self
        if requires_grad and self.dtype.numpy.kind not in "fc":
            raise RuntimeError(
                f"only Tensors of floating point dtype can require gradients{here()}"
            )
        if requires_grad and self.inference and not MODE.own.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                f"allowed.{here()}"
            )
        self.wants_grad = requires_grad or self.nominal
        self.operand = None
        for view in memory.views_of(self):
            if not view.node.tracked:
                view.wants_grad = view.nominal = requires_grad
                view.operand = None
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor, too, though it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError(f"can't retain_grad on Tensor that has requires_grad=False{here()}")
        self.retains = self.node.standing.retains = self.node.tracked
        self.node.look_closer()

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called."""
        return self.retains

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add to ``.grad`` of the leaves the derivatives of this tensor."""
        from .autograd import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Any:
        """Call a function with the gradient by this tensor; what it returns takes its place."""
        if not self.requires_grad:
            raise RuntimeError(
                f"cannot register a hook on a tensor that doesn't require gradient{here()}"
            )
        return RemovableHandle(watch_of(self).tensor, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], Any]) -> Any:
        """Call a function with this leaf each time that its ``grad`` has been added to."""
        if not self.requires_grad:
            raise RuntimeError(
                f"cannot register a hook on a tensor that doesn't require gradient{here()}"
            )
        if self.node.tracked:
            raise RuntimeError(
                f"post accumulate grad hooks cannot be registered on non-leaf tensors{here()}"
            )
        return RemovableHandle(watch_of(self).accumulated, hook)

    def detach(self) -> Tensor:
        """The same memory, without derivatives."""
        return view_of(self, DETACH)

    def detach_(self) -> Tensor:
        """Forget what it was computed from."""
        if memory.steps_of(self):
            raise RuntimeError(f"{_NO_DETACHING}{here()}")
        if self.node.tracked:
            self.take_node(new_node(DETACH, (self.node,)))
        self.wants_grad, self.operand = False, None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, without derivatives; writes to it are not counted here."""
        made = self.detach()
        made.counter = [0]
        return made

    @data.setter
    def data(self, value: Tensor) -> None:
        old, version = self.node, memory.version_of(self)
        shown = value.detach()
        self.inference = value.inference
        memory.join(self, shown, version)
        self.take_node(memory.with_place_of(old, shown.node))

    # -- values --------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> Array:
        """The values as a NumPy array that shares the memory."""
        if self.requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                f"instead.{here()}"
            )
        memory.settle(self)
        memory.part_from_readers(self)
        for x in [self] if self.sharing is None else self.sharing.alive():
            x.exposed, x.operand = True, None
        value: Array = self.node.value
        return value

    def item(self) -> Any:
        """The one element as a Python number."""
        if self.numel() != 1:
            raise RuntimeError(
                f"a Tensor with {self.numel()} elements cannot be converted to Scalar{here()}"
            )
        return self.value().item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.value().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __bool__(self) -> bool:
        if self.numel() != 1:
            what = "more than one value" if self.numel() else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous{here()}")
        if MODE.own.levels:
            from .levels import refuse_control_flow

            refuse_control_flow(self)
        return bool(self.value().item())

    def _one_element(self) -> Any:
        if self.numel() != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars{here()}")
        return self.value().item()

    def _real_element(self, name: str) -> Any:
        value = self._one_element()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(
                    f"value cannot be converted to type {name} without overflow{here()}"
                )
            return value.real
        return value

    def __float__(self) -> float:
        return float(self._real_element("double"))

    def __int__(self) -> int:
        return int(self._real_element("int64_t"))

    def __complex__(self) -> complex:
        return complex(self._one_element())

    def __index__(self) -> int:
        if self.dtype.numpy.kind not in "iub" or self.numel() != 1:
            raise TypeError(
                f"only integer tensors of a single element can be converted to an index{here()}"
            )
        return int(self.value().item())

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"len() of a 0-d tensor{here()}")
        return self.node.info.kind.type.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError(f"iteration over a 0-d tensor{here()}")
        return iter([self[i] for i in range(self.shape[0])])

    def __contains__(self, element: Any) -> bool:
        value = element.value() if isinstance(element, Tensor) else element
        return bool((self.value() == value).any())

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        if self.ndim == 0:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __repr__(self) -> str:
        from .printing import tensor_text

        return tensor_text(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.node.tracked:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
                "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
                "because of a torch.nn.utils.weight_norm usage, see "
                f"https://github.com/pytorch/pytorch/pull/103001{here()}"
            )
        return wrapped(self.value().copy()).requires_grad_(self.wants_grad)

    def __reduce__(self) -> Any:
        return rebuilt, (self.value().copy(), self.wants_grad)


def rebuilt(array: Array, requires_grad: bool) -> Tensor:
    """The tensor that was pickled."""
    return wrapped(array).requires_grad_(requires_grad)


# -- making tensors --------------------------------------------------------------------------

_new = Tensor.__new__


def wrapped(array: Array, requires_grad: bool = False) -> Tensor:
    """A tensor of this very memory."""
    made: Tensor = _new(Tensor)
    if requires_grad:
        if array.dtype.kind not in "fc":
            raise RuntimeError(
                f"Only Tensors of floating point and complex dtype can require gradients{here()}"
            )
        made.wants_grad = True
    made.take_node(leaf(array))
    if MODE.own.inference:
        made.inference = True
    return made


def of_node(node: Node, mode: Mode | None = None) -> Tensor:
    """A tensor of a recorded operation; ``mode``: the thread's, if the caller has it."""
    made: Tensor = _new(Tensor)
    made.node = made.operand = node
    node.holder = holder = weakref.ref(made)
    if node.session is not None:
        node.session.holders.append(holder)
    if (mode or MODE.own).inference:
        made.inference = True
    return made


def operand(value: Any) -> Operand:
    """How a tensor or number takes part in an operation; a node of the record as it is."""
    if type(value) is float or type(value) is int:
        return number(value)
    if isinstance(value, Tensor):
        return value.operand or _operand_of(value)
    if isinstance(value, Node):
        return value
    if isinstance(value, NUMBERS):
        return number(value.item() if isinstance(value, np.generic) else value)
    if isinstance(value, np.ndarray):
        return leaf(value.copy())
    raise TypeError(f"expected a Tensor or a number, got {type(value).__name__}{here()}")


def _operand_of(tensor: Tensor) -> Operand:
    """The slow way: of leaves that require grad, and of memory that NumPy arrays share."""
    node = tensor.node
    if tensor.exposed and node.value is not None:
        if node.tracked or memory.is_exposed(node):
            copied = memory.snapshot(node)
            return Variable(copied, tensor) if tensor.wants_grad else copied
        tensor.exposed = False
    made: Operand = Variable(node, tensor) if tensor.wants_grad else node
    if tensor.inference:
        return node
    if tensor.broken:
        if MODE.own.enabled:
            raise RuntimeError(f"{tensor.broken}{here()}")
        return node
    tensor.operand = made
    return made


def record(row: Row, operands: tuple[Any, ...], params: tuple[Any, ...] = ()) -> Tensor:
    """The tensor of an operation on tensors and numbers."""
    mode = MODE.own
    session = mode.session
    if len(operands) == 1:  # The loop below, by itself: most have one operand or two.
        (x,) = operands
        node = (x.operand or _operand_of(x)) if isinstance(x, Tensor) else operand(x)
        form = node.form if node.session is session else session.enter(node)
        return of_node(write_down(mode, (row, params, mode.enabled, form), (node,)), mode)
    if len(operands) == 2:
        x, y = operands
        node = (x.operand or _operand_of(x)) if isinstance(x, Tensor) else operand(x)
        form = node.form if node.session is session else session.enter(node)
        other = (y.operand or _operand_of(y)) if isinstance(y, Tensor) else operand(y)
        second = other.form if other.session is session else session.enter(other)
        structure = row, params, mode.enabled, form, second
        return of_node(write_down(mode, structure, (node, other)), mode)
    nodes: list[Operand] = []
    parts: list[Any] = [row, params, mode.enabled]
    for x in operands:
        node = (x.operand or _operand_of(x)) if isinstance(x, Tensor) else operand(x)
        nodes.append(node)
        parts.append(node.form if node.session is session else session.enter(node))
    return of_node(write_down(mode, tuple(parts), tuple(nodes)), mode)


COPY = Row("clone", lambda x: x, "CloneBackward0")
CAST = Row("to", lambda x, dtype: x.astype(dtype), "ToCopyBackward0")


def view_of(
    source: Tensor,
    row: Row,
    params: tuple[Any, ...] = (),
    places: Any = None,
    recorded: Node | None = None,
) -> Tensor:
    """A tensor that shows the source's memory in another way.

    ``places`` are what it shows, if NumPy can be told by an index; ``recorded`` is how its values
    are computed, if not by the row.
    """
    value = source.node.value
    own = MODE.own
    untracked = value is not None and not source.node.tracked
    if source.exposed and untracked and not memory.is_exposed(source.node, variables=1):
        source.exposed = False
    made = of_node(node_of_view(source, row, params, places, recorded))
    made.inference = source.inference
    if value is None or _is_view(made.node.value, value):
        memory.share(source, made, (row, params))
    if row is not DETACH and (source.restricted or not own.enabled):
        _restrict(made, source, own)
    if source.exposed:
        made.exposed, made.operand = True, None
    return made


def _restrict(view: Tensor, source: Tensor, own: Mode) -> None:
    """A view that cannot be written to while that is recorded."""
    view.restricted = source.restricted or ("inference_mode" if own.inference else "no_grad")
    # What is made without being recorded, of what requires grad, is a leaf by name.
    by_base = source.nominal or source.node.tracked or not memory.steps_of(source)
    if by_base and source.requires_grad and not (view.node.tracked or source.inference):
        view.wants_grad, view.nominal, view.operand = True, True, None


def node_of_view(
    source: Tensor,
    row: Row,
    params: tuple[Any, ...],
    places: Any = None,
    recorded: Node | None = None,
) -> Node:
    """The node of a view, in the same memory if that is there."""
    value = source.node.value
    tracked = source.requires_grad and MODE.own.enabled and row.grad_name is not None
    tracked = tracked and not source.inference
    if value is not None and not tracked and not source.node.kept:
        return leaf(row.apply(value, *params) if places is None else value[places])
    given = source.node if row is DETACH else operand(source)
    node = recorded or new_node(row, (given,), params)
    if value is not None:
        node.value = row.apply(value, *params)
    return node


def _is_view(array: Array, whole: Array) -> bool:
    return (
        array is whole
        or array.base is whole
        or (array.base is not None and array.base is whole.base)
    )
