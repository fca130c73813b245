"""From LLVM text to functions in memory."""

import ctypes
import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

from pullback.runtime import libraries, link, target
from pullback.runtime.errors import InternalError

SINE = """
declare double @sin(double)
define double @run(double %x) {
  %y = call double @sin(double %x)
  %z = fmul double %y, 3.0
  ret double %z
}
"""
ANSWER = "define i64 @run() {{\n  ret i64 {}\n}}\n"


def call(linked: link.Linked, name: str = "run") -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64)(linked.address(name))()


def test_text_to_function():
    linked = link.link(SINE, libraries.resolve(["sin"]), ["run"])
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(linked.address("run"))
    assert function(0.5) == pytest.approx(3 * np.sin(0.5), rel=1e-15)


def test_object_code_is_reproducible():
    code = link.object_code(SINE)
    assert code == link.object_code(SINE)
    linked = link.load([code], libraries.resolve(["sin"]), ["run"])
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(linked.address("run"))
    assert function(0.5) == pytest.approx(3 * np.sin(0.5), rel=1e-15)


def test_assembly():
    text = link.assembly(SINE)
    assert "run:" in text
    assert "sin" in text


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_levels(level):
    assert call(link.link(ANSWER.format(level), {}, ["run"], level)) == level


def test_modules_do_not_see_each_other():
    modules = [link.link(ANSWER.format(n), {}, ["run"]) for n in range(10)]
    assert [call(module) for module in modules] == list(range(10))
    del modules[::2]
    gc.collect()
    assert [call(module) for module in modules] == [1, 3, 5, 7, 9]


def test_threads():
    results: dict[int, int] = {}

    def work(n: int) -> None:
        results[n] = call(link.link(ANSWER.format(n), {}, ["run"]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: n for n in range(16)}


def test_a_parse_error_shows_the_place():
    text = ANSWER.format("1.5")
    with pytest.raises(InternalError, match=r"(?s)line 2, column 11: .*\n>     2 |   ret i64 1.5"):
        link.object_code(text)


def test_an_invalid_module_is_refused():
    text = "define i64 @run() {\n  %a = add i64 %b, 1\n  %b = add i64 1, 1\n  ret i64 %a\n}\n"
    with pytest.raises(InternalError, match="does not dominate"):
        link.object_code(text)


def test_a_missing_symbol_is_an_error():
    with pytest.raises(InternalError, match="does not link"):
        link.link(SINE.replace("@sin", "@no_such_function"), {}, ["run"])


@pytest.mark.parametrize(
    "symbol",
    ["no_such_function", "PyNoSuchFunction", "blas.nosuch", "numpy.nosuch", "nosuch.dgemm"],
)
def test_an_unknown_symbol_is_an_error(symbol):
    with pytest.raises(InternalError, match=f"asks for '{symbol}'"):
        libraries.resolve([symbol])


def test_objects_have_their_addresses():
    addresses = libraries.resolve(
        ["_Py_NoneStruct", "PyArray_Type", "numpy.True", "numpy.descr.f64", "numpy.type.f32"]
    )
    objects = [None, np.ndarray, np.True_, np.dtype(np.float64), np.float32]
    assert list(addresses.values()) == [id(object) for object in objects]
    (pointer,) = libraries.resolve(["PyExc_IndexError"]).values()
    assert ctypes.c_void_p.from_address(pointer).value == id(IndexError)


def test_blas_and_lapack():
    ddot = libraries.resolve(["blas.ddot"])["blas.ddot"]
    integers, vector = (ctypes.c_int64 * 2)(3, 1), (ctypes.c_double * 3)(1, 2, 3)
    n, one = (ctypes.byref(integers, 8 * i) for i in range(2))
    function = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_void_p] * 5)(ddot)
    arguments = [ctypes.cast(p, ctypes.c_void_p) for p in (n, vector, one, vector, one)]
    assert function(*arguments) == 14
    assert libraries.resolve(["lapack.dpotrf"])["lapack.dpotrf"] != 0


def test_the_target():
    assert target.host().vector_bytes in (16, 32, 64)
    assert target.host().triple
    assert target.level_for(ANSWER) == target.level_for(f"@a = global i8 0\n{ANSWER}") == 1
    assert target.level_for(ANSWER.replace("{", "nounwind noinline optnone {", 1)) == 0
    assert target.level_for(SINE + "  %a = add i64 1, 1\n" * 100_000) == 0


def test_the_garbage_collector_does_not_see_into_arrays_of_objects():
    """What keeps code in memory relies on it."""
    assert not gc.is_tracked(np.empty((), object))


CHILD = """
import os, sys
from pullback.runtime import link
TEXT = "define i64 @run() {{ ret i64 0 }}"
link.link(TEXT, {{}}, ["run"])
{}
"""
FORK = """
child = os.fork()
link.link(TEXT, {}, ["run"])
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""
LATE = """
import builtins, ctypes
class Late:
    linked = link.link(TEXT, {}, ["run"])
    function = ctypes.CFUNCTYPE(ctypes.c_int64)(linked.address("run"))
    def __del__(self, write=os.write):
        write(1, b"late %d," % self.function())
early = Late()
builtins.late = Late()
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="the system has no fork")
def test_a_forked_child_compiles_too():
    subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD.format(FORK)], check=True)


def test_code_may_be_called_while_the_interpreter_ends():
    command = [sys.executable, "-c", CHILD.format(LATE)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "late 0,late 0,"
    assert not done.stderr
