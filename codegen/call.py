"""The function that CPython calls: checks the arguments, makes the results, runs the kernels.

CPython's vectorcall protocol hands over the callable, the arguments and the names of keywords; a
fifth parameter is the ``Record`` of this specialisation. All that belongs to one particular
function (captured arrays, guards, keys of a result's dict) is read from the record, and all that
belongs to one process is an external symbol: so the code can be shared and kept on disk.

Whatever the code was not made for goes to the next record, and in the end to Python.
"""

from __future__ import annotations

import re
from dataclasses import replace

from . import layout
from .arena import OBJECTS, STATUS_SLOTS
from .arguments import read_arguments, read_captures, require_apart
from .assembly import I1, I64, PTR, FunctionWriter, Module, Value, constant
from .entry import CHECKED, RAISED, Entry, Group, Site
from .frame import I8, I32, NULL, PARAMETERS, Frame
from .names import GIVE, TAKE
from .results import build_result, make_outputs, owned
from .workspaces import ALIGNMENT, memory_of

# Workspaces up to this size are on the stack.
STACK_WORKSPACE = 4096
# Without optimisations even where the kernels' module has them: no call is slower for that.
ATTRIBUTES = "nounwind noinline optnone"


def entry_module(entry: Entry) -> Module:
    """A module of the function that CPython calls, to be linked with one that defines ``@run``."""
    module = Module()
    write_entry(module, entry)
    module.declarations["run"] = "declare i64 @run(ptr, ptr, ptr, ptr)"
    return module


def write_entry(module: Module, entry: Entry, name: str = "entry") -> None:
    """Add the function that CPython calls to a module that defines ``@run``."""
    _write(module, entry, name)
    if entry.expected:
        assert isinstance(entry.result, Group), entry
        alone = replace(entry, result=entry.result.children[0])
        _write(module, alone, CHECKED)


def _write(module: Module, entry: Entry, name: str) -> None:
    f = FunctionWriter(module, name, PTR, PARAMETERS, attributes=ATTRIBUTES)
    frame = Frame.begin(f, entry)
    _check_arity(frame)
    # Guards come first: a comparison of strange keys may run Python code, which may do anything
    # to arrays that have been looked at.
    if entry.guarded:
        _check_guards(frame)
    read_arguments(frame)
    read_captures(frame)
    require_apart(frame)
    make_outputs(frame)
    _run(frame)
    if name == CHECKED:
        _check_answers(frame)
    f.ret(build_result(frame))
    _write_failure(frame)
    _write_mismatch(frame)
    f.finish()


def _check_arity(frame: Frame) -> None:
    """As many positional arguments and keywords as there should be."""
    f, entry = frame.f, frame.entry
    _, _, nargsf, kwnames, _ = f.parameters
    # The topmost bit tells that CPython lends us the slot before the arguments.
    count = f.op("and", nargsf, constant(I64, 2**63 - 1))
    right = f.compare("eq", count, constant(I64, len(entry.arguments) - len(entry.keywords)))
    if not entry.keywords:
        frame.require(f.op("and", right, f.compare("eq", kwnames, NULL)), frame.mismatch)
        return
    frame.require(f.op("and", right, f.compare("ne", kwnames, NULL)), frame.mismatch)
    names = frame.field(kwnames, layout.TUPLE_SIZE, I64)
    frame.require(f.compare("eq", names, constant(I64, len(entry.keywords))), frame.mismatch)


def _check_guards(frame: Frame) -> None:
    """Whether the names that the function refers to still mean what they did."""
    hold = frame.f.call("pullback.guards_hold", I1, [frame.f.parameters[4]])
    frame.require(hold, frame.mismatch)


def _run(frame: Frame) -> None:
    """Run the kernels, perhaps without the interpreter's lock."""
    f, entry = frame.f, frame.entry
    workspace, block = _workspace(frame)
    status = f.alloca(I64, STATUS_SLOTS)
    if entry.callbacks is not None:
        objects = frame.field(f.parameters[4], layout.RECORD_OBJECTS)
        first = f.address(objects, layout.TUPLE_ITEMS + layout.POINTER * entry.callbacks, I8)
        f.store(first, f.address(status, OBJECTS, I64), 8)
    # Meanwhile others may take out of a container what it has lent us.
    lent = frame.lent if entry.release_gil or entry.callbacks is not None else []
    for object in lent:
        f.call("Py_IncRef", "void", [object])
    thread = f.call("PyEval_SaveThread", PTR, []) if entry.release_gil else NULL
    site = f.call_known("run", I64, [frame.inputs, frame.outputs, workspace, status])
    if entry.release_gil:
        f.call("PyEval_RestoreThread", "void", [thread])
    for object in lent:
        f.call("Py_DecRef", "void", [object])
    if block is not None:
        f.call(GIVE, "void", [block])
    if entry.may_raise:
        # SciPy's functions raise where its error state asks for it (scipy.special.errstate).
        raised = f.call("PyErr_Occurred", PTR, [])
        frame.require(f.compare("eq", raised, NULL), frame.failure)
    if entry.sites:
        _raise_at_site(frame, site, status)


