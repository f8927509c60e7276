"""Trained weights: made once per key, reused by every suite, gone on with after a kill; other files are refused."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from mednca_bench import models
from mednca_bench.benchmark import train as train_module
from mednca_bench.benchmark import trained as trained_module
from mednca_bench.benchmark.checkpoint import Position
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.recipe import recipe_for
from mednca_bench.benchmark.task import open_task
from mednca_bench.benchmark.trained import Training, contestant, existing, trained
from mednca_bench.models import weights
from mednca_bench.models.weights import to_bytes

pytestmark = pytest.mark.usefixtures("one_thread", "plugin")


@pytest.fixture
def folder(msd_folder):
    """6 cases, of which the rule gives 4 to train, 1 to val and 1 to test."""
    return msd_folder(6)


@pytest.fixture
def training(folder, tmp_path) -> Callable[..., Training]:
    def make(model: str = "threshold", **changes) -> Training:
        recipe = replace(recipe_for("tiny", model), **changes.pop("recipe", {}))
        return Training(
            **{
                "task": open_task(folder.root),
                "channel": None,
                "labels": "merged",
                "recipe": recipe,
                "seed": 0,
                "cache": tmp_path / "cache",
            }
            | changes
        )

    return make


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(*arguments: object, **options: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trained_module, "train", again)


def the_key(training: Training) -> str:
    return training.key(training.prepared("train"))


def test_the_contestant_is_what_was_trained(training, folder):
    wanted = training()
    found = trained(wanted)
    model, metadata = weights.load(found.path)
    assert (found.model, found.recipe, found.train_seed, found.stochastic) == ("threshold", "tiny", 0, False)
    assert found.weights == weights.digest(model) != weights.digest(models.build("threshold"))
    assert found.preprocess == wanted.recipe.preprocess("merged")
    cases = wanted.prepared("train")
    assert found.train_cases == tuple(case.sha256 for case in cases) and len(cases) == 4
    assert metadata["updates"] == wanted.recipe.updates and metadata["key"] == the_key(wanted)
    assert (metadata["task"], metadata["phantom"]) == ("Task99_Test", False)


def test_the_folder_holds_curve_and_weights_and_no_checkpoint(training, monkeypatch):
    monkeypatch.setattr(train_module, "CHECKPOINT_SECONDS", -1.0)
    path = trained(training()).path
    assert path.parent.name == f"threshold-tiny-s0-{the_key(training())[:12]}"
    assert {entry.name for entry in path.parent.iterdir()} == {"weights.safetensors", "training.json", "tensorboard"}
    curve = json.loads((path.parent / "training.json").read_text())
    assert [line["update"] for line in curve["log"]] == [1, 2, 3, 4] and curve["updates"] == 4


def test_the_weights_say_how_they_were_come_by_and_are_the_same_file_again(training, tmp_path):
    first, second = (trained(training(cache=tmp_path / name)).path for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
    told = weights.load(first)[1]["training"]
    assert [update for update, *_ in told["curve"]] == [1, 2, 3, 4] and told["val_cases"] == 1
    assert all(0 <= score <= 1 for _, *scores in told["curve"] for score in scores)
    assert told["samples"] == 4 * training().recipe.batch and told["rollbacks"] == []


def test_weights_are_trained_once(training, monkeypatch):
    assert existing(training()) is None
    first = trained(training())
    forbid(monkeypatch)
    assert trained(training()) == first == existing(training())


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"limit": 3},
        {"labels": "classes"},
        {"recipe": {"learning_rate": 2e-3}},
        {"recipe": {"updates": 5}},
        {"recipe": {"size": (16, 24)}},
        {"recipe": {"clip_norm": None}},
        {"recipe": {"name": "other"}},
    ],
    ids=str,
)
def test_whatever_decides_the_weights_changes_the_key(training, change):
    assert the_key(training(**change)) != the_key(training())


def test_another_model_or_training_case_changes_the_key(training, folder):
    before = the_key(training())
    assert the_key(training("failing")) != before
    number = int(training().prepared("train")[0].id.removeprefix("case_"))
    folder.write(number, spacing=(1.0, 1.0, 2.0))
    assert the_key(training()) != before


def test_a_validation_case_does_not_change_the_key(training, folder):
    before = the_key(training())
    number = int(training().prepared("val")[0].id.removeprefix("case_"))
    folder.write(number, spacing=(1.0, 1.0, 2.0))
    assert the_key(training()) == before


def test_seeds_differ_in_their_weights(training):
    recipe = {"size": (16, 16), "updates": 2}
    one, other = (trained(training("med-nca-16", seed=seed, recipe=recipe)) for seed in (0, 1))
    assert one.weights != other.weights and one.path != other.path
    assert one.stochastic


def test_labels_per_class_are_one_output_each(training):
    found = trained(training(labels="classes"))
    assert weights.load(found.path)[0].out_channels == 2 and found.preprocess.labels == "classes"


def test_a_killed_training_goes_on_from_its_checkpoint(training, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train_module, "CHECKPOINT_SECONDS", -1.0)
        patch.setattr(trained_module, "Curves", _Killing)
        trained(training("med-nca-16"))
    assert existing(training("med-nca-16")) is None
    starts: list[Position] = []

    def spy(model, run, **told):
        return train_module.train(model, run, **(told | {"on_start": starts.append}))

    monkeypatch.setattr(trained_module, "train", spy)
    resumed = trained(training("med-nca-16"))
    assert starts[0].updates == 2
    assert resumed.weights == trained(training("med-nca-16", cache=resumed.path.parents[3] / "other")).weights


class _Killing(trained_module.Curves):
    """Stops the process at the third point."""

    def add(self, line):
        if line.update == 3:
            raise KeyboardInterrupt


def test_without_training_cases_there_is_nothing_to_train(msd_folder, training):
    split = {"train": ["gone"], "val": [], "test": ["case_001"], "group": {"gone": 1, "case_001": 2}}
    folder = msd_folder(1, name="Task98_Small")
    (folder.root / "split.json").write_text(json.dumps(split))
    with pytest.raises(BenchError, match="Task98_Small: no training case of the split is on disk; give --weights"):
        trained(training(task=open_task(folder.root)))


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "pickle", "truncated", "foreign"])
def test_what_is_no_weights_file_is_refused_with_its_path(tmp_path, kind):
    path = tmp_path / "file.safetensors"
    data = to_bytes(models.build("threshold"), metadata={})
    match kind:
        case "folder":
            path.mkdir()
        case "text":
            path.write_text("not weights")
        case "pickle":
            torch.save({"weight": torch.zeros(1)}, path)
        case "truncated":
            path.write_bytes(data[:-2])
        case "foreign":
            from safetensors.numpy import save

            path.write_bytes(save({"weight": np.zeros(3)}))
    with pytest.raises(BenchError, match=r"file\.safetensors") as caught:
        contestant(path)
    assert "\n" not in str(caught.value)


GOOD = {"seed": 0, "labels": "merged", "train_cases": []}


@pytest.mark.parametrize("metadata", [{}, {"recipe": {}}, {"recipe": None}, {"recipe": {"size": [1, 1], "bogus": 3}}])
def test_weights_without_a_recipe_are_refused(tmp_path, metadata):
    path = tmp_path / "file.safetensors"
    path.write_bytes(to_bytes(models.build("threshold"), metadata=GOOD | metadata))
    with pytest.raises(BenchError, match=r"file\.safetensors: holds no recipe .*use weights written by `mednca-bench"):
        contestant(path)
