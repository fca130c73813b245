"""Calls from Python into machine code: what goes in, what comes out, who owns what."""

import copy
import gc
import pickle
import sys
import sysconfig
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback.codegen.assembly import Module
from pullback.codegen.call import write_entry
from pullback.codegen.entry import (
    Applied,
    Argument,
    Constant,
    Entry,
    Group,
    Leaf,
    Site,
    Static,
    Table,
)
from pullback.runtime.libraries import resolve
from pullback.runtime.link import link
from pullback.runtime.native import (
    ABSENT,
    Guard,
    NativeCallable,
    Specialisation,
    _check_interpreter,
)
from pullback.runtime.support import workspaces
from pullback.tracer.types import BOOL, DTYPES, FLOAT64, INT64, ArrayType, scalar

VECTOR = ArrayType((10,), FLOAT64)
F64 = scalar(FLOAT64)
X = Argument("array", VECTOR)
HEAD = "define i64 @run(ptr %inputs, ptr %outputs, ptr %workspace, ptr %status) nounwind {\n"


class Function(NativeCallable):
    """A function of which the slow path says what it was called with."""

    def __init__(self, slow: Callable[..., Any] | None = None) -> None:
        self.set_slow(slow or (lambda *args, **kwargs: ("slow", args, kwargs)))


def copies(*pairs: tuple[int, int, int], after: str = "ret i64 0") -> str:
    """A body of ``run``: bytes copied from an input to an output, for (input, output, bytes)."""
    lines = []
    for n, (source, target, size) in enumerate(pairs):
        lines += [
            f"%i{n} = getelementptr ptr, ptr %inputs, i64 {source}",
            f"%o{n} = getelementptr ptr, ptr %outputs, i64 {target}",
            f"%x{n} = load ptr, ptr %i{n}",
            f"%y{n} = load ptr, ptr %o{n}",
            f"call void @llvm.memcpy.p0.p0.i64(ptr %y{n}, ptr %x{n}, i64 {size}, i1 false)",
        ]
    declaration = "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n"
    return declaration + HEAD + "\n".join([*lines, after]) + "\n}"


DOUBLE = (
    HEAD
    + """
  %x = load ptr, ptr %inputs
  %y = load ptr, ptr %outputs
  br label %body
body:
  %i = phi i64 [ 0, %0 ], [ %next, %body ]
  %xi = getelementptr double, ptr %x, i64 %i
  %yi = getelementptr double, ptr %y, i64 %i
  %a = load double, ptr %xi
  %b = fadd double %a, %a
  store double %b, ptr %yi
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, 10
  br i1 %more, label %body, label %done
done:
  ret i64 0
}"""
)


def specialise(entry: Entry, run: str, **parts: Any) -> Specialisation:
    module = Module()
    write_entry(module, entry)
    module.functions.append(run)
    return Specialisation(link(module.text(), resolve(module.symbols)), entry, **parts)


def make(entry: Entry, run: str, **parts: Any) -> Function:
    function = Function()
    function.set_chain([specialise(entry, run, **parts)])
    return function


@pytest.fixture(scope="module")
def double() -> Function:
    return make(Entry((X,), (VECTOR,), Leaf(0)), DOUBLE)


def is_slow(result: Any) -> bool:
    return type(result) is tuple and len(result) == 3 and result[0] == "slow"


def vector() -> np.ndarray:
    return np.arange(10.0)


# -- arguments -------------------------------------------------------------------------------------


def test_array_in_array_out(double):
    x = vector()
    result = double(x)
    assert type(result) is np.ndarray
    assert result.flags.c_contiguous
    assert result.flags.owndata
    assert result.flags.writeable
    np.testing.assert_array_equal(result, 2 * x)
    np.testing.assert_array_equal(double(*(x,)), 2 * x)


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (vector(), 1),
        (vector()[::-1],),
        (np.arange(20.0)[::2],),
        (vector().astype(np.float32),),
        (vector().astype(">f8"),),
        (vector().reshape(2, 5),),
        (np.arange(9.0),),
        (np.arange(11.0),),
        (vector().view(Subclass),),
        (vector().tolist(),),
        (np.zeros(81, np.int8)[1:].view(np.float64),),
        (None,),
        (1.0,),
        (np.float64(1.0),),
        (np.array(1.0),),
        (Ellipsis,),
        (np.ndarray,),
    ],
    ids=str,
)
def test_anything_else_goes_to_python(double, arguments):
    result = double(*arguments)
    assert is_slow(result)
    assert all(a is b for a, b in zip(result[1], arguments, strict=True))


