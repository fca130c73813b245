"""Where functions on traced values differ from NumPy's, one line each, for docs/numpy.md."""

from __future__ import annotations

_SIMPLE = "a traced bool, not a Python one"
_LEADING = "leading zeros are kept, as lengths are known while tracing"
_UNCHECKED = "positions out of bounds are not refused"

DIFFERENCES: dict[str, str] = {
    "allclose": _SIMPLE,
    "array_equal": _SIMPLE + "; False where shapes differ",
    "array_equiv": _SIMPLE + "; False where shapes do not broadcast",
    "broadcast_to": "writing into the result raises",
    "choose": "choices of several shapes are broadcast, lists of them too",
    "compress": "the condition is known while tracing",
    "delete": "the positions are known while tracing",
    "extract": "the condition is known while tracing",
    "fmax": "where one operand is NaN, the derivative is that of the other",
    "fmin": "where one operand is NaN, the derivative is that of the other",
    "geomspace": "the ends have one sign",
    "insert": "the positions are known while tracing",
    "real_if_close": "not of complex arrays",
    "ix_": "masks are known while tracing",
    "max": "elements that tie for the maximum share its derivative",
    "min": "elements that tie for the minimum share its derivative",
    "maximum": "operands that tie share the derivative",
    "minimum": "operands that tie share the derivative",
    "nanargmax": "0 where all are NaN, no error",
    "nanargmin": "0 where all are NaN, no error",
    "pad": "not with a function as mode",
    "piecewise": "functions get the whole array, not the elements chosen",
    "place": "without values it raises even where nothing is chosen",
    "poly": "complex of complex zeros, also if they come in conjugate pairs",
    "polydiv": "the remainder has the length it has in general",
    "polyfit": "without `full=True`; at least as many points as coefficients",
    "polymul": _LEADING,
    "power": "integers to traced negative powers are 0, or those of 1 and -1; no error",
    "ravel_multi_index": _UNCHECKED,
    "repeat": "the counts are known while tracing",
    "roots": "always complex; a leading zero raises",
    "std": "where all elements are equal, the derivative is 0",
    "nanstd": "where all elements are equal, the derivative is 0",
    "unravel_index": _UNCHECKED,
    "where": "with one argument: `size=` in `pullback.numpy`",
}
