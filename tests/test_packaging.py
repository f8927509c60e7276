"""What is installed is what lies on disk: packages, package data, entry point, and a pin for every dependency."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import mednca_bench

ROOMS = ("benchmark", "models", "perturbations", "results")
ROOT_MODULES = {"__init__.py", "py.typed"}  # every other module at the root would enter the wheel unasked
DATA = {
    "benchmark/device": ("*.in",),
    "benchmark/splits": ("*.json",),
    "models/export/c": ("*.in",),
    "models/reference": ("*.json", "*.md", "*.safetensors"),
    "results/reference": ("*.csv", "*.parquet"),
    "results/reference/stability": ("*/*.json",),
    "results/report": ("*.css", "*.jinja", "*.js"),
}
TOOLS = ("tox", "pre-commit")  # what CONTRIBUTING.md and .ci/run install beside the package's extras


@pytest.fixture(scope="session")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text())


def _folder(package: str) -> str:
    """The folder of a package, relative to the repository root."""
    return package.replace(".", "/").removeprefix("mednca_bench").removeprefix("/")


@pytest.fixture(scope="session")
def shipped(repository: Path) -> set[str]:
    """The files that belong into the wheel, found on disk and not through the build configuration."""
    modules = {path for room in ROOMS for path in (repository / room).rglob("*.py")}
    data = {path for folder, kinds in DATA.items() for kind in kinds for path in (repository / folder).glob(kind)}
    return {path.relative_to(repository).as_posix() for path in modules | data} | ROOT_MODULES


@pytest.fixture(scope="session")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy of the tree, so that no earlier build's leftovers enter it."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    (tree / "tests").mkdir()
    for name in (*ROOMS, "docs"):
        shutil.copytree(repository / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*ROOT_MODULES, "LICENSE", "README.md", "pyproject.toml", "tests/conftest.py"):
        shutil.copy(repository / name, tree / name)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", build, out], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_folder_with_modules_is_listed_and_the_other_way_round(project: dict[str, Any], repository: Path) -> None:
    listed = sorted(_folder(package) for package in project["tool"]["setuptools"]["packages"])
    inits = [path for room in ROOMS for path in (repository / room).rglob("__init__.py")]
    assert listed == sorted(["", *(path.parent.relative_to(repository).as_posix() for path in inits)])
    stray = [
        path for room in ROOMS for path in (repository / room).rglob("*.py") if path.parent / "__init__.py" not in inits
    ]
    assert stray == [], "modules in a folder without __init__.py are not shipped"


def test_the_root_holds_no_module_of_its_own(repository: Path) -> None:
    assert {path.name for path in repository.glob("*.py")} == {"__init__.py"}


def test_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile, shipped: set[str]) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == {f"mednca_bench/{name}" for name in shipped}


def test_wheel_names_version_licence_and_command(wheel: zipfile.ZipFile) -> None:
    info = f"mednca_bench-{mednca_bench.__version__}.dist-info"
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert wheel.read(f"{info}/entry_points.txt").decode().split("\n")[:2] == [
        "[console_scripts]",
        "mednca-bench = mednca_bench.benchmark.cli:main",
    ]


def test_installed_package_is_this_tree(repository: Path, shipped: set[str]) -> None:
    """An editable install is the tree itself; a wheel holds its files, byte for byte, and no module since removed."""
    home = Path(mednca_bench.__file__).parent
    installed = {
        path.relative_to(home).as_posix()
        for folder in ("", *ROOMS)
        for path in ((home / folder).rglob("*") if folder else home.glob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    if home == repository:
        assert shipped <= installed
        return
    remedy = "the installed package is not this tree; remove the folder build/ and install again"
    assert installed == shipped, remedy
    assert [name for name in sorted(shipped) if (home / name).read_bytes() != (repository / name).read_bytes()] == [], (
        remedy
    )


def test_the_command_is_installed_and_knows_its_version() -> None:
    (entry,) = (found for found in importlib.metadata.entry_points(name="mednca-bench", group="console_scripts"))
    assert callable(entry.load())
    assert importlib.metadata.version("mednca-bench") == mednca_bench.__version__


@pytest.fixture(scope="session")
def pins(repository: Path) -> dict[str, str]:
    lines = (repository / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    exact = {canonicalize_name(line.name): re.fullmatch(r"==([\w.]+)", str(line.specifier)) for line in requirements}
    assert all(exact.values()), [name for name, pin in exact.items() if not pin]
    assert len(exact) == len(requirements), "a package is pinned twice"
    return {name: pin[1] for name, pin in exact.items() if pin}


def test_torch_is_pinned_without_a_local_version(pins: dict[str, str]) -> None:
    assert pins["torch"] == "2.13.0"


def test_everything_an_install_can_bring_in_is_pinned(project: dict[str, Any], pins: dict[str, str]) -> None:
    """Direct dependencies and tools by pyproject.toml; their own dependencies as far as they are installed here."""
    table = project["project"]
    extras = [line for extra in table["optional-dependencies"].values() for line in extra]
    pending = [
        Requirement(line) for line in (*table["dependencies"], *extras, *TOOLS, *project["build-system"]["requires"])
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        wanted = pending.pop()
        name = canonicalize_name(wanted.name)
        assert name in pins, f"{name} has no line in constraints.txt"
        assert wanted.specifier.contains(pins[name], prereleases=True), f"{wanted} excludes the pinned {pins[name]}"
        if (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        pending += _dependencies(name, {"", *wanted.extras})
    assert {"torch", "monai", "mypy", "tox"} <= {name for name, _ in seen}


def _dependencies(name: str, extras: set[str]) -> list[Requirement]:
    """What an installed package needs on this system; nothing for one that is not installed."""
    try:
        needed = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    except importlib.metadata.PackageNotFoundError:
        return []
    return [line for line in needed if not line.marker or any(line.marker.evaluate({"extra": e}) for e in extras)]
