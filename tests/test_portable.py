"""Code for other machines: run with fewer features, assembled for other processors and systems."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest

import pullback as pb
from pullback.codegen.emit import emit
from pullback.codegen.math.shared import shared_module
from pullback.codegen.names import DISPATCH
from pullback.codegen.pool import SHARE_PARTS, pool_module
from pullback.codegen.support import support_module
from pullback.codegen.timing import timer_of
from pullback.runtime import generate, libraries, threads
from pullback.runtime import target as targets
from pullback.runtime.cache import _rename
from pullback.runtime.link import object_code
from pullback.runtime.target import LEVELS, VARIABLE, Target, host, restricted

from .portable import PROGRAMS, SAME_BITS, SAME_EVERYWHERE

Array = np.ndarray[Any, Any]
ROOT = Path(__file__).resolve().parents[1]
FULL = Target(
    "x86_64-unknown-linux-gnu", "some", ",".join(f"+{f}" for v in LEVELS.values() for f in v)
)
ARM = Target("aarch64-linux-gnu", "generic", "+neon")
# The relative error to allow for by size of a real number.
CLOSE = {2: 2e-3, 4: 2e-5, 8: 1e-11}


def made_again(once: Any) -> Any:
    """What a process has one of, made once more."""
    return once.__wrapped__()


def has_level(level: str) -> bool:
    features = [f for name in list(LEVELS)[: list(LEVELS).index(level) + 1] for f in LEVELS[name]]
    return all(host().has(feature) for feature in features)


# -- with fewer features -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the programs give by level, each in a process of its own."""
    folder = tmp_path_factory.mktemp("levels")
    results: dict[str, Any] = {}
    for level in filter(has_level, LEVELS):
        file = folder / f"{level}.npz"
        subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.portable", str(file)],
            env={**os.environ, VARIABLE: level},
            cwd=ROOT,
            check=True,
        )
        results[level] = np.load(file)
    yield results
    for archive in results.values():
        archive.close()


@pytest.mark.parametrize("level", LEVELS)
def test_programs_on_lesser_machines(level: str, found: dict[str, Any]) -> None:
    if level not in found:
        pytest.skip(f"this machine has not all of {level}")
    first = found[next(iter(found))]
    wrong = []
    for name, program in PROGRAMS.items():
        for number, expected in enumerate(program.expected()):
            got = found[level][f"{name}/{number}"]
            same = name.startswith(SAME_EVERYWHERE)
            fine = agrees(name, got, expected)
            if not fine or (same and got.tobytes() != first[f"{name}/{number}"].tobytes()):
                wrong.append((name, number))
    assert not wrong


def agrees(name: str, got: Array, expected: Array) -> bool:
    """The same, or as near as sums and elementary functions may be."""
    real = got.dtype.kind in "fc"
    if name.startswith(SAME_BITS):
        return got.dtype == expected.dtype and np.array_equal(got, expected, equal_nan=real)
    narrow = min(np.real(x).dtype.itemsize for x in PROGRAMS[name].args)
    close = CLOSE[narrow] if real else 0.0
    return np.allclose(got, expected, rtol=close, atol=close, equal_nan=True)


def test_levels_restrict_the_target() -> None:
    conventions = [restricted(FULL, level).convention for level in LEVELS]
    assert conventions == ["intel_ocl_bicc", "intel_ocl_bicc", "", "intel_ocl_bicc"]
    widths = [restricted(FULL, level).vector_bytes for level in LEVELS]
    assert widths == [16, 16, 32, 64]
    assert restricted(FULL, "") is FULL
    old = restricted(FULL, "x86-64")
    assert old.has("sse2")
    assert not old.has("sse3")
    assert not targets.converts_half(old)
    assert targets.converts_half(ARM)
    assert ARM.vector_bytes == 16
    assert ARM.convention == "aarch64_vector_pcs"


@pytest.mark.parametrize(
    ("whole", "level", "said"),
    [(FULL, "pentium", "one of x86-64,.* not 'pentium'"), (ARM, "x86-64-v2", "has no 64bit, cmov")],
)
def test_levels_that_are_not_there(whole: Target, level: str, said: str) -> None:
    with pytest.warns(UserWarning, match=f"{VARIABLE} is .*{said}"):
        assert restricted(whole, level) is whole


def test_a_machine_of_unknown_features(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> None:
        raise RuntimeError("no features")

    monkeypatch.setattr(llvm, "get_host_cpu_features", unknown)
    monkeypatch.delenv(VARIABLE, raising=False)
    found = made_again(host)
    assert found.features == ""
    assert found.vector_bytes == 16


# -- other processors and systems ----------------------------------------------------------------


def undefined_and_defined(elf: bytes) -> tuple[set[str], set[str]]:
    """The names of an ELF object's symbols that others define, and of those it exports."""
    (start,) = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, start + size * i) for i in range(count)]
    (table,) = [s for s in sections if s[1] == 2]
    names = elf[sections[table[6]][4] :]
    found: tuple[set[str], set[str]] = (set(), set())
    for offset in range(table[4] + 24, table[4] + table[5], 24):
        name, info, _, section = struct.unpack_from("<IBBH", elf, offset)
        if info >> 4:
            found[section != 0].add(names[name : names.index(b"\0", name)].decode())
    return found