def test_keywords_go_to_python(double):
    x = vector()
    assert double(x=x)[2] == {"x": x}
    assert is_slow(double(x, x=1))
    assert is_slow(double(x, y=1))


def test_read_only_and_unpickled_arrays_are_fast(double):
    x = vector()
    x.flags.writeable = False
    np.testing.assert_array_equal(double(x), 2 * x)
    unpickled = pickle.loads(pickle.dumps(x))
    assert unpickled.dtype is not x.dtype
    np.testing.assert_array_equal(double(unpickled), 2 * x)


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), (2, 3, 4), (1,) * 32])
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_every_dtype_and_shape(shape, dtype):
    type = ArrayType(shape, dtype)
    function = make(
        Entry((Argument("array", type),), (type,), Leaf(0)), copies((0, 0, type.nbytes))
    )
    x = np.arange(type.size).astype(dtype).reshape(shape)
    result = function(x)
    np.testing.assert_array_equal(result, x)
    assert result.dtype is np.dtype(dtype)
    assert result.shape == shape
    other = next(d for d in DTYPES.values() if d != dtype)
    assert is_slow(function(x.astype(other)))
    if len(shape) > 1 and type.size > 1:
        assert is_slow(function(np.asfortranarray(x)))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_zero_dimensional(dtype):
    type = scalar(dtype)
    function = make(
        Entry((Argument("array", type),), (type,), Leaf(0)), copies((0, 0, type.nbytes))
    )
    for value in (0, 1):
        x = dtype.type(value)
        for argument in (x, np.array(x)):
            result = function(argument)
            assert result == x
            assert result.dtype is np.dtype(dtype)
            assert not isinstance(result, np.ndarray)
    for other in (1.0, 1, True, np.array([1], dtype), np.longdouble(1), "1"):
        assert is_slow(function(other))


@pytest.mark.parametrize(
    ("kind", "dtype", "values", "others"),
    [
        ("float", FLOAT64, [0.0, -1.5, float("inf")], [1, True, np.float64(1), np.array(1.0), "1"]),
        ("int", INT64, [0, -1, 2**62, 2**63 - 1, -(2**63)], [2**63, -(2**63) - 1, True, 1.0]),
        ("bool", BOOL, [True, False], [1, 0, np.True_, None]),
    ],
)
def test_python_numbers(kind, dtype, values, others):
    type = scalar(dtype)
    function = make(Entry((Argument(kind, type),), (type,), Leaf(0)), copies((0, 0, type.nbytes)))
    for value in values:
        result = function(value)
        assert result == value
        assert result.dtype is np.dtype(dtype)
    for other in others:
        assert is_slow(function(other))


def test_static_arguments():
    mode = object()
    entry = Entry((Static(1), X), (VECTOR,), Leaf(0))
    function = make(entry, DOUBLE, objects=(None, mode))
    np.testing.assert_array_equal(function(mode, vector()), 2 * vector())
    assert is_slow(function(None, vector()))


def test_no_arguments():
    function = make(Entry((), (), Group("tuple", ())), copies())
    assert function() == ()
    assert is_slow(function(1))


def test_the_next_record_gets_its_turn():
    chain = []
    for n in range(1, 6):
        type = ArrayType((n,), FLOAT64)
        entry = Entry((Argument("array", type),), (type,), Leaf(0), workspace_bytes=512)
        chain.append(specialise(entry, copies((0, 0, type.nbytes))))
    function = Function()
    function.set_chain(chain)
    for n in range(1, 6):
        np.testing.assert_array_equal(function(np.arange(float(n))), np.arange(float(n)))
    assert is_slow(function(np.arange(6.0)))


# -- captures and guards ---------------------------------------------------------------------------


def test_captures_are_read_at_each_call():
    captured = vector()
    entry = Entry((), (VECTOR,), Leaf(0), captures=(X,))
    function = make(entry, DOUBLE, captures=(captured,))
    np.testing.assert_array_equal(function(), 2 * vector())
    captured[:] = 1
    np.testing.assert_array_equal(function(), np.full(10, 2.0))
    captured.resize(20, refcheck=False)
    assert is_slow(function())
    captured.resize(10, refcheck=False)
    np.testing.assert_array_equal(function(), np.full(10, 2.0))


