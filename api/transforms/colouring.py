"""Colours for the rows or columns of a sparse matrix, so that those of one colour do not meet.

Derivatives along the sum of all columns of one colour hold the entries of all of them, apart. Sets
of colours are bits of Python's integers.

A. H. Gebremedhin, F. Manne, A. Pothen, "What color is your Jacobian?", SIAM Review 47 (2005).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Sparse = Any
"""A ``scipy.sparse.csr_array``."""


def _free(used: int) -> int:
    """The lowest bit that is not set, as a set of one."""
    return ~used & (used + 1)


def _lines(matrix: Sparse) -> list[list[int]]:
    """The columns of the entries of each row."""
    indices = matrix.indices.tolist()
    starts = matrix.indptr.tolist()
    return [indices[a:b] for a, b in itertools.pairwise(starts)]


def _longest_first(lines: Sequence[Sequence[int]]) -> list[int]:
    return sorted(range(len(lines)), key=lambda i: -len(lines[i]))


def _numbers(colours: Sequence[int]) -> Array:
    return np.array([max(c.bit_length() - 1, 0) for c in colours], np.int64)


def row_colours(matrix: Sparse) -> Array:
    """A colour for each row; rows that have an entry in one column differ. Greedy, longest first.

    >>> from scipy.sparse import csr_array
    >>> row_colours(csr_array(np.tri(4, k=0) - np.tri(4, k=-2)))
    array([1, 0, 1, 0])
    """
    lines = _lines(matrix)
    met = [0] * matrix.shape[1]
    colours = [0] * len(lines)
    for i in _longest_first(lines):
        used = 0
        for j in lines[i]:
            used |= met[j]
        colours[i] = colour = _free(used)
        for j in lines[i]:
            met[j] |= colour
    return _numbers(colours)


def star_colours(matrix: Sparse) -> tuple[Array, Array]:
    """Colours for a symmetric matrix, and which entries are to be read from the other side.

    Neighbours differ, and no path of four has two colours only: so of each entry (i, j) outside
    the diagonal j is the only one of its colour in row i, or i is in row j. The second array tells,
    in the order of the entries, where it is not the first.

    >>> from scipy.sparse import csr_array
    >>> arrow = np.eye(4); arrow[0] = arrow[:, 0] = 1.0
    >>> star_colours(csr_array(arrow))[0]
    array([0, 1, 1, 1])
    """
    neighbours = [[j for j in line if j != i] for i, line in enumerate(_lines(matrix))]
    once = [0] * len(neighbours)  # the colours next to a vertex
    twice = [0] * len(neighbours)  # those that more than one neighbour has
    ends = [0] * len(neighbours)  # colours that would end a path of two colours through it
    first: dict[tuple[int, int], int] = {}
    colours = [0] * len(neighbours)
    for v in _longest_first(neighbours):
        used = once[v]
        for w in neighbours[v]:
            if colours[w]:
                used |= ends[w]
                if colours[w] & twice[v]:
                    used |= once[w]
        colours[v] = colour = _free(used)
        for w in neighbours[v]:
            if colours[w] & twice[v]:
                ends[w] |= colour
            if colour & once[w]:
                twice[w] |= colour
                ends[v] |= colours[w]
                ends[first[w, colour]] |= colours[w]
            else:
                once[w] |= colour
                first[w, colour] = v
    lines = _lines(matrix)
    other = [bool(colours[j] & twice[i]) for i, line in enumerate(lines) for j in line]
    return _numbers(colours), np.array(other, bool)