@pytest.fixture(scope="module")
def texts() -> Iterator[dict[str, tuple[str, set[str]]]]:
    """The modules of all programs for vectors of 16 bytes, and what they need."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "host", lambda: ARM)
        pb.clear_cache()
        found: dict[str, tuple[str, set[str]]] = {}
        for name, program in PROGRAMS.items():
            made = pb.jit(program.function)._inspect(program.args, {}).program
            module = made.lowered().emission.module
            found[name] = module.text(), set(module.symbols)
        yield found
    pb.clear_cache()


# What LLVM calls by itself, in any C library.
OF_C = {"memcpy", "memset", "memmove", "memcmp", "fmod", "fmodf"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_assembled_for_aarch64(name: str, texts: dict[str, tuple[str, set[str]]]) -> None:
    text, symbols = texts[name]
    elf = object_code(text, target=ARM)
    assert elf[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", elf, 18) == (183,)
    undefined, defined = undefined_and_defined(elf)
    assert {"entry", "run"} <= defined
    assert undefined <= symbols | OF_C


@pytest.mark.parametrize(
    ("triple", "counter", "fence"),
    [
        ("aarch64-linux-gnu", "cntvct_el0", "isb"),
        ("arm64-apple-darwin", "cntvct_el0", "isb"),
        ("x86_64-linux-gnu", "rdtsc", "lfence"),
        ("riscv64-linux-gnu", "rdtime", "rdtime"),
        ("powerpc64le-linux-gnu", "bl now", "clock_gettime"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_timers_of_other_machines(triple: str, counter: str, fence: str, inside: bool) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()

    def walk(x: Any) -> Any:
        return pb.scan(lambda h, x: (np.tanh(h + x), h), 0.0, x)[1]

    timer = timer_of(triple, inside)
    module = emit(pb.grad(lambda x: np.sum(walk(x))).plan(np.ones(9)), 16, timer).module
    assert any("." in name for name in timer.places) == inside
    machine = llvm.Target.from_triple(triple).create_target_machine()
    text = machine.emit_assembly(llvm.parse_assembly(module.text())).lower()
    assert text.count(counter) > 2
    assert not inside or fence in text


@pytest.mark.parametrize(
    ("triple", "magic", "threads", "prefix"),
    [
        ("aarch64-linux-gnu", b"\x7fELF", True, b""),
        ("arm64-apple-darwin", b"\xcf\xfa\xed\xfe", True, b"_"),
        ("x86_64-apple-darwin", b"\xcf\xfa\xed\xfe", True, b"_"),
        ("x86_64-pc-windows-msvc", b"\x64\x86", False, b""),
        ("aarch64-pc-windows-msvc", b"\x64\xaa", False, b""),
    ],
)
def test_assembled_for_other_systems(
    triple: str, magic: bytes, threads: bool, prefix: bytes, texts: dict[str, tuple[str, set[str]]]
) -> None:
    target = Target(triple, "", "")
    modules = [(texts[name][0], "entry") for name in ("elementary", "places", "factors", "halves")]
    modules += [(support_module().text(), DISPATCH), (pool_module(threads), SHARE_PARTS)]
    sine = "math.sincos.1.v2f64"
    modules.append((shared_module(sine, False, target.convention).text(), sine))
    for text, entry in modules:
        code = object_code(text, target=target)
        assert code.startswith(magic)
        assert prefix + entry.encode() + b"\0" in code


# -- what systems do not have --------------------------------------------------------------------


def test_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert threads._available() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads._available() == 1


def test_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "HAS_THREADS", False)
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    alone = made_again(threads.pool)
    assert list(alone.addresses) == [SHARE_PARTS]
    monkeypatch.setattr(threads, "pool", lambda: alone)
    libraries.address.cache_clear()
    pb.clear_cache()
    x = np.linspace(0.0, 1.0, 200_000)
    assert np.allclose(pb.jit(lambda x: np.sum(np.exp(x) * x))(x), np.sum(np.exp(x) * x))
    libraries.address.cache_clear()
    pb.clear_cache()


def test_a_numpy_without_names_of_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some link Accelerate or MKL, and Windows does not look in a library's libraries."""

    def nothing(library: object, name: str) -> int:
        raise ValueError(name)

    own = libraries._blas("ddot")
    monkeypatch.setattr(libraries, "_exported", nothing)
    assert libraries._blas("ddot") not in (own, 0)


def test_the_c_library_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", opened.append)
    libraries._process.__wrapped__()
    assert opened == ["ucrtbase"]


def test_a_name_that_others_hold_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(source: str, name: Path) -> None:
        raise PermissionError(name)

    monkeypatch.setattr(os, "replace", refuse)
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    with pytest.raises(PermissionError):
        _rename(str(new), old)
    old.write_text("old")
    _rename(str(new), old)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