def test_captures_of_every_kind():
    entry = Entry(
        (X,),
        (F64, scalar(INT64), scalar(BOOL), VECTOR),
        Group("tuple", (Leaf(0), Leaf(1), Leaf(2), Leaf(3))),
        captures=(
            Argument("float", F64),
            Argument("int", scalar(INT64)),
            Argument("bool", scalar(BOOL)),
        ),
    )
    run = copies((0, 3, 80), (1, 0, 8), (2, 1, 8), (3, 2, 1))
    function = make(entry, run, captures=(2.5, 7, True))
    assert function(vector())[:3] == (2.5, 7, True)


def test_guards_on_globals():
    names: dict[str, Any] = {"weights": vector()}
    entry = Entry((X,), (VECTOR,), Leaf(0), guarded=True)
    guards = (Guard(names, "weights", names["weights"]), Guard(names, "abs", ABSENT))
    function = make(entry, DOUBLE, guards=guards)
    assert not is_slow(function(vector()))
    kept, names["weights"] = names["weights"], vector()
    assert is_slow(function(vector()))
    names["weights"] = kept
    assert not is_slow(function(vector()))
    names["abs"] = None
    assert is_slow(function(vector()))
    del names["abs"], names["weights"]
    assert is_slow(function(vector()))


def test_guards_on_closures():
    value = 1

    def closure() -> int:
        return value

    assert closure.__closure__ is not None
    (cell,) = closure.__closure__
    entry = Entry((X,), (VECTOR,), Leaf(0), guarded=True)
    function = make(entry, DOUBLE, guards=(Guard(cell, None, value),))
    assert not is_slow(function(vector()))
    value = 2
    assert is_slow(function(vector()))
    del cell.cell_contents
    assert is_slow(function(vector()))


def test_no_guards_hold():
    function = make(Entry((X,), (VECTOR,), Leaf(0), guarded=True), DOUBLE)
    assert not is_slow(function(vector()))


class HostileKey:
    """A key that equals nothing, loudly."""

    def __hash__(self) -> int:
        return hash("weights")

    def __eq__(self, other: object) -> bool:
        raise ValueError("compared")


def test_an_exception_in_a_guard_is_a_mismatch():
    names: dict[Any, Any] = {HostileKey(): 1}
    entry = Entry((X,), (VECTOR,), Leaf(0), guarded=True)
    function = make(entry, DOUBLE, guards=(Guard(names, "weights", 1),))
    assert is_slow(function(vector()))


# -- results ---------------------------------------------------------------------------------------


def test_nested_results():
    result = Group(
        "tuple",
        (
            Leaf(0),
            Table((0, 1), (Group("list", (Leaf(1), Constant(2))), Leaf(0))),
            Group("list", ()),
            Group("tuple", (Constant(2),)),
        ),
    )
    entry = Entry((X, Argument("float", F64)), (VECTOR, F64), result)
    function = make(entry, copies((0, 0, 80), (1, 1, 8)), objects=("a", ("b", 1), None))
    first, table, empty, inner = function(vector(), 0.5)
    assert list(table) == ["a", ("b", 1)]
    assert table["a"] == [0.5, None]
    assert table["b", 1] is first
    assert empty == []
    assert inner == (None,)
    np.testing.assert_array_equal(first, vector())


def test_results_finished_in_python():
    result = Group("list", (Applied(0, Group("tuple", (Leaf(0), Leaf(0)))),))
    function = make(Entry((X,), (VECTOR,), result), DOUBLE, objects=(frozenset_of_ids,))
    assert len(function(vector())[0]) == 1


def frozenset_of_ids(items: tuple[Any, ...]) -> frozenset[int]:
    return frozenset(map(id, items))


def test_an_exception_while_finishing():
    def fail(items: tuple[Any, ...]) -> Any:
        raise KeyError("finish")

    result = Group("tuple", (Leaf(0), Applied(0, Leaf(1))))
    function = make(
        Entry((X,), (VECTOR, VECTOR), result), copies((0, 0, 80), (0, 1, 80)), objects=(fail,)
    )
    assert leaks_nothing(lambda: raises(KeyError, function, vector()))


