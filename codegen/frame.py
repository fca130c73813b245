"""A call's memory on the stack, and the steps that all parts of an entry point are written with."""

from __future__ import annotations

from dataclasses import dataclass, field

from pullback.tracer.types import ArrayType

from . import layout
from .assembly import I64, PTR, FunctionWriter, Value
from .entry import Entry, arguments_of, count_nodes

I8, I32 = "i8", "i32"
NULL = Value(PTR, "null")
SIZES = {PTR: 8, I64: 8, I32: 4, "i16": 2, I8: 1, "double": 8, "float": 4, "i128": 8}
PARAMETERS = [(PTR, "self"), (PTR, "args"), (I64, "nargsf"), (PTR, "kwnames"), (PTR, "record")]


@dataclass
class Frame:
    """The function being written, and the stack memory of a call.

    ``owned`` are references to drop should the call fail; a null one has been given away. ``lent``
    are objects that only a container holds, which others may change once they may run. ``arrays``
    are those at the places of inputs that have axes, ``types`` what is at the places of all that
    are no Python numbers, ``written`` how many outputs have been given an array, all of them within
    the argument ``into``.
    """

    f: FunctionWriter
    entry: Entry
    inputs: Value
    outputs: Value
    owned: Value
    slots: int
    mismatch: str
    failure: str
    taken: int = 0
    lent: list[Value] = field(default_factory=list)
    arrays: dict[int, Value] = field(default_factory=dict)
    types: dict[int, ArrayType] = field(default_factory=dict)
    written: int = 0
    into: Value = NULL

    @classmethod
    def begin(cls, f: FunctionWriter, entry: Entry) -> Frame:
        """Reserve the stack memory."""
        inputs = sum(len(arguments_of(a)) for a in (*entry.arguments, *entry.captures))
        slots = len(entry.outputs) + count_nodes(entry.result)
        return cls(
            f,
            entry,
            inputs=f.alloca(PTR, max(inputs, 1)),
            outputs=f.alloca(PTR, max(len(entry.outputs), 1)),
            owned=f.alloca(PTR, slots),
            slots=slots,
            mismatch=f.label("mismatch"),
            failure=f.label("failure"),
            taken=len(entry.outputs),
        )

    def field(self, object: Value, offset: int, type: str = PTR) -> Value:
        """A field of a Python object."""
        return self.f.load(type, self.f.address(object, offset, I8), SIZES[type])

    def record_item(self, field: int, index: int) -> Value:
        """An item of one of the record's tuples."""
        items = self.field(self.f.parameters[4], field)
        return self.field(items, layout.TUPLE_ITEMS + layout.POINTER * index)

    def require(self, condition: Value, otherwise: str) -> None:
        """Go on only if the condition holds."""
        following = self.f.label("ok")
        self.f.branch(condition, following, otherwise)
        self.f.start_block(following)

    def require_made(self, object: Value) -> Value:
        """A new object, unless CPython has raised an exception instead of making one."""
        self.require(self.f.compare("ne", object, NULL), self.failure)
        return object

    def own(self, object: Value, slot: int) -> None:
        """Drop the reference should the call fail."""
        self.f.store(object, self.f.address(self.owned, slot, PTR), 8)

    def give_away(self, slot: int) -> None:
        """The reference belongs to someone else now."""
        self.own(NULL, slot)

    def new_slot(self) -> int:
        """A place among the owned references."""
        self.taken += 1
        return self.taken - 1
