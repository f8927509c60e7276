"""The volume cache: the same case, memory-mapped, whatever happened to its files."""

import errno
import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mednca_bench.benchmark import cache as cache_module
from mednca_bench.benchmark.cache import CaseCache
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.phantom_folder import nifti_bytes
from mednca_bench.benchmark.task import Task, open_task
from mednca_bench.benchmark.volume import Case, read_case

Folder = Callable[..., Any]


def assert_same(one: Case, other: Case) -> None:
    assert (one.id, one.group, one.spacing, one.sha256) == (other.id, other.group, other.spacing, other.sha256)
    np.testing.assert_array_equal(one.image, other.image, strict=True)
    np.testing.assert_array_equal(one.label, other.label, strict=True)
    np.testing.assert_array_equal(one.affine, other.affine, strict=True)


@pytest.fixture
def task(msd_folder: Folder) -> Task:
    return open_task(msd_folder(2).root)


@pytest.fixture
def cache(tmp_path: Path) -> CaseCache:
    return CaseCache(tmp_path / "cache" / "volumes")


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the NIfTI files were read again")

    monkeypatch.setattr(cache_module, "read_case", never)


def test_the_second_time_no_nifti_is_read(task: Task, cache: CaseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = [read_case(files, task=task) for files in task.cases]
    for files, case in zip(task.cases, direct, strict=True):
        assert_same(cache.get(files, task=task), case)
    forbid_reading(monkeypatch)
    for files, case in zip(task.cases, direct, strict=True):
        assert_same(CaseCache(cache.folder).get(files, task=task), case)


def test_arrays_are_mapped_and_read_only(task: Task, cache: CaseCache) -> None:
    case = cache.get(task.cases[0], task=task)
    assert isinstance(case.image, np.memmap)
    assert isinstance(case.label, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        case.image[0, 0, 0, 0] = 1.0


def test_a_changed_file_is_read_again(msd_folder: Folder, cache: CaseCache) -> None:
    folder = msd_folder(1)
    task = open_task(folder.root)
    before = cache.get(task.cases[0], task=task)
    folder.write(1, image=np.asarray(before.image[0]) + np.float32(1))
    after = cache.get(task.cases[0], task=task)
    assert after.sha256 != before.sha256
    np.testing.assert_array_equal(after.image, before.image + np.float32(1))


def test_a_changed_label_map_is_checked_again(msd_folder: Folder, cache: CaseCache) -> None:
    folder = msd_folder(1)
    cache.get(open_task(folder.root).cases[0], task=open_task(folder.root))
    folder.describe(labels={"0": "background", "1": "Anterior"})
    task = open_task(folder.root)
    with pytest.raises(BenchError, match=r"label values \[2\] are not in the label map"):
        cache.get(task.cases[0], task=task)


def test_channels_are_entries_of_their_own(msd_folder: Folder, cache: CaseCache) -> None:
    folder = msd_folder(0, training=[])
    folder.write(1, image=np.random.default_rng(0).random((4, 4, 3, 2)).astype(np.float32))
    folder.describe(modality={"0": "T2", "1": "ADC"})
    task = open_task(folder.root)
    for channel in (None, "T2", "ADC", 1):
        for _ in range(2):
            assert_same(
                cache.get(task.cases[0], task=task, channel=channel),
                read_case(task.cases[0], task=task, channel=channel),
            )


def content_folder(cache: CaseCache, case: Case) -> Path:
    return cache.folder / case.sha256


def index_entry(cache: CaseCache) -> Path:
    (entry,) = (cache.folder / "index").iterdir()
    return entry


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


SPOILERS: dict[str, Callable[[CaseCache, Case], object]] = {
    "image truncated": lambda cache, case: truncate(content_folder(cache, case) / "image.npy"),
    "label truncated": lambda cache, case: truncate(content_folder(cache, case) / "label.npy"),
    "image empty": lambda cache, case: (content_folder(cache, case) / "image.npy").write_bytes(b""),
    "image no array": lambda cache, case: (content_folder(cache, case) / "image.npy").write_bytes(b"x" * 999),
    "image of another shape": lambda cache, case: np.save(content_folder(cache, case) / "image.npy", np.zeros(3)),
    "label of another type": lambda cache, case: np.save(
        content_folder(cache, case) / "label.npy", case.label.astype(np.int64)
    ),
    "label gone": lambda cache, case: (content_folder(cache, case) / "label.npy").unlink(),
    "index empty": lambda cache, _: index_entry(cache).write_text(""),
    "index half": lambda cache, _: index_entry(cache).write_text(index_entry(cache).read_text()[:40]),
    "index no object": lambda cache, _: index_entry(cache).write_text("[]"),
    "index without spacing": lambda cache, case: index_entry(cache).write_text(
        json.dumps({"sha256": case.sha256, "shape": list(case.image.shape)})
    ),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS.keys())
def test_a_spoiled_entry_is_rebuilt(
    task: Task, cache: CaseCache, spoil: Callable[[CaseCache, Case], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = read_case(task.cases[0], task=task)
    cache.get(task.cases[0], task=task)
    spoil(cache, direct)
    assert_same(cache.get(task.cases[0], task=task), direct)
    forbid_reading(monkeypatch)
    assert_same(cache.get(task.cases[0], task=task), direct)


def test_nothing_half_written_is_left(task: Task, cache: CaseCache) -> None:
    case = cache.get(task.cases[0], task=task)
    assert sorted(path.name for path in cache.folder.iterdir()) == sorted(["index", case.sha256])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_failed_write_names_the_folder_and_the_remedy(
    task: Task, cache: CaseCache, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(BenchError, match=rf"volumes: cannot write.*{os.strerror(code)}.*set MEDNCA_CACHE"):
        cache.get(task.cases[0], task=task)
    monkeypatch.undo()
    assert_same(cache.get(task.cases[0], task=task), read_case(task.cases[0], task=task))


def test_a_missing_file_is_named(task: Task, cache: CaseCache) -> None:
    task.cases[1].label.unlink()
    with pytest.raises(BenchError, match=r"case_002\.nii\.gz: no such file; restore it"):
        cache.get(task.cases[1], task=task)


def _digests(folder: Path, root: Path) -> list[str]:
    task = open_task(root)
    return [CaseCache(folder).get(files, task=task).sha256 for files in task.cases for _ in range(2)]


def test_processes_may_write_the_same_entries_at_once(msd_folder: Folder, cache: CaseCache) -> None:
    folder = msd_folder(6)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answers = pool.starmap(_digests, [(cache.folder, folder.root)] * 3)
    assert answers[0] == answers[1] == answers[2]
    assert not [path for path in cache.folder.iterdir() if path.name.startswith(".")]


def test_another_writers_content_is_used(task: Task, cache: CaseCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process renames its folder into place between our write and our rename."""
    rename = os.rename

    def beaten(source: Path, target: Path) -> None:
        other = source.with_name("other")
        other.mkdir()
        for file in source.iterdir():
            (other / file.name).write_bytes(file.read_bytes())
        rename(other, target)
        rename(source, target)  # fails: the folder is there and not empty

    monkeypatch.setattr(cache_module.os, "rename", beaten)
    assert_same(cache.get(task.cases[0], task=task), read_case(task.cases[0], task=task))


def test_an_open_mapping_survives_the_rebuilding_of_its_entry(task: Task, cache: CaseCache) -> None:
    case = cache.get(task.cases[0], task=task)
    before = np.array(case.label)
    (content_folder(cache, case) / "image.npy").unlink()
    cache.get(task.cases[0], task=task)
    np.testing.assert_array_equal(case.label, before)


def test_same_voxels_with_another_affine_are_told_apart(msd_folder: Folder, cache: CaseCache) -> None:
    """Content is shared by digest, but spacing and affine belong to each case."""
    folder = msd_folder(2)
    image, label = np.ones((3, 4, 5), np.float32), np.zeros((3, 4, 5), np.uint8)
    folder.write(1, image=image, label=label, spacing=(1.0, 1.0, 1.0))
    folder.write(2, image=image, label=label, spacing=(1.0, 1.0, 2.0))
    assert folder.image(2).read_bytes() == nifti_bytes(image, spacing=(1.0, 1.0, 2.0))
    task = open_task(folder.root)
    cases = [cache.get(files, task=task) for files in task.cases]
    assert [case.spacing[2] for case in cases] == [1.0, 2.0]
    assert cases[0].sha256 != cases[1].sha256
