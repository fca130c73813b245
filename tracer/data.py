"""Dataclasses that are quickly made.

What `dataclasses` offers, as far as it is used here. The standard decorator has Python compile half
a dozen methods for each class, which takes 0.4 ms; here it is ``__init__`` alone, in a tenth of
that, and the other methods are the same functions for all classes. More than a hundred classes are
made on the way to a first result: a quarter of the time that importing took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # To type checkers: the standard ones.
    from dataclasses import dataclass, field, replace
else:
    from collections.abc import Callable, Iterator
    from operator import attrgetter

    _NOTHING: Final = object()
    FIELDS = "__data_fields__"
    """The class attribute that holds the fields by name."""

    class field:
        """A field's default, and what it is not part of."""

        __slots__ = ("compare", "default", "default_factory", "init")

        def __init__(
            self,
            *,
            default: Any = _NOTHING,
            default_factory: Any = _NOTHING,
            init: bool = True,
            compare: bool = True,
        ) -> None:
            self.default, self.default_factory = default, default_factory
            self.init, self.compare = init, compare

    def dataclass(
        cls: type | None = None, /, *, frozen: bool = False, eq: bool = True, slots: bool = False
    ) -> Any:
        """A class whose annotations are its fields, as of `dataclasses.dataclass`."""
        if cls is None:
            return lambda cls: _made(cls, frozen, eq, slots)
        return _made(cls, frozen, eq, slots)

    def replace(instance: Any, /, **changes: Any) -> Any:
        """A copy with other values in some fields, as of `dataclasses.replace`."""
        fields = getattr(type(instance), FIELDS)
        for name, each in fields.items():
            if each.init and name not in changes:
                changes[name] = getattr(instance, name)
        return type(instance)(**changes)

    def _made(cls: type, frozen: bool, eq: bool, slots: bool) -> type:
        fields = dict(_fields(cls))
        members: dict[str, Any] = {
            FIELDS: fields,
            "__match_args__": tuple([name for name, each in fields.items() if each.init]),
            "__init__": _initialiser(cls, fields, frozen),
        }
        if "__repr__" not in vars(cls):
            members["__repr__"] = _show
        if eq and "__eq__" not in vars(cls):
            members |= _comparisons(fields, frozen)
        if frozen:
            members |= {"__setattr__": _refuse, "__delattr__": _refuse}
        if slots:
            return _with_slots(cls, fields, members, frozen)
        for name, member in members.items():
            setattr(cls, name, member)
        return cls

    def _fields(cls: type) -> Iterator[tuple[str, field]]:
        """The fields of the classes above, then the class's own, whose defaults are taken off."""
        yield from getattr(cls, FIELDS, {}).items()
        for name, annotation in vars(cls).get("__annotations__", {}).items():
            if str(annotation).startswith("ClassVar"):
                continue
            found = vars(cls).get(name, _NOTHING)
            if not isinstance(found, field):
                yield name, field(default=found)
                continue
            if found.default is _NOTHING:
                delattr(cls, name)
            else:
                setattr(cls, name, found.default)
            yield name, found

    def _initialiser(cls: type, fields: dict[str, field], frozen: bool) -> Callable[..., None]:
        """``__init__``, the only method that is written out."""
        names: dict[str, Any] = {"set_": object.__setattr__, "nothing_": _NOTHING}
        parameters, lines = ["self"], []
        for name, each in fields.items():
            if not each.init:
                continue
            value = name
            if each.default_factory is not _NOTHING:
                names[f"make_{name}"] = each.default_factory
                parameters.append(f"{name}=nothing_")
                value = f"make_{name}() if {name} is nothing_ else {name}"
            elif each.default is not _NOTHING:
                names[f"default_{name}"] = each.default
                parameters.append(f"{name}=default_{name}")
            else:
                parameters.append(name)
            lines.append(f" set_(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
        if hasattr(cls, "__post_init__"):
            lines.append(" self.__post_init__()")
        text = f"def __init__({', '.join(parameters)}):\n" + ("\n".join(lines) or " pass")
        exec(text, names)
        made = names["__init__"]
        made.__qualname__ = f"{cls.__qualname__}.__init__"
        annotations = vars(cls).get("__annotations__", {})
        made.__annotations__ = {
            **{name: annotations[name] for name in fields if name in annotations},
            "return": None,
        }
        return made

    def _comparisons(fields: dict[str, field], frozen: bool) -> dict[str, Any]:
        """``__eq__`` and ``__hash__`` by the fields that take part; what changes has no hash."""
        names = [name for name, each in fields.items() if each.compare]
        if len(names) > 1:
            parts = attrgetter(*names)
        else:

            def parts(self: Any) -> tuple[Any, ...]:
                return tuple([getattr(self, name) for name in names])

        def equal(self: Any, other: Any) -> Any:
            return parts(self) == parts(other) if type(other) is type(self) else NotImplemented

        def hashed(self: Any) -> int:
            return hash(parts(self))

        return {"__eq__": equal, "__hash__": hashed if frozen else None}

    def _show(self: Any) -> str:
        values = [f"{name}={getattr(self, name)!r}" for name in getattr(type(self), FIELDS)]
        return f"{type(self).__qualname__}({', '.join(values)})"

    def _refuse(self: Any, name: str, *value: Any) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"a {type(self).__qualname__} does not change: {name!r} stays")

    def _with_slots(
        cls: type, fields: dict[str, field], members: dict[str, Any], frozen: bool
    ) -> type:
        """The class again, with a slot for each field."""
        space = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
        for name in fields:
            space.pop(name, None)
        inherited = {name for base in cls.__mro__[1:] for name in getattr(base, "__slots__", ())}
        space["__slots__"] = tuple([name for name in fields if name not in inherited])
        if frozen:
            space |= {"__getstate__": _state, "__setstate__": _set_state}
        again = type(cls)(cls.__name__, cls.__bases__, {**space, **members})
        again.__qualname__ = cls.__qualname__
        return again

    def _state(self: Any) -> list[Any]:
        return [getattr(self, name) for name in getattr(type(self), FIELDS)]

    def _set_state(self: Any, state: list[Any]) -> None:
        for name, value in zip(getattr(type(self), FIELDS), state, strict=True):
            object.__setattr__(self, name, value)


__all__ = ["dataclass", "field", "replace"]
