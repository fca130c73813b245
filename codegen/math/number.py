"""Arithmetic on LLVM values with Python's operators, so that a formula reads as one.

A ``Number`` is a value of any lane count together with the writer its instructions go to. Python
numbers among the operands become constants of the same type. Comparisons make masks (``i1``
lanes), which combine with ``&``, ``|``, ``^`` and decide in ``choose``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ..assembly import FLOATS, I1, FunctionWriter, Value, constant, element, lanes, like

Coefficients = Mapping[str, Sequence[float]]
cached_constant = cache(constant)


@dataclass(frozen=True, slots=True)
class Format:
    """An IEEE binary format: what the bit tricks need to know of it."""

    element: str
    integer: str
    mantissa: int
    bias: int

    @property
    def width(self) -> int:
        """Bits of a number of the format."""
        return int(self.integer[1:])

    @property
    def exponent_mask(self) -> int:
        """The bits of the exponent field."""
        return (2 * self.bias + 1) << self.mantissa

    @property
    def mantissa_mask(self) -> int:
        """The bits of the fraction field."""
        return (1 << self.mantissa) - 1

    @property
    def rounder(self) -> float:
        """Adding it to a number under 2**(mantissa - 2) in size rounds that to an integer.

        The integer then stands, as two's complement, in the low bits of the sum; here it is
        biased as an exponent field is, so that one shift makes a power of two of it.
        """
        return 1.5 * 2.0**self.mantissa + self.bias

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return float(2.0 ** (1 - self.bias))


DOUBLE = Format("double", "i64", 52, 1023)
SINGLE = Format("float", "i32", 23, 127)
FORMATS = {"double": DOUBLE, "float": SINGLE, "i64": DOUBLE, "i32": SINGLE}


@dataclass(frozen=True, slots=True)
class Number:
    """A value being computed with."""

    w: FunctionWriter
    value: Value

    @property
    def element(self) -> str:
        """Element type, as text."""
        return element(self.value.type)

    @property
    def lanes(self) -> int:
        """Number of lanes, 1 for a scalar."""
        return lanes(self.value.type)

    @property
    def format(self) -> Format:
        """The format of a float, or the one an integer of that width holds the bits of."""
        return FORMATS[self.element]

    def of(self, number: Number | float) -> Number:
        """The constant with this value's type; a ``Number`` is itself."""
        if isinstance(number, Number):
            return number
        return Number(self.w, cached_constant(self.value.type, number))

    def _binary(self, instruction: str, other: Number | float, swapped: bool = False) -> Number:
        a, b = self.value, self.of(other).value
        return Number(self.w, self.w.op(instruction, *((b, a) if swapped else (a, b))))

    def _arithmetic(self, name: str, other: Number | float, swapped: bool = False) -> Number:
        instruction = f"f{name}" if self.element in FLOATS else name
        return self._binary(instruction, other, swapped)

    def __add__(self, other: Number | float) -> Number:
        return self._arithmetic("add", other)

    def __sub__(self, other: Number | float) -> Number:
        return self._arithmetic("sub", other)

    def __mul__(self, other: Number | float) -> Number:
        return self._arithmetic("mul", other)

    def __truediv__(self, other: Number | float) -> Number:
        return self._binary("fdiv", other)

    def __radd__(self, other: float) -> Number:
        return self._arithmetic("add", other, swapped=True)

    def __rsub__(self, other: float) -> Number:
        return self._arithmetic("sub", other, swapped=True)

    def __rmul__(self, other: float) -> Number:
        return self._arithmetic("mul", other, swapped=True)

    def __rtruediv__(self, other: float) -> Number:
        return self._binary("fdiv", other, swapped=True)

    def __neg__(self) -> Number:
        return Number(self.w, self.w.fneg(self.value))

    def __abs__(self) -> Number:
        return Number(self.w, self.w.intrinsic("fabs", self.value))

    def __and__(self, other: Number | int) -> Number:
        return self._binary("and", other)

    def __or__(self, other: Number | int) -> Number:
        return self._binary("or", other)

    def __xor__(self, other: Number | int) -> Number:
        return self._binary("xor", other)

    def __lshift__(self, count: int) -> Number:
        return self._binary("shl", count)

    def __rshift__(self, count: int) -> Number:
        """Logical: zeros come in from the left."""
        return self._binary("lshr", count)

    def _compare(self, predicate: str, other: Number | float) -> Number:
        kind = "o" if self.element in FLOATS else "s"
        prefix = "" if predicate == "eq" and kind == "s" else kind
        return Number(self.w, self.w.compare(prefix + predicate, self.value, self.of(other).value))

    def __lt__(self, other: Number | float) -> Number:
        return self._compare("lt", other)

    def __gt__(self, other: Number | float) -> Number:
        return self._compare("gt", other)

    def __le__(self, other: Number | float) -> Number:
        return self._compare("le", other)

    def __ge__(self, other: Number | float) -> Number:
        return self._compare("ge", other)

    def equals(self, other: Number | float) -> Number:
        """Mask of the lanes that compare equal; no lane with NaN does."""
        return self._compare("eq", other)

    def differs(self, other: Number | float) -> Number:
        """Mask of the lanes that compare unequal, NaN among them."""
        return Number(self.w, self.w.compare("une", self.value, self.of(other).value))

    def bits(self) -> Number:
        """The bit patterns of floats, as integers."""
        return Number(
            self.w, self.w.cast("bitcast", self.value, like(self.value.type, self.format.integer))
        )

    def floats(self) -> Number:
        """The floats with these bit patterns."""
        return Number(
            self.w, self.w.cast("bitcast", self.value, like(self.value.type, self.format.element))
        )

    def widened(self) -> Number:
        """Single precision as double precision, exactly."""
        return Number(self.w, self.w.cast("fpext", self.value, like(self.value.type, "double")))

    def narrowed(self) -> Number:
        """Double precision rounded to single."""
        return Number(self.w, self.w.cast("fptrunc", self.value, like(self.value.type, "float")))

    def call(self, intrinsic: str, *others: Number) -> Number:
        """An intrinsic overloaded on this type (``sqrt``, ``copysign``)."""
        return Number(self.w, self.w.intrinsic(intrinsic, self.value, *(o.value for o in others)))

    def with_sign_of(self, other: Number) -> Number:
        """This magnitude with the other's sign bit."""
        return self.call("copysign", other)

    def sqrt(self) -> Number:
        """Square root, correctly rounded."""
        return self.call("sqrt")


