"""Equivariance counts: by hand, for a model that is equivariant, and the floor of one that differs from itself."""

import numpy as np
import pytest

from mednca_bench.benchmark import evaluate
from mednca_bench.benchmark.condition import Condition, conditions
from mednca_bench.benchmark.equivariance import counts, in_image
from mednca_bench.benchmark.evaluate import run_job
from mednca_bench.benchmark.suite import find_suite
from mednca_bench.benchmark.task import open_task
from mednca_bench.perturbations.base import GridMap

pytestmark = pytest.mark.usefixtures("one_thread")


def _logits(*rows: list[int]) -> np.ndarray:
    """One label, one slice: 1 is foreground."""
    return np.where(np.array(rows) > 0, 1.0, -1.0).astype(np.float32)[None, :, :, None]


def test_counts_by_hand() -> None:
    clean = _logits([1, 1, 0, 0, 1])
    moved_by_two = _logits([1, 1, 1, 0, 0])  # T f(x) is ? ? 1 1 0: the first two pixels come from outside
    assert counts(moved_by_two, clean, GridMap.translation((0, 2))) == [{"eq_tp": 1, "eq_fp": 0, "eq_fn": 1}]
    assert counts(moved_by_two, clean, GridMap.identity()) == [{"eq_tp": 2, "eq_fp": 1, "eq_fn": 1}]


def test_the_valid_region_ends_half_a_pixel_beyond_the_outermost_centres() -> None:
    assert in_image(GridMap.zoom((2.0, 2.0), shape=(6, 6)), (6, 6)).all()
    small = in_image(GridMap.zoom((0.5, 1.0), shape=(8, 4)), (8, 4))
    assert small.all(axis=1).tolist() == [False, False, True, True, True, True, False, False]


@pytest.fixture
def rows_of(msd_folder, plan_of, contestant):
    def make(model: str, chosen: list[Condition]):
        folder = msd_folder(1)
        results = [run_job(job) for job in plan_of(open_task(folder.root), [contestant(model, size=(16, 16))], chosen)]
        assert not any(result.failures for result in results)
        return [row for result in results for row in result.rows]

    return make


def test_a_pointwise_model_moves_with_shifts_exactly(rows_of) -> None:
    chosen = [c for c in conditions(find_suite("robustness-v2"), only=["shift", "noise"]) if c.severity in (0, 3)]
    clean_native, clean_model, shift, noise = rows_of("threshold", chosen)
    assert shift["eq_tp"] > 0 and shift["eq_fp"] == shift["eq_fn"] == 0
    for row in (clean_native, clean_model, noise):  # a deterministic model has no floor
        assert row["eq_tp"] == row["eq_fp"] == row["eq_fn"] == -1


def test_a_stochastic_model_has_a_floor_on_the_models_grid(rows_of) -> None:
    native, model = rows_of("med-nca-16", [Condition(grid="native"), Condition(grid="model")])
    assert native["eq_tp"] == -1 and min(model["eq_tp"], model["eq_fp"], model["eq_fn"]) >= 0
    assert model["eq_fp"] + model["eq_fn"] > 0


def test_the_clean_answer_is_computed_once(rows_of, monkeypatch) -> None:
    passes: list[int] = []
    segment = evaluate.segment

    def counted(*given, fire_seed: int, **more):
        passes.append(fire_seed)
        return segment(*given, fire_seed=fire_seed, **more)

    monkeypatch.setattr(evaluate, "segment", counted)
    rows_of("threshold", list(conditions(find_suite("robustness-v2"), only=["shift"])))
    assert len(passes) == 1 + 5
