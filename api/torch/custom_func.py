"""Functions with a derivative of their own within the transforms of `torch.func`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .autograd.function import Function, apply_here, call_class, computed
from .dtypes import here
from .levels import (
    Level,
    add_tangent,
    close_batched,
    depends,
    enter,
    enter_batched,
    leave,
    primal,
    tangents_of,
)
from .modes import MODE, no_grad
from .tensors import Tensor


@dataclass(frozen=True, slots=True)
class VmapInfo:
    """What a ``vmap`` staticmethod is told: how many items there are, and ``randomness``."""

    batch_size: int
    randomness: str


def apply_in_levels(function: type[Function], args: tuple[Any, ...]) -> Any:
    """Call a function where transforms are under way, the innermost first."""
    for level in reversed(MODE.levels):
        if level.kind == "grad" or not any(depends(level, x) for x in args):
            continue
        if level.kind == "vmap":
            return _in_batch(level, function, args)
        return _with_tangents(level, function, args)
    return apply_here(function, args)


def _with_tangents(level: Level, function: type[Function], args: tuple[Any, ...]) -> Any:
    """The outputs become entries, with the tangents that ``jvp`` gives."""
    tensors = [x for x in args if isinstance(x, Tensor)]
    found = iter(tangents_of(level, tensors))
    tangents = [next(found) if isinstance(x, Tensor) else None for x in args]
    call = call_class(function)(args)
    if function.setup_context is Function.setup_context:
        result = computed(function, call, args)
        with no_grad():
            for x in result if isinstance(result, tuple) else (result,):
                if isinstance(x, Tensor):
                    x.take_node(primal(level, x).node)
    else:
        plain = tuple(
            primal(level, _outside_of_inner(level, x)) if isinstance(x, Tensor) else x for x in args
        )
        with level.outside():
            result = apply_in_levels(function, plain)
        call.by_rule = True
        with no_grad():
            function.setup_context(call, args, result)
    call.in_jvp = True
    pushed = function.jvp(call, *tangents)
    call.in_jvp = False
    result = apply_here(function, args, call, result)
    outputs = result if isinstance(result, tuple) else (result,)
    given = pushed if isinstance(pushed, tuple) else (pushed,)
    made = []
    for x, tangent in zip(outputs, given, strict=True):
        if isinstance(x, Tensor) and tangent is not None:
            x = enter(x)
            add_tangent(level, x, _outside_of_inner(level, tangent))
        made.append(x)
    return tuple(made) if isinstance(result, tuple) else made[0]


def _outside_of_inner(level: Level, x: Tensor) -> Tensor:
    """A tensor without the derivatives by entries of levels inside of this one."""
    for inner in reversed(MODE.levels[MODE.levels.index(level) + 1 :]):
        if inner.kind == "grad":
            (x,) = leave(inner, [x], enabled=True)
    return x


def _in_batch(level: Level, function: type[Function], args: tuple[Any, ...]) -> Any:
    if function.setup_context is Function.setup_context:
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, "
            f"jacrev, ...), it must override the setup_context staticmethod.{here()}"
        )
    inside = MODE.levels[MODE.levels.index(level) :]
    by_entries = any(x.kind == "grad" for x in inside) and any(
        isinstance(x, Tensor) and x.requires_grad for x in args
    )
    has_rule = function.vmap is not Function.vmap
    if has_rule == function.generate_vmap_rule:
        raise RuntimeError(_rules_text(function, has_rule) + here())
    if not has_rule:
        rule = _generated(function)
    else:
        rule = function
    result = _by_rule(level, rule, args)
    if not by_entries:
        return result
    call = call_class(function)(args)
    call.by_rule = True
    with no_grad():
        function.setup_context(call, args, result)
    return apply_here(function, args, call, result)


def _rules_text(function: type[Function], both: bool) -> str:
    name = function.__name__
    if both:
        return (
            f"You tried to vmap over {name}, but it has both generate_vmap_rule=True and an "
            "overriden vmap staticmethod. Please set generate_vmap_rule=False or delete the "
            "overriden vmap staticmethod to avoid ambiguity. "
        )
    return (
        f"You tried to vmap over {name}, but it does not have vmap support. Please override and "
        "implement the vmap staticmethod or set generate_vmap_rule=True. "
    )


def _by_rule(level: Level, function: type[Function], args: tuple[Any, ...]) -> Any:
    """The ``vmap`` staticmethod's outputs for the whole batch, as entries for its items."""
    batched, dims = [], []
    for x in args:
        inner = depends(level, x)
        whole = close_batched(level, [x])[0] if inner else x
        batched.append(_outside_of_inner(level, whole) if isinstance(x, Tensor) else x)
        dims.append(0 if inner else None)
    with level.outside():
        info = VmapInfo(level.size, level.randomness)
        result, out_dims = function.vmap(info, tuple(dims), *batched)
    if not isinstance(result, tuple):
        return result if out_dims is None else enter_batched(level, result, out_dims)
    places = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(result)
    return tuple(
        x if d is None else enter_batched(level, x, d) for x, d in zip(result, places, strict=True)
    )


