"""Compiled code on disk: found by other processes, never wrong, and no loss where it fails."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import pullback as pb
from pullback.runtime import cache
from pullback.runtime.cache import Store

PROGRAM = """
import sys

import numpy as np
import pullback as pb


@pb.value_and_grad
def f(x, table, i):
    return np.sum(np.tanh(x) * table[i])


x, table = np.linspace(0.0, 1.0, 5), np.arange(12.0).reshape(4, 3, 1)
print(repr(f(x, table, 2)))
try:
    f(x, table, 7)
except IndexError as error:
    print(error)
compiler = {"pullback.codegen.fuse", "pullback.codegen.call"}
print(len(compiler & set(sys.modules)), f.plan(x, table, 2).workspace_bytes)
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of this test's own."""
    monkeypatch.setenv(cache.DIRECTORY, str(tmp_path / "kept"))
    cache.store.cache_clear()
    pb.clear_cache()
    yield tmp_path / "kept"
    monkeypatch.undo()
    cache.store.cache_clear()
    pb.clear_cache()


def run(directory: Path, program: str = PROGRAM) -> list[str]:
    environment = {**os.environ, cache.DIRECTORY: str(directory)}
    # A file, so that there are lines to name.
    script = directory.parent / "program.py"
    if not script.exists():
        script.write_text(program)
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_another_process_finds_it(tmp_path: Path) -> None:
    directory = tmp_path / "kept"
    first = run(directory)
    assert first[-1].startswith("2 ")
    second = run(directory)
    # Looking at the plan goes through the stages; the calls did not even load them.
    assert second[-1] == first[-1].replace("2 ", "0 ", 1)
    assert second[:-1] == first[:-1]
    assert "program.py:10" in first[-2]


def test_damaged_files_are_written_again(tmp_path: Path) -> None:
    directory = tmp_path / "kept"
    expected = run(directory)
    for number, path in enumerate(files(directory)):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if number % 2 else data[:-1] + b"!")
    assert run(directory) == expected
    assert run(directory)[-1].startswith("0 ")


def test_processes_at_once(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: run(tmp_path / "kept")[:-1], range(4)))
    assert all(lines == found[0] for lines in found)
    assert not [path for path in files(tmp_path / "kept") if path.name.startswith(".")]


def test_functions_that_are_called_alike_share_what_python_calls(directory: Path) -> None:
    def kept() -> int:
        return len(files(directory))

    x = np.linspace(0.0, 1.0, 7)
    np.testing.assert_array_equal(pb.jit(lambda x: x * 1.25)(x), x * 1.25)
    before = kept()
    np.testing.assert_array_equal(pb.jit(lambda x: x * 1.75)(x), x * 1.75)
    assert kept() == before + 1
    np.testing.assert_array_equal(pb.jit(lambda x: x * 2.25)(x[1:]), x[1:] * 2.25)
    assert kept() == before + 3
    with pytest.raises(IndexError, match=r"test_cache\.py"):
        pb.jit(lambda x, i: x[i] * 1.75)(x, 9)
    assert kept() == before + 5


def test_graphs_that_differ(directory: Path) -> None:
    for factor in (2.0, np.nextafter(2.0, 3.0)):
        assert pb.jit(lambda x, k=factor: x * k)(1.0) == factor
    pb.clear_cache()
    for factor in (2.0, np.nextafter(2.0, 3.0)):
        assert pb.jit(lambda x, k=factor: x * k)(1.0) == factor


def test_other_machines_and_versions_have_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.digest("graph", "a", "b")
    assert before != cache.digest("graph", "ab", "")
    monkeypatch.setattr(cache, "fingerprint", lambda: b"another")
    assert cache.digest("graph", "a", "b") != before


def test_a_directory_that_cannot_be_made(directory: Path) -> None:
    directory.write_text("")
    assert cache.store() is None
    assert pb.jit(lambda x: x + 7.5)(1.0) == 8.5


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_disks_that_refuse(directory: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    assert pb.jit(lambda x: x + code)(1.0) == 1.0 + code
    assert files(directory) == []


def test_the_size_is_bounded(tmp_path: Path) -> None:
    store = Store(tmp_path, 20_000)
    keys = [bytes([n]) * 32 for n in range(3 * cache.WRITES_PER_SWEEP + 1)]
    for age, key in enumerate(keys):
        store.put(key, bytes(500))
        os.utime(store._path(key), (age, age))
        if key != keys[0]:
            assert store.get(keys[0]) is not None
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 20_000
    # What has been read last stays, what is too large is not even written.
    assert store.get(keys[0]) is not None
    assert store.get(keys[1]) is None
    store.put(b"large" * 7, bytes(20_000))
    assert store.get(b"large" * 7) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_directory_that_others_may_write_to(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.warns(UserWarning, match="others may write there"):
        assert cache.store() is None
    directory.chmod(0o700)
    cache.store.cache_clear()
    assert cache.store() is not None


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(cache.DIRECTORY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    found = cache._default_directory()
    assert found is not None
    assert found.name == "pullback"


def test_clearing(directory: Path) -> None:
    pb.jit(lambda x: x * 5.0)(1.0)
    assert files(directory)
    pb.clear_cache()
    assert files(directory)
    pb.clear_cache(disk=True)
    assert files(directory) == []
