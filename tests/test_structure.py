"""What packaging and type checking must be told about the folders is complete."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pullback

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("tracer", "codegen", "runtime")
LINKS = ROOT / ".types" / "pullback"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def subpackages(folder: Path) -> list[Path]:
    return [path.parent for path in sorted(folder.rglob("*/__init__.py"))]


def test_every_package_is_listed_in_pyproject() -> None:
    expected = {"pullback"}
    expected |= {f"pullback.{layer}" for layer in LAYERS}
    for layer in LAYERS:
        for path in subpackages(ROOT / layer):
            expected.add("pullback." + ".".join(path.relative_to(ROOT).parts))
    for path in subpackages(ROOT / "api"):
        expected.add("pullback." + ".".join(path.relative_to(ROOT / "api").parts))
    assert set(SETTINGS["tool"]["setuptools"]["packages"]) == expected


def test_files_that_are_no_modules_are_packaged() -> None:
    patterns = SETTINGS["tool"]["setuptools"]["package-data"]
    packaged = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for path in (ROOT / "/".join(package.split(".")[1:] or ["api"])).glob(glob)
    }
    files = (path for layer in (*LAYERS, "api") for path in (ROOT / layer).rglob("*.*"))
    others = {path for path in files if path.suffix not in (".py", ".pyc")}
    assert packaged == others


def test_every_folder_with_modules_is_a_package() -> None:
    modules = (path for layer in (*LAYERS, "api") for path in (ROOT / layer).rglob("*.py"))
    folders = {path.parent for path in modules}
    assert not [path for path in folders if not (path / "__init__.py").exists()]


def test_type_checkers_see_the_package_as_installed() -> None:
    """If this fails, run ``make links``."""
    api = ROOT / "api"
    expected = {layer: ROOT / layer for layer in LAYERS}
    expected |= {path.name: path for path in (*api.glob("*.py"), api / "py.typed")}
    expected |= {path.parent.name: path.parent for path in api.glob("*/__init__.py")}
    links = {path.name: path.readlink() for path in LINKS.iterdir()}
    assert not [name for name, target in links.items() if target.is_absolute()]
    assert {name: (LINKS / target).resolve() for name, target in links.items()} == expected


def test_no_module_of_api_hides_a_layer() -> None:
    assert not [layer for layer in LAYERS if any((ROOT / "api").glob(f"{layer}/__init__.py"))]
    assert not [layer for layer in LAYERS if (ROOT / "api" / f"{layer}.py").exists()]


def test_nothing_at_the_top_shadows_the_package() -> None:
    assert not (ROOT / "pullback").exists()


def test_version() -> None:
    assert pullback.__version__ == SETTINGS["project"]["version"] == version("pullback")
