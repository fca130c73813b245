"""Modules: parameters, buffers and other modules under names, with a function on tensors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ...dtypes import cpu_only, here
from ...tensors import Tensor
from ..parameter import Parameter
from . import state
from .hooks import Hooked

Self = TypeVar("Self", bound="Module")
_PLACES = ("_parameters", "_buffers", "_modules")


class Module(Hooked):
    """A function with parameters: what is assigned to its attributes is found again by name.

    Sub-classes define ``forward``; calling the module calls that, and its hooks.

    >>> class Scaled(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scaled()(torch.ones(2))
    tensor([2., 2.], grad_fn=<MulBackward0>)
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        super().__init__()
        put = super().__setattr__
        put("training", True)
        for name in _PLACES:
            put(name, {})
        put("_non_persistent", set())
        for name in ("_state_hooks", "_load_hooks"):
            put(name, OrderedDict())

    def forward(self, *input: Any, **kwargs: Any) -> Any:
        """What the module computes; sub-classes define it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function{here()}'
        )

    # -- attributes ----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        places = self.__dict__
        if isinstance(value, (Parameter, Module)):
            if "_modules" not in places:
                what = "parameters" if isinstance(value, Parameter) else "module"
                raise AttributeError(f"cannot assign {what} before Module.__init__() call{here()}")
            self._forget(name)
            place = "_parameters" if isinstance(value, Parameter) else "_modules"
            places[place][name] = value
        elif "_modules" in places and self._put_in_place(name, value):
            return
        else:
            super().__setattr__(name, value)

    def _put_in_place(self, name: str, value: Any) -> bool:
        """Give a registered name another value; tells whether the name is one."""
        for place, what in zip(_PLACES, ("parameter", "buffer", "child module"), strict=True):
            if name in self.__dict__[place]:
                fits = value is None or (place == "_buffers" and isinstance(value, Tensor))
                if not fits:
                    wanted = {
                        "_parameters": "torch.nn.Parameter or None",
                        "_buffers": "torch.Tensor or None",
                        "_modules": "torch.nn.Module or None",
                    }[place]
                    raise TypeError(
                        f"cannot assign '{_type_name(value)}' as {what} '{name}' ({wanted} "
                        f"expected){here()}"
                    )
                self.__dict__[place][name] = value
                return True
        return False

    def _forget(self, name: str) -> None:
        self.__dict__.pop(name, None)
        for place in _PLACES:
            self.__dict__[place].pop(name, None)

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_modules" in own:
            for place in (own["_parameters"], own["_modules"], own["_buffers"]):
                if name in place:
                    return place[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for place in _PLACES:
            if name in self.__dict__[place]:
                del self.__dict__[place][name]
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = set(super().__dir__())
        for place in _PLACES:
            names.update(self.__dict__[place])
        return sorted(names)

    def register_parameter(self, name: str, param: Any) -> None:
        """Add a parameter; None keeps the name for one."""
        self._check_name(name, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                f"(torch.nn.Parameter or None required){here()}"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is not learnt; it is saved with the module if persistent."""
        self._check_name(name, "buffer")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent.discard(name)
        else:
            self._non_persistent.add(name)

    def _check_name(self, name: str, what: str) -> None:
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."{here()}')
        if not name:
            raise KeyError(f'{what} name can\'t be empty string ""{here()}')
        if hasattr(self, name) and not any(name in self.__dict__[p] for p in _PLACES):
            raise KeyError(f"attribute '{name}' already exists{here()}")

    def add_module(self, name: str, module: Any) -> None:
        """Add a module under a name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_type_name(module)} is not a Module subclass{here()}")
        self._check_name(name, "module")
        self._modules[name] = module

    register_module = add_module

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path."""
        module: Module = self
        for name in target.split(".") if target else ():
            found = module._modules.get(name)
            if found is None:
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`{here()}")
            module = found
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._parameters.get(name)
        if found is None:
            raise AttributeError(f"`{name}` is not an nn.Parameter{here()}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._buffers.get(name)
        if found is None:
            raise AttributeError(f"`{name}` is not a buffer{here()}")
        return found

    # -- what there is -------------------------------------------------------------------------

    def children(self) -> Iterator[Module]:
        """The modules that it has itself."""
        return (module for _, module in self.named_children())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that it has itself, with their names."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self) -> Iterator[Module]:
        """The module itself, and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself, and all below it, with dotted paths."""
        seen: set[Module] = set() if memo is None else memo
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and module in seen:
                continue
            seen.add(module)
            yield path, module
            for name, child in reversed(module._modules.items()):
                if child is not None:
                    stack.append((f"{path}.{name}" if path else name, child))

    def _named_members(
        self, place: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        pairs = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for path, module in pairs:
            for name, value in module.__dict__[place].items():
                if value is None or (remove_duplicate and id(value) in seen):
                    continue
                seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, those of the modules below too."""
        return (value for _, value in self.named_parameters("", recurse))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters, with dotted paths."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, those of the modules below too."""
        return (value for _, value in self.named_buffers("", recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers, with dotted paths."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    # -- what is done to all -------------------------------------------------------------------

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call a function with every module below, and with this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self: Self, fn: Callable[[Tensor], Tensor]) -> Self:
        for module in self.modules():
            for parameter in module._parameters.values():
                if parameter is not None:
                    parameter.data = fn(parameter.data)
                    if parameter.gradient is not None:
                        parameter.gradient.data = fn(parameter.gradient.data)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = fn(buffer)
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Floating-point parameters and buffers in another dtype; devices are all the CPU.

        On the device ``"meta"``, for modules that are only called with other parameters, those that
        it has stay as they are.
        """
        if args and str(args[0]) == "meta":
            return self

        def converted(x: Tensor) -> Tensor:
            return x.to(*args, **kwargs) if x.is_floating_point() else x

        return self._apply(converted)

    def float(self: Self) -> Self:
        """Floating-point parameters and buffers as float32."""
        return self._apply(lambda x: x.float() if x.is_floating_point() else x)

    def double(self: Self) -> Self:
        """Floating-point parameters and buffers as float64."""
        return self._apply(lambda x: x.double() if x.is_floating_point() else x)

    def half(self: Self) -> Self:
        """Floating-point parameters and buffers as float16."""
        return self._apply(lambda x: x.half() if x.is_floating_point() else x)

    def type(self: Self, dst_type: Any) -> Self:
        """All parameters and buffers in another dtype."""
        return self._apply(lambda x: x.to(dst_type))

    def cpu(self: Self) -> Self:
        """The module itself: it is there already."""
        return self

    def cuda(self: Self, device: Any = None) -> Self:
        """Refused: there is only the CPU."""
        cpu_only("cuda")
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Let modules that behave otherwise while training know that this is so, or is not."""
        if type(mode) is not bool:
            raise ValueError(f"training mode is expected to be boolean{here()}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """The same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Ask for derivatives by all parameters, or no longer."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.gradient is not None:
                parameter.gradient.detach_().zero_()

    # -- saving and loading --------------------------------------------------------------------

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by their paths; they share memory with the module's."""
        return state.collected(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Any, strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy what `state_dict` gave into the parameters and buffers.

        Raises:
            RuntimeError: where shapes differ; if strict, where names do.
        """
        return state.loaded(self, state_dict, strict, assign)

    def get_extra_state(self) -> Any:
        """What sub-classes save beside parameters and buffers."""
        raise NotImplementedError(f"get_extra_state is for sub-classes to define{here()}")

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` gave."""
        raise NotImplementedError(f"set_extra_state is for sub-classes to define{here()}")

    # -- as text -------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What is printed in the parentheses behind the name."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        below = [f"({name}): {_indented(repr(m))}" for name, m in self._modules.items()]
        return _named_block(self._get_name(), lines, below)


def _named_block(name: str, lines: list[str], below: list[str]) -> str:
    if not lines and not below:
        return f"{name}()"
    if len(lines) == 1 and not below:
        return f"{name}({lines[0]})"
    inner = "\n  ".join([*lines, *below])
    return f"{name}(\n  {inner}\n)"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _type_name(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"torch.{value.dtype.title}Tensor"
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def numbered(modules: Iterable[Any]) -> dict[str, Any]:
    """Modules under their numbers as names."""
    return {str(i): module for i, module in enumerate(modules)}
