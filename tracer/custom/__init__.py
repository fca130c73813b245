"""Python functions with rules of their own for derivatives, traced into rows that hold both."""

from .checkpoint import checkpoint
from .functions import Given, forward_rule, reverse_rule
from .implicit import linear_solve, root
from .structure import sum_of

__all__ = ["Given", "checkpoint", "forward_rule", "linear_solve", "reverse_rule", "root", "sum_of"]
