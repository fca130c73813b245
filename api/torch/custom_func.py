"""Functions with a derivative of their own within the transforms of `torch.func`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .autograd.function import Function, apply_here, call_class, computed
from .dtypes import here
from .levels import Level, add_tangent, close_batched, depends, enter, enter_batched, tangents_of
from .modes import MODE, no_grad
from .node import PRIMAL, new_node
from .tensors import Tensor, of_node, operand


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
    else:
        plain = tuple(_primal(x) if isinstance(x, Tensor) else x for x in args)
        with no_grad(), level.outside():
            result = apply_in_levels(function, plain)
            function.setup_context(call, args, result)
    call.in_jvp = True
    pushed = function.jvp(call, *tangents)
    call.in_jvp = False
    outputs = result if isinstance(result, tuple) else (result,)
    given = pushed if isinstance(pushed, tuple) else (pushed,)
    made = []
    with no_grad():
        for x, tangent in zip(outputs, given, strict=True):
            if isinstance(x, Tensor) and tangent is not None:
                x = enter(_primal(x))
                add_tangent(level, x, tangent)
            made.append(x)
    return apply_here(function, args, call, tuple(made) if isinstance(result, tuple) else made[0])


def _primal(x: Tensor) -> Tensor:
    return of_node(new_node(PRIMAL, (operand(x),)))


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
    if by_entries and not has_rule:
        return apply_here(function, args)
    if by_entries:
        call = call_class(function)(args)
        with no_grad():
            result = _by_rule(level, function, args)
            function.setup_context(call, args, result)
        return apply_here(function, args, call, result)
    return _by_rule(level, function if has_rule else _generated(level, function), args)


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
        batched.append(close_batched(level, [x])[0] if inner else x)
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


def _generated(level: Level, function: type[Function]) -> type[Function]:
    """A function whose rule for batches is made of ``forward`` and ``backward`` for an item."""
    from .func import vjp
    from .vmapping import vmap

    class Generated(Function):
        """The function for a batch."""

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            """Call the function for the whole batch."""
            del info

            class Whole(Function):
                """One call for the whole batch."""

                @staticmethod
                def forward(ctx: Any, *batched: Any) -> Any:
                    """All items' outputs."""
                    ctx.save_for_backward(*[x for x in batched if isinstance(x, Tensor)])
                    plain = call_class(function)(batched)

                    def item(*one: Any) -> Any:
                        return computed(function, plain, one)

                    return vmap(item, in_dims)(*batched)

                @staticmethod
                def backward(ctx: Any, *cotangents: Any) -> Any:
                    """All items' gradients."""
                    saved = iter(ctx.saved_tensors)
                    given = [next(saved) if isinstance(x, Tensor) else x for x in args]
                    places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
                    wanted = [i for i in places if args[i].is_floating_point()]

                    def item(cts: Any, *one: Any) -> Any:
                        def of_wanted(*chosen: Any) -> Any:
                            by_place = dict(zip(wanted, chosen, strict=True))
                            return function.apply(*[by_place.get(i, x) for i, x in enumerate(one)])

                        _, pull = vjp(of_wanted, *[one[i] for i in wanted])
                        return pull(cts if len(cts) > 1 else cts[0])

                    rows = vmap(item, (0, *in_dims))(cotangents, *given)
                    found: dict[int, Any] = dict(zip(wanted, rows, strict=True))
                    return tuple(
                        found[i].sum(0) if i in found and in_dims[i] is None else found.get(i)
                        for i in range(len(args))
                    )

            result = Whole.apply(*args)
            return result, (0,) * len(result) if isinstance(result, tuple) else 0

    return Generated
