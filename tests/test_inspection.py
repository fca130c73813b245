"""What compiled functions show of themselves: stages, lines of instructions, reports, pages."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.codegen import timing
from pullback.codegen.costs import cost_of, kept_for_derivative
from pullback.codegen.report import bytes_moved
from pullback.runtime.link import assembly
from pullback.runtime.listing import listing
from pullback.runtime.report.page import page_data
from pullback.runtime.report.pictures import fusion_picture, memory_picture
from pullback.runtime.report.provenance import apart
from pullback.runtime.report.units import amount, bytes_text, number, seconds_text
from pullback.runtime.target import level_for
from pullback.tracer import colour, tree

RNG = np.random.default_rng(0)


def layers(w: Any, x: Any, y: Any) -> Any:
    h = np.tanh(x @ w)
    r = np.sqrt(1.0 + h * h) - y
    return np.sum(r * r)


def recurrent(w: Any, xs: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = np.tanh(h @ w + x)
        return h, h

    return np.sum(pb.scan(step, np.zeros(w.shape[0]), xs)[1] ** 2)


def solved(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.solve(a @ a.T + np.eye(len(b)), b))


def doubling(x: Any) -> Any:
    return np.sum(pb.while_loop(lambda v: np.sum(v) < 100.0, lambda v: 2.0 * v, x))


def chosen(x: Any) -> Any:
    return np.sum(pb.cond(np.sum(x) > 0, np.sin, np.exp, x))


def spectrum(x: Any) -> Any:
    return np.sum(np.abs(np.fft.fft(x)) ** 2)


LAYERS = RNG.normal(size=(30, 40)) / 5, RNG.normal(size=(500, 30)), RNG.normal(size=(500, 40))
CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "layers": (pb.value_and_grad(layers), LAYERS),
    "second": (pb.hessian(lambda x: np.sum(np.exp(x) * x)), (np.ones(5),)),
    "items": (pb.vmap(pb.grad(lambda x: np.sum(np.sin(x) * x))), (np.ones((9, 4)),)),
    "recurrent": (pb.grad(recurrent), (np.eye(8) / 4, RNG.normal(size=(50, 8)))),
    "solved": (pb.grad(solved, (0, 1)), (RNG.normal(size=(20, 20)), np.ones(20))),
    "doubling": (pb.grad(doubling), (np.ones(3),)),
    "chosen": (pb.grad(chosen), (np.ones(40),)),
    "spectrum": (pb.grad(spectrum), (np.ones(64),)),
    "nothing": (pb.jit(lambda x: x), (np.ones(3),)),
    "number": (pb.grad(lambda x: x * x if x > 0 else -x), (2.0,)),
}


@pytest.fixture(scope="module", params=CASES)
def looked(request: pytest.FixtureRequest) -> Any:
    """A function, its arguments, and its report."""
    function, arguments = CASES[request.param]
    return function, arguments, function.explain(*arguments)


def line_of(function: Any, number: int) -> int:
    """The number in this file of a line of a function."""
    return function.__code__.co_firstlineno + number


# -- stages ----------------------------------------------------------------------------------------


def test_stages_are_named_by_passes_and_read_back(looked: Any) -> None:
    function, arguments, report = looked
    # What a transformation adds by itself is at the line of the call: so both calls stand in one.
    again, once_more = (function.stages(*arguments) for _ in range(2))
    assert [s.name for s in again] == [s.name for s in report.stages]
    for stage, other in zip(again, once_more, strict=True):
        assert stage.text == other.text
        if stage.kind == "graph":
            assert pb.parse(stage.text).text() == stage.text
            assert stage.count == len(re.findall(r"^  %", stage.text, re.MULTILINE))
    assert [s.kind for s in again][-4:] == ["plan", "plan", "llvm", "asm"]
    # The program is that of the first call, and with it its lines.
    program = function._inspect(arguments, {}).program
    assert again["bufferize"].text == program.plan.text()
    assert again["emit"].text == program.llvm
    assert again["compile"].text == program.assembly


def test_a_graph_is_a_function(looked: Any) -> None:
    function, arguments, _ = looked
    graph = pb.parse(function.ir(*arguments).text())
    expected = tree.flatten(function(*arguments))[0]
    compiled = function._inspect(arguments, {})
    given = (*arguments, *compiled.specialisation.captures)
    for found in (pb.jit(graph)(*given), graph(*given)):
        # Behind the results stand what tells the path that a call takes.
        for a, b in zip(found if type(found) is tuple else (found,), expected, strict=False):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_a_graph_has_derivatives_and_keeps_its_lines() -> None:
    x = np.array([0.5, -1.0])
    graph = pb.trace(lambda x: np.sum(np.sin(x) * x), x)
    gradient = pb.grad(lambda x: 2.0 * graph(x))
    np.testing.assert_allclose(gradient(x), 2.0 * (np.cos(x) * x + np.sin(x)), rtol=1e-15)
    traced = {str(node.where) for node in graph.nodes}
    assert traced < {str(node.where) for node in gradient.ir(x).nodes}
    assert repr(pb.jit(graph)) == "<compiled Graph>"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the graph takes 1 arguments, got 0"),
        ((np.zeros(3),), r"parameter 0 of the graph is f64\[2\], got f64\[3\]"),
        ((np.zeros(2, np.float32),), r"parameter 0 of the graph is f64\[2\], got f32\[2\]"),
    ],
)
def test_a_graph_refuses_other_arguments(arguments: tuple[Any, ...], message: str) -> None:
    graph = pb.trace(np.sin, np.zeros(2))
    with pytest.raises(TypeError, match=message + r"\n  at test_inspection.py"):
        pb.jit(lambda *xs: graph(*xs))(*arguments)


def test_attributes_of_callable_objects_stay_theirs() -> None:
    class Model:
        plan = "the object's"

        def __init__(self) -> None:
            self.signatures = "the object's"

        def __call__(self, x: Any) -> Any:
            return 2.0 * x

    doubled = pb.jit(Model())
    assert doubled(1.5) == 3.0
    assert len(doubled.signatures) == 1
    assert "mul" in doubled.plan(1.5).text()


def test_stages_of_a_gradient() -> None:
    stages = pb.grad(layers).stages(*LAYERS)
    names = [stage.name for stage in stages if not stage.unchanged]
    assert names[:2] == ["source", "trace"]
    assert "adjoint" in names
    assert stages["source"].text.startswith("def layers")
    assert stages["trace"].text == pb.trace(layers, *LAYERS).text()
    assert "-- emit: " in str(stages)
    assert len(repr(stages).splitlines()) == len(stages)
    with pytest.raises(KeyError, match="no pass is called 'fold'; there are source, trace"):
        stages["fold"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tree (%0: f64[]) {", "a graph starts with"),
        ("graph (%0: f64[]) {\n  %1: f64[] = sin %7\n  return %1\n}", "7 is not defined before"),
        ("graph (%0: f64[]) {\n  %1: f64[] = sine %0\n  return %1\n}", "not a value: 'sine %0'"),
        ("graph (%0: f64[]) {\n  %1 = sin %0\n  return %1\n}", "not a node"),
        ("graph (%0: f64[]) {", "a graph ends with"),
    ],
)
def test_text_that_is_no_graph(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pb.parse(text)


# -- lines of instructions -------------------------------------------------------------------------


def test_instructions_tell_their_lines() -> None:
    gradient = pb.grad(layers)
    root, tanh = line_of(layers, 2), line_of(layers, 1)
    for text, mark in ((gradient.llvm(*LAYERS), ";"), (gradient.asm(*LAYERS), r"(?:#|//)")):
        roots = [line for line in text.splitlines() if re.search(r"(?:call.*@llvm\.|v)sqrt", line)]
        assert roots
        assert all(re.search(rf"{mark} test_inspection\.py:{root} \(layers\)", x) for x in roots)
        assert re.search(rf"{mark} test_inspection\.py:{tanh} \(layers\), derivative", text)


def test_lines_do_not_change_the_machine_code(looked: Any) -> None:
    function, arguments, _ = looked
    program = function._inspect(arguments, {}).program
    text = program.lowered().emission.module.text()
    plain = assembly(text, level_for(text)).splitlines()
    instructions = [line for line in plain if re.match(r"\s+[^\s.#/]", line)]
    assert [each.text for each in listing(text) if each.is_instruction] == instructions


# -- colours ---------------------------------------------------------------------------------------


def test_text_is_plain_where_no_terminal_shows_it() -> None:
    graph = pb.trace(layers, *LAYERS)
    assert str(graph) == graph.text()


def test_colours_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    graph, stages = pb.trace(layers, *LAYERS), pb.jit(layers).stages(*LAYERS)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in str(graph)
    assert "\x1b[" not in graph.text()
    assert colour.plain(str(graph)) == graph.text()
    assert pb.parse(str(graph)).text() == graph.text()
    for stage in stages:
        if not stage.unchanged:
            assert colour.plain(str(stage)) == f"{stage.title}\n{stage.text}".rstrip("\n")
    monkeypatch.setenv("NO_COLOR", "1")
    assert str(graph) == graph.text()


def test_explanations_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is printed of a function has its plain text beside."""
    pytest.importorskip("rich")
    function = pb.jit(lambda x: np.sum(np.sin(x) * 2.0))
    x = np.ones(3)
    source, estimate = function.source(x), function.estimate_error(x)
    fault = pb.jit(np.log).find_fault(-x)
    assert fault is not None
    function(x)
    told = function.compilations[0]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    texts = [
        (source, source.text.rstrip("\n")),
        *((found, found.text()) for found in (function.plan(x), estimate, fault, told)),
    ]
    for printed, text in texts:
        assert "\x1b[" in str(printed)
        assert colour.plain(str(printed)) == text
    found = function.dependence(x)
    assert colour.plain(str(found)) == found.text()