def test_an_unhashable_key():
    function = make(Entry((X,), (VECTOR,), Table((0,), (Leaf(0),))), DOUBLE, objects=([],))
    with pytest.raises(TypeError, match="unhashable"):
        function(vector())


def test_no_memory_for_a_result():
    huge = ArrayType((2**58,), FLOAT64)
    result = Group("tuple", (Leaf(0), Leaf(1)))
    function = make(Entry((X,), (VECTOR, huge), result), copies())
    assert leaks_nothing(lambda: raises(MemoryError, function, vector()))


# -- errors ----------------------------------------------------------------------------------------


class CustomError(IndexError):
    pass


FAIL = """store i64 12, ptr %status
%s1 = getelementptr i64, ptr %status, i64 1
store i64 10, ptr %s1
%p = load ptr, ptr %inputs
%site = load i64, ptr %p
ret i64 %site"""


def test_sites():
    sites = (
        Site("100 % of × index {0} is out of bounds for size {1}", "IndexError"),
        Site("size {1} is not {0}", 0),
        Site("singular", "ValueError"),
    )
    outputs = (VECTOR, F64)
    arguments = (Argument("int", scalar(INT64)),)
    entry = Entry(arguments, outputs, Group("tuple", (Leaf(0), Leaf(1))), sites=sites)
    function = make(entry, copies(after=FAIL), objects=(CustomError,))
    assert len(function(0)) == 2
    with pytest.raises(IndexError, match=r"^100 % of × index 12 is out of bounds for size 10$"):
        function(1)
    with pytest.raises(CustomError, match=r"^size 10 is not 12$"):
        function(2)
    with pytest.raises(ValueError, match=r"^singular$"):
        function(3)
    for released in (False, True):
        entry = Entry(
            arguments, outputs, Leaf(0), sites=sites, release_gil=released, workspace_bytes=10_000
        )
        function = make(entry, copies(after=FAIL), objects=(CustomError,))
        assert leaks_nothing(partial(raises, CustomError, function, 2))


# -- the workspace ---------------------------------------------------------------------------------

THROUGH_WORKSPACE = """
  %x = load ptr, ptr %inputs
  %y = load ptr, ptr %outputs
  %address = ptrtoint ptr %workspace to i64
  %odd = and i64 %address, 63
  %w = getelementptr i8, ptr %workspace, i64 {last}
  call void @llvm.memcpy.p0.p0.i64(ptr %w, ptr %x, i64 80, i1 false)
  call void @llvm.memcpy.p0.p0.i64(ptr %y, ptr %w, i64 80, i1 false)
  ret i64 %odd
"""


@pytest.mark.parametrize("size", [80, 4096, 4097, 1_000_000, 2**28 + 1])
@pytest.mark.parametrize("released", [False, True])
def test_workspace(size, released):
    entry = Entry(
        (X,),
        (VECTOR,),
        Leaf(0),
        workspace_bytes=size,
        release_gil=released,
        sites=(Site("not aligned", "RuntimeError"),),
    )
    function = make(entry, copies(after=THROUGH_WORKSPACE.format(last=size - 80)))
    for _ in range(3):
        np.testing.assert_array_equal(function(vector()), vector())


def test_workspaces_wait_for_the_next_call():
    """One for all programs; one more for a call within a call."""
    pb.clear_cache()
    assert workspaces.tolist() == [0, 0]
    sizes = (5000, 1_000_000, 70_000)
    functions = [
        make(
            Entry((X,), (VECTOR,), Leaf(0), workspace_bytes=size),
            copies(after=THROUGH_WORKSPACE.format(last=size - 80)),
        )
        for size in sizes
    ]
    for function, kept in zip(functions, (5000, 1_000_000, 1_000_000), strict=True):
        function(vector())
        assert workspaces[1] == kept
    pb.clear_cache()
    inner, x = pb.jit(np.sort), np.linspace(1.0, 0.0, 3000)
    inner(x)
    kept = int(workspaces[1])
    outer = pb.jit(lambda x: np.sort(x) + pb.pure_callback(lambda x: inner(x), x, x))
    np.testing.assert_array_equal(outer(x), 2 * x[::-1])
    assert workspaces[1] >= 2 * kept > 0
    pb.clear_cache()
    assert workspaces.tolist() == [0, 0]


