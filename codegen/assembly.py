"""Writing LLVM text: values, instructions, loops; indentation of the caller is the structure."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from pullback.tracer.ir import Node


@dataclass(frozen=True, slots=True)
class Value:
    """An LLVM value: its type as text (``double``, ``<8 x double>``, ``ptr``) and its name."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


PTR = "ptr"
I64 = "i64"
I1 = "i1"
FLOATS = ("float", "double", "half")


@cache
def lanes(type: str) -> int:
    """Number of lanes of a vector type, 1 for a scalar."""
    return int(type[1 : type.index(" ")]) if type.startswith("<") else 1


@cache
def element(type: str) -> str:
    """Element type of a vector type; a scalar type is its own."""
    return type[type.index(" x ") + 3 : -1] if type.startswith("<") else type


def vector(element: str, lanes: int) -> str:
    """The vector type of so many lanes; the element itself for one lane."""
    return f"<{lanes} x {element}>" if lanes > 1 else element


def like(type: str, element: str) -> str:
    """The type with as many lanes as ``type`` and another element."""
    return vector(element, lanes(type))


def number_text(type: str, value: float | int | bool) -> str:
    """A number as LLVM writes constants of a scalar type; floats by their bits."""
    if type == "double":
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    if type == "float":
        # A float constant is written as the double of the same value, whose bits must fit.
        single: float = struct.unpack("<f", struct.pack("<f", value))[0]
        return f"0x{struct.unpack('<Q', struct.pack('<d', single))[0]:016X}"
    if type == "i1":
        return "true" if value else "false"
    return str(int(value))


def constant(type: str, value: float | int | bool) -> Value:
    """A constant of a scalar type, or the same constant in every lane of a vector type."""
    text = number_text(element(type), value)
    if type.startswith("<"):
        return Value(type, f"splat ({element(type)} {text})")
    return Value(type, text)


@cache
def intrinsic_suffix(type: str) -> str:
    """How a type is spelled in the name of an intrinsic (``v8f64``)."""
    letter = {"double": "f64", "float": "f32", "ptr": "p0"}.get(element(type), element(type))
    return f"v{lanes(type)}{letter}" if type.startswith("<") else letter


def type_of_suffix(suffix: str) -> str:
    """The type that is spelled so in the name of an intrinsic."""
    found = re.fullmatch(r"(?:v(\d+))?(\w+)", suffix)
    assert found is not None, suffix
    kind = {"f64": "double", "f32": "float", "p0": PTR}.get(found[2], found[2])
    return f"<{found[1]} x {kind}>" if found[1] else kind


@dataclass(slots=True)
class Origins:
    """What the lines of a function are for.

    ``nodes`` are what each line after the first ``skipped`` ones helps to compute, ``kernels`` the
    lines, counted likewise, from which on kernels are written, with their names.
    """

    nodes: list[Node | None] = field(default_factory=list)
    kernels: list[tuple[int, str]] = field(default_factory=list)
    skipped: int = 0


@dataclass
class Module:
    """Functions, declarations and constants that make one LLVM module.

    ``origins`` tell of functions, by their names, what they are for: once for each of the kernels
    that share one.

    ``called`` are the elementary functions that it calls, by a ``convention``, as other programs
    do (``math/shared.py``); ``avx512`` says whether it may name instructions of AVX-512.
    """

    functions: list[str] = field(default_factory=list)
    declarations: dict[str, str] = field(default_factory=dict)
    globals: dict[str, str] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)
    metadata: dict[str, str] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    convention: str = ""
    called: frozenset[str] = frozenset()
    avx512: bool = False
    origins: dict[str, list[Origins]] = field(default_factory=dict)

    def use(self, name: str) -> int:
        """Count another use of something by its name."""
        self.uses[name] = self.uses.get(name, 0) + 1
        return self.uses[name]

    def declare(
        self, name: str, result: str, parameters: Sequence[str], attributes: str = ""
    ) -> None:
        """Declare an external function; one that is no intrinsic becomes a symbol to link.

        The calling convention, if it is not that of C, stands before the result.
        """
        if name not in self.declarations:
            head = f"declare {result} @{name}({', '.join(parameters)}) {attributes}"
            self.declarations[name] = head.rstrip()
            if not name.startswith("llvm."):
                self.symbols.add(name)

    def extern(self, name: str) -> Value:
        """The address of an external object, to be linked."""
        self.globals[name] = f"@{name} = external global i8"
        self.symbols.add(name)
        return Value(PTR, f"@{name}")

    def bytes(self, data: bytes) -> Value:
        """The address of constant bytes."""
        name = f"bytes.{data.hex()}" if len(data) <= 16 else f"text.{len(self.globals)}"
        text = "".join(f"\\{b:02X}" for b in data)
        self.globals[name] = (
            f'@{name} = private unnamed_addr constant [{len(data)} x i8] c"{text}", align 8'
        )
        return Value(PTR, f"@{name}")

    def text(self) -> str:
        """The whole module as LLVM assembly."""
        parts = [
            *self.globals.values(),
            *self.declarations.values(),
            *self.functions,
            *self.metadata.values(),
        ]
        return "\n".join(parts) + "\n"