# -- reports ---------------------------------------------------------------------------------------


def test_reports_have_all_that_plans_have(looked: Any) -> None:
    function, arguments, report = looked
    plan = function.plan(*arguments)
    assert len(report.kernels) == len(plan.kernels)
    assert [f"kernel{x.number}" for x in report.all_kernels] == sorted(
        report.measured.kernels, key=lambda name: [int(n) for n in name[6:].split(".")]
    )
    assert report.workspace_bytes == plan.workspace_bytes
    total = sum(line.moved for line in (*report.lines, report.other))
    assert total <= sum(map(bytes_moved, plan.kernels))
    assert sum(line.flops for line in (*report.lines, report.other)) == sum(
        kernel.flops for kernel in report.kernels
    )
    seconds = sum(line.seconds for line in (*report.lines, report.other))
    assert seconds == pytest.approx(report.seconds)
    for line in report.lines:
        assert re.fullmatch(r"test_inspection\.py:\d+ \(\S+\)", line.place)


def test_costs_of_lines() -> None:
    (w, x, y), (rows, terms, columns) = LAYERS, (500, 30, 40)
    report = pb.value_and_grad(layers).explain(w, x, y)
    first, second, third = report.lines
    assert first.text.strip() == "h = np.tanh(x @ w)"
    # Two products, a tanh with its derivative.
    size = rows * columns
    assert first.flops >= 2 * 2 * rows * terms * columns + size
    assert first.flops < 2 * 2 * rows * terms * columns + 10 * size
    assert (second.nodes, third.nodes) == (5, 2)
    assert third.derivative_nodes > 0
    assert not any(line.at_least for line in report.lines)
    # What the first line computes is read once more by the backward pass.
    assert first.kept == 8 * size
    assert second.kept == third.kept == 0


