"""Graphs as text, one line a node, and back.

Graphs inside, such as the bodies of loops, follow the whole one, under the names that it has for
them. Grammar::

    text    = graph {inner graph}
    inner   = "@" digits
    graph   = "graph (" [name ":" type {"," name ":" type}] ") {" {node} "return" [names] "}"
    node    = name ":" type "=" (number | primitive {name} [params]) [comment]
    params  = "[" key "=" value {";" key "=" value} "]"
    value   = integer | float | bool | string | complex | dtype | type | inner | "(" [values] ")"
    values  = value {"," value} [","]
    complex = "complex(" float ", " float ")"
    name    = "%" digits
    comment = "#" file ":" line "(" function ")" [", for " (name | primitive)]
"""

from __future__ import annotations

import ast
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from .colour import plain
from .ir import LITERAL, PARAMETER, Graph, Node, graphs_in
from .location import Location
from .primitive import LOWERED, TABLE
from .types import ANY, DTYPES, SHORT_NAMES, ArrayType, scalar

Names: TypeAlias = dict[Graph, str]


def graph_text(graph: Graph, locations: bool = True) -> str:
    """The graph as text that `parse` reads back; ``locations`` adds the user's lines."""
    names = {inner: f"@{i}" for i, inner in enumerate(inner_graphs(graph))}
    texts = [_text(graph, numbered(graph), names, locations)]
    for inner, name in names.items():
        texts.append(f"{name} {_text(inner, numbered(inner), names, locations)}")
    return "\n".join(texts)


def numbered(graph: Graph) -> dict[Node, str]:
    """The names of a graph's nodes."""
    return {x: f"%{i}" for i, x in enumerate((*graph.parameters, *graph.nodes))}


def graph_diff(before: Graph, after: Graph, names: tuple[str, str] = ("before", "after")) -> str:
    """What differs between two graphs, in the format of ``diff -u``.

    Nodes of the second are called as those of the first that stand in their place, others are
    numbered beyond those: so a node that is put in does not change the names of all behind it.
    """
    first, second = [before, *inner_graphs(before)], [after, *inner_graphs(after)]
    inner = [{graph: f"@{n - 1}" for n, graph in enumerate(x) if n} for x in (first, second)]
    texts: tuple[list[str], list[str]] = ([], [])
    for i in range(max(len(first), len(second))):
        of = f"@{i - 1} " if i else ""
        if i < len(first):
            numbers = numbered(first[i])
            texts[0].extend(f"{of}{_text(first[i], numbers, inner[0], False)}".splitlines())
        if i < len(second):
            old = first[i] if i < len(first) else Graph((), (), ())
            numbers = _numbered_like(old, second[i], inner)
            texts[1].extend(f"{of}{_text(second[i], numbers, inner[1], False)}".splitlines())
    return "\n".join(difflib.unified_diff(*texts, *names, lineterm=""))


def _numbered_like(old: Graph, new: Graph, inner: Sequence[Names]) -> dict[Node, str]:
    """Names for a graph: those of an old one for nodes in the same places, else further ones."""
    known = numbered(old)
    before = [_outline(x, inner[0]) for x in old.nodes]
    after = [_outline(x, inner[1]) for x in new.nodes]
    found = {p: f"%{i}" for i, p in enumerate(new.parameters)}
    if len(old.parameters) == len(new.parameters):
        for at, other, size in difflib.SequenceMatcher(None, before, after).get_matching_blocks():
            pairs = zip(new.nodes[other : other + size], old.nodes[at : at + size], strict=True)
            found.update((node, known[x]) for node, x in pairs)
    free = itertools.count(max(len(known), len(found)))
    for node in new.nodes:
        if node not in found:
            found[node] = f"%{next(free)}"
    return found


def _outline(node: Node, names: Names) -> str:
    """A node without the names of what it takes."""
    return f"{node.type} {_right_side(node, dict.fromkeys(node.operands, ''), names)}"


