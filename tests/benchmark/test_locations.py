"""Where data is looked for, in which order, and under which names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.locations import (
    cache_root,
    data_root,
    default_data_root,
    find_task_folder,
    task_folder,
    task_folders,
)

Folder = Callable[..., Any]


@pytest.fixture
def empty_user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data anywhere, and a user cache folder of the test's own."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "user-cache"))
    monkeypatch.delenv("MEDNCA_DATA", raising=False)
    monkeypatch.delenv("MEDNCA_CACHE", raising=False)
    return tmp_path / "user-cache"


def test_the_option_wins_over_the_variable_and_the_default(
    tmp_path: Path, empty_user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_root(None) is None
    (empty_user_cache / "data").mkdir(parents=True)
    assert data_root(None) == empty_user_cache / "data" == default_data_root()
    for name in ("named", "option"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MEDNCA_DATA", str(tmp_path / "named"))
    assert data_root(None) == tmp_path / "named"
    assert data_root(str(tmp_path / "option")) == tmp_path / "option"


def test_a_named_folder_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BenchError, match=r"gone: no such folder, given by --data"):
        data_root(str(tmp_path / "gone"))
    monkeypatch.setenv("MEDNCA_DATA", str(tmp_path / "gone"))
    with pytest.raises(BenchError, match=r"gone: no such folder, given by MEDNCA_DATA"):
        data_root(None)


def test_the_cache_is_where_the_variable_says(
    tmp_path: Path, empty_user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_root() == empty_user_cache
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "elsewhere"))
    assert cache_root() == tmp_path / "elsewhere"
    monkeypatch.setenv("MEDNCA_CACHE", "~/somewhere")
    assert cache_root() == Path.home() / "somewhere"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with an MSD task, a phantom, a folder of another name and things that are no tasks."""
    root = tmp_path / "root"
    for name in ("Task04_Hippocampus", "Phantom04_Hippocampus", "my study", "splits"):
        (root / name).mkdir(parents=True)
        if name != "splits":
            (root / name / "dataset.json").write_text("{}")
    (root / "README.md").write_text("")
    return root


def test_the_task_folders_of_a_root(root: Path) -> None:
    assert [folder.name for folder in task_folders(root)] == ["Phantom04_Hippocampus", "Task04_Hippocampus", "my study"]
    assert task_folders(root / "my study") == (root / "my study",)
    with pytest.raises(BenchError, match="cannot be listed"):
        task_folders(root / "README.md")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("hippocampus", "Task04_Hippocampus"),
        ("task04_hippocampus", "Task04_Hippocampus"),
        ("phantom04_hippocampus", "Phantom04_Hippocampus"),
        ("My Study", "my study"),
        ("prostate", None),
        ("nonsense", None),
    ],
)
def test_a_task_is_found_by_any_spelling(root: Path, name: str, folder: str | None) -> None:
    assert find_task_folder(name, root) == (root / folder if folder else None)


def test_what_is_not_there_says_what_is(root: Path) -> None:
    assert task_folder("hippocampus", root) == root / "Task04_Hippocampus"
    with pytest.raises(BenchError, match=r"holds no Task05_Prostate \(found: .*my study\); .*data fetch prostate"):
        task_folder("prostate", root)
    with pytest.raises(UsageProblem, match=r"unknown task 'my studi'; did you mean 'my study'\? allowed: .*colon"):
        task_folder("my studi", root)


def test_a_task_folder_given_as_root_answers_to_the_name_it_carries(msd_folder: Folder) -> None:
    folder = msd_folder(1, name="copy")
    content = json.loads((folder.root / "dataset.json").read_text()) | {"name": "Hippocampus"}
    (folder.root / "dataset.json").write_text(json.dumps(content))
    assert find_task_folder("hippocampus", folder.root) == folder.root
    assert find_task_folder("prostate", folder.root) is None
