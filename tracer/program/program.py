"""A whole program: imports, definitions that it brings along, and the function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..colour import shown
from ..ir import Graph, Node
from ..text import inner_graphs
from ..types import BOOL
from .bundle import bundle
from .code import ATOM, Code, dtype_code, is_weak, tuple_code
from .naming import Names, look_again
from .rows import needs_of
from .tidy import tidy
from .write import Writer


@dataclass(frozen=True)
class Source:
    """A NumPy program as ``text``, and what it refers to that is no text.

    ``constants`` are the arrays and functions from outside of the function that the program was
    made of, by the names that it has for them.
    """

    name: str
    text: str
    constants: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The text, in colours where `print` shows it in a terminal and `rich` is installed."""
        return shown(self.text, "python")

    def function(self) -> Callable[..., Any]:
        """The program's function.

        >>> source = pb.grad(lambda x: x * x).source(3.0)
        >>> float(source.function()(3.0))
        6.0
        """
        namespace: dict[str, Any] = dict(self.constants)
        exec(compile(self.text, f"<source of {self.name}>", "exec"), namespace)
        found: Callable[..., Any] = namespace[self.name]
        return found


@dataclass(frozen=True, slots=True)
class Given:
    """How a parameter of a graph is found in the arguments.

    ``code`` is an expression, ``wish`` what it might be called, ``dtype`` the name of NumPy's type
    of number that a number of Python's becomes, ``written`` whether the function writes to it.
    """

    code: str
    wish: str
    dtype: str | None = None
    written: bool = False


def program(
    graph: Graph,
    name: str,
    arguments: str,
    names: Sequence[str],
    given: Sequence[Given],
    constants: Sequence[Any],
    result: Callable[[Iterator[str]], str],
    about: str = "",
    expected: Sequence[bytes] = (),
) -> Source:
    """The program of a graph.

    ``arguments`` is the text between the parentheses of the function, with ``names``; ``given``
    tells of each parameter where it is in them, and ``constants`` are the values of the others.
    ``result`` makes the text of what is returned of that of the outputs. After these the graph
    gives what is written to arguments, and answers that have to be ``expected``.
    """
    look_again()
    graph = tidy(graph)
    every = [node for each in (graph, *inner_graphs(graph)) for node in each.nodes]
    brought = bundle(dict.fromkeys(need for node in every for need in needs_of(node)))
    own = [x for x in names if x in USED or x in brought.names]
    arguments = _renamed(arguments, own)
    given = [replace(x, code=_renamed(x.code, own)) for x in given]
    w = Writer(Names([*_renamed(" ".join(names), own).split(), name, *brought.names]))
    values: dict[str, Any] = {}
    targets = _unpacked(w, graph.parameters, given)
    for parameter, value in zip(graph.parameters[len(given) :], constants, strict=True):
        w.set(parameter, _constant(w, value, values))
    w.graph(graph)
    outputs = [str(w.array(x)) for x in graph.outputs]
    count = len(outputs) - len(targets) - len(expected)
    _check_answers(
        w, graph.outputs[count + len(targets) :], outputs[count + len(targets) :], expected
    )
    for target, code in zip(targets, outputs[count : count + len(targets)], strict=True):
        w.line(f"{target}[...] = {code}")
    w.line(f"return {result(iter(outputs[:count]))}")
    head = [f'    """{about}"""'] if about else []
    imports = ["import numpy as np", *(x for x in brought.imports if x != "import numpy as np")]
    if w.special_used and "from scipy import special" not in imports:
        imports.append("from scipy import special")
    imports.sort(key=lambda line: (not line.startswith("from __future__"), line))
    parts = ["\n".join(imports), *brought.definitions]
    parts.append("\n".join([f"def {name}({arguments}):", *head, *w.lines]))
    return Source(name, "\n\n\n".join(parts) + "\n", {**values, **w.constants})


USED = frozenset(("np", "special", "range", "reversed", "len", "ValueError"))
"""Names that programs use, whatever the user's function calls its arguments."""


def _renamed(code: str, names: Sequence[str]) -> str:
    """Code with longer names in the place of these, but in strings."""
    if not names:
        return code
    pattern = rf"(?<![\w\"'])({'|'.join(names)})(?![\w\"'])"
    return re.sub(pattern, r"\1_argument", code)


def _unpacked(w: Writer, parameters: Sequence[Node], given: Sequence[Given]) -> list[str]:
    """Lines that take arguments apart; the names of those that are written to."""
    targets = []
    for parameter, x in zip(parameters, given, strict=False):
        code = x.code
        if x.written:
            target = w.new(f"{x.wish}_given")
            w.line(f"{target} = {code}")
            targets.append(target)
            code = f"np.array({target})"
        elif x.dtype is not None:
            code = f"np.{x.dtype}({code})"
        name = code
        if code != x.code or not code.isidentifier():
            name = x.code if x.code.isidentifier() else w.new(x.wish)
            w.line(f"{name} = {code}")
        w.set(parameter, Code(name))
    return targets


SHORT = 16
"""Elements of a constant that is written down."""


def _constant(w: Writer, value: Any, values: dict[str, Any]) -> Code:
    """What stands for an array from outside: itself if it is short, else a name."""
    array, name = np.asarray(value), w.new("constant")
    if 0 < array.size <= SHORT and np.all(np.isfinite(array)):
        own = "" if is_weak(array.dtype) else f", {dtype_code(array.dtype)}"
        w.line(f"{name} = np.array({array.tolist()!r}{own})")
    else:
        values[name] = array
    return Code(name)


def _check_answers(
    w: Writer, nodes: Sequence[Node], codes: Sequence[str], expected: Sequence[bytes]
) -> None:
    """Refuse arguments for which Python's questions have other answers."""
    for node, code, answer in zip(nodes, codes, expected, strict=True):
        values = np.frombuffer(answer, node.type.dtype).tolist()
        single = w.single(node)
        if single is not None and node.type.dtype == BOOL:
            w.line(f"if {f'not {single.at(ATOM)}' if values[0] else single}:")
        else:
            w.line(f"if not np.array_equal({code}, {values!r}):")
        w.line('    raise ValueError("these arguments take another path")')


def graph_program(graph: Graph, name: str = "program") -> Source:
    """The program of a graph as it is, of a tuple of whose outputs the result is.

    >>> print(graph_program(pb.trace(lambda x: np.sin(x) * 2.0, 1.0)))
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def program(x):
        return (np.sin(x) * 2.0,)
    <BLANKLINE>
    """
    count = len(graph.parameters)
    names = ["x"] if count == 1 else [f"x{i}" for i in range(count)]
    given = [Given(name, name) for name in names]
    return program(graph, name, ", ".join(names), names, given, (), lambda xs: tuple_code(list(xs)))
