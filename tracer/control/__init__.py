"""Loops and branches of Python functions, traced into rows that hold graphs."""

from .branches import cond, switch
from .loops import associative_scan, fori_loop, is_known, map_along, scan, while_loop

__all__ = [
    "associative_scan",
    "cond",
    "fori_loop",
    "is_known",
    "map_along",
    "scan",
    "switch",
    "while_loop",
]
