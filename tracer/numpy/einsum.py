"""`np.einsum`: sums of products, two operands at a time, each pair by one `dot`."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import at
from ..location import user_location
from ..primitives.indexing import gather
from ..primitives.reduction import reduce_sum
from ..primitives.structure import broadcast, permute, reshape
from ..trace import Tracer
from ..types import BOOL
from .creation import as_numpy_dtype, positions
from .products import contract, promoted
from .promotion import as_dtype
from .protocols import store


@dataclass(frozen=True, slots=True)
class Term:
    """An array with a label for each axis."""

    value: Tracer
    labels: str


def einsum(*operands: Any, out: Any = None, optimize: Any = False, **kwargs: Any) -> Tracer:
    """`np.einsum`.

    Raises:
        ValueError: when the subscripts do not fit the operands.
    """
    subscripts, arrays = _as_text(operands)
    values = promoted(*arrays, what="np.einsum")
    if kwargs.get("dtype") is not None:
        values = [as_dtype(x, as_numpy_dtype(kwargs["dtype"])) for x in values]
    inputs, output = _parse(subscripts, [x.ndim for x in values])
    terms = [_simple(Term(x, labels)) for x, labels in zip(values, inputs, strict=True)]
    extents = _extents(terms)
    terms = [_without_ones(t, extents) for t in terms]
    for label in output:
        if label not in extents:
            raise _error(f"the output has a label {label} that no operand has")
    result = _contract_all(terms, output, extents)
    stored: Tracer = store(out, Tracer(result.node))
    return stored


def _error(text: str) -> ValueError:
    return ValueError(f"einsum: {text}{at(user_location())}")


def _as_text(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Subscripts and arrays; the form with lists of numbers is written as text."""
    if isinstance(operands[0], str):
        return operands[0], list(operands[1:])
    pairs = list(zip(operands[::2], operands[1::2], strict=False))
    text = ",".join(_letters(labels) for _, labels in pairs)
    if len(operands) % 2:
        text += "->" + _letters(operands[-1])
    return text, [x for x, _ in pairs]


def _letters(labels: Any) -> str:
    return "".join("..." if n is Ellipsis else string.ascii_letters[n] for n in labels)


