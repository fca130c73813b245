"""Transforms of functions of tensors: ``torch.func``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pullback.tracer import tree

from .autograd import grad as gradients
from .dtypes import here
from .levels import Level, add_tangent, enter, leave, tangents_of
from .modes import MODE, enable_grad
from .stateless import functional_call, stack_module_state
from .tensors import Tensor, wrapped
from .vmapping import vmap

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]

Function = Callable[..., Any]


def name_of(function: Function) -> str:
    """What messages call a function."""
    return getattr(function, "__name__", repr(function))


def _chosen(argnums: Any, count: int) -> tuple[int, ...]:
    """The numbers of the arguments to differentiate by."""
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not isinstance(numbers, tuple) or not all(isinstance(i, int) for i in numbers):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}{here()}")
    for i in numbers:
        if not -count <= i < count:
            raise RuntimeError(f"Got argnum={i}, but only {count} positional inputs{here()}")
    return tuple(i % count for i in numbers)


class _Entered:
    """The chosen arguments of a function as entries of a level."""

    def __init__(self, args: Sequence[Any], numbers: Sequence[int]) -> None:
        self.given, self.spec = tree.flatten(tuple(args[i] for i in numbers))
        for x in self.given:
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"Thing passed to transform API must be Tensor, got {type(x)}{here()}"
                )
        self.leaves = [enter(x) for x in self.given]
        chosen = tree.unflatten(self.spec, self.leaves)
        by_number = dict(zip(numbers, chosen, strict=True))
        self.args = [by_number.get(i, x) for i, x in enumerate(args)]

    def track(self) -> None:
        """Derivatives are taken by the entries."""
        for x in self.leaves:
            if not x.is_floating_point():
                raise RuntimeError(
                    f"only Tensors of floating point dtype can require gradients{here()}"
                )
            x.node.track(True)


def _only_tensors(result: Any, caller: str) -> tuple[list[Tensor], tree.TreeSpec]:
    leaves, spec = tree.flatten(result)
    for x in leaves:
        if not isinstance(x, Tensor):
            raise RuntimeError(
                f"{caller} to return only tensors, got unsupported type {type(x)}{here()}"
            )
    return leaves, spec


# -- reverse mode ----------------------------------------------------------------------------


def grad_and_value(
    func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Function:
    """A function that gives the gradient of ``func``, and its value.

    Args:
        func: gives one scalar tensor; with ``has_aux`` a pair of it and anything else.
        argnums: the arguments to differentiate by, trees of tensors.
        has_aux: the value is then that pair.

    >>> torch.func.grad_and_value(lambda x: (x * x).sum())(torch.ones(2))
    (tensor([2., 2.]), tensor(2.))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        enabled = MODE.enabled
        level = Level("grad")
        with level.around(), enable_grad():
            numbers = _chosen(argnums, len(args))
            entered = _Entered(args, numbers)
            entered.track()
            result = func(*entered.args, **kwargs)
            value, aux = _value_and_aux(result, has_aux)
            found = _gradients([value], entered.leaves, None)
        found = leave(level, found, enabled)
        chosen = tree.unflatten(entered.spec, found)
        gradient = chosen[0] if isinstance(argnums, int) else chosen
        (value,) = leave(level, [value], enabled)
        return gradient, ((value, _outside(level, aux, enabled)) if has_aux else value)

    return both


def _outside(level: Level, aux: Any, enabled: bool) -> Any:
    """What a function gives beside its result, as seen from outside of the level."""
    leaves, spec = tree.flatten(aux)
    return tree.unflatten(
        spec, [leave(level, [x], enabled)[0] if isinstance(x, Tensor) else x for x in leaves]
    )


def _value_and_aux(result: Any, has_aux: bool) -> tuple[Tensor, Any]:
    aux = None
    if has_aux:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError(
                "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) "
                f"if has_aux is True{here()}"
            )
        result, aux = result
    if not isinstance(result, Tensor):
        raise RuntimeError(
            f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(result)}"
            f"{here()}"
        )
    if result.dim():
        raise RuntimeError(
            "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor "
            f"with {result.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            f"{here()}"
        )
    return result, aux


def _gradients(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor] | None
) -> list[Tensor]:
    """The gradients by entries, recorded, zeros where nothing depends on them."""
    places = [i for i, x in enumerate(outputs) if x.requires_grad]
    if not places or not inputs:
        return [_zeros(x) for x in inputs]
    seeds = None if cotangents is None else [cotangents[i] for i in places]
    found = gradients(
        [outputs[i] for i in places], inputs, seeds, create_graph=True, allow_unused=True
    )
    return [_zeros(x) if ct is None else ct for x, ct in zip(inputs, found, strict=True)]