def fma(a: Number, b: Number | float, c: Number | float) -> Number:
    """``a * b + c`` rounded once."""
    return Number(a.w, a.w.fma(a.value, a.of(b).value, a.of(c).value))


def choose(mask: Number, yes: Number | float, no: Number | float) -> Number:
    """``yes if mask else no``, by lane; one of the two must be a ``Number``."""
    known = yes if isinstance(yes, Number) else no
    assert isinstance(known, Number)
    return Number(mask.w, mask.w.select(mask.value, known.of(yes).value, known.of(no).value))


def least(a: Number | float, b: Number) -> Number:
    """The smaller; ``b`` where either is NaN (the order that machines' ``min`` has too)."""
    return choose(b.of(a) < b, a, b)


def greatest(a: Number | float, b: Number) -> Number:
    """The greater; ``b`` where either is NaN."""
    return choose(b.of(a) > b, a, b)


def clamp(x: Number, low: float, high: float) -> Number:
    """``x`` within bounds; NaN stays NaN."""
    return greatest(low, least(high, x))


def horner(x: Number, coefficients: Sequence[float]) -> Number:
    """The polynomial by Horner's rule, the constant term first in the sequence."""
    total = x.of(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = fma(x, total, coefficient)
    return total


def polynomial(x: Number, coefficients: Sequence[float]) -> Number:
    """The polynomial, constant term first.

    Long ones as even part plus ``x`` times odd part: one more multiplication buys half the
    latency of Horner's rule.
    """
    if len(coefficients) < 6:
        return horner(x, coefficients)
    square = x * x
    return fma(horner(square, coefficients[1::2]), x, horner(square, coefficients[::2]))


def careful_polynomial(x: Number, coefficients: Sequence[float]) -> Number:
    """The polynomial with Horner's rule for the first half of the terms.

    Where terms alternate in sign, even and odd part would lose more to cancellation.
    """
    half = len(coefficients) // 2
    total = polynomial(x, coefficients[half:])
    for coefficient in reversed(coefficients[:half]):
        total = fma(x, total, coefficient)
    return total


def all_lanes(mask: Number) -> Value:
    """A scalar ``i1``: whether the mask is set in every lane."""
    if mask.lanes == 1:
        return mask.value
    name = f"llvm.vector.reduce.and.v{mask.lanes}i1"
    return mask.w.call(name, I1, [mask.value])


def any_lane(mask: Number) -> Value:
    """A scalar ``i1``: whether the mask is set in any lane."""
    if mask.lanes == 1:
        return mask.value
    name = f"llvm.vector.reduce.or.v{mask.lanes}i1"
    return mask.w.call(name, I1, [mask.value])
