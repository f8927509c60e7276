"""Ensembles of passes: scored as the mean of their sigmoids, and a deterministic model's as its single pass."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from mednca_bench.benchmark.condition import Condition
from mednca_bench.benchmark.evaluate import Job, load_model, records, run_job, segment, show
from mednca_bench.benchmark.plan import Context, PlannedCase, units
from mednca_bench.benchmark.task import open_task
from mednca_bench.benchmark.volume import read_case
from mednca_bench.results.record import MEASURED

pytestmark = pytest.mark.usefixtures("one_thread", "plugin")
NATIVE, MODEL = Condition(grid="native"), Condition(grid="model")
SHIFT = Condition(perturbation="shift", version=1, kind="grid", severity=3, grid="model")
NOISE = Condition(perturbation="noise", version=1, kind="acquisition", severity=3, grid="native")
CONDITIONS = (NATIVE, MODEL, NOISE, SHIFT)


@pytest.fixture
def jobs_of(msd_folder, contestant, tmp_path: Path):
    """Jobs of one case and condition each: jobs_of("med-nca-16", passes=3)."""
    task = open_task(msd_folder(1).root)
    case = read_case(task.cases[0], task=task)
    planned = PlannedCase(files=task.cases[0], group=case.group, sha256=case.sha256)
    context = Context(task=task.name, split=task.split.sha256, part="test", channel=None)

    def make(model: str, **changes) -> list[Job]:
        outputs, labels = changes.pop("outputs", 1), changes.pop("labels", "merged")
        found = contestant(model, outputs=outputs, labels=labels)
        plan = units(context, [planned], [found], CONDITIONS, fire_seeds=changes.pop("fire_seeds", 1), **changes)
        return [Job((unit,), task, "test", None, tmp_path / "volumes") for unit in plan]

    return make


def logits_of(job: Job, seed: int) -> np.ndarray:
    unit = job.units[0]
    case = read_case(unit.case.files, task=job.task)
    model = load_model(unit.contestant.path, unit.contestant.weights)
    return segment(model, show(case, unit.condition, unit.contestant.preprocess).slices, case=case, fire_seed=seed)


def test_an_ensemble_is_the_mean_of_its_passes_sigmoids(jobs_of):
    for job in jobs_of("med-nca-16", passes=4, fire_seeds=2):
        ((row,), unit) = (records(job.units[0], job), job.units[0])
        assert (row["passes"], row["fire_seed"]) == (4, unit.fire_seed) and unit.fire_seed in (0, 4)
        p = expit(np.stack([logits_of(job, unit.fire_seed + k)[0] for k in range(4)]).astype(np.float64))
        mean = p.mean(axis=0)
        assert row["p_sum_model"] == pytest.approx(mean.sum(), rel=1e-6)
        assert row["nqm"] == pytest.approx(p.std(axis=0).sum() / mean.sum(), rel=1e-6) and row["nqm"] > 0
        bits = -mean * np.log(mean) - (1 - mean) * np.log(1 - mean)
        assert row["entropy_sum"] == pytest.approx(bits.sum(), rel=1e-6)
        if unit.condition.grid == "model":  # scored where it was measured
            assert row["p_sum"] == pytest.approx(mean.sum(), rel=1e-5)
            assert row["tp"] + row["fp"] == (mean > 0.5).sum()


def test_a_single_pass_has_no_nqm_and_an_entropy(jobs_of):
    for job in [*jobs_of("med-nca-16"), *jobs_of("threshold")]:
        (row,) = records(job.units[0], job)
        p = expit(logits_of(job, max(job.units[0].fire_seed, 0))[0].astype(np.float64))
        assert row["passes"] == 1 and np.isnan(row["nqm"])
        assert row["p_sum_model"] == pytest.approx(p.sum(), rel=1e-6) and row["entropy_sum"] > 0


def test_a_deterministic_model_is_never_an_ensemble(jobs_of):
    assert [job.units for job in jobs_of("threshold", passes=10)] == [job.units for job in jobs_of("threshold")]


def test_passes_that_agree_are_scored_like_one(jobs_of, monkeypatch):
    """With every fire seed the same, the mean of the sigmoids is each of them, on either grid."""
    job = jobs_of("med-nca-16")[0]
    for single in jobs_of("med-nca-16"):
        unit = single.units[0]
        several = replace(unit, passes=3)
        monkeypatch.setattr(
            "mednca_bench.benchmark.evaluate.segment", lambda *a, **k: segment(*a, **k | {"fire_seed": 0})
        )
        ((one,), (three,)) = records(unit, single), records(several, job)
        assert three["nqm"] == pytest.approx(0, abs=1e-9)
        for name in MEASURED:
            if name != "nqm":
                close = {"rtol": 1e-5, "atol": 1e-3} if name.startswith("cal_") else {"rtol": 1e-6}
                np.testing.assert_equal(one[name], three[name]) if isinstance(one[name], str) else (
                    np.testing.assert_allclose(np.asarray(three[name], float), np.asarray(one[name], float), **close)
                )


def test_every_label_has_its_own(jobs_of):
    for job in jobs_of("med-nca-16", outputs=2, labels="classes", passes=3):
        rows = run_job(job).rows
        assert len(rows) == 2 and len({row["nqm"] for row in rows}) == 2
        p = expit(np.stack([logits_of(job, k) for k in range(3)]).astype(np.float64)).mean(axis=0)
        for label, row in enumerate(rows):
            assert row["p_sum_model"] == pytest.approx(p[label].sum(), rel=1e-6)
