"""The page of a report in a browser: Chromium, driven by Playwright; skipped without them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pullback as pb

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path")

WAIT = 20_000
"""Milliseconds that the browser may take for a step."""


def loss(w: Any, x: Any, y: Any) -> Any:
    h = np.tanh(x @ w)
    r = np.sqrt(1.0 + h * h) - y
    return np.sum(r * r)


SHAPES = (3, 4), (50, 3), (50, 4)


def walk(w: Any, xs: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = np.tanh(h @ w + x)
        return h, h

    return np.sum(pb.scan(step, np.zeros(w.shape[0]), xs)[1] ** 2)


def many_lines(count: int) -> Any:
    """The gradient of a function of so many lines, no two of which are alike."""
    lines = ["def many(x):", "    v0, v1, v2 = x, x + 1.0, x * 2.0"]
    lines += [f"    v{i % 3} = np.sin(v{i % 3}) + {i}.5 * v{i * i % 3}" for i in range(count)]
    names: dict[str, Any] = {"np": np}
    text = "\n".join([*lines, "    return np.sum(v0 + v1 + v2)"])
    exec(compile(text, "many.py", "exec"), names)
    return pb.grad(names["many"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        # Containers have no user namespaces, which the sandbox needs.
        started = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=shape) for shape in SHAPES]
    pb.value_and_grad(loss).explain(*arguments, html=path)
    return path


def opened(browser: Any, path: Path, **options: Any) -> Any:
    """The page, drawn, without errors and without asking for anything else."""
    page = browser.new_page(**options)
    page.set_default_timeout(WAIT)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.extend([message.text] * (message.type == "error")))
    page.context.set_offline(True)
    page.on("request", lambda request: faults.extend(_others([request.url], path)))
    page.goto(path.as_uri())
    page.wait_for_selector("#drawing[data-ready]")
    assert not faults
    return page


def _others(urls: list[str], path: Path) -> list[str]:
    return [url for url in urls if not url.startswith(("blob:", "data:", path.as_uri()))]


def lit(page: Any, part: str) -> list[str]:
    texts: list[str] = page.locator(f"{part} .lit").all_inner_texts()
    return texts


@pytest.fixture(scope="module")
def shown(browser: Any, path: Path) -> Any:
    return opened(browser, path, viewport={"width": 1600, "height": 1000})


def python_row(page: Any, text: str) -> Any:
    return page.locator("#pane-python .row", has_text=text)


def test_pointing_at_a_line_lights_it_everywhere(shown: Any) -> None:
    python_row(shown, "np.sqrt").hover(position={"x": 60, "y": 9})
    for part in ("#pane-python", "#pane-graph", "#lines", "#drawing", "#fusion"):
        assert lit(shown, part), part
    # Resting there brings the code into sight.
    shown.wait_for_selector("#pane-llvm .lit:has-text('llvm.sqrt')")
    shown.wait_for_selector("#pane-asm .lit:has-text('sqrt')")
    graph = lit(shown, "#pane-graph")
    assert any("sqrt" in line for line in graph)
    assert not any("tanh" in line for line in graph)
    derivatives = shown.locator("#pane-graph .lit.derivative").all_inner_texts()
    assert derivatives
    assert all("′" in line for line in derivatives)


def test_pointing_at_an_instruction_lights_its_line(shown: Any) -> None:
    python_row(shown, "np.sqrt").click(position={"x": 60, "y": 9})
    shown.wait_for_selector("#pane-asm .lit:has-text('sqrt')")
    shown.keyboard.press("Escape")
    assert not lit(shown, "body")
    shown.locator("#pane-asm .row.marked", has_text="sqrt").first.hover(position={"x": 60, "y": 9})
    assert [text.split()[1] for text in lit(shown, "#pane-python")] == ["r"]


def test_a_click_holds(shown: Any) -> None:
    python_row(shown, "np.tanh").click(position={"x": 60, "y": 9})
    python_row(shown, "np.sqrt").hover(position={"x": 60, "y": 9})
    assert [text.split()[1] for text in lit(shown, "#pane-python")] == ["h"]
    shown.keyboard.press("Escape")


def test_lines_are_sorted_by_a_column(shown: Any) -> None:
    shown.locator("#lines th", has_text="operations").click()
    assert "tanh" in shown.locator("#lines tbody tr").first.inner_text()
    shown.locator("#lines th", has_text="line").first.click()
    assert "tanh" in shown.locator("#lines tbody tr").first.inner_text()
    assert "np.sum" in shown.locator("#lines tbody tr").last.inner_text()


def test_pointing_at_a_node_lights_what_it_becomes(shown: Any) -> None:
    row = shown.locator("#pane-graph .row", has_text="= sqrt")
    row.hover(position={"x": 60, "y": 9})
    assert [text.split()[1] for text in lit(shown, "#pane-python")] == ["r"]
    functions = shown.locator("#pane-graph .lit:not(.derivative)").all_inner_texts()
    assert ["= sqrt" in text for text in functions] == [True]
    name = functions[0].split()[1].removesuffix(":")
    # Its adjoint nodes: those that the text of the graph says are for it, but for numbers.
    text = pb.value_and_grad(loss).ir(*(pb.ShapeDtype(s, float) for s in SHAPES)).text()
    lines = re.findall(rf"  (%.*= [a-z].*), for {name}$", text, re.MULTILINE)
    derived = [line.split() for line in lines]
    adjoints = shown.locator("#pane-graph .lit.derivative").all_inner_texts()
    assert [text.split()[1:4] for text in adjoints] == [line[:3] for line in derived]
    shown.wait_for_selector("#pane-llvm .lit:has-text('llvm.sqrt')")
    instructions = shown.locator("#pane-llvm .lit:not(.derivative)").all_inner_texts()
    assert not any("fsub" in text for text in instructions)
    drawn = shown.locator("#drawing .node.lit").all_text_contents()
    assert any("sqrt" in text for text in drawn)
    assert not any("tanh" in text for text in drawn)
    assert shown.locator("#fusion .kernel.lit").count() == 1
    # And the other way, from an instruction.
    shown.locator("#pane-asm .row.marked", has_text="sqrt").first.hover(position={"x": 60, "y": 9})
    assert any("= sqrt" in text for text in lit(shown, "#pane-graph"))
    assert not any("= tanh" in text for text in lit(shown, "#pane-graph"))
    shown.locator("#drawing .node", has_text="tanh").first.hover()
    assert any("= tanh" in text for text in lit(shown, "#pane-graph"))


def test_text_is_found_and_lines_are_gone_through(shown: Any) -> None:
    field = shown.locator("#pane-llvm input")
    field.fill("define")
    shown.wait_for_selector("#pane-llvm .found:has-text('define')")
    found = shown.locator("#pane-llvm .finder small")
    count = found.inner_text().partition("/")[2]
    field.press("Enter")
    assert found.inner_text() == f"{min(2, int(count))}/{count}"
    field.press("Escape")
    assert not found.inner_text()
    # The page and other panes scroll under a pointer that rests.
    shown.locator("#drawing .node", has_text="tanh").first.hover()
    view = shown.locator("#pane-python .view")
    view.focus()
    for _ in range(4):
        view.press("ArrowDown")
    shown.wait_for_timeout(500)
    assert [text.split()[1] for text in lit(shown, "#pane-python")] == ["r"]
    view.press("Enter")
    shown.locator("#lines tbody tr").first.hover()
    assert [text.split()[1] for text in lit(shown, "#pane-python")] == ["r"]
    view.press("Escape")


def test_lines_of_the_drawing_open_and_close(shown: Any) -> None:
    boxes = shown.locator("#drawing .node").count()
    shown.click("#collapse")
    shown.wait_for_selector("#drawing .node.group")
    closed = shown.locator("#drawing .node").count()
    assert closed < boxes
    shown.locator("#drawing .node.group").first.click()
    shown.wait_for_function(f"document.querySelectorAll('#drawing .node').length > {closed}")
    shown.click("#expand")
    shown.wait_for_function(f"document.querySelectorAll('#drawing .node').length === {boxes}")
    before = shown.locator("#drawing svg > g").get_attribute("transform")
    shown.click("#zoom-in")
    assert shown.locator("#drawing svg > g").get_attribute("transform") != before
    shown.click("#fit")


def test_stages_are_chosen(shown: Any) -> None:
    shown.locator("#stages tr", has_text="bufferize").click()
    assert "kernel 0" in shown.locator("#pane-graph .rows").inner_text()
    shown.select_option("#stage", label=shown.locator("#stage option").first.inner_text())
    assert "graph (" in shown.locator("#pane-graph .rows").inner_text()


@pytest.mark.parametrize("width", [420, 1000, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits(browser: Any, path: Path, width: int, scheme: str) -> None:
    page = opened(browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != back
    page.close()


def test_bodies_of_loops_are_drawn(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "walk.html"
    pb.grad(walk).explain(pb.ShapeDtype((4, 4), float), pb.ShapeDtype((9, 4), float), html=path)
    page = opened(browser, path)
    assert page.locator("#inner option").count() == 3
    page.locator("#drawing .node[data-inner]").first.dblclick()
    page.wait_for_selector("#drawing .node:has-text('tanh')")
    page.close()


def test_long_programs_stay_usable(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    gradient = many_lines(260)
    report = gradient.explain(pb.ShapeDtype((9,), float), html=path)
    assert len(report.nodes) > 1500
    page = opened(browser, path)
    assert page.locator("#drawing .node").count() < 120
    assert page.locator(".row").count() < 1000
    page.click("#expand")
    page.wait_for_selector("#drawing .status:has-text('too many')")
    page.close()


def test_notebooks_show_pages_by_themselves(browser: Any, tmp_path: Path) -> None:
    gradients: list[Any] = [pb.grad(lambda x: np.sum(np.sin(x))), pb.grad(np.prod)]
    reports = [gradient.explain(np.ones(3)) for gradient in gradients]
    outer = tmp_path / "notebook.html"
    shown = "".join(report._repr_html_() for report in reports)
    outer.write_text(f"<!doctype html><body>{shown}</body>", encoding="utf-8")
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    page.goto(outer.as_uri())
    frames = [page.frame_locator(f"iframe >> nth={i}") for i in range(2)]
    for frame, report in zip(frames, reports, strict=True):
        frame.locator("#drawing[data-ready]").wait_for()
        assert frame.locator("h1").inner_text() == report.name
    frames[0].locator("#pane-graph .row.marked").first.click(position={"x": 60, "y": 9})
    assert frames[0].locator("#pane-graph .lit").count()
    assert not frames[1].locator(".lit").count()
    page.close()


ODD = """def odd(x):
\ts = "</script><!--data--><b>&amp; \\\\ \\' 数 \u2028"\t# </style> “☃”
\tα = np.sin(x) * len(s)
\treturn np.sum(α * α)  # 𝔘
"""


@pytest.mark.parametrize("read", [True, False])
def test_any_text_is_shown_as_it_is(browser: Any, tmp_path: Path, read: bool) -> None:
    file, path = tmp_path / ("odd.py" if read else "gone.py"), tmp_path / "report.html"
    if read:
        file.write_text(ODD, encoding="utf-8")
    names: dict[str, Any] = {"np": np}
    exec(compile(ODD, str(file), "exec"), names)
    gradient: Any = pb.grad(names["odd"])
    gradient.explain(np.ones(3), html=path)
    page = opened(browser, path)
    rows = page.locator("#pane-python .row").evaluate_all(
        "rows => rows.map(row => row.lastChild.textContent)"
    )
    told = ODD.split("\n")[:-1] if read else [""] * 3
    assert rows == ["odd.py" if read else "gone.py: the text is not there to be read", *told]
    page.close()