def _parse(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the output, with letters for the dots."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        raise _error(f"{len(inputs)} subscripts for {len(ndims)} operands")
    free = [c for c in string.ascii_letters[::-1] if c not in subscripts]
    hidden = [
        n - len(labels.replace("...", "")) if "..." in labels else 0
        for labels, n in zip(inputs, ndims, strict=True)
    ]
    dots = "".join(free[: max(hidden, default=0)])
    expanded = [
        labels.replace("...", dots[len(dots) - n :])
        for labels, n in zip(inputs, hidden, strict=True)
    ]
    if any(len(labels) != n for labels, n in zip(expanded, ndims, strict=True)):
        raise _error(f"subscripts {subscripts!r} do not fit operands with {ndims} axes")
    if arrow:
        return expanded, right.replace("...", dots)
    named = "".join(inputs).replace(".", "")
    return expanded, dots + "".join(sorted(c for c in set(named) if named.count(c) == 1))


def _simple(term: Term) -> Term:
    """The term with every label once: where one repeats, the diagonal."""
    value, labels = term.value, term.labels
    while len(set(labels)) < len(labels):
        label = next(c for c in labels if labels.count(c) > 1)
        i = labels.index(label)
        j = labels.index(label, i + 1)
        if value.shape[i] != value.shape[j]:
            raise _error(f"label {label} has extents {value.shape[i]} and {value.shape[j]}")
        rest = tuple(n for n in range(value.ndim) if n not in (i, j))
        place = positions(value.shape[i])
        value = gather(permute(value, axes=(i, j, *rest)), place, place)
        labels = label + "".join(labels[n] for n in rest)
    return Term(value, labels)


def _extents(terms: list[Term]) -> dict[str, int]:
    extents: dict[str, int] = {}
    for term in terms:
        for label, extent in zip(term.labels, term.value.shape, strict=True):
            known = extents.get(label, 1)
            if extent != known and 1 not in (extent, known):
                raise _error(f"label {label} has extents {known} and {extent}")
            extents[label] = extent if known == 1 else known
    return extents


def _without_ones(term: Term, extents: dict[str, int]) -> Term:
    """Axes of extent 1 that stand for longer ones carry nothing."""
    kept = [n for n, c in enumerate(term.labels) if term.value.shape[n] == extents[c]]
    value = reshape(term.value, shape=tuple(term.value.shape[n] for n in kept))
    return Term(value, "".join(term.labels[n] for n in kept))


def _contract_all(terms: list[Term], output: str, extents: dict[str, int]) -> Tracer:
    for places in _path(terms, output, extents):
        chosen = [terms[n] for n in places]
        terms = [t for n, t in enumerate(terms) if n not in places]
        wanted = set(output).union(*(t.labels for t in terms))
        result = _summed(chosen[0], wanted, chosen[1:])
        for n, term in enumerate(chosen[1:], 2):
            later = wanted.union(*(t.labels for t in chosen[n:]))
            result = _pair(result, _summed(term, later, [result]), later)
        terms.append(result)
    last = _summed(terms[0], set(output), [])
    order = tuple(last.labels.index(c) for c in output if c in last.labels)
    value = permute(last.value, axes=order)
    kept = tuple(n for n, c in enumerate(output) if c in last.labels)
    return broadcast(value, shape=tuple(extents[c] for c in output), axes=kept)


def _path(terms: list[Term], output: str, extents: dict[str, int]) -> list[tuple[int, ...]]:
    """Which operands to take together, found by NumPy from the extents."""
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    text = ",".join(t.labels for t in terms)
    shapes = (np.broadcast_to(0.0, t.value.shape) for t in terms)
    known = "".join(c for c in output if c in text)
    path = np.einsum_path(f"{text}->{known}", *shapes, optimize="greedy")[0]
    return [tuple(int(n) for n in places) for places in path[1:]]


def _summed(term: Term, wanted: set[str], others: list[Term]) -> Term:
    """Summed along the axes that nothing else has."""
    needed = wanted.union(*(t.labels for t in others))
    axes = tuple(n for n, c in enumerate(term.labels) if c not in needed)
    if not axes:
        return term
    labels = "".join(c for c in term.labels if c in needed)
    if term.value.dtype == BOOL:
        from ..primitives.reduction import reduce_any

        return Term(reduce_any(term.value, axes=axes), labels)
    return Term(reduce_sum(term.value, axes=axes), labels)


def _pair(x: Term, y: Term, wanted: set[str]) -> Term:
    shared = [c for c in x.labels if c in y.labels]
    contracted = [c for c in shared if c not in wanted]
    if not contracted:
        return _product(x, y)
    batch = [c for c in shared if c in wanted]
    axes = tuple(tuple(t.labels.index(c) for c in contracted) for t in (x, y))
    batches = tuple(tuple(t.labels.index(c) for c in batch) for t in (x, y))
    value = contract(x.value, y.value, (axes[0], axes[1]), (batches[0], batches[1]))
    free = "".join(c for t in (x, y) for c in t.labels if c not in shared)
    return Term(value, "".join(batch) + free)


def _product(x: Term, y: Term) -> Term:
    """Nothing is summed: an elementwise product fuses with what is around it."""
    labels = x.labels + "".join(c for c in y.labels if c not in x.labels)
    extents = dict(zip(x.labels + y.labels, x.value.shape + y.value.shape, strict=True))
    shape = tuple(extents[c] for c in labels)
    spread = [_aligned(t, labels, shape) for t in (x, y)]
    return Term(spread[0] & spread[1] if x.value.dtype == BOOL else spread[0] * spread[1], labels)


def _aligned(term: Term, labels: str, shape: tuple[int, ...]) -> Tracer:
    order = tuple(term.labels.index(c) for c in labels if c in term.labels)
    kept = tuple(n for n, c in enumerate(labels) if c in term.labels)
    return broadcast(permute(term.value, axes=order), shape=shape, axes=kept)
