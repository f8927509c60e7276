"""Plug-ins: files and entry points that register models and perturbations, once each; a broken one is named."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mednca_bench import models, perturbations
from mednca_bench.benchmark import plugins
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.plugins import GROUPS, load_plugins

pytestmark = pytest.mark.usefixtures("registries")

PERTURBATION = """
from mednca_bench.perturbations import register
from mednca_bench.perturbations.noise import Noise

class Other(Noise):
    name = "{name}"

register(Other())
"""


@pytest.fixture
def written(tmp_path) -> Callable[..., Path]:
    def make(text: str, name: str = "plugin.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return make


def test_a_file_registers_models_and_perturbations(written, plugin):
    load_plugins([written(PERTURBATION.format(name="static"))])
    assert {"threshold", "failing"} <= set(models.names())
    assert models.build("threshold").name == "threshold"
    assert perturbations.get("static").kind == "acquisition"


def test_a_file_is_run_once_whatever_its_spelling(written, monkeypatch, tmp_path):
    path = written(f"with open({str(tmp_path / 'count')!r}, 'a') as file:\n    file.write('x')\n")
    monkeypatch.chdir(tmp_path)
    load_plugins([path, Path("plugin.py")])
    load_plugins([Path("./plugin.py")])
    assert (tmp_path / "count").read_text() == "x"


def test_two_files_of_one_name_are_both_loaded(written):
    load_plugins([written(PERTURBATION.format(name=name), f"{name}/plugin.py") for name in ("here", "there")])
    assert {"here", "there"} <= set(perturbations.names())


def test_a_file_may_be_called_anything(written):
    load_plugins([written(PERTURBATION.format(name="odd"), "my plugin-2.0.py")])
    assert "odd" in perturbations.names()


@pytest.mark.parametrize(
    ("name", "what"),
    [("missing.py", "no such plug-in file"), ("folder", "not a Python file"), ("plugin.txt", "not a Python file")],
)
def test_what_is_no_python_file_is_named(tmp_path, name, what):
    (tmp_path / "folder").mkdir()
    (tmp_path / "plugin.txt").write_text("")
    with pytest.raises(BenchError, match=rf"{name}: {what}; --plugin needs the path of a \.py file"):
        load_plugins([tmp_path / name])


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("def", "SyntaxError"), ("import nonesuch", "No module named")],
)
def test_a_broken_file_is_named_and_tried_again_once_repaired(written, text, reason):
    path = written(text)
    with pytest.raises(BenchError, match=rf"plugin\.py: the plug-in failed \(.*{reason}.*\); repair it") as caught:
        load_plugins([path])
    assert "\n" not in str(caught.value)
    path.write_text(PERTURBATION.format(name="repaired"))
    load_plugins([path])
    assert "repaired" in perturbations.names()


def test_a_name_that_is_taken_is_refused(written):
    with pytest.raises(BenchError, match="a perturbation named 'noise' exists already"):
        load_plugins([written(PERTURBATION.format(name="noise"))])


def test_installed_entry_points_are_loaded_from_both_groups(monkeypatch):
    loaded = []

    def points(group: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(value=f"{group}:it", load=lambda: loaded.append(group))]

    monkeypatch.setattr(plugins, "entry_points", points)
    load_plugins()
    assert loaded == list(GROUPS) == ["mednca_bench.perturbations", "mednca_bench.models"]


def test_a_broken_entry_point_is_named(monkeypatch):
    def load() -> None:
        raise ImportError("no module named torchlight")

    monkeypatch.setattr(plugins, "entry_points", lambda group: [SimpleNamespace(value="package:it", load=load)])
    with pytest.raises(BenchError, match=r"plug-in 'package:it' cannot be loaded \(no module named torchlight\)"):
        load_plugins()