def test_largest_adjoints_are_those_of_differences() -> None:
    w, x, y = LAYERS
    h = np.tanh(x @ w)
    r = np.sqrt(1 + h * h) - y
    lines = pb.grad(layers).explain(w, x, y).lines
    by_h = 2 * r * h / np.sqrt(1 + h * h)
    by_root = 2 * r
    assert lines[0].largest_adjoint == pytest.approx(np.max(np.abs(by_h)))
    assert lines[1].largest_adjoint == pytest.approx(
        max(np.max(np.abs(by_root)), np.max(np.abs(r / np.sqrt(1 + h * h))))
    )
    assert lines[2].largest_adjoint == 1.0


def cubes(x: Any) -> Any:
    y = np.sin(x)
    return np.sum(y * y * y)


TRANSFORMED: dict[str, Any] = {
    "jit": pb.jit(lambda x: 2.0 * pb.jit(pb.grad(cubes))(x)),
    "value": pb.value_and_grad(cubes),
    "vjp": pb.jit(lambda x: pb.vjp(cubes, x)[1](1.0)),
    "jacrev": pb.jacrev(lambda x: cubes(x)),
    "hessian": pb.hessian(cubes),
    "reverse twice": pb.jacrev(pb.grad(cubes)),
    "items": pb.vmap(pb.grad(cubes)),
    "checkpoint": pb.grad(pb.checkpoint(cubes)),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_adjoints_in_transformed_functions(name: str) -> None:
    x = np.linspace(0.1, 1.4, 6).reshape((2, 3) if name == "items" else (6,))
    found = {x.text.strip(): x.largest_adjoint for x in TRANSFORMED[name].explain(x).lines}
    assert found["y = np.sin(x)"] == pytest.approx(np.max(3 * np.sin(x) ** 2))
    assert found["return np.sum(y * y * y)"] == 1.0
    # Looking leaves nothing behind.
    assert "told" not in TRANSFORMED[name].ir(x).text()


def test_adjoints_in_loops_are_those_of_the_turns() -> None:
    def written_out(w: Any, xs: Any) -> Any:
        h, total = np.zeros(w.shape[0]), 0.0
        for x in xs:
            h = np.tanh(h @ w + x)
            total += np.sum(h**2)
        return total

    arguments = RNG.normal(size=(4, 4)), RNG.normal(size=(5, 4))
    found = [
        {x.text.strip(): x.largest_adjoint for x in pb.grad(f).explain(*arguments).lines}
        for f in (recurrent, written_out)
    ]
    line = "h = np.tanh(h @ w + x)"
    assert found[0][line] == pytest.approx(found[1][line])
    doubled = pb.grad(doubling).explain(np.ones(3)).lines
    assert all(line.largest_adjoint for line in doubled if "*" in line.text)


def test_lines_without_adjoints_are_blank() -> None:
    for function in (pb.jit(cubes), pb.jacfwd(cubes)):
        assert all(x.largest_adjoint is None for x in function.explain(np.ones(3)).lines)


def test_turns_that_nobody_knows_are_said_to_be() -> None:
    assert all(line.at_least for line in CASES["doubling"][0].explain(np.ones(3)).lines[:1])


def test_loops_count_their_turns() -> None:
    plan = pb.jit(recurrent).plan(np.eye(8), np.ones((50, 8)))
    flops = sum(sum(cost_of(kernel).flops.values()) for kernel in plan.kernels)
    assert flops >= 50 * (2 * 8 * 8 + 8)


def test_what_is_kept_is_of_the_function_and_read_by_the_derivative() -> None:
    plan = pb.grad(layers).plan(*LAYERS)
    kept = kept_for_derivative(plan)
    assert kept
    assert all(buffer.kind == "workspace" and node.primal is None for buffer, node in kept.items())
    assert kept_for_derivative(pb.jit(layers).plan(*LAYERS)) == {}


def test_arguments_stay_as_they_are() -> None:
    @pb.jit
    def shifted(x: Any) -> Any:
        x[1:] += x[:-1]
        return x

    x = np.ones(9)
    report = shifted.explain(x)
    assert np.all(x == 1.0)
    assert report.measured is not None
    assert report.measured.calls > 1


def test_effects_happen_once() -> None:
    seen: list[Any] = []

    @pb.grad
    def loss(x: Any) -> Any:
        pb.debug.callback(seen.append, x)
        return np.sum(x * x)

    report = loss.explain(np.ones(2))
    assert report.measured is not None
    assert report.measured.calls == len(seen) == 1


@pytest.mark.parametrize("counters", [timing.COUNTERS, {}])
def test_kernels_in_loops_are_timed(counters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without a counter of the machine the system is asked.
    monkeypatch.setattr(timing, "COUNTERS", counters)
    report = pb.grad(recurrent).explain(np.eye(8) / 4, RNG.normal(size=(50, 8)))
    loops = [kernel for kernel in report.kernels if kernel.inner]
    assert len(loops) == 2
    for loop in loops:
        assert loop.runs == 1
        assert [each.runs for each in loop.inner] == [50] * len(loop.inner)
        assert sum(each.seconds or 0.0 for each in loop.inner) <= (loop.seconds or 0.0) * 1.001
        assert sum(each.flops for each in loop.inner) <= loop.flops
    assert any(each.seconds for loop in loops for each in loop.inner)
    assert "timers in the" in str(report)


def test_formulas_are_of_the_line_that_asks() -> None:
    sympy = pytest.importorskip("sympy")
    x = sympy.Symbol("x")
    for line in pb.from_sympy(sympy.sin(x) ** 2, [x]).explain(0.5).lines:
        assert "from_sympy(" in line.text


def test_types_alone_are_not_run() -> None:
    report = pb.grad(layers).explain(*(pb.ShapeDtype(x.shape, x.dtype) for x in LAYERS))
    assert report.measured is None
    assert all(line.seconds is None and line.largest_adjoint is None for line in report.lines)
    assert "adjoint" not in str(report).splitlines()[3]


def test_tables(looked: Any) -> None:
    _, _, report = looked
    text = str(report)
    for line in report.lines:
        assert line.place in text
    titles = [kernel.title for kernel in report.all_kernels]
    assert all(title in text for title in titles)
    assert re.search(r"^compile +\d+ instructions", text, re.MULTILINE)


def test_lines_of_texts_are_marked() -> None:
    report = pb.grad(layers).explain(*LAYERS)
    changed = [stage for stage in report.stages if not stage.unchanged]
    last = max(i for i, x in enumerate(changed) if x.name == "inline")
    for at, (stage, text) in enumerate(zip(changed, report.texts, strict=True)):
        assert len(text.lines) == len(stage.text.splitlines())
        for line, marks, nodes in zip(text.lines, text.marks, text.nodes, strict=True):
            # The line tells no more what the marks tell.
            assert not marks or "test_inspection.py" not in line
            assert not nodes or {report.nodes[i].mark for i in nodes} <= {*marks}
        # Nodes are those of the graph that is compiled; before it, lines are known.
        assert any(text.nodes) == (at >= last)


def test_what_a_node_becomes() -> None:
    report = pb.grad(layers).explain(*LAYERS)
    texts = dict(zip([x.name for x in report.stages if not x.unchanged], report.texts, strict=True))
    (root,) = (i for i, x in enumerate(report.nodes) if x.label == "sqrt")
    derived = {i for i, x in enumerate(report.nodes) if x.primal == root}
    assert derived
    for name, pattern in (("inline", "= sqrt"), ("emit", "llvm.sqrt"), ("compile", "v?sqrt")):
        lines = zip(texts[name].lines, texts[name].nodes, strict=True)
        found = [nodes for line, nodes in lines if re.search(pattern, line) and nodes]
        assert found
        assert all(root in nodes for nodes in found)
    (kernel,) = (x for x in report.kernels if root in x.nodes)
    computed = {i for i in derived if not report.nodes[i].label.startswith("broadcast")}
    assert computed <= {*kernel.nodes}


def test_places_of_nodes_do_not_change_the_code(looked: Any) -> None:
    function, arguments, _ = looked
    program = function._inspect(arguments, {}).program
    own = replace(program, graph=apart(program.graph))
    assert own.graph is not program.graph
    assert own.graph.text() == program.graph.text()
    assert own.llvm == program.llvm


# -- the page --------------------------------------------------------------------------------------


def test_pictures_are_whole(looked: Any) -> None:
    _, _, report = looked
    for picture, kind, count in (
        (fusion_picture(report), "kernel", len(report.all_kernels)),
        (memory_picture(report), "block", len(report.blocks)),
    ):
        root = ElementTree.fromstring(picture)
        classes = [(each.get("class") or "").split() for each in root.iter()]
        assert sum(kind in names for names in classes) == count


def test_blocks_do_not_overlap(looked: Any) -> None:
    _, _, report = looked
    for i, a in enumerate(report.blocks):
        assert 0 <= a.offset <= a.offset + a.bytes <= report.workspace_bytes
        for b in report.blocks[:i]:
            apart = a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset
            assert apart or a.last < b.first or b.last < a.first


def test_data_of_the_page(looked: Any) -> None:
    _, _, report = looked
    data = json.loads(json.dumps(page_data(report)))
    marks = {mark for stage in data["stages"] for found in stage["marks"] for mark in found}
    assert marks <= set(range(2 * len(data["lines"])))
    for number_, (_, _, operands, mark, graph, _, _, primal) in enumerate(data["nodes"]):
        assert all(data["nodes"][i][4] == graph and i < number_ for i in operands)
        assert mark is None or mark in range(2 * len(data["lines"]))
        assert primal is None or data["nodes"][primal][4] == graph
    assert {row[2] for row in data["rows"]} - {None} == set(range(len(data["lines"])))


def test_pages_need_nothing_from_elsewhere(tmp_path: Any) -> None:
    def hostile(x: Any) -> Any:
        return np.sum(x * x), "</script><!--data--><script>alert(1)//"

    path = tmp_path / "report.html"
    report = pb.jit(lambda x: hostile(x)[0]).explain(np.ones(3), html=path)
    page = path.read_text(encoding="utf-8")
    assert page == report.html()
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert page.count("</script>") == page.count("<script") == 3
    assert "Permission is hereby granted" in page
    frame = report._repr_html_()
    assert frame.startswith("<iframe")
    assert "<script" not in frame


def test_numbers_as_people_read_them() -> None:
    assert [seconds_text(x) for x in (0.0, 2.5, 1e-3, 1.234e-5, 9.9996e-4, 2e-9)] == [
        "0",
        "2.50 s",
        "1.00 ms",
        "12.3 µs",
        "1.00 ms",
        "2.00 ns",
    ]
    assert [bytes_text(x) for x in (0, 999, 1000, 640_000)] == ["0 B", "999 B", "1.00 kB", "640 kB"]
    assert [amount(x) for x in (12, 4_800_000)] == ["12", "4.80 M"]
    assert [number(x) for x in (0.0, 1.0, 123456.0, 1.5e-7, float("nan"), float("inf"))] == [
        "0",
        "1.00",
        "123456",
        "1.50e-07",
        "nan",
        "inf",
    ]
