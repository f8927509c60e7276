"""The commands of `data`: what they print, and with which exit code they leave."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mednca_bench.benchmark import fetch as fetch_module
from mednca_bench.benchmark.cli_data import data
from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.split import make

Folder = Callable[..., Any]


def call(*words: object) -> Result:
    return CliRunner().invoke(data, [str(word) for word in words])


def failed(*words: object) -> BenchError:
    result = call(*words)
    assert isinstance(result.exception, BenchError)
    return result.exception


@pytest.fixture(autouse=True)
def no_data_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDNCA_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "user-cache"))


def test_list_names_the_ten_tasks_where_nothing_is(tmp_path: Path) -> None:
    result = call("list")
    assert result.exit_code == 0
    assert f"data root: {tmp_path / 'user-cache' / 'data'} (does not exist yet)" in result.output
    assert result.output.count(" not there") == 10
    rows = json.loads(call("list", "--json").output)
    assert [row["alias"] for row in rows][3:5] == ["hippocampus", "prostate"]
    assert rows[4]["modalities"] == ["T2", "ADC"]
    assert rows[3]["folder"] == str(tmp_path / "user-cache" / "data" / "Task04_Hippocampus")
    assert not any(row["found"] for row in rows)


def test_list_counts_cases_and_parts_of_what_is_there(msd_folder: Folder) -> None:
    folder = msd_folder(10)
    split = make([f"case_{k:03d}" for k in range(1, 14)], lambda case: case)
    (folder.root / "split.json").write_text(split.to_json())
    rows = json.loads(call("list", "--data", folder.root.parent, "--json").output)
    own = rows[-1]
    assert (own["task"], own["cases"], own["found"], own["phantom"]) == ("Task99_Test", 10, True, False)
    assert [own["split"][part][1] for part in ("train", "val", "test")] == [8, 1, 4]
    assert sum(own["split"][part][0] for part in own["split"]) == 10
    assert own["unassigned"] == []
    text = call("list", "--data", folder.root.parent).output
    assert f"{own['split']['train'][0]} of 8" in text


def test_list_shows_a_broken_task_and_goes_on(msd_folder: Folder) -> None:
    folder = msd_folder(2, name="Task05_Prostate")
    folder.image(1).unlink()
    row = json.loads(call("list", "--data", folder.root.parent, "--json").output)[4]
    assert row["found"]
    assert "image of case case_001 is missing" in row["problem"]
    assert "is missing" in " ".join(call("list", "--data", folder.root.parent).output.split())


def test_list_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "no such folder, given by --data" in str(failed("list", "--data", tmp_path / "gone"))


def test_verify_is_quiet_and_leaves_with_0_when_all_is_well(msd_folder: Folder) -> None:
    folder = msd_folder(2)
    result = call("verify", folder.root)
    assert result.exit_code == 0
    assert result.stdout == f"{folder.root}: 0 errors, 0 warnings\n"


def test_verify_leaves_with_0_for_warnings_and_with_1_for_errors(msd_folder: Folder) -> None:
    folder = msd_folder(2)
    (folder.root / "imagesTr" / "stray.nii.gz").write_bytes(b"")
    result = call("verify", "Task99_Test", "--data", folder.root.parent)
    assert result.exit_code == 0
    assert "stray.nii.gz" in result.output
    assert result.stdout.endswith("0 errors, 1 warnings\n")
    folder.label(2).unlink()
    result = call("verify", "Task99_Test", "--data", folder.root.parent)
    assert result.exit_code == 1
    assert result.stdout.endswith("1 errors, 1 warnings\n")
    findings = json.loads(CliRunner().invoke(data, ["verify", str(folder.root), "--json"]).stdout)
    assert {finding["severity"] for finding in findings} == {"error", "warning"}
    assert set(findings[0]) == {"severity", "case", "file", "problem", "remedy"}


def test_verify_takes_a_data_root_with_one_task(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    assert call("verify", folder.root.parent).exit_code == 0
    (folder.root.parent / "other").mkdir()
    (folder.root.parent / "other" / "dataset.json").write_text("{}")
    assert "holds several task folders (Task99_Test, other); name one" in str(failed("verify", folder.root.parent))


def test_names_are_printed_as_they_are_and_not_as_markup(msd_folder: Folder) -> None:
    folder = msd_folder(1, name="Task99_[red]x")
    (folder.root / "imagesTr" / "[bold]stray.nii.gz").write_bytes(b"")
    output = call("verify", folder.root).output
    assert "[bold]stray.nii.gz" in output
    assert "[red]x" in output
    assert "Task99_[red]x" in call("list", "--data", folder.root.parent).output


def test_verify_says_what_is_wrong_with_the_question(tmp_path: Path, msd_folder: Folder) -> None:
    root = msd_folder(1).root.parent
    assert "no such folder; give a task folder, or a task's name" in str(failed("verify", tmp_path / "a" / "b"))
    assert "no data there; name a folder with --data or fetch" in str(failed("verify", "hippocampus"))
    assert "no dataset.json" in str(failed("verify", root / "Task99_Test" / "imagesTr"))
    assert "holds no Task04_Hippocampus" in str(failed("verify", "hippocampus", "--data", root))
    for words in (("verify", "hipocampus"), ("verify", "hipocampus", "--data", root)):
        problem = failed(*words)
        assert isinstance(problem, UsageProblem)
        assert "did you mean 'hippocampus'?" in str(problem)


def test_fetch_goes_to_the_data_root_and_prints_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Path]] = []

    def fake(name: str, *, root: Path) -> Path:
        asked.append((name, root))
        return root / name

    monkeypatch.setattr(fetch_module, "fetch", fake)
    (tmp_path / "named").mkdir()
    assert call("fetch", "prostate", "--data", tmp_path / "named").stdout == f"{tmp_path / 'named' / 'prostate'}\n"
    assert call("fetch", "prostate").exit_code == 0
    assert asked == [("prostate", tmp_path / "named"), ("prostate", tmp_path / "user-cache" / "data")]


def test_phantom_makes_a_task_that_list_and_verify_know(tmp_path: Path) -> None:
    result = call("phantom", "--out", tmp_path / "out", "--subjects", 3, "--seed", 1)
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'out' / 'Phantom04_Hippocampus'}\n"
    assert call("verify", "phantom04_hippocampus", "--data", tmp_path / "out").exit_code == 0
    row = json.loads(call("list", "--data", tmp_path / "out", "--json").output)[-1]
    assert (row["task"], row["phantom"], row["cases"]) == ("Phantom04_Hippocampus", True, 6)


def test_phantom_refuses_an_unknown_kind(tmp_path: Path) -> None:
    problem = failed("phantom", "--kind", "prostat", "--out", tmp_path)
    assert isinstance(problem, UsageProblem)
    assert "did you mean 'prostate'?" in str(problem)


def test_importing_the_commands_imports_nothing_heavy() -> None:
    code = (
        "import sys; import mednca_bench.benchmark.cli_data;"
        "heavy = {'numpy', 'torch', 'monai', 'nibabel', 'scipy', 'pandas', 'rich'};"
        "print(sorted(heavy.intersection(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
