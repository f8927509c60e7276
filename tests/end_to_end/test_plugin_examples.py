"""The examples of plug-ins: they keep the laws, and work both as files and as an installed package."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mednca_bench import models, perturbations
from mednca_bench.benchmark.plugins import load_plugins
from mednca_bench.models.contract import awakened, check_model
from mednca_bench.perturbations.contract import check_all

FILES = ("dropout.py", "local_net.py")


@pytest.fixture
def examples(repository: Path) -> Path:
    return repository / "examples"


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registrations of a test end with it."""
    monkeypatch.setattr(models, "_TABLE", dict(models._TABLE))
    monkeypatch.setattr(perturbations, "_registered", dict(perturbations._registered))
    yield
    for name in [name for name in sys.modules if name.startswith("mednca_bench_plugin_")]:
        del sys.modules[name]


def test_they_keep_the_laws(registries: None, examples: Path) -> None:
    load_plugins([examples / name for name in FILES])
    check_all(perturbations.get("drop-out"))
    check_model(awakened(models.build("local-net")))


def test_a_law_that_an_author_breaks_is_named(registries: None, examples: Path) -> None:
    load_plugins([examples / "dropout.py"])
    family = perturbations.get("drop-out")
    wrong = type("Wrong", (type(family),), {"drawn": ()})()
    with pytest.raises((AssertionError, ValueError), match="drop-out"):
        check_all(wrong)


def test_they_run_as_files(home, examples: Path) -> None:
    plugins = [word for name in FILES for word in ("--plugin", str(examples / name))]
    training = ("--plugin", str(home.tiny_plugin), "--recipe", "tiny", "--model", "local-net")
    where = ("--data", str(home.data), "--limit", "1", "--jobs", "1", "--out", "with-files")
    done = home.run(
        "run", "--suite", "accuracy", "--perturbation", "drop-out", *plugins, *training, *where, TEST_WITHOUT_PLOTS="1"
    )
    assert done.returncode == 0, done.stderr
    table = (home.folder / "with-files/tables/robustness_by_severity.csv").read_text()
    assert table.count("local-net,drop-out,acquisition") == 6


def test_they_run_once_installed(home, examples: Path, tmp_path: Path) -> None:
    """Found by their entry points, in the command and in its worker processes, without --plugin."""
    tree, site = tmp_path / "tree", tmp_path / "site"
    shutil.copytree(examples, tree, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    install = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site))
    pip = (sys.executable, "-m", "pip", *install, str(tree))
    installed = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr
    here = {"PYTHONPATH": ":".join(filter(None, (str(site), home.environment.get("PYTHONPATH"))))}
    listed = json.loads(home.run("list", "perturbations", "--json", **here).stdout)
    assert [row["name"] for row in listed][-1] == "drop-out"
    training = ("--plugin", str(home.tiny_plugin), "--recipe", "tiny", "--model", "local-net")
    where = ("--data", str(home.data), "--limit", "1", "--jobs", "2", "--out", "installed")
    done = home.run(
        "run", "--suite", "accuracy", "--perturbation", "drop-out", *training, *where, TEST_WITHOUT_PLOTS="1", **here
    )
    assert done.returncode == 0, done.stderr
    assert "drop-out" in (home.folder / "installed/tables/robustness_by_severity.csv").read_text()