def inner_graphs(graph: Graph) -> list[Graph]:
    """The graphs inside a graph, and those inside of them, in the order in which they are met."""
    found: dict[Graph, None] = {}
    waiting = [graph]
    while waiting:
        for node in waiting.pop(0).nodes:
            for inner in graphs_in(node.params):
                if inner not in found:
                    found[inner] = None
                    waiting.append(inner)
    return list(found)


def nodes_of_lines(graph: Graph) -> list[tuple[Node, ...]]:
    """The node that each line of a graph's text is about, as a tuple: empty for other lines."""
    found: list[tuple[Node, ...]] = []
    for each in (graph, *inner_graphs(graph)):
        found += [(), *((node,) for node in each.nodes), (), ()]
    return found


def _text(graph: Graph, numbers: dict[Node, str], names: Names, locations: bool) -> str:
    head = ", ".join(f"{numbers[p]}: {p.type}" for p in graph.parameters)
    lines = [f"graph ({head}) {{"]
    for node in graph.nodes:
        line = f"  {numbers[node]}: {node.type} = {_right_side(node, numbers, names)}"
        if locations and node.where is not None:
            line = f"{line:<60}  # {node.where}{_of_primal(node, numbers)}"
        lines.append(line)
    results = ", ".join(numbers[x] for x in graph.outputs)
    return "\n".join([*lines, f"  return {results}".rstrip(), "}"])


def _of_primal(node: Node, numbers: dict[Node, str]) -> str:
    """Which node a derivative is of: its name, or its row where the graph does without it."""
    if node.primal is None:
        return ""
    return f", for {numbers.get(node.primal, node.primal.primitive.name)}"


def _right_side(node: Node, numbers: dict[Node, str], names: Names) -> str:
    if node.primitive is LITERAL:
        return _value_text(node.params["value"], names)
    parts = [node.primitive.name, *(numbers[x] for x in node.operands)]
    if node.params:
        params = "; ".join(
            f"{key}={_value_text(value, names)}" for key, value in node.params.items()
        )
        parts.append(f"[{params}]")
    return " ".join(parts)


def _value_text(value: Any, names: Names) -> str:
    if isinstance(value, Graph):
        return names[value]
    if isinstance(value, np.dtype):
        return SHORT_NAMES[value]
    if isinstance(value, ArrayType):
        return str(value)
    if isinstance(value, tuple):
        inner = ", ".join(_value_text(x, names) for x in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, complex):
        return f"complex({value.real!r}, {value.imag!r})"
    return repr(value)


_TYPE = re.compile(r"(\w+)\[([\d,?]*)\]")
_NODE = re.compile(r"%(\d+): (\w+\[[\d,?]*\]) = (.*)")
_APPLICATION = re.compile(r"(\w+)((?: %\d+)*)(?: \[(.*)\])?$")
_MARKS = re.compile(r"[()\[\],]|'[^']*'|\"[^\"]*\"")
_COMPLEX = re.compile(r"complex\((.+), (.+)\)")
_COMMENT = re.compile(r"\s+# (.*):(\d+) \((.*?)\)(?:, for (?:%(\d+)|(\w+)))?$")


def parse(text: str) -> Graph:
    """Read a graph that `Graph.text` wrote.

    Raises:
        ValueError: naming the line that is not understood.
    """
    graphs: dict[str, Graph] = {}
    for name, part in reversed(_parts(text)):
        graphs[name] = _parse_graph(part, graphs)
    return graphs[""]


def _parts(text: str) -> list[tuple[str, str]]:
    """The whole graph, named "", and the named ones, each of which the ones before may contain."""
    first, *others = re.split(r"^(@\d+) ", plain(text).strip(), flags=re.MULTILINE)
    return [("", first), *zip(others[::2], others[1::2], strict=True)]


