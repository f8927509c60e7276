"""Training runs beside each other: the same weights as one after the other, and what happens when one dies."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mednca_bench.benchmark import trained as trained_module
from mednca_bench.benchmark.divergence import DivergedError
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.evaluate import Job
from mednca_bench.benchmark.execute import Intake
from mednca_bench.benchmark.plan import Contestant
from mednca_bench.benchmark.recipe import recipe_for
from mednca_bench.benchmark.task import open_task
from mednca_bench.benchmark.trained import Training, existing
from mednca_bench.benchmark.training_pool import HeadStart, trained_all
from mednca_bench.results.store import Store

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def training(msd_folder, tmp_path, plugin) -> Callable[..., Training]:
    task = open_task(msd_folder(6).root)

    def make(model: str = "med-nca-16", *, seed: int, cache: str = "cache") -> Training:
        recipe = recipe_for("tiny", model)
        return Training(task=task, channel=None, labels="merged", recipe=recipe, seed=seed, cache=tmp_path / cache)

    return make


def test_beside_each_other_or_one_after_the_other_gives_the_same_weights(training, plugin):
    beside = trained_all([training(seed=s) for s in (0, 1)], jobs=2, threads=1, plugins=(plugin,))
    alone = trained_all([training(seed=s, cache="other") for s in (0, 1)], jobs=1, threads=1, plugins=())
    assert [c.weights for c in beside] == [c.weights for c in alone]
    assert [c.train_seed for c in beside] == [0, 1] and beside[0].weights != beside[1].weights


def test_what_is_there_is_not_trained_again(training, monkeypatch):
    wanted = [training("threshold", seed=s) for s in (0, 1)]
    first = trained_all(wanted, jobs=1, threads=1, plugins=())
    monkeypatch.setattr(trained_module, "train", None)
    assert trained_all(wanted, jobs=2, threads=1, plugins=()) == first


def test_a_model_is_offered_for_scoring_once_it_is_ready(training, plugin, tmp_path):
    asked = []

    def jobs(ready: Contestant) -> list[Job]:
        asked.append(ready.model)
        return []

    head_start = HeadStart(jobs, Intake(Store(tmp_path / "run")))
    wanted = [training("threshold", seed=0), training(seed=0)]
    contestants = trained_all(wanted, jobs=2, threads=1, plugins=(plugin,), head_start=head_start)
    assert sorted(asked) == sorted(contestant.model for contestant in contestants)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_diverges_does_not_keep_the_others_from_their_end(training, plugin, jobs):
    bad = training(seed=0)
    bad = replace(bad, recipe=replace(bad.recipe, name="bad", learning_rate=1e30))
    with pytest.raises(DivergedError, match=r"recipe bad, seed 0\) diverged"):
        trained_all([bad, training(seed=1)], jobs=jobs, threads=1, plugins=(plugin,))
    assert existing(training(seed=1)) is not None and existing(bad) is None


def test_a_checkpoint_that_outlived_its_run_goes(training):
    (first,) = trained_all([training(seed=0)], jobs=1, threads=1, plugins=())
    left = first.path.with_name(trained_module.CHECKPOINT)
    left.touch()
    assert trained_all([training(seed=0)], jobs=1, threads=1, plugins=()) == [first] and left.exists() is False


def test_a_killed_process_is_told_in_one_line(training, plugin):
    with pytest.raises(BenchError, match=r"a training process was killed.*goes on from the last checkpoints"):
        trained_all([training("fatal", seed=s) for s in (0, 1)], jobs=2, threads=1, plugins=(plugin,))
