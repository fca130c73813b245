"""From a call's signature to a graph: the function is traced for arguments of these types."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.tracer import tree
from pullback.tracer.ir import Graph, Node, reachable
from pullback.tracer.observe import observe
from pullback.tracer.passes.long import warn_of_long
from pullback.tracer.path import Answers, Path, packed_answers
from pullback.tracer.trace import (
    Storage,
    Tracer,
    new_trace,
    operand_node,
)
from pullback.tracer.transform import READ_ONLY, as_leaf, with_loops

from .signature import (
    Signature,
    put_together,
)

if TYPE_CHECKING:
    pass


PYTHON_TYPES = {"complex": complex, "float": float, "int": int, "bool": bool}


def trace_signature(
    body: Callable[..., Any], signature: Signature
) -> tuple[Graph, tuple[Any, ...], tree.TreeSpec]:
    """The graph as it was traced, the captured arrays that it uses, and the result's structure.

    Raises:
        ValueError: when the function writes to an argument.
    """
    return traced(body, signature, writing=False, loops=False)[:3]


def traced(
    body: Callable[..., Any],
    signature: Signature,
    writing: bool,
    values: Sequence[Any] | None = None,
    loops: bool = True,
) -> tuple[Graph, tuple[Any, ...], tree.TreeSpec, tuple[int, ...], Answers | None]:
    """The same, and which arguments are written to, and what Python asks about ``values``.

    Repetitions become ``loops``.

    After the results the graph gives what has been written, and the answers.
    """
    start = time.perf_counter()
    with new_trace() as trace:
        path = trace.path = None if values is None else Path({}, trace)
        parameters: list[Node] = []
        tracers: list[Tracer] = []
        storages: list[Storage] = []
        for argument in signature.arguments:
            node = trace.builder.parameter(argument.type)
            weak = PYTHON_TYPES.get(argument.kind)
            storage = Storage(node, read_only=None if writing else READ_ONLY)
            parameters.append(node)
            storages.append(storage)
            tracers.append(Tracer(node, weak, storage))
        if path is not None and values is not None:
            arrays = map(np.asarray, values)
            path.values.update(zip(parameters, arrays, strict=True))
        args, kwargs = put_together(signature, tracers)
        leaves, spec = tree.flatten(body(*args, **kwargs))
        pairs = enumerate(zip(storages, parameters, strict=True))
        writes = tuple(i for i, (storage, before) in pairs if storage.node is not before)
        results = [operand_node(as_leaf(x)) for x in leaves]
        questions = tuple(path.questions.values()) if path is not None else ()
        asked, expected = packed_answers(questions)
        graph = trace.builder.graph([*results, *(storages[i].node for i in writes), *asked])
        observe("trace", graph, start)
        numbers: tuple[Any, ...] = ()
        if loops:
            graph, numbers = with_loops(graph)
            warn_of_long(graph)
        used = reachable([*graph.outputs, *graph.effects])
        outside = graph.parameters[len(parameters) :]
        given = (*trace.captures, *numbers)
        captures = [x for x, p in zip(given, outside, strict=True) if p in used]
        kept = tuple(p for p in outside if p in used)
        whole = Graph((*parameters, *kept), graph.nodes, graph.outputs)
        answers = Answers(questions, whole.parameters, expected) if questions else None
        return whole, tuple(captures), spec, writes, answers
