"""Verification goes on after a problem and names all of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.phantom_folder import nifti_bytes
from mednca_bench.benchmark.split import make
from mednca_bench.benchmark.verify import Finding, verify

Folder = Callable[..., Any]
UNIT = (1.0, 1.0, 1.0)


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_a_sound_task_has_no_findings(msd_folder: Folder) -> None:
    assert verify(msd_folder(3).root) == []


def test_every_real_pair_is_sound(real_data: Path) -> None:
    assert verify(real_data / "Task04_Hippocampus") == []


def test_all_problems_of_all_cases_are_listed(msd_folder: Folder) -> None:
    folder = msd_folder(5)
    image = np.ones((6, 7, 5), dtype=np.float32)
    image[0, 0, 0] = np.nan
    label = np.full((6, 7, 5), 9, dtype=np.uint8)
    folder.image(1).write_bytes(nifti_bytes(image, spacing=UNIT))
    folder.label(1).write_bytes(nifti_bytes(label, spacing=(1.0, 1.0, 2.0)))
    folder.image(2).write_bytes(folder.image(2).read_bytes()[:100])
    folder.label(3).unlink()
    folder.write(4, image=np.zeros((6, 7, 5), dtype=np.float32))
    found = {(f.severity, f.case, f.file.split("/")[0], f.problem.split(" (")[0]) for f in verify(folder.root)}
    assert found == {
        ("error", "case_001", "imagesTr", "1 voxels are NaN or infinite as float32"),
        ("error", "case_001", "labelsTr", "label values [9] are not in the label map [0, 1, 2]"),
        ("error", "case_001", "labelsTr", "affine differs from its image's by up to 1"),
        ("error", "case_002", "imagesTr", "cannot be read, truncated or not NIfTI"),
        ("error", "case_003", "labelsTr", "no such file"),
        ("warning", "case_004", "imagesTr", "constant image: every voxel of MRI is 0"),
    }


def test_the_same_image_under_two_ids_is_an_error(msd_folder: Folder) -> None:
    folder = msd_folder(3)
    image = np.random.default_rng(1).random((6, 7, 5)).astype(np.float32)
    folder.write(1, image=image)
    folder.write(3, image=image, label=np.ones((6, 7, 5), dtype=np.uint8))
    finding = [found for found in verify(folder.root) if found.severity == "error"]
    assert only(finding).problem == "same voxels as case case_001"
    assert only(finding).case == "case_003"


def test_empty_and_incomplete_labels_are_warnings(msd_folder: Folder) -> None:
    folder = msd_folder(2)
    label = np.zeros((6, 7, 5), dtype=np.uint8)
    folder.write(1, label=label)
    label[0, 0, 0] = 2
    folder.write(2, label=label)
    assert [(f.severity, f.problem) for f in verify(folder.root)] == [
        ("warning", "empty label: no voxel is foreground"),
        ("warning", "no voxel has label 1 Anterior"),
    ]


def test_files_nobody_reads_are_warned_of(msd_folder: Folder) -> None:
    folder = msd_folder(2)
    for stray in ("imagesTr/extra.nii.gz", "labelsTr/extra.nii", "imagesTr/._case_001.nii.gz", "imagesTr/notes.txt"):
        (folder.root / stray).write_bytes(b"")
    assert [(f.severity, f.case, f.file) for f in verify(folder.root)] == [
        ("warning", "extra", "imagesTr/extra.nii.gz"),
        ("warning", "extra", "labelsTr/extra.nii"),
    ]


def test_cases_outside_the_split_and_a_crossing_subject(msd_folder: Folder) -> None:
    folder = msd_folder(3)
    split = make(["case_001", "case_003"], lambda case: case)
    (folder.root / "split.json").write_text(split.to_json())
    finding = only(verify(folder.root))
    assert (finding.severity, finding.case) == ("warning", "case_002")
    assert finding.problem == "no part of the folder split names it"
    group = '"case_001": "s1", "case_002": "s1", "case_003": "s2"'
    (folder.root / "split.json").write_text(
        f'{{"train": ["case_001"], "val": ["case_003"], "test": ["case_002"], "group": {{{group}}}}}'
    )
    finding = only(verify(folder.root))
    assert finding.severity == "error"
    assert "group s1 crosses parts (case_001 in train, case_002 in test)" in finding.problem


def test_a_split_for_another_data_set(msd_folder: Folder) -> None:
    folder = msd_folder(2, name="Task04_Hippocampus")
    (folder.root / "split.json").write_text("{}")
    first, second = verify(folder.root)
    assert (first.severity, first.file) == ("warning", "split.json")
    assert first.problem == "not used: Task04_Hippocampus has a published split"
    assert (second.severity, second.problem.split(" the 2")[0]) == (
        "error",
        "the published split of Task04_Hippocampus names none of",
    )


def test_without_dataset_json_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no dataset\.json"):
        verify(tmp_path)