def test_no_memory_for_the_workspace():
    entry = Entry((X,), (VECTOR,), Leaf(0), workspace_bytes=2**60)
    function = make(entry, DOUBLE)
    assert leaks_nothing(lambda: raises(MemoryError, function, vector()))


def test_builds_without_a_global_lock_are_refused(monkeypatch):
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED")
    with pytest.raises(NotImplementedError, match="free-threaded builds of Python"):
        _check_interpreter()


# -- who owns what ---------------------------------------------------------------------------------


def raises(exception: type[Exception], function: Function, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(exception):
        function(*args, **kwargs)


def leaks_nothing(call: Callable[[], Any], times: int = 2000) -> bool:
    """Whether memory blocks in use stay as many (give or take what caches hold)."""
    for _ in range(50):
        call()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(times):
        call()
    gc.collect()
    return sys.getallocatedblocks() - before < times // 10


def test_references_balance():
    key, constant = "key of a table", object()
    keep: list[Any] = []
    result = Group(
        "tuple",
        (
            Leaf(0),
            Leaf(0),
            Table((0,), (Group("list", (Leaf(1), Leaf(2))),)),
            Constant(1),
            Applied(2, Leaf(3)),
        ),
    )
    arguments = (X, Argument("float", F64), Argument("bool", scalar(BOOL)), Argument("array", F64))
    captured = vector()
    entry = Entry(
        arguments,
        (VECTOR, F64, scalar(BOOL), F64),
        result,
        captures=(X,),
        guarded=True,
        workspace_bytes=5000,
        release_gil=True,
    )
    names = {"captured": captured}
    function = make(
        entry,
        copies((0, 0, 80), (1, 1, 8), (2, 2, 1), (3, 3, 8)),
        captures=(captured,),
        guards=(Guard(names, "captured", captured),),
        objects=(key, constant, type),
    )
    x, number, zero = vector(), 1.25, np.array(3.0)
    watched = [x, number, zero, captured, key, constant, np.True_, None, np.dtype(float), function]
    before = [sys.getrefcount(object) for object in watched]
    for _ in range(5000):
        keep = function(x, number, True, zero)
        function(x, number, None, zero)
    references = sys.getrefcount(keep[0])
    assert references == 3
    assert keep[3] is constant
    assert keep[4] is np.float64
    assert keep[0] is keep[1]
    del keep
    after = [sys.getrefcount(object) for object in watched]
    assert np.abs(np.subtract(after, before)).max() < 100
    assert leaks_nothing(lambda: function(x, number, False, zero))


def test_functions_are_collected():
    class Owner:
        pass

    def cycle() -> list[weakref.ref[Any]]:
        owner = Owner()
        captured = vector()
        entry = Entry((X,), (VECTOR,), Leaf(0), captures=(X,), workspace_bytes=5000)
        function = make(entry, DOUBLE, captures=(captured,))
        function.set_slow(lambda *args: owner)
        owner.function = function  # type: ignore[attr-defined]
        assert function() is owner
        assert not is_slow(function(vector()))
        return [weakref.ref(owner), weakref.ref(function), weakref.ref(captured)]

    references = cycle()
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_calls_during_collection():
    """Whatever a finaliser calls, works or raises."""
    seen = []

    class Caller:
        def __init__(self, function: Function) -> None:
            self.function = function

        def __del__(self) -> None:
            seen.append(self.function(vector()))

    function = make(Entry((X,), (VECTOR,), Leaf(0)), DOUBLE)
    function.caller = Caller(function)  # type: ignore[attr-defined]
    del function
    gc.collect()
    np.testing.assert_array_equal(seen, [2 * vector()])


def test_resurrection():
    """A function may come back from the garbage, with its code and captures."""
    saved = []

    class Saver:
        def __init__(self, function: Function) -> None:
            self.function = function

        def __del__(self) -> None:
            saved.append(self.function)

    entry = Entry((), (VECTOR,), Leaf(0), captures=(X,), workspace_bytes=5000)
    function = make(entry, DOUBLE, captures=(vector(),))
    function.saver = Saver(function)  # type: ignore[attr-defined]
    function()
    del function
    gc.collect()
    gc.collect()
    for _ in range(2):
        np.testing.assert_array_equal(saved[0](), 2 * vector())


def test_replacing_the_chain_during_a_call():
    """The running code and its captures live until it has returned."""
    function = Function()
    chain: list[Specialisation] = []

    def replace(result: Any) -> Any:
        function.set_chain([])
        chain.clear()
        gc.collect()
        return result

    entry = Entry((), (VECTOR,), Applied(0, Leaf(0)), captures=(X,), workspace_bytes=5000)
    chain.append(specialise(entry, DOUBLE, captures=(vector(),), objects=(replace,)))
    function.set_chain(chain)
    np.testing.assert_array_equal(function(), 2 * vector())
    assert is_slow(function())


def test_threads():
    entry = Entry((X,), (VECTOR,), Leaf(0), workspace_bytes=8192, release_gil=True)
    run = copies(after=THROUGH_WORKSPACE.format(last=8192 - 80))
    other = Entry((Argument("array", ArrayType((3,), FLOAT64)),), (VECTOR,), Leaf(0))
    chain = [specialise(entry, run), specialise(other, copies())]
    function = Function()
    function.set_chain(chain)
    stop, wrong = threading.Event(), []

    def work(seed: int) -> None:
        x = np.full(10, float(seed))
        for _ in range(20_000):
            result = function(x)
            if is_slow(result) or result[0] != seed or result[9] != seed:
                wrong.append(result)

    def disturb() -> None:
        while not stop.is_set():
            function.set_chain(chain[::-1])
            function.set_chain([*chain])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    disturber = threading.Thread(target=disturb)
    for thread in [disturber, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    disturber.join()
    assert not wrong


# -- as a Python object ----------------------------------------------------------------------------


def test_before_there_is_machine_code():
    function = Function()
    assert function(1, a=2) == ("slow", (1,), {"a": 2})
    function.set_chain([])
    assert function(1, a=2) == ("slow", (1,), {"a": 2})


@pytest.mark.parametrize("cls", [NativeCallable, Function])
def test_without_initialisation(cls):
    function = cls.__new__(cls)
    with pytest.raises(TypeError, match="not been initialised"):
        function(1)
    function.set_chain([])
    with pytest.raises(TypeError, match="not been initialised"):
        function(1, a=2)
    with pytest.raises(TypeError, match="not callable"):
        function.set_slow(1)


def test_pointers_are_out_of_reach():
    function = Function()
    for name in ("_first", "_slow"):
        assert not hasattr(function, name)


def test_methods():
    class Model:
        scale: Any = make(Entry((Static(0), X), (VECTOR,), Leaf(0)), DOUBLE, objects=(None,))

    model = Model()
    assert model.scale(vector())[1][0] is model
    Model.scale.set_chain(
        [specialise(Entry((Static(0), X), (VECTOR,), Leaf(0)), DOUBLE, objects=(model,))]
    )
    np.testing.assert_array_equal(model.scale(vector()), 2 * vector())
    assert is_slow(Model().scale(vector()))
    assert is_slow(Model.scale(vector()))


def test_subclass_with_its_own_call(double):
    class Loud(Function):
        def __call__(self, *args: Any) -> Any:
            return "loud", super().__call__(*args)

    loud = Loud()
    loud.set_chain([specialise(Entry((X,), (VECTOR,), Leaf(0)), DOUBLE)])
    assert loud(1) == ("loud", ("slow", (1,), {}))


def test_copies_and_pickles(double):
    assert copy.copy(double) is double
    assert copy.deepcopy(double) is double
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(double)


def test_exceptions_of_the_slow_path():
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError

    function = Function(fail)
    function.set_chain([])
    assert leaks_nothing(lambda: raises(ZeroDivisionError, function, 1, a=2))


def test_recursion_ends():
    function = Function()
    function.set_slow(lambda *args: function(*args))
    function.set_chain([])
    with pytest.raises(RecursionError):
        function(1)


def test_mismatched_parts_are_found_before_the_call():
    entry = Entry((X,), (VECTOR,), Group("tuple", (Leaf(0), Constant(1))), captures=(X,))
    module = Module()
    write_entry(module, entry)
    module.functions.append(DOUBLE)
    code = link(module.text(), resolve(module.symbols))
    with pytest.raises(AssertionError):
        Specialisation(code, entry, captures=(), objects=(1, 2))
    with pytest.raises(AssertionError):
        Specialisation(code, entry, captures=(vector(),), objects=(1,))