def _generated(function: type[Function]) -> type[Function]:
    """A function whose rule for batches is made of ``forward`` and ``backward`` for an item."""
    from .creation import zeros_like
    from .func import vjp
    from .vmapping import vmap

    class Generated(Function):
        """The function for a batch."""

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            """Call the function for the whole batch."""
            del info

            wanted = [
                i for i, x in enumerate(args) if isinstance(x, Tensor) and x.is_floating_point()
            ]

            class Whole(Function):
                """One call for the whole batch."""

                @staticmethod
                def forward(*batched: Any) -> Any:
                    """All items' outputs."""
                    plain = call_class(function)(batched)

                    def item(*one: Any) -> Any:
                        return computed(function, plain, one)

                    return vmap(item, in_dims)(*batched)

                @staticmethod
                def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
                    """Save the arguments."""
                    del output
                    tensors = [x for x in inputs if isinstance(x, Tensor)]
                    ctx.save_for_backward(*tensors)
                    ctx.save_for_forward(*tensors)

                @staticmethod
                def backward(ctx: Any, *cotangents: Any) -> Any:
                    """All items' gradients."""
                    given = _given(ctx, args)

                    def item(cts: Any, *one: Any) -> Any:
                        chosen = [one[i] for i in wanted]
                        _, pull = vjp(_of_wanted(function, wanted, one), *chosen)
                        return pull(cts if len(cts) > 1 else cts[0])

                    rows = vmap(item, (0, *in_dims))(cotangents, *given)
                    found: dict[int, Any] = dict(zip(wanted, rows, strict=True))
                    return tuple(
                        found[i].sum(0) if i in found and in_dims[i] is None else found.get(i)
                        for i in range(len(args))
                    )

                @staticmethod
                def jvp(ctx: Any, *tangents: Any) -> Any:
                    """All items' tangents."""
                    given = _given(ctx, args)
                    pushed = tuple(
                        zeros_like(given[i]) if tangents[i] is None else tangents[i] for i in wanted
                    )

                    def item(ts: Any, *one: Any) -> Any:
                        plain = call_class(function)(one)
                        function.setup_context(plain, one, function.forward(*one))
                        plain.in_jvp = True
                        by_place = dict(zip(wanted, ts, strict=True))
                        return function.jvp(plain, *[by_place.get(i) for i in range(len(one))])

                    dims = tuple(in_dims[i] for i in wanted)
                    return vmap(item, (dims, *in_dims))(pushed, *given)

            result = Whole.apply(*args)
            return result, (0,) * len(result) if isinstance(result, tuple) else 0

    return Generated


def _given(ctx: Any, args: Sequence[Any]) -> list[Any]:
    """The arguments, tensors as they were saved."""
    saved = iter(ctx.saved_tensors)
    return [next(saved) if isinstance(x, Tensor) else x for x in args]


def _of_wanted(
    function: type[Function], wanted: Sequence[int], one: Sequence[Any]
) -> Callable[..., Any]:
    """The function of the arguments that have derivatives."""

    def call(*chosen: Any) -> Any:
        by_place = dict(zip(wanted, chosen, strict=True))
        return function.apply(*[by_place.get(i, x) for i, x in enumerate(one)])

    return call