def _zeros(x: Tensor) -> Tensor:
    return wrapped(np.zeros(x.shape, x.dtype.numpy))


def grad(func: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of ``func``, which gives a scalar tensor.

    Args:
        func: gives one scalar tensor; with ``has_aux`` a pair of it and anything else.
        argnums: the arguments to differentiate by, trees of tensors.
        has_aux: the result is then a pair of the gradient and the other thing.

    >>> torch.func.grad(torch.func.grad(lambda x: x**3))(torch.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and a function from cotangents of it to those of the arguments.

    >>> value, pull = torch.func.vjp(lambda x: x * x, torch.tensor([1.0, 2.0]))
    >>> pull(torch.ones(2))
    (tensor([2., 4.]),)
    """
    enabled = MODE.enabled
    level = Level("grad")
    with level.around(), enable_grad():
        entered = _Entered(primals, range(len(primals)))
        entered.track()
        result = func(*entered.args)
        aux = None
        if has_aux:
            result, aux = result
        outputs, spec = _only_tensors(result, "vjp(f, *primals): expected f(*primals)")
    shown = tree.unflatten(spec, leave(level, outputs, enabled))

    def pull(*cotangents: Any) -> tuple[Any, ...]:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        seeds, of = tree.flatten(given)
        if of != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {of}, primal output: {spec}{here()}"
            )
        recording = MODE.enabled
        with level.around(), enable_grad():
            found = _gradients(outputs, entered.leaves, seeds)
        pulled: tuple[Any, ...] = tree.unflatten(entered.spec, leave(level, found, recording))
        return pulled

    return (shown, pull, _outside(level, aux, enabled)) if has_aux else (shown, pull)


# -- forward mode ----------------------------------------------------------------------------


def jvp(
    func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """The value of a function, and its tangent for those of the arguments.

    Args:
        func: gives tensors; with ``has_aux`` a pair of them and anything else.
        primals: a tuple of arguments.
        tangents: of the same structure and shapes.
        strict: not supported.
        has_aux: the other thing is the third result.

    >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to "
            f"call f(*primals).{here()}"
        )
    given, spec = tree.flatten(tangents)
    if tree.flatten(primals)[1] != spec:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            "structure. For example, if primals is a tuple of 3 tensors, tangents also must be. "
            f"Got primals with structure {tree.flatten(primals)[1]} and tangents with structure "
            f"{spec}{here()}"
        )
    level = Level("jvp")
    with level.around():
        entered = _Entered(primals, range(len(primals)))
        for x, tangent in zip(entered.leaves, given, strict=True):
            add_tangent(level, x, tangent)
        result = func(*entered.args)
        aux = None
        if has_aux:
            result, aux = result
        outputs, of = _only_tensors(result, "jvp(f, primals, tangents): expected f(*primals)")
    found = _tangents(level, outputs)
    value, tangent = (tree.unflatten(of, x) for x in (outputs, found))
    return (value, tangent, aux) if has_aux else (value, tangent)


def _tangents(level: Level, outputs: Sequence[Tensor]) -> list[Tensor]:
    found = tangents_of(level, outputs)
    return [_zeros(x) if t is None else t for x, t in zip(outputs, found, strict=True)]


def linearize(func: Function, *primals: Any) -> Any:
    """The value of a function, and its derivative as a function of tangents.

    The function is called once.

    >>> value, push = torch.func.linearize(torch.sin, torch.tensor(0.0))
    >>> push(torch.tensor(3.0))
    tensor(3.)
    """
    level = Level("jvp")
    with level.around():
        entered = _Entered(primals, range(len(primals)))
        outputs, spec = _only_tensors(func(*entered.args), "linearize(f, *primals): expected f")

    def push(*tangents: Any) -> Any:
        given, of = tree.flatten(tangents)
        if of != entered.spec:
            raise RuntimeError(
                "Expected the tangents to linearized function to have the same pytree structure "
                f"as the primals. Got {of} instead of {entered.spec}{here()}"
            )
        for x, tangent in zip(entered.leaves, given, strict=True):
            add_tangent(level, x, tangent)
        return tree.unflatten(spec, _tangents(level, outputs))

    return tree.unflatten(spec, outputs), push


# -- matrices of derivatives -----------------------------------------------------------------


def _basis(leaves: Sequence[Tensor]) -> list[Tensor]:
    """For each leaf the rows of the identity that belong to it, one below the other."""
    total = sum(x.numel() for x in leaves)
    found, first = [], 0
    for x in leaves:
        count = x.numel()
        rows = np.eye(total, dtype=x.dtype.numpy)[:, first : first + count]
        found.append(wrapped(np.ascontiguousarray(rows).reshape(total, *x.shape)))
        first += count
    return found


