"""What can go wrong in a user's program: one class a mistake."""

from __future__ import annotations

from .location import Location


def at(where: Location | None) -> str:
    """The last line of a message: where in the user's code."""
    return f"\n  at {where}" if where is not None else ""


STORED = (
    "a traced value cannot be stored in an array that is not traced: one from outside, or made by "
    "its method,\n  as in a.copy(), by np.ndarray or by a name of `from numpy import zeros`; "
    "np.copy(a), np.zeros and pullback.numpy make traced ones"
)
"""What traced values cannot be stored in, and the way out."""


class TracedValueError(TypeError):
    """A traced value was used where Python needs its actual value (``if x > 0:``, ``float(x)``)."""


class LeakedTracerError(RuntimeError):
    """A traced value was used after the trace that it belongs to had ended."""


class UnsupportedTypeError(TypeError):
    """An argument's type or dtype cannot be compiled."""


class UnsupportedFunctionError(TypeError):
    """A NumPy function that has no traced meaning was called on a traced value."""


class LoweringError(NotImplementedError):
    """A primitive has no lowering to machine code for these operands."""


class LongTraceWarning(UserWarning):
    """A Python loop is compiled turn by turn, which takes long."""


class FrozenDrawWarning(UserWarning):
    """A random number is drawn while tracing: every call has the same one."""


class RecompilationWarning(UserWarning):
    """A function, or a line of tensors, is compiled again and again, for what differs each time.

    >>> import pullback as pb, pullback.torch as torch
    >>> pb.RecompilationWarning is torch.RecompilationWarning
    True
    """
