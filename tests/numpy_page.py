"""docs/numpy.md: which of NumPy's functions and methods work on traced values, from the registry.

What has a derivative is found in graphs of the expressions in tests/numpy_cases.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import pullback as pb
import pullback.numpy as pnp
from pullback.tracer.ir import Graph
from pullback.tracer.methods import Methods
from pullback.tracer.numpy.differences import DIFFERENCES
from pullback.tracer.numpy.functions import CREATION, FUNCTIONS, SIZED, WRITABLE
from pullback.tracer.numpy.makers import TO_FILL
from pullback.tracer.numpy.meanings import CORE, ELEMENTWISE
from pullback.tracer.numpy.refused import REFUSALS, REFUSED
from pullback.tracer.trace import Tracer

from .expressions import ARRAYS, evaluate, expanded, lines, names

HEAD = """\
# NumPy on traced values

Inside a traced function NumPy's own functions and methods work on traced values, with NumPy's
arguments, dtypes, shapes and errors, and `np.array` and `np.zeros` make arrays that hold them (see
[indexing.md](indexing.md)); `pullback.numpy` has the same names. Shapes are known while tracing, so
what decides about shapes (axes, counts, positions to delete) is known too.

Written by `pytest tests/test_numpy_page.py --rewrite-golden`; ∂ marks what has a derivative.
"""
NOT_TRACED = {
    "made of what is known while tracing: NumPy's own, its arrays can stand beside traced ones": (
        "arange bartlett blackman diag_indices eye fromfunction hamming hanning identity indices "
        "mask_indices tri tril_indices triu_indices"
    ),
    "ask about dtypes and shapes: NumPy's own": (
        "broadcast_shapes can_cast einsum_path isdtype isfortran isscalar issubdtype iterable "
        "min_scalar_type mintypecode promote_types typename"
    ),
    "need values, or are about text, files and memory: call them outside of traced functions": (
        "asarray_chkfinite asmatrix base_repr binary_repr bmat format_float_positional "
        "format_float_scientific frombuffer fromfile fromiter frompyfunc fromregex "
        "fromstring genfromtxt get_include get_printoptions getbufsize geterr geterrcall info "
        "load loadtxt may_share_memory nested_iters printoptions set_printoptions setbufsize "
        "seterr seterrcall shares_memory show_config show_runtime test"
    ),
    "about dates": ("busday_count busday_offset datetime_as_string datetime_data is_busday isnat"),
    "an old name of `vstack`": "row_stack",
}
"""Why functions are not in the registry; what is there needs no reason, listed here or not."""
METHODS_NOT_TRACED = {
    "changes the shape in place: use `np.resize`": "resize",
    "about memory, which traced values do not have": (
        "base byteswap ctypes data dump dumps flags getfield setfield setflags strides tofile"
    ),
}


def _by_name(reasons: dict[str, str]) -> dict[str, str]:
    return {name: why for why, listed in reasons.items() for name in listed.split()}


REASONS, METHOD_REASONS = _by_name(NOT_TRACED), _by_name(METHODS_NOT_TRACED)


def has_derivative(graph: Graph) -> bool:
    """Whether a floating result depends on a floating parameter through differentiable rows."""
    active = {p for p in graph.parameters if p.type.dtype.kind == "f"}
    for node in graph.nodes:
        follows = node.primitive.differentiable and node.type.dtype.kind in "fc"
        if follows and any(x in active for x in node.operands):
            active.add(node)
    return any(x in active for x in graph.outputs)


def traced(text: str, namespace: Any) -> Graph | None:
    """The graph of an expression; None where it is refused or gives no arrays."""
    used = names([text])

    def program(*values: Any) -> list[Any]:
        results = evaluate(text, namespace, dict(zip(used, values, strict=True)))
        return [x for x in results if isinstance(x, Tracer)]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = pb.trace(program, *[ARRAYS[name] for name in used])
    except Exception:  # noqa: BLE001
        return None
    return graph if graph.outputs else None


def differentiable_names() -> set[str]:
    """Functions that have a derivative in one of the expressions."""
    smooth: set[str] = set()
    for _, line in lines():
        for text in expanded(line):
            match = re.match(r"(?:after\()?np\.(\w+)\b(?!\.)", text)
            name = match[1] if match else ""
            if name and name not in smooth:
                graph = traced(text, pnp if line.startswith("+") else np)
                if graph is not None and has_derivative(graph):
                    smooth.add(name)
    return smooth


def ufunc_has_derivative(ufunc: np.ufunc) -> bool:
    """Whether the ufunc of float64 operands has one."""
    operands = [pb.ShapeDtype((3, 3), np.float64)] * ufunc.nin
    try:
        return has_derivative(pb.trace(lambda *xs: ufunc(*xs), *operands))
    except TypeError:
        return False


def function_lines() -> tuple[list[str], list[str]]:
    """The supported functions, and for each reason those that are not."""
    smooth = differentiable_names()
    supported: list[str] = []
    others: dict[str, list[str]] = {}
    for name in sorted(dir(np)):
        thing = getattr(np, name)
        if name.startswith("_") or not callable(thing) or isinstance(thing, type):
            continue
        note = DIFFERENCES.get(name, "")
        if isinstance(thing, np.ufunc):
            if thing.__name__ in ELEMENTWISE or thing.__name__ in CORE:
                mark = "∂" if ufunc_has_derivative(thing) else ""
                supported.append(f"| `{name}` | ufunc | {mark} | {note} |")
                continue
        elif thing in FUNCTIONS and FUNCTIONS[thing] is not REFUSALS.get(thing):
            if name in SIZED:
                note = note or "where it says how long the result is: `size=` in `pullback.numpy`"
            supported.append(f"| `{name}` | | {'∂' if name in smooth else ''} | {note} |")
            continue
        elif name in CREATION or name in WRITABLE:
            here = "by `pullback.numpy`; NumPy does not hand it over"
            if name in TO_FILL:
                here = "traced in functions that write to arrays"
            if name in CREATION:
                here = "traced of traced values" + (", and" + here[6:] if name in TO_FILL else "")
            mark = "∂" if name in smooth or name in ("array", "full") else ""
            supported.append(f"| `{name}` | | {mark} | {here} |")
            continue
        others.setdefault(REFUSED.get(name) or REASONS[name], []).append(name)
    return supported, by_reason(others)


def method_lines() -> tuple[list[str], list[str]]:
    supported: list[str] = []
    others: dict[str, list[str]] = {}
    for name in sorted(dir(np.ndarray)):
        if name.startswith("_"):
            continue
        if not hasattr(Tracer, name):
            others.setdefault(METHOD_REASONS[name], []).append(name)
        elif _refuses(getattr(Methods, name, None)):
            others.setdefault("need values, which are not known while tracing", []).append(name)
        else:
            supported.append(f"`{name}`")
    return supported, by_reason(others)


def by_reason(others: dict[str, list[str]]) -> list[str]:
    """A line for each reason."""
    return [f"- {', '.join(f'`{n}`' for n in names)}: {why}" for why, names in others.items()]


def _refuses(method: Callable[..., Any] | None) -> bool:
    return "_of_known." in getattr(method, "__qualname__", "")


def page() -> str:
    """The page as it should read."""
    supported, others = function_lines()
    methods, other_methods = method_lines()
    return "\n".join(
        [
            HEAD,
            "## Functions\n",
            "| `numpy.` | | | differences |",
            "|---|---|---|---|",
            *supported,
            "\n`vectorize`, `r_` and `c_` are in `pullback.numpy`: NumPy does not hand them over.",
            "`numpy.random` draws while tracing: [random.md](random.md#numpys-generators).",
            "\n## Methods and attributes of arrays\n",
            ", ".join(methods) + ".",
            "\n## Functions that are not traced\n",
            *others,
            "\n## Methods that are not traced\n",
            *other_methods,
            "",
        ]
    )
