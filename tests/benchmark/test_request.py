"""Which data a request means, which channel, and which training runs follow from it."""

from pathlib import Path

import pytest

from mednca_bench.benchmark import request as request_module
from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.phantom import make
from mednca_bench.benchmark.request import Request, channel_of, find_task, trainings
from mednca_bench.benchmark.suite import find_suite
from mednca_bench.benchmark.task import open_task

ACCURACY = find_suite("accuracy")


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path) -> Path:
    """A user without any data, whose phantom is small."""
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.delenv("MEDNCA_DATA", raising=False)

    def small(cache: Path) -> Path:
        return make(cache / "phantoms", kind="hippocampus", seed=0, subjects=3)

    monkeypatch.setattr(request_module, "default_phantom", small)
    return tmp_path


def test_without_data_the_phantom_is_used(no_data):
    task = find_task(None, None)
    assert task.phantom and task.root == no_data / "cache/phantoms/Phantom04_Hippocampus"


def test_a_task_named_without_data_is_not_replaced_by_a_phantom():
    with pytest.raises(
        BenchError, match="no data for task 'hippocampus': --data and MEDNCA_DATA are not set"
    ) as caught:
        find_task("Task04_Hippocampus", None)
    assert caught.value.exit_code == 1


def test_an_unknown_task_is_answered_with_the_nearest_with_and_without_data(msd_folder):
    for data in (None, str(msd_folder(1).root.parent)):
        with pytest.raises(UsageProblem, match="unknown task 'hipocampus'; did you mean 'hippocampus'"):
            find_task("hipocampus", data)


def test_the_only_task_of_a_folder_needs_no_name(msd_folder):
    root = msd_folder(1).root
    assert find_task(None, str(root.parent)).root == find_task(None, str(root)).root == root


def test_several_tasks_need_a_name_unless_hippocampus_is_among_them(msd_folder):
    other, another = msd_folder(1), msd_folder(1, name="Task98_Other")
    data = str(other.root.parent)
    assert find_task("Task98_Other", data).root == another.root
    with pytest.raises(BenchError, match=r"holds no Task04_Hippocampus \(found: Task98_Other, Task99_Test\)"):
        find_task(None, data)
    published = msd_folder(0, name="Task04_Hippocampus")
    for path in (published.image(1), published.label(1)):
        path.with_name("hippocampus_001.nii.gz").write_bytes(
            (other.image(1) if "image" in path.parts[-2] else other.label(1)).read_bytes()
        )
    published.describe()
    assert find_task(None, data).root == published.root


def test_the_environment_names_the_data_and_a_phantom_stands_in_for_hippocampus_alone(msd_folder, monkeypatch):
    monkeypatch.setenv("MEDNCA_DATA", str(msd_folder(1).root.parent))
    assert find_task(None, None).phantom
    assert find_task("Task99_Test", None).name == "Task99_Test"
    with pytest.raises(BenchError, match="holds no Task04_Hippocampus"):
        find_task("hippocampus", None)


def test_a_missing_folder_is_named():
    with pytest.raises(BenchError, match="/nonexistent: no such folder, given by --data"):
        find_task(None, "/nonexistent")


def test_one_modality_has_no_number_whatever_its_spelling(msd_folder):
    task = open_task(msd_folder(1).root)
    for given in (None, "0", 0, "MRI", "mri"):
        assert channel_of(Request(suite=ACCURACY, channel=given), task) is None


def test_of_several_modalities_the_first_is_used_and_every_spelling_is_its_number(tmp_path):
    task = open_task(make(tmp_path, kind="prostate", seed=0, subjects=3, shape=(8, 8, 2)))
    found = {given: channel_of(Request(suite=ACCURACY, channel=given), task) for given in (None, "0", "T2", "adc", "1")}
    assert found == {None: 0, "0": 0, "T2": 0, "adc": 1, "1": 1}
    with pytest.raises(UsageProblem, match="no channel 'ACD'; did you mean 'ADC'"):
        channel_of(Request(suite=ACCURACY, channel="ACD"), task)


def test_one_training_per_model_and_seed(msd_folder, no_data):
    task = open_task(msd_folder(1).root)
    request = Request(suite=ACCURACY, models=("med-nca", "unet"), seeds=(0, 3), labels="classes", recipe="quick")
    found = trainings(request, task)
    assert [(t.recipe.model, t.seed) for t in found] == [("med-nca", 0), ("med-nca", 3), ("unet", 0), ("unet", 3)]
    assert all(t.labels == "classes" and t.cache == no_data / "cache" and t.limit is None for t in found)


def test_weights_given_need_no_training(msd_folder):
    task = open_task(msd_folder(1).root)
    assert trainings(Request(suite=ACCURACY, weights=(Path("w"),)), task) == []


def test_a_recipe_that_says_nothing_about_a_model_is_wrong_usage(msd_folder):
    request = Request(suite=ACCURACY, models=("segresnet",), recipe="paper-hippocampus")
    with pytest.raises(UsageProblem, match="publishes no settings for model 'segresnet'"):
        trainings(request, open_task(msd_folder(1).root))
