"""Prepared cases: what preprocessing gives, computed once, rebuilt when damaged, keyed by what changes them."""

import errno
from pathlib import Path

import numpy as np
import pytest

from mednca_bench.benchmark import prepared as prepared_module
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.prepared import PreparedCache
from mednca_bench.benchmark.preprocess import Preprocess, label_masks, model_input, model_target
from mednca_bench.benchmark.task import Task, open_task
from mednca_bench.benchmark.volume import read_case

RECIPE = Preprocess(size=(16, 12), labels="classes")


@pytest.fixture
def task(msd_folder) -> Task:
    return open_task(msd_folder(3).root)


@pytest.fixture
def cache(tmp_path, task) -> PreparedCache:
    return PreparedCache(tmp_path / "cache", task=task, channel=None, recipe=RECIPE)


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any further preprocessing fails the test."""

    def again(*arguments: object) -> None:
        raise AssertionError("preprocessed again")

    monkeypatch.setattr(prepared_module, "model_input", again)


def files_of(cache_root: Path) -> list[Path]:
    return sorted((cache_root / "prepared").glob("*/*.npy"))


def test_a_prepared_case_is_what_preprocessing_gives(cache, task):
    case = read_case(task.cases[0], task=task)
    prepared = cache.get(task.cases[0])
    assert (prepared.id, prepared.sha256) == (case.id, case.sha256)
    np.testing.assert_array_equal(prepared.image, model_input(case.image, RECIPE))
    target = model_target(label_masks(case.label, task.labels, RECIPE), RECIPE)
    np.testing.assert_array_equal(prepared.target, target)
    assert isinstance(prepared.image, np.memmap) and not prepared.image.flags.writeable


def test_a_case_is_prepared_once(cache, task, tmp_path, monkeypatch):
    first = cache.get(task.cases[0])
    forbid(monkeypatch)
    other = PreparedCache(tmp_path / "cache", task=task, channel=None, recipe=RECIPE)
    np.testing.assert_array_equal(other.get(task.cases[0]).image, first.image)


def test_an_entry_that_another_process_wrote_meanwhile_is_left_alone(cache, task, tmp_path, monkeypatch):
    """Taken away for a moment, it would be missing to the one that wrote it and reads it now."""
    other, written = PreparedCache(tmp_path / "cache", task=task, channel=None, recipe=RECIPE), []

    def meanwhile(*arguments: object) -> np.ndarray:
        monkeypatch.setattr(prepared_module, "model_target", model_target)
        other.get(task.cases[0])
        written.extend(path.stat().st_ino for path in files_of(tmp_path / "cache"))
        return model_target(*arguments)

    monkeypatch.setattr(prepared_module, "model_target", meanwhile)
    cache.get(task.cases[0])
    assert written == [path.stat().st_ino for path in files_of(tmp_path / "cache")]


@pytest.mark.parametrize("changed", [{"size": (16, 16)}, {"intensity": "slice"}, {"labels": "merged"}])
def test_another_preprocessing_is_another_entry(cache, task, tmp_path, changed):
    recipe = Preprocess(**{"size": (16, 12), "labels": "classes"} | changed)
    other = PreparedCache(tmp_path / "cache", task=task, channel=None, recipe=recipe)
    one, two = cache.get(task.cases[0]), other.get(task.cases[0])
    assert len(files_of(tmp_path / "cache")) == 4
    assert one.image.shape != two.image.shape or one.target.shape != two.target.shape or (one.image != two.image).any()


@pytest.mark.parametrize("damage", ["truncate", "empty", "delete", "text", "shape", "pickle"])
def test_a_damaged_entry_is_prepared_again(cache, task, tmp_path, damage):
    expected = np.array(cache.get(task.cases[0]).image)
    image, target = files_of(tmp_path / "cache")
    match damage:
        case "truncate":
            image.write_bytes(image.read_bytes()[:200])
        case "empty":
            image.write_bytes(b"")
        case "delete":
            target.unlink()
        case "text":
            target.write_text("not an array")
        case "shape":
            np.save(target, np.zeros((2, 2)))
        case "pickle":
            np.save(image, np.array([print], dtype=object), allow_pickle=True)
    again = cache.get(task.cases[0])
    np.testing.assert_array_equal(again.image, expected)
    assert again.target.ndim == 4
    assert len(files_of(tmp_path / "cache")) == 2 and not list((tmp_path / "cache/prepared").glob(".new-*"))


def test_a_full_disk_is_one_line_with_the_remedy(cache, task, monkeypatch):
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    cache._volumes.get(task.cases[0], task=task)
    monkeypatch.setattr(prepared_module.np, "save", full)
    with pytest.raises(BenchError, match=r"prepared: cannot write prepared cases \(No space left.*MEDNCA_CACHE"):
        cache.get(task.cases[0])


def test_an_entry_that_cannot_be_read_back_is_named(cache, task, monkeypatch):
    monkeypatch.setattr(prepared_module, "_load", lambda folder, case: None)
    with pytest.raises(BenchError, match="cannot be read back; delete the folder"):
        cache.get(task.cases[0])
