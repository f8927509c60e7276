"""Opening a task folder: what it names, which split it gets, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mednca_bench.benchmark.dataset_json import case_id
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.split import make
from mednca_bench.benchmark.task import open_task

Folder = Callable[..., Any]


def test_a_task_lists_its_cases_labels_and_modalities(msd_folder: Folder) -> None:
    folder = msd_folder(3)
    task = open_task(folder.root)
    assert task.ids == ("case_001", "case_002", "case_003")
    assert task.cases[0].image == folder.image(1)
    assert task.cases[0].label == folder.label(1)
    assert task.labels == {1: "Anterior", 2: "Posterior"}
    assert task.modalities == {0: "MRI"}
    assert (task.name, task.phantom) == ("Task99_Test", False)
    assert task.split.origin == "made"
    assert hash(task)  # frozen, although it holds dicts


def test_cases_are_sorted_whatever_the_order_in_the_file(msd_folder: Folder) -> None:
    folder = msd_folder(3)
    content = json.loads((folder.root / "dataset.json").read_text())
    folder.describe(training=content["training"][::-1])
    assert open_task(folder.root).ids == ("case_001", "case_002", "case_003")


@pytest.mark.parametrize(("name", "title"), [("task04_hippocampus", "x"), ("mine", "Hippocampus")])
def test_an_msd_task_gets_the_published_split_by_folder_or_title(msd_folder: Folder, name: str, title: str) -> None:
    folder = msd_folder(0, name=name, training=[])
    for number in (1, 3):
        folder.write(number)
        for path in (folder.image(number), folder.label(number)):
            path.rename(path.with_name(path.name.replace("case", "hippocampus")))
    folder.describe(name=title)
    (folder.root / "split.json").write_text("not even JSON: the published split wins")
    task = open_task(folder.root)
    assert (task.name, task.split.origin) == ("Task04_Hippocampus", "published")
    assert str(task.split.used(task.ids)["train"]) == "2 of 158"


def test_the_folders_own_split_is_used_where_none_is_published(msd_folder: Folder) -> None:
    folder = msd_folder(4)
    split = make([f"case_{k:03d}" for k in range(1, 4)], lambda case: case, task="Task99_Test")
    (folder.root / "split.json").write_text(split.to_json())
    task = open_task(folder.root)
    assert (task.split.origin, task.split.sha256) == ("folder", split.sha256)
    assert task.split.unassigned(task.ids) == ("case_004",)


def test_a_split_that_names_no_case_on_disk_is_an_error(msd_folder: Folder) -> None:
    folder = msd_folder(2, name="Task04_Hippocampus")
    with pytest.raises(BenchError, match=r"published split of Task04_Hippocampus names none of its 2 cases"):
        open_task(folder.root)


def test_no_folder_and_no_dataset_json(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"nowhere: no such folder"):
        open_task(tmp_path / "nowhere")
    with pytest.raises(BenchError, match=r"no dataset\.json; give the task folder itself"):
        open_task(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, r"'labels' must map numbers to names"),
        ({"labels": {"background": 0}}, r"'labels' must map numbers to names"),
        ({"labels": {"0": "background"}}, r"'labels' needs foreground values between 1 and 255; it has \[\]"),
        ({"labels": {"0": "background", "300": "x"}}, r"between 1 and 255; it has \[300\]"),
        ({"modality": {"1": "MRI"}}, r"'modality' must number the channels 0, 1"),
        ({"modality": {}}, r"'modality' must number the channels"),
        ({"modality": ["MRI"]}, r"'modality' must map numbers to names"),
        ({"training": []}, r"'training' lists no cases"),
        ({"training": None}, r"'training' lists no cases"),
        ({"training": ["a.nii.gz"]}, r"a training entry is 'a\.nii\.gz'; it needs 'image' and 'label'"),
        ({"training": [{"image": "imagesTr/case_001.nii.gz"}]}, r"it needs 'image' and 'label'"),
    ],
)
def test_a_wrong_dataset_json_is_named_with_the_key(
    msd_folder: Folder, changes: dict[str, object], message: str
) -> None:
    folder = msd_folder(1, **changes)
    with pytest.raises(BenchError, match=rf"dataset\.json: .*{message}"):
        open_task(folder.root)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_broken_dataset_json_is_named(msd_folder: Folder, text: str) -> None:
    folder = msd_folder(1)
    (folder.root / "dataset.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BenchError, match=r"dataset\.json: .*restore it from the task's archive"):
        open_task(folder.root)


def test_a_duplicate_id_is_refused(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    entry = {"image": "./imagesTr/case_001.nii.gz", "label": "./labelsTr/case_001.nii.gz"}
    folder.describe(training=[entry, entry])
    with pytest.raises(BenchError, match=r"case id case_001 is listed twice; keep one entry"):
        open_task(folder.root)


@pytest.mark.parametrize("kind", ["image", "label"])
def test_a_missing_file_is_named_with_its_case(msd_folder: Folder, kind: str) -> None:
    folder = msd_folder(2)
    getattr(folder, kind)(2).unlink()
    with pytest.raises(BenchError, match=rf"case_002\.nii\.gz: {kind} of case case_002 is missing"):
        open_task(folder.root)


@pytest.mark.parametrize("name", ["a.b.nii.gz", "a.b.nii"])
def test_a_case_id_is_the_name_without_endings(name: str) -> None:
    assert case_id(Path(name)) == "a.b"


def test_the_real_task_opens_with_its_counts(real_data: Path) -> None:
    task = open_task(real_data / "Task04_Hippocampus")
    assert (task.name, task.phantom, task.split.origin) == ("Task04_Hippocampus", False, "published")
    assert task.split.unassigned(task.ids) == ()
    assert [used.named for used in task.split.used(task.ids).values()] == [158, 23, 79]
