"""How a compiled function is called from Python: what it takes and makes, what may go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pullback.tracer.types import ArrayType


@dataclass(frozen=True)
class Argument:
    """An argument or captured value that becomes an input of the kernels.

    ``array``: an ndarray of exactly this type, aligned and C-contiguous; a 0-d one may as well be
    NumPy's scalar. ``complex``, ``float``, ``int``, ``bool``: Python's number, of type ``c128[]``,
    ``f64[]``, ``i64[]``, ``bool[]``.
    """

    kind: Literal["array", "complex", "float", "int", "bool"]
    type: ArrayType


@dataclass(frozen=True)
class Static:
    """An argument that must be the very object that stands at an index of the record's objects."""

    object: int


@dataclass(frozen=True)
class Nothing:
    """An argument, or a part of one, that must be None."""


@dataclass(frozen=True)
class Items:
    """An argument, or a part of one, that must be a tuple or a list with these items."""

    kind: Literal["tuple", "list"]
    children: tuple[Given, ...]


@dataclass(frozen=True)
class Fields:
    """An argument, or a part of one, that must be a dict with these values and no others.

    The keys are strings among the record's objects.
    """

    keys: tuple[int, ...]
    children: tuple[Given, ...]


@dataclass(frozen=True)
class Into:
    """An argument, or a part of one: a writeable array of this type, plain as `Argument` says.

    From left to right they are the arrays that the outputs of the kernels are written to.
    """

    type: ArrayType


Given: TypeAlias = Argument | Static | Nothing | Items | Fields | Into
"""What is given in a call; its arguments, from left to right, are inputs of the kernels."""


@dataclass(frozen=True)
class Leaf:
    """In a result: an output of the kernels."""

    output: int


@dataclass(frozen=True)
class Constant:
    """In a result: one of the record's objects."""

    object: int


@dataclass(frozen=True)
class Group:
    """In a result: a tuple or a list."""

    kind: Literal["tuple", "list"]
    children: tuple[Tree, ...]


@dataclass(frozen=True)
class Table:
    """In a result: a dict, whose keys are among the record's objects."""

    keys: tuple[int, ...]
    children: tuple[Tree, ...]


@dataclass(frozen=True)
class Applied:
    """In a result: what a Python callable among the record's objects makes of ``child``."""

    function: int
    child: Tree


Tree: TypeAlias = Leaf | Constant | Group | Table | Applied


RAISED = ""

CHECKED = "checked"
"""The name of a path's entry point that looks by itself whether a call is on the path."""


@dataclass(frozen=True)
class Site:
    """Where kernels may find that something is wrong.

    ``message`` may contain ``{0}`` and ``{1}``, the details that the kernel leaves in its status.
    ``exception`` is the name of a builtin exception, the symbol of another (``numpy.LinAlgError``)
    or the index of a class among the record's objects; ``RAISED`` for one that the kernel has
    raised.
    """

    message: str
    exception: str | int


@dataclass(frozen=True)
class Entry:
    """How a function is called from Python.

    The last of ``arguments`` are given by the ``keywords``, names among the record's objects.

    Arguments, then captures, are the inputs of ``i64 @run(ptr inputs, ptr outputs, ptr workspace,
    ptr status)``, which returns 0, or the number of a site, counted from 1. ``callbacks`` is the
    index of the first Python function that it calls among the record's objects.

    ``may_raise`` tells whether a function of SciPy's may, as its error state says.

    ``expected`` are, for a path, the outputs that hold a call's answers, and the bytes that they
    have on this path. ``result`` is then a pair, of what the function returns and all answers.

    The arrays that are the inputs numbered in ``donated`` may be returned with something else in
    them; ``reused`` are pairs of an output and the input in whose array it is.

    With ``into`` the last argument is made of arrays for the outputs, and is returned.
    """

    arguments: tuple[Given, ...]
    outputs: tuple[ArrayType, ...]
    result: Tree
    captures: tuple[Argument, ...] = ()
    guarded: bool = False
    workspace_bytes: int = 0
    sites: tuple[Site, ...] = ()
    release_gil: bool = False
    callbacks: int | None = None
    expected: tuple[tuple[int, bytes], ...] = ()
    keywords: tuple[int, ...] = ()
    may_raise: bool = False
    donated: tuple[int, ...] = ()
    reused: tuple[tuple[int, int], ...] = ()
    into: bool = False


def objects_needed(entry: Entry) -> int:
    """How many objects a record of this entry has at least."""
    given = [i for a in entry.arguments for i in _objects_given(a)]
    classes = [s.exception for s in entry.sites if isinstance(s.exception, int)]
    needed = [*given, *entry.keywords, *classes, *_objects(entry.result)]
    return max(needed, default=-1) + 1


def arguments_of(given: Given) -> list[Argument]:
    """The arguments within what is given, from left to right."""
    match given:
        case Argument():
            return [given]
        case Items() | Fields():
            return [x for child in given.children for x in arguments_of(child)]
        case Static() | Nothing() | Into():
            return []


def _objects_given(given: Given) -> list[int]:
    """The indices of objects in what is given."""
    match given:
        case Static():
            return [given.object]
        case Fields():
            return [*given.keys, *(i for child in given.children for i in _objects_given(child))]
        case Items():
            return [i for child in given.children for i in _objects_given(child)]
        case Argument() | Nothing() | Into():
            return []


def _objects(tree: Tree) -> list[int]:
    """The indices of objects in a result."""
    match tree:
        case Leaf():
            return []
        case Constant():
            return [tree.object]
        case Applied():
            return [tree.function, *_objects(tree.child)]
        case Group():
            return [i for child in tree.children for i in _objects(child)]
        case Table():
            return [*tree.keys, *(i for child in tree.children for i in _objects(child))]


def count_nodes(tree: Tree) -> int:
    """The number of nodes of a result."""
    match tree:
        case Leaf() | Constant():
            return 1
        case Applied():
            return 1 + count_nodes(tree.child)
        case Group() | Table():
            return 1 + sum(map(count_nodes, tree.children))


def leaves_of(tree: Tree) -> list[Leaf | Constant]:
    """The leaves of a result, from left to right."""
    match tree:
        case Leaf() | Constant():
            return [tree]
        case Applied():
            return leaves_of(tree.child)
        case Group() | Table():
            return [leaf for child in tree.children for leaf in leaves_of(child)]
