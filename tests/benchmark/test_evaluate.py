"""Scoring a hand-made model on hand-made cases: every number worked out on paper, on both grids.

The model `threshold` answers where the preprocessed image is above 1/2. Images are 0 and 1 with at least 1 % of each,
so that percentiles leave them as they are. A blob in one slice is all surface.
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mednca_bench import perturbations
from mednca_bench.benchmark import evaluate
from mednca_bench.benchmark.condition import Condition
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.evaluate import Job, load_model, run_job, segment, show
from mednca_bench.benchmark.plan import Contestant
from mednca_bench.benchmark.preprocess import Preprocess
from mednca_bench.benchmark.task import open_task
from mednca_bench.benchmark.volume import read_case
from mednca_bench.perturbations.base import AcquisitionPerturbation, GridMap
from mednca_bench.perturbations.scale_down import ScaleDown
from mednca_bench.perturbations.scale_up import ScaleUp
from mednca_bench.results.record import COLUMNS, MEASURED

pytestmark = pytest.mark.usefixtures("one_thread")
SPACING = (2.0, 3.0, 5.0)  # mm
NATIVE, MODEL = Condition(grid="native"), Condition(grid="model")
INSIDE, OUTSIDE = 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(0.5))  # the model's probabilities on 1 and on 0
Rows = list[dict[str, Any]]


def blob(x: slice, y: slice, *, side: int = 8, value: int = 1) -> np.ndarray:
    """A rectangle in the first of two slices."""
    volume = np.zeros((side, side, 2), dtype=np.float32)
    volume[x, y, 0] = value
    return volume


@pytest.fixture
def scored(msd_folder, plan_of, contestant) -> Callable[..., Rows]:
    """The records of one hand-made case under conditions: scored(image, label, [NATIVE], size=(8, 8))."""

    def make(image: np.ndarray, label: np.ndarray, chosen: list[Condition], **changes: Any) -> Rows:
        folder = msd_folder(0)
        folder.write(1, image=image, label=label.astype(np.uint8), spacing=SPACING)
        folder.describe()
        outputs = 2 if changes.get("labels") == "classes" else 1
        results = [
            run_job(j) for j in plan_of(open_task(folder.root), [contestant(outputs=outputs, **changes)], chosen)
        ]
        assert not any(result.failures for result in results) and sum(result.units for result in results) == len(chosen)
        return [row for result in results for row in result.rows]

    return make


def histogram(row: dict[str, Any]) -> dict[float, tuple[int, int]]:
    """Distance in mm -> surface voxels of prediction and truth."""
    columns = (np.asarray(row[name]).tolist() for name in ("distance_mm", "count_prediction", "count_reference"))
    return {mm: (ours, theirs) for mm, ours, theirs in zip(*columns, strict=True)}


def counts(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return row["tp"], row["fp"], row["fn"], row["voxels"]


def test_clean_on_the_native_grid(scored):
    image, label = blob(slice(2, 5), slice(2, 5)), blob(slice(3, 6), slice(2, 5))
    (row,) = scored(image, label, [NATIVE], size=(8, 8))
    assert set(row) == {column.name for column in COLUMNS}
    assert counts(row) == (6, 3, 3, 128)
    assert row["p_sum"] == pytest.approx(9 * INSIDE + 119 * OUTSIDE)
    assert row["py_sum"] == pytest.approx(6 * INSIDE + 3 * OUTSIDE)
    assert histogram(row) == {0.0: (6, 6), 2.0: (3, 3)}  # one voxel of 2 mm along x
    assert row["voxel_mm3"] == pytest.approx(30) and row["diagonal_mm"] == pytest.approx(math.hypot(16, 24, 10))
    assert row["state"] == "ok" and (row["label"], row["parameters"]) == ("foreground", "{}")
    assert all(math.isnan(row[name]) for name in ("p_sum_paper", "py_sum_paper", "y_sum_paper"))


def test_logits_of_a_finer_grid_are_interpolated_to_the_native_one_before_the_threshold(scored):
    """At 16 x 16 each native voxel is 2 x 2 pixels; the native centre lies between them, so the blob comes back."""
    image, label = blob(slice(2, 5), slice(2, 5)), blob(slice(2, 5), slice(3, 6))
    (row,) = scored(image, label, [NATIVE], size=(16, 16))
    assert counts(row) == (6, 3, 3, 128)
    assert histogram(row) == {0.0: (6, 6), 3.0: (3, 3)}  # one voxel of 3 mm along y


def test_clean_on_the_models_grid(scored):
    """Twice as fine: 8 x 8 pixels against 8 x 8, shifted by 2 pixels of 1 mm along x."""
    image, label = blob(slice(2, 6), slice(2, 6)), blob(slice(3, 7), slice(2, 6))
    (row,) = scored(image, label, [MODEL], size=(16, 16))
    assert counts(row) == (48, 16, 16, 512)
    assert histogram(row) == {0.0: (48, 48), 1.0: (8, 8), 2.0: (8, 8)}
    assert row["voxel_mm3"] == pytest.approx(1.0 * 1.5 * 5.0)
    assert row["diagonal_mm"] == pytest.approx(math.hypot(16, 24, 10))  # the field of view is the same
    assert row["y_sum_paper"] == 64


def test_the_papers_sums_take_the_label_resampled_by_nearest_neighbour(scored):
    """8 to 10 pixels: pixel 6 shows 4.7, where voxel (5, 5) is nearest but has only 0.7 * 0.7 of the occupancy."""
    image, label = blob(slice(3, 7), slice(3, 7)), blob(slice(5, 6), slice(5, 6))
    (row,) = scored(image, label, [MODEL], size=(10, 10))
    assert row["tp"] + row["fn"] == 0 and row["state"] == "false_positive"
    assert row["y_sum_paper"] == 1 and row["py_sum_paper"] == pytest.approx(INSIDE)
    assert row["p_sum_paper"] == row["p_sum"] and row["py_sum"] == 0


def first(family: str, kind: str, grid: str) -> Condition:
    return Condition(perturbation=family, version=1, kind=kind, severity=1, grid=grid)  # type: ignore[arg-type]


def test_distances_stay_in_mm_of_anatomy_when_magnified(scored, monkeypatch):
    """By 2 about the centre of 16: shifted by 1 native pixel of 2 mm, which is 2 pixels of 1 mm."""
    monkeypatch.setitem(perturbations._registered, "scale-up", ScaleUp(severities=(2.0, 3.0, 4.0, 5.0, 6.0)))
    image, label = (blob(x, slice(6, 10), side=16) for x in (slice(6, 10), slice(7, 11)))
    clean, magnified = scored(image, label, [MODEL, first("scale-up", "grid", "model")], size=(16, 16))
    assert histogram(clean) == {0.0: (12, 12), 2.0: (4, 4)}
    assert counts(magnified) == (48, 16, 16, 512)
    assert histogram(magnified) == {0.0: (48, 48), 1.0: (8, 8), 2.0: (8, 8)}
    assert magnified["voxel_mm3"] == pytest.approx(1.0 * 1.5 * 5.0)
    assert json.loads(magnified["parameters"]) == {"factor": 2.0}
    assert math.isnan(magnified["y_sum_paper"]) and clean["y_sum_paper"] == 16
    assert magnified["clean_key"] == clean["key"] == clean["clean_key"] != magnified["key"]


def test_distances_stay_in_mm_of_anatomy_when_reduced(scored, monkeypatch):
    """By 1/2: shifted by 2 native pixels of 2 mm, which is 1 pixel of 4 mm."""
    monkeypatch.setitem(perturbations._registered, "scale-down", ScaleDown(severities=(0.5, 0.4, 0.3, 0.2, 0.15)))
    image, label = (blob(x, slice(4, 12), side=16) for x in (slice(4, 12), slice(6, 14)))
    (reduced,) = scored(image, label, [first("scale-down", "grid", "model")], size=(16, 16))
    assert counts(reduced) == (12, 4, 4, 512)
    assert histogram(reduced) == {0.0: (12, 12), 4.0: (4, 4)}
    assert reduced["voxel_mm3"] == pytest.approx(4.0 * 6.0 * 5.0)


def test_image_and_label_shift_together(scored):
    """A perfect answer stays perfect wherever the head lies."""
    image = blob(slice(6, 10), slice(5, 9), side=16)
    (row,) = scored(image, image, [first("shift", "grid", "model")], size=(16, 16))
    assert counts(row) == (16, 0, 0, 512) and json.loads(row["parameters"])["pixels"] == 1


class Blank(AcquisitionPerturbation):
    """The scanner loses the first columns."""

    name, version, summary, source, parameter, unit, neutral = "blank", 1, "", "", "columns", "columns", 0

    def corrupt(self, image, params):
        out = np.array(image)
        out[:, : params["columns"]] = 0
        return out


@pytest.mark.parametrize("side", [8, 16])
def test_acquisition_perturbations_act_and_are_scored_on_the_native_grid(scored, plugin, side):
    perturbations.register(Blank(severities=(4, 5, 6, 7, 8)))
    image, label = blob(slice(2, 5), slice(2, 5)), blob(slice(3, 6), slice(2, 5))
    (row,) = scored(image, label, [first("blank", "acquisition", "native")], size=(side, side))
    assert counts(row) == (3, 0, 6, 128)  # of the answer only column 4 is left
    assert histogram(row) == {0.0: (3, 3), 2.0: (0, 6)}  # columns 3 and 5, one voxel away
    assert json.loads(row["parameters"]) == {"columns": 4} and row["kind"] == "acquisition"
    assert math.isnan(row["y_sum_paper"])


def test_the_empty_image_gives_no_answer(scored, plugin):
    perturbations.register(Blank(severities=(4, 5, 6, 7, 8)))
    label = blob(slice(3, 6), slice(2, 5))
    (row,) = scored(label, label, [replace(first("blank", "acquisition", "native"), severity=5)], size=(8, 8))
    assert counts(row) == (0, 0, 9, 128) and row["state"] == "missed" and histogram(row) == {}


def test_labels_per_class_are_records_of_their_own(scored):
    """Intensity 1/2 is answered as the first class, 1 as the second."""
    image = np.zeros((8, 8, 2), dtype=np.float32)
    image[1:4, 1:4, 0], image[4:7, 1:4, 0] = 0.5, 1.0
    label = np.zeros((8, 8, 2))
    label[2:5, 1:4, 0], label[5:8, 1:4, 0] = 1, 2
    rows = scored(image, label, [NATIVE, MODEL], size=(8, 8), labels="classes")
    assert len(rows) == 4
    for anterior, posterior in (rows[:2], rows[2:]):
        assert (anterior["label"], posterior["label"]) == ("Anterior", "Posterior")
        assert anterior["key"] == posterior["key"]
        assert counts(anterior) == (6, 3, 3, 128) and counts(posterior) == (6, 3, 3, 128)
        assert histogram(posterior) == {0.0: (6, 6), 2.0: (3, 3)}
    assert rows[2]["y_sum_paper"] == 9 and math.isnan(rows[0]["y_sum_paper"])


ALL = [
    NATIVE,
    MODEL,
    *(Condition(perturbation="noise", version=1, kind="acquisition", severity=s, grid="native") for s in (1, 5)),
    *(Condition(perturbation="shift", version=1, kind="grid", severity=s, grid="model") for s in (1, 5)),
]


@pytest.fixture
def some_jobs(msd_folder, plan_of, contestant) -> list[Job]:
    """Two cases, a stochastic and a deterministic model, two fire seeds, six conditions."""
    task = open_task(msd_folder(2).root)
    return plan_of(task, [contestant("med-nca-16"), contestant()], ALL, fire_seeds=2)


def comparable(rows: Rows) -> list[str]:
    plain = [{name: np.asarray(value).tolist() for name, value in row.items()} for row in rows]
    return sorted(json.dumps(row, sort_keys=True) for row in plain)


def test_records_do_not_depend_on_which_units_run_beside(some_jobs):
    together = [row for job in some_jobs for row in run_job(job).rows]
    assert len(together) == 2 * (2 + 1) * len(ALL)
    alone = [replace(job, units=(unit,)) for job in some_jobs for unit in job.units]
    apart = [row for job in reversed(alone) for row in run_job(job).rows]
    assert comparable(apart) == comparable(together)


def test_fire_seeds_differ(some_jobs):
    rows = [row for job in some_jobs for row in run_job(job).rows if row["model"] == "med-nca-16"]
    sums = {(row["case"], row["perturbation"], row["severity"], row["grid"], row["p_sum"]) for row in rows}
    assert len(sums) == len(rows)


def test_a_failing_unit_becomes_a_failure_and_does_not_stop_the_others(some_jobs, monkeypatch):
    def sometimes(case, condition, recipe):
        if condition.grid == "model":
            raise RuntimeError("no such\nluck")
        return show(case, condition, recipe)

    monkeypatch.setattr(evaluate, "show", sometimes)
    result = run_job(some_jobs[0])
    assert result.units == len(some_jobs[0].units) == 2 and result.seconds > 0
    assert [row["grid"] for row in result.rows] == ["native"]
    (failure,) = result.failures
    assert failure["error"] == "RuntimeError: no such\nluck"
    assert failure["key"] == some_jobs[0].units[1].key and failure["grid"] == "model"
    assert json.loads(json.dumps(failure)) == failure


def test_a_model_that_fails_on_one_condition_is_scored_on_the_others(msd_folder, plan_of, contestant, plugin):
    """The model cannot take bright images; what is shown is dark until it is magnified."""
    folder = msd_folder(0)
    image = blob(slice(4, 12), slice(4, 12), side=16)
    image[..., 1] = image[..., 0]
    folder.write(1, image=image, label=image.astype(np.uint8))
    folder.describe()
    chosen = [MODEL, *(replace(first("scale-up", "grid", "model"), severity=s) for s in (1, 5))]
    jobs = plan_of(open_task(folder.root), [contestant("failing")], chosen)
    results = [run_job(job) for job in jobs]
    assert [len(result.rows) for result in results] == [1, 2] and not any(result.failures for result in results)
    perturbations._registered["scale-up"] = ScaleUp(severities=(1.1, 1.2, 1.3, 1.4, 1.9))
    jobs = plan_of(open_task(folder.root), [contestant("failing")], chosen)
    (failure,) = run_job(jobs[1]).failures
    assert failure["error"] == "RuntimeError: too bright" and failure["severity"] == 5


def test_weights_changed_under_way_are_noticed(contestant):
    found: Contestant = contestant()
    with pytest.raises(BenchError, match="the weights changed while the run was under way; run the same command again"):
        load_model(found.path, "0" * 64)


def test_slices_are_segmented_alike_in_one_pass_and_in_several(msd_folder, contestant, monkeypatch):
    task = open_task(msd_folder(1).root)
    case = read_case(task.cases[0], task=task)
    found = contestant("med-nca-16")
    model = load_model(found.path, found.weights)
    slices = show(case, NATIVE, found.preprocess).slices
    whole = segment(model, slices, case=case, fire_seed=3)
    assert whole.shape == (1, 16, 16, 5) and whole.dtype == np.float32
    monkeypatch.setattr(evaluate, "CELLS_PER_PASS", 2 * 16 * 16)
    np.testing.assert_allclose(segment(model, slices, case=case, fire_seed=3), whole, atol=1e-5)
    np.testing.assert_allclose(segment(model, slices[3:4], case=case, fire_seed=3, first=3), whole[..., 3:4], atol=1e-5)
    assert not np.allclose(segment(model, slices[3:4], case=case, fire_seed=3), whole[..., 3:4], atol=1e-5)


def test_a_case_is_corrupted_in_one_direction_at_every_severity(msd_folder):
    task = open_task(msd_folder(1).root)
    case = read_case(task.cases[0], task=task)
    recipe = Preprocess(size=(16, 16))
    shown = [show(case, replace(first("shift", "grid", "model"), severity=s), recipe) for s in range(1, 6)]
    assert len({view.parameters["direction"] for view in shown}) == 1
    assert [view.parameters["pixels"] for view in shown] == [1, 3, 4, 8, 10]
    draws = [show(case, replace(first("shift", "grid", "model"), draw=d), recipe) for d in range(20)]
    assert len({view.parameters["direction"] for view in draws}) == 4


def test_what_is_shown_clean_is_the_preprocessed_image(msd_folder):
    task = open_task(msd_folder(1).root)
    case = read_case(task.cases[0], task=task)
    native, model = (show(case, condition, Preprocess(size=(16, 16))) for condition in (NATIVE, MODEL))
    np.testing.assert_array_equal(native.slices, model.slices)
    assert native.parameters == {} and native.grid_map.matrix.tolist() == GridMap.identity().matrix.tolist()


def test_measured_columns_are_complete(scored):
    (row,) = scored(blob(slice(2, 5), slice(2, 5)), blob(slice(2, 5), slice(2, 5)), [NATIVE], size=(8, 8))
    assert set(MEASURED) <= set(row) and all(row[name] is not None for name in MEASURED)