def _parse_graph(text: str, inner: dict[str, Graph]) -> Graph:
    first, *lines = [line.strip() for line in text.strip().splitlines()]
    if not (first.startswith("graph (") and first.endswith(") {")):
        raise ValueError(f"a graph starts with 'graph (...) {{', got {first!r}")
    made: dict[int, Node] = {}
    for number, type in re.findall(r"%(\d+): (\w+\[[\d,?]*\])", first):
        made[int(number)] = Node(PARAMETER, (), {"type": _type(type)}, _type(type))
    parameters = tuple(made.values())
    nodes: list[Node] = []
    for line in lines:
        if line.startswith("return"):
            outputs = tuple(made[int(n)] for n in re.findall(r"%(\d+)", line))
            return Graph(parameters, tuple(nodes), outputs)
        try:
            nodes.append(_parse_node(line, made, inner))
        except KeyError as error:
            raise ValueError(f"{error.args[0]!r} is not defined before {line!r}") from error
    raise ValueError("a graph ends with 'return ...' and '}'")


def _type(text: str) -> ArrayType:
    match = _TYPE.fullmatch(text)
    if match is None or match[1] not in DTYPES:
        raise ValueError(f"not a type: {text!r}")
    extents = (ANY if n == "?" else int(n) for n in match[2].split(",") if n)
    return ArrayType(tuple(extents), DTYPES[match[1]])


def _parse_node(line: str, made: dict[int, Node], inner: dict[str, Graph]) -> Node:
    comment = _COMMENT.search(line)
    where, primal = None, None
    if comment is not None:
        line = line[: comment.start()]
        where = Location(comment[1], int(comment[2]), comment[3])
        primal = _primal(comment[4], comment[5], made)
    match = _NODE.fullmatch(line.rstrip())
    if match is None:
        raise ValueError(f"not a node: {line!r}")
    type = _type(match[2])
    application = _APPLICATION.fullmatch(match[3])
    row = None if application is None else TABLE.get(application[1]) or LOWERED.get(application[1])
    if application is not None and row is not None:
        operands = tuple(made[int(n)] for n in re.findall(r"%(\d+)", application[2]))
        params = _params(application[3] or "", inner)
        node = Node(row, operands, params, type, where, primal)
    else:
        value = _value(match[3], inner)
        params = {"value": value, "dtype": type.dtype}
        node = Node(LITERAL, (), params, type, where, primal)
    made[int(match[1])] = node
    return node


def _primal(number: str | None, row: str | None, made: dict[int, Node]) -> Node | None:
    if number is not None:
        return made.get(int(number))
    if row is None:
        return None
    # Of a node that is not there the text tells the row alone.
    primitive = {**LOWERED, **TABLE, "parameter": PARAMETER, "literal": LITERAL}[row]
    return Node(primitive, (), {}, scalar(DTYPES["f64"]))


def _params(text: str, inner: dict[str, Graph]) -> dict[str, Any]:
    pairs = (pair.split("=", 1) for pair in text.split("; ") if pair)
    return {key: _value(value, inner) for key, value in pairs}


def _value(text: str, inner: dict[str, Graph]) -> Any:
    if text.startswith("("):
        return tuple(_value(part, inner) for part in _items(text[1:-1]))
    if text in inner:
        return inner[text]
    if text in DTYPES:
        return DTYPES[text]
    if _TYPE.fullmatch(text):
        return _type(text)
    if text in ("nan", "inf", "-inf"):
        return float(text)
    parts = _COMPLEX.fullmatch(text)
    if parts is not None:
        return complex(float(parts[1]), float(parts[2]))
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"not a value: {text!r}") from error


def _items(text: str) -> Iterator[str]:
    """The values between commas, of which those in brackets and quotes do not count."""
    start = depth = 0
    for found in _MARKS.finditer(text):
        mark = found[0]
        depth += (mark in "([") - (mark in ")]")
        if mark == "," and depth == 0:
            yield text[start : found.start()].strip()
            start = found.end()
    if text[start:].strip():
        yield text[start:].strip()