def _check_answers(frame: Frame) -> None:
    """Go on if the call is on this path; else drop what was made, and let the next have a try."""
    f, count = frame.f, constant(I64, frame.slots)
    right, other = f.label("on_path"), f.label("other_path")
    for output, expected in frame.entry.expected:
        data = f.load(PTR, f.address(frame.outputs, output, PTR), 8)
        size = constant(I64, len(expected))
        differs = f.call("memcmp", I32, [data, f.module.bytes(expected), size])
        frame.require(f.compare("eq", differs, constant(I32, 0)), other)
    f.jump(right)
    f.start_block(other)
    f.call("pullback.release", "void", [frame.owned, count])
    f.jump(frame.mismatch)
    f.start_block(right)
    for output, _ in frame.entry.expected:
        f.call("Py_DecRef", "void", [owned(frame, output)])
        frame.give_away(output)


def _workspace(frame: Frame) -> tuple[Value, Value | None]:
    """Aligned memory for the kernels; and, unless it is on the stack, the block to give back."""
    f, size = frame.f, frame.entry.workspace_bytes
    if size == 0:
        return NULL, None
    if size <= STACK_WORKSPACE:
        return f.alloca(I8, size, ALIGNMENT), None
    block = frame.require_made(f.call(TAKE, PTR, [constant(I64, size)]))
    return memory_of(f, block), block


def _raise_at_site(frame: Frame, number: Value, status: Value) -> None:
    """Raise the exception of the site that the kernels report."""
    f, sites = frame.f, frame.entry.sites
    following = f.label("fine")
    labels = [f.label("site") for _ in sites]
    cases = " ".join(f"i64 {n}, label %{label}" for n, label in enumerate(labels, 1))
    # Any other number than 0 would be a kernel's fault: it counts as the last site.
    f.line(f"switch {number}, label %{labels[-1]} [ i64 0, label %{following} {cases} ]")
    for label, site in zip(labels, sites, strict=True):
        f.start_block(label)
        if site.exception != RAISED:
            _raise(frame, site, status)
        f.jump(frame.failure)
    f.start_block(following)


def _raise(frame: Frame, site: Site, status: Value) -> None:
    """Raise one site's exception; ``{0}`` and ``{1}`` become what stands in the status."""
    f = frame.f
    if isinstance(site.exception, int):
        class_ = frame.record_item(layout.RECORD_OBJECTS, site.exception)
    elif "." in site.exception:
        class_ = f.module.extern(site.exception)
    else:
        class_ = f.load(PTR, f.module.extern(f"PyExc_{site.exception}"), 8)
    arguments, format = [class_], ""
    # CPython wants its format in ASCII, while the message may be in any language.
    for n, part in enumerate(re.split(r"\{([01])\}", site.message)):
        if n % 2:
            arguments.append(f.load(I64, f.address(status, int(part), I64), 8))
        else:
            arguments.append(f.module.bytes(part.encode() + b"\0"))
        format += "%lld" if n % 2 else "%s"
    arguments.insert(1, f.module.bytes(format.encode() + b"\0"))
    f.module.declare("PyErr_Format", PTR, [PTR, PTR, "..."])
    f.make(PTR, f"call ptr (ptr, ptr, ...) @PyErr_Format({', '.join(map(str, arguments))})")


def _write_failure(frame: Frame) -> None:
    """Drop what was made; an exception has been raised."""
    f = frame.f
    f.start_block(frame.failure)
    f.call("pullback.release", "void", [frame.owned, constant(I64, frame.slots)])
    f.ret(NULL)


def _write_mismatch(frame: Frame) -> None:
    """Let the next record have a try."""
    f = frame.f
    self, args, nargsf, kwnames, record = f.parameters
    f.start_block(frame.mismatch)
    following = frame.field(record, layout.RECORD_NEXT)
    entry = frame.field(following, layout.RECORD_ENTRY)
    arguments = ", ".join(map(str, [self, args, nargsf, kwnames, following]))
    f.ret(f.make(PTR, f"musttail call ptr {entry.name}({arguments})"))