@dataclass
class Loop:
    """A counted loop being written: its index, and the values carried from turn to turn.

    Within the loop assign ``carried`` anew; after it, ``carried`` are the values at the end.
    """

    index: Value
    carried: list[Value]


@dataclass
class Repetition:
    """A loop of unknown length being written: the values carried from turn to turn.

    Within the loop assign ``carried`` anew, and to ``more`` whether there is another turn; after
    it, ``carried`` are the values at the end.
    """

    carried: list[Value]
    more: Value | None = None


class FunctionWriter:
    """Writes the instructions of one function in order; every method returns the value made.

    ``node`` is what the lines being written help to compute.
    """

    def __init__(
        self,
        module: Module,
        name: str,
        result: str,
        parameters: Sequence[tuple[str, str]],
        linkage: str = "",
        attributes: str = "nounwind",
    ) -> None:
        self.module = module
        self.name = name
        self.parameters = [Value(type, f"%{name}") for type, name in parameters]
        self._head = f"define {linkage + ' ' if linkage else ''}{result} @{name}"
        self._attributes = attributes
        self._frame = ""
        self._lines: list[str] = []
        self._entry_allocas: list[str] = []
        self._count = 0
        self._block = "entry"
        self._known: dict[str, Value] = {}
        self.origins = Origins()
        self.node: Node | None = None

    # -- structure ---------------------------------------------------------------------------

    def fresh(self, hint: str = "v") -> str:
        """A name not used yet."""
        self._count += 1
        return f"%{hint}{self._count}"

    def label(self, hint: str) -> str:
        """A block label not used yet, without the leading percent sign."""
        self._count += 1
        return f"{hint}{self._count}"

    def line(self, text: str) -> None:
        """An instruction that makes no value."""
        self._add(f"  {text}")

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self.origins.nodes.append(self.node)

    def _insert(self, position: int, lines: Sequence[str]) -> None:
        """Put lines before those that stand at the position already."""
        self._lines[position:position] = lines
        self.origins.nodes[position:position] = [self.node] * len(lines)

    def begin_kernel(self, name: str) -> None:
        """What follows belongs to a kernel."""
        self.origins.kernels.append((self.length, name))

    def make(self, type: str, text: str, hint: str = "v") -> Value:
        """An instruction that makes a value of the type."""
        name = self.fresh(hint)
        self._add(f"  {name} = {text}")
        return Value(type, name)

    def pure(self, type: str, text: str) -> Value:
        """An instruction without effects, made once a block however often it is asked for."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self.make(type, text)
        return known

    def start_block(self, label: str) -> None:
        """Begin a block; the one before must have been ended by a branch."""
        self._add(f"{label}:")
        self._block = label
        self._known.clear()

    @contextmanager
    def leaving(self, condition: Value) -> Generator[None]:
        """A block that ends by returning, entered where the condition holds.

        What has been made before it is there after it.
        """
        known = dict(self._known)
        left, stayed = self.label("failed"), self.label("fine")
        self.branch(condition, left, stayed)
        self.start_block(left)
        yield
        self.start_block(stayed)
        self._known = known

    @contextmanager
    def seldom_not(self, condition: Value, usual: Value) -> Generator[list[Value]]:
        """Blocks that make another value where the condition does not hold, which is seldom.

        The list holds the other value when they end, and then the one of both.
        """
        known, before = dict(self._known), self._block
        other, on = self.label("other"), self.label("on")
        self.module.metadata["seldom"] = '!0 = !{!"branch_weights", i32 2000, i32 1}'
        self.line(f"br {condition}, label %{on}, label %{other}, !prof !0")
        self.start_block(other)
        values: list[Value] = []
        yield values
        last = self._block
        self.jump(on)
        self.start_block(on)
        values.append(self.phi(usual.type, [(usual, before), (values.pop(), last)]))
        self._known = known

    def once(self, what: str, make: Callable[[], Value]) -> Value:
        """What has been made under this name where it still holds, or is made now."""
        found = self._known.get(what)
        if found is None:
            found = make()
            self._known[what] = found
        return found

    @property
    def length(self) -> int:
        """How many lines have been written."""
        return len(self._lines)

    @property
    def block(self) -> str:
        """Label of the block being written."""
        return self._block

    def jump(self, label: str) -> None:
        """End the block with a jump."""
        self.line(f"br label %{label}")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        """End the block with a conditional jump."""
        self.line(f"br {condition}, label %{yes}, label %{no}")

    def ret(self, value: Value | None = None) -> None:
        """End the block by returning."""
        self.line(f"ret {value}" if value is not None else "ret void")

    def finish(self) -> None:
        """Add the finished function to the module."""
        parameters = ", ".join(map(str, self.parameters))
        head = f"{self._head}({parameters}) {self._attributes}{self._frame}".rstrip()
        self.module.functions.append(f"{head} {{\n{self.body}\n}}\n")
        self.tell_origins(self.name)

    def tell_origins(self, name: str) -> None:
        """Note what the lines are for, of the function of that name, which has the same lines."""
        self.origins.skipped = 1 + len(self._entry_allocas)
        self.module.origins.setdefault(name, []).append(self.origins)

    @property
    def body(self) -> str:
        """What stands between the braces."""
        return "\n".join(["entry:", *self._entry_allocas, *self._lines])

    def alloca(self, type: str, count: int = 1, align: int = 8) -> Value:
        """Stack memory for the whole run of the function."""
        name = self.fresh("stack")
        self._entry_allocas.append(f"  {name} = alloca {type}, i64 {count}, align {align}")
        return Value(PTR, name)

    def phi(self, type: str, incoming: Sequence[tuple[Value, str]]) -> Value:
        """A value that depends on the block come from."""
        arms = ", ".join(f"[ {value.name}, %{label} ]" for value, label in incoming)
        return self.make(type, f"phi {type} {arms}")

    @contextmanager
    def loop(
        self,
        start: int | Value,
        stop: int | Value,
        step: int = 1,
        carried: Sequence[Value] = (),
        *,
        empty: bool = False,
    ) -> Generator[Loop]:
        """``for index in range(start, stop, step)``; that may be ``empty`` only if it is said."""
        first = start if isinstance(start, Value) else constant(I64, start)
        last = stop if isinstance(stop, Value) else constant(I64, stop)
        body, after = self.label("body"), self.label("after")
        before = self._block
        if empty:
            some = self.compare("slt", first, last)
            self.branch(some, body, after)
        else:
            self.jump(body)
        self.start_block(body)
        index = Value(I64, self.fresh("i"))
        names = [Value(value.type, self.fresh("c")) for value in carried]
        position = len(self._lines)
        loop = Loop(index, list(names))
        yield loop
        following = self.make(I64, f"add nsw i64 {index.name}, {step}")
        more = self.make(I1, f"icmp slt i64 {following.name}, {last.name}")
        latch = self._block
        self.branch(more, body, after)
        turning = [(index, first, following), *zip(names, carried, loop.carried, strict=True)]
        phis = [
            f"  {name.name} = phi {name.type} [ {old.name}, %{before} ], [ {new.name}, %{latch} ]"
            for name, old, new in turning
        ]
        self._insert(position, phis)
        self.start_block(after)
        if empty:
            loop.carried = [
                self.make(
                    new.type, f"phi {new.type} [ {old.name}, %{before} ], [ {new.name}, %{latch} ]"
                )
                for old, new in zip(carried, loop.carried, strict=True)
            ]

    @contextmanager
    def batch(self, count: int) -> Generator[Value]:
        """A loop over the items of a batch, written out where there is one; gives its index."""
        if count == 1:
            yield constant(I64, 0)
        else:
            with self.loop(0, count) as loop:
                yield loop.index

    @contextmanager
    def repeat(self, carried: Sequence[Value]) -> Generator[Repetition]:
        """A loop that is run at least once, and again while ``more`` says so."""
        body, after = self.label("body"), self.label("after")
        before = self._block
        self.jump(body)
        self.start_block(body)
        names = [Value(value.type, self.fresh("c")) for value in carried]
        position = len(self._lines)
        loop = Repetition(list(names))
        yield loop
        assert loop.more is not None, "the loop does not say whether there is another turn"
        latch = self._block
        self.branch(loop.more, body, after)
        phis = [
            f"  {name.name} = phi {name.type} [ {old.name}, %{before} ], [ {new.name}, %{latch} ]"
            for name, old, new in zip(names, carried, loop.carried, strict=True)
        ]
        self._insert(position, phis)
        self.start_block(after)

    @contextmanager
    def when(self, condition: Value) -> Generator[None]:
        """``if condition:`` around side effects (stores, calls)."""
        yes, after = self.label("then"), self.label("after")
        self.branch(condition, yes, after)
        self.start_block(yes)
        yield
        self.jump(after)
        self.start_block(after)

    # -- instructions ------------------------------------------------------------------------

    def op(self, name: str, a: Value, b: Value) -> Value:
        """A binary instruction on two values of one type (``fadd``, ``and``, ``shl`` ...)."""
        return self.pure(a.type, f"{name} {a.type} {a.name}, {b.name}")

    def fneg(self, a: Value) -> Value:
        """The float with its sign flipped."""
        return self.pure(a.type, f"fneg {a.type} {a.name}")

    def compare(self, predicate: str, a: Value, b: Value) -> Value:
        """``icmp``/``fcmp`` by the operands' type; predicates as LLVM's (``olt``, ``slt``)."""
        kind = "fcmp" if element(a.type) in FLOATS else "icmp"
        return self.pure(like(a.type, I1), f"{kind} {predicate} {a.type} {a.name}, {b.name}")

    def select(self, condition: Value, yes: Value, no: Value) -> Value:
        """``yes if condition else no``, by lane where the condition is a vector."""
        return self.pure(yes.type, f"select {condition}, {yes}, {no}")

    def cast(self, name: str, a: Value, type: str) -> Value:
        """A conversion instruction (``sitofp``, ``bitcast``, ``fptrunc`` ...)."""
        return self.pure(type, f"{name} {a} to {type}")

    def call(self, name: str, result: str, arguments: Sequence[Value]) -> Value:
        """Call a function, declaring it where the module does not define it."""
        self.module.declare(name, result, [a.type for a in arguments])
        return self.call_known(name, result, arguments)

    def call_known(
        self, name: str, result: str, arguments: Sequence[Value], convention: str = ""
    ) -> Value:
        """Call a function that the module defines or has declared.

        Another convention than C's need not keep the pointer to a frame that is aligned beyond
        what the stack is, and LLVM saves it in a way that makes other places in the frame wrong:
        so such frames are not for functions with these calls.
        """
        way = f"{convention} {result}" if convention else result
        self._frame = ' "no-realign-stack"' if convention else self._frame
        text = f"call {way} @{name}({', '.join(map(str, arguments))})"
        if result == "void":
            self.line(text)
            return Value("void", "")
        return self.make(result, text)

    def call_pure(self, name: str, result: str, arguments: Sequence[Value]) -> Value:
        """Call an intrinsic without effects, once a block for the same arguments."""
        self.module.declare(name, result, [a.type for a in arguments])
        return self.pure(result, f"call {result} @{name}({', '.join(map(str, arguments))})")

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """An LLVM intrinsic overloaded on one type, ``intrinsic("fma", a, b, c)``."""
        type = arguments[0].type
        return self.call_pure(f"llvm.{name}.{intrinsic_suffix(type)}", type, arguments)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """``a * b + c`` rounded once."""
        return self.intrinsic("fma", a, b, c)

    def splat(self, a: Value, lanes: int) -> Value:
        """The scalar in every lane."""
        if lanes == 1:
            return a
        type = vector(a.type, lanes)
        if a.name[0] != "%":
            return Value(type, f"splat ({a})")
        one = self.pure(type, f"insertelement {type} poison, {a}, i64 0")
        mask = f"<{lanes} x i32> zeroinitializer"
        return self.pure(type, f"shufflevector {one}, {type} poison, {mask}")

    def extract(self, a: Value, lane: int) -> Value:
        """One lane of a vector."""
        return self.pure(element(a.type), f"extractelement {a}, i64 {lane}")

    def insert(self, a: Value, b: Value, lane: int) -> Value:
        """The vector with one lane replaced."""
        return self.pure(a.type, f"insertelement {a}, {b}, i64 {lane}")

    def address(self, base: Value, offset: Value | int, type: str) -> Value:
        """``base`` plus so many elements of a scalar type."""
        index = offset if isinstance(offset, Value) else constant(I64, offset)
        if index.name == "0":
            return base
        return self.pure(PTR, f"getelementptr {type}, {base}, {index}")

    def load(self, type: str, pointer: Value, align: int) -> Value:
        """Read from memory."""
        return self.make(type, f"load {type}, {pointer}, align {align}")

    def store(self, value: Value, pointer: Value, align: int) -> None:
        """Write to memory."""
        self.line(f"store {value}, {pointer}, align {align}")

    def add_index(self, a: Value, b: Value | int) -> Value:
        """Sum of 64-bit indices, folding zero."""
        other = b if isinstance(b, Value) else constant(I64, b)
        if other.name == "0":
            return a
        return other if a.name == "0" else self.pure(I64, f"add i64 {a.name}, {other.name}")

    def scale_index(self, a: Value, factor: int) -> Value:
        """Product of a 64-bit index and a known factor, folding zero and one."""
        if factor == 1:
            return a
        if factor == 0 or a.name == "0":
            return constant(I64, 0)
        return self.pure(I64, f"mul i64 {a.name}, {factor}")
