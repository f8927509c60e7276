"""run.json: code, data, seeds and commands; one folder never holds two tasks or parts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mednca_bench import __version__
from mednca_bench.benchmark import provenance
from mednca_bench.benchmark.cache import CaseCache
from mednca_bench.benchmark.condition import conditions
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.plan import PlannedCase
from mednca_bench.benchmark.provenance import (
    check_same_data,
    command_line,
    describe,
    git_revision,
    read_run,
    write_run,
)
from mednca_bench.benchmark.suite import find_suite
from mednca_bench.benchmark.task import open_task
from mednca_bench.results.run_info import read_run_info


@pytest.fixture
def description(msd_folder, contestant, tmp_path):
    task = open_task(msd_folder(3).root)
    suite = find_suite("robustness-v1")
    read = CaseCache(tmp_path / "cache").get(task.cases[0], task=task)
    return describe(
        suite=suite,
        task=task,
        part="test",
        cases=[PlannedCase(files=task.cases[0], group="1", sha256=read.sha256)],
        contestants=[contestant("med-nca-16")],
        chosen=conditions(suite, only=["noise", "shape"]),
        seeds={"train": [0], "draws": 1, "fire": 1},
    )


def test_a_description_says_what_was_run_on_what(description, tmp_path):
    assert description["mednca_bench"] == __version__ and description["suite"] == "robustness-v1"
    assert (description["task"], description["phantom"], description["split"]) == ("Task99_Test", False, "test")
    assert description["cases"] == ["case_001"] and len(description["data_sha256"]) == 64
    assert description["cases_on_disk"] == {"train": "2 of 2", "val": "0 of 0", "test": "1 of 1"}
    (model,) = description["models"]
    assert (model["model"], model["recipe"], model["parameters"]) == ("med-nca-16", "tiny", 25_920)
    assert set(description["perturbations"]) == {"noise", "shape"}
    assert len(description["perturbations"]["noise"]["severities"]) == 5
    assert description["versions"]["torch"] and description["machine"]["cpu"]
    assert json.loads(json.dumps(description)) is not None


COURSE = {
    "samples": 64,
    "flops": 2.5e12,
    "late_gain": 0.001,
    "plateau": True,
    "largest_state": 3.5,
    "rollbacks": [[7, 0]],
    "val_cases": 2,
    "curve": [[2, 0.5, 0.4], [4, None, None]],
}


def test_a_description_tells_how_the_weights_were_come_by(contestant, tmp_path):
    about = {"key": "k", "task": "Task99_Test", "phantom": False, "updates": 4, "threads": 1}
    path = contestant(metadata={"training": COURSE | {"task": "Other", "minutes": 9.0}, **about}).path
    told = {"task": "Task99_Test", "phantom": False, "updates": 4, "threads": 1, **COURSE}
    assert provenance._training(path) == told
    notes = path.parent / "training.json"
    for other in ('{"key": "of others", "minutes": 1.0, "minutes_to_soft_dice_0.85": 0.5}', '{"key": "k"}', "[]", "{"):
        notes.write_text(other)
        assert provenance._training(path) == told
    notes.write_text('{"key": "k", "minutes": 1.0, "minutes_to_soft_dice_0.85": null, "seed": 0}')
    assert provenance._training(path) == {**told, "minutes": 1.0, "minutes_to_soft_dice_0.85": None}
    assert provenance._training(contestant(seed=1).path) is None


def test_the_results_room_reads_what_is_written(description, tmp_path):
    write_run(tmp_path, description)
    info = read_run_info(tmp_path)
    assert (info.suite, info.task, info.split, info.phantom) == ("robustness-v1", "Task99_Test", "test", False)
    assert info.parameters == {"med-nca-16": 25_920} and set(info.severities) == {"noise", "shape"}
    assert info.cases_on_disk["test"] == "1 of 1" and info.command == command_line()


def test_commands_of_earlier_invocations_are_kept(tmp_path, monkeypatch):
    for word in ("first", "second try"):
        monkeypatch.setattr(sys, "argv", ["/usr/bin/mednca-bench", "run", word])
        write_run(tmp_path, {"task": "t"})
    write_run(tmp_path, {"task": "t"}, outcome={"computed": 3})
    found = read_run(tmp_path)
    assert found["command"] == "mednca-bench run 'second try'"
    first, second = found["commands"]
    assert (first["command"], first["finished"]) == ("mednca-bench run first", None)
    assert second["computed"] == 3 and second["finished"] >= second["started"]


def test_no_file_is_nothing(tmp_path):
    assert read_run(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"'])
def test_a_damaged_file_is_named_and_the_records_are_said_to_be_safe(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BenchError, match=r"run\.json: .*delete it, its records are not touched"):
        read_run(tmp_path)


def test_one_folder_holds_one_task_and_one_part(tmp_path, msd_folder):
    task = open_task(msd_folder(3).root)
    check_same_data(tmp_path, task=task, part="test")
    (tmp_path / "run.json").write_text(json.dumps({"task": "Phantom04_Hippocampus", "split": "test"}))
    with pytest.raises(BenchError, match="results for task Phantom04_Hippocampus, not Task99_Test; give another --out"):
        check_same_data(tmp_path, task=task, part="test")
    (tmp_path / "run.json").write_text(json.dumps({"task": "Task99_Test", "split": "val"}))
    check_same_data(tmp_path, task=task, part="val")
    with pytest.raises(BenchError, match="results for split val, not test"):
        check_same_data(tmp_path, task=task, part="test")


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_revision_is_that_of_the_packages_own_checkout(tmp_path, monkeypatch):
    package = tmp_path / "checkout"
    (package / "benchmark").mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(package / "benchmark" / "provenance.py"))
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "somebody else's project")
    assert git_revision() is None
    git(package, "init", "-q")
    assert git_revision() is None  # no commit yet
    git(package, "commit", "-q", "--allow-empty", "-m", "first")
    revision = git(package, "rev-parse", "HEAD")
    assert git_revision() == revision
    (package / "new.py").touch()
    assert git_revision() == revision + "+changes"