def _split(x: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """The rows that belong to each leaf, in its shape."""
    found, first = [], 0
    for leaf in leaves:
        rows = x[first : first + leaf.numel()]
        found.append(rows.reshape((*leaf.shape, *x.shape[1:])))
        first += leaf.numel()
    return found


def jacrev(
    func: Function,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Function:
    """A function that gives the Jacobian of ``func``, found row by row.

    Args:
        func: gives tensors; with ``has_aux`` a pair of them and anything else.
        argnums: the arguments to differentiate by.
        has_aux: the result is then a pair of the Jacobian and the other thing.
        chunk_size: how many rows to find at once.

    Returns:
        For each output and each argument a tensor whose shape is both of theirs.

    >>> torch.func.jacrev(lambda x: x * x)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen(argnums, len(args))
        chosen = tuple(args[i] for i in numbers)
        call = _of_chosen(func, args, kwargs, numbers)
        result, pull, *aux = vjp(call, *chosen, has_aux=has_aux)
        outputs, spec = tree.flatten(result)
        basis = _basis(outputs)
        rows = vmap(lambda *cts: pull(tree.unflatten(spec, cts)), chunk_size=chunk_size)(*basis)
        leaves, of = tree.flatten(rows)
        parts = [_split(x, outputs) for x in leaves]
        found = [tree.unflatten(of, [p[i] for p in parts]) for i in range(len(outputs))]
        picked = [x[0] if isinstance(argnums, int) else x for x in found]
        matrix = tree.unflatten(spec, picked)
        return (matrix, aux[0]) if has_aux else matrix

    return jacobian


def _of_chosen(func: Function, args: Any, kwargs: Any, numbers: Sequence[int]) -> Function:
    """The function of the chosen arguments alone."""

    def call(*chosen: Any) -> Any:
        by_number = dict(zip(numbers, chosen, strict=True))
        return func(*[by_number.get(i, x) for i, x in enumerate(args)], **kwargs)

    return call


def jacfwd(
    func: Function,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Function:
    """A function that gives the Jacobian of ``func``, found column by column.

    Args:
        func: gives tensors; with ``has_aux`` a pair of them and anything else.
        argnums: the arguments to differentiate by.
        has_aux: the result is then a pair of the Jacobian and the other thing.
        randomness: as for `vmap`.

    Returns:
        For each output and each argument a tensor whose shape is both of theirs.

    >>> torch.func.jacfwd(lambda x: x * x)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = _chosen(argnums, len(args))
        chosen = tuple(args[i] for i in numbers)
        call = _of_chosen(func, args, kwargs, numbers)
        inputs, spec = tree.flatten(chosen)

        def column(*tangents: Any) -> Any:
            _, *rest = jvp(call, chosen, tree.unflatten(spec, tangents), has_aux=has_aux)
            return tuple(rest)

        result, *aux = vmap(column, randomness=randomness)(*_basis(inputs))
        leaves, of = tree.flatten(result)
        parts = [[_last(x, y) for y in _split(x_rows, inputs)] for x, x_rows in _both(leaves)]
        found = [tree.unflatten(spec, p) for p in parts]
        matrix = tree.unflatten(of, [x[0] if isinstance(argnums, int) else x for x in found])
        return (matrix, _first(aux[0])) if has_aux else matrix

    return jacobian


def _first(aux: Any) -> Any:
    leaves, spec = tree.flatten(aux)
    return tree.unflatten(spec, [x[0] if isinstance(x, Tensor) else x for x in leaves])


def _both(leaves: Sequence[Tensor]) -> list[tuple[int, Tensor]]:
    """The columns of each output, and how many axes the output has."""
    return [(x.dim() - 1, x) for x in leaves]


def _last(axes: int, columns: Tensor) -> Tensor:
    """The axes of the output first, then those of the input."""
    count = columns.dim()
    order = [*range(count - axes, count), *range(count - axes)]
    found: Tensor = columns.permute(order)
    return found


def hessian(func: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """A function that gives the second derivatives of ``func``: `jacfwd` of `jacrev`.

    >>> torch.func.hessian(lambda x: (x**3).sum())(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def functionalize(func: Function, *, remove: str = "mutations") -> Function:
    """The function itself: what it writes to is recorded without side effects anyway.

    >>> torch.func.functionalize(lambda x: x.clone().add_(1))(torch.ones(1))
    tensor([2.])
    """
    return func


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Have batch normalisations within a module use the statistics of each batch alone.

    Args:
        root: a module; it is changed, and given back.

    >>> net = torch.func.replace_all_batch_norm_modules_(torch.nn.BatchNorm1d(2))
    >>> net.running_mean is None
    True
    """
    from .nn.modules.normalisation import BatchNorm

    for module in root.modules():
        if isinstance(module, BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
