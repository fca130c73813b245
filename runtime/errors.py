"""What can go wrong in the compiler itself."""

from __future__ import annotations


class InternalError(AssertionError):
    """The compiler broke one of its own rules: a bug of pullback, not of the user's program."""
