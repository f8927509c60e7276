"""`run` in one process: what it writes, what it finds done, what it refuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from mednca_bench.benchmark import run as run_module
from mednca_bench.benchmark import timing_suite
from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.phantom import make as make_phantom
from mednca_bench.benchmark.planned import announce, planned_cases
from mednca_bench.benchmark.request import Request, find_task
from mednca_bench.benchmark.run import run, run_folder
from mednca_bench.benchmark.suite import find_suite
from mednca_bench.models import weights
from mednca_bench.results.store import Store, load_units

pytestmark = pytest.mark.usefixtures("one_thread", "plugin")


@pytest.fixture
def request_of(msd_folder, tmp_path, monkeypatch) -> Callable[..., Request]:
    """A request on 10 cases: 6 train, 1 val, 3 test."""
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    data = str(msd_folder(10).root)

    def make(suite: str = "accuracy", **changes) -> Request:
        request = Request(
            suite=find_suite(suite), data=data, models=("threshold",), recipe="tiny", out=tmp_path / "run"
        )
        return replace(request, **changes)

    return make


def description(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def test_a_run_scores_every_intended_unit(request_of, tmp_path):
    outcome = run(request_of("robustness", perturbations=("shift", "noise")))
    assert (outcome.folder, outcome.computed, outcome.failed, outcome.found) == (tmp_path / "run", 36, 0, 0)
    units, records = load_units(outcome.folder), Store(outcome.folder).load()
    assert units is not None and set(units["key"]) == set(records["key"]) and len(units) == len(records) == 36
    identity = [name for name in units.columns if name != "parameters"]
    merged = records[identity].sort_values("key", ignore_index=True)
    assert_frame_equal(merged, units[identity].sort_values("key", ignore_index=True))
    assert (outcome.folder / "examples.npz").is_file()
    found = description(outcome.folder)
    assert found["scored_train_cases"] is False
    assert (found["commands"][-1]["computed"], found["commands"][-1]["failed"]) == (36, 0)


def test_the_same_run_again_computes_nothing(request_of, monkeypatch):
    request = request_of()
    run(request)
    before = {path: path.stat().st_mtime_ns for path in (request.out / "records").iterdir()}

    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(run_module, "execute", never)
    outcome = run(request)
    assert (outcome.computed, outcome.found) == (0, 6)
    assert {path: path.stat().st_mtime_ns for path in (request.out / "records").iterdir()} == before


def test_a_model_that_is_ready_is_scored_while_another_trains(request_of, plugin, capsys):
    models = ("patient", "threshold")
    together = run(request_of(models=models, jobs=2, plugins=(plugin,)))
    assert (together.computed, together.failed, together.found) == (12, 0, 0)
    assert "12 units, 0 of them done before, 6 while models trained" in capsys.readouterr().err
    found = Store(together.folder).load().sort_values("key", ignore_index=True)
    alone = run(request_of(models=models, out=together.folder.parent / "alone"))
    assert_frame_equal(found, Store(alone.folder).load().sort_values("key", ignore_index=True))


def test_what_is_scored_early_is_not_mixed_with_other_data(request_of, plugin, monkeypatch):
    """A run that is stopped while models train has records and no description yet."""

    def stopped(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "trained_all", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(request_of())
    with pytest.raises(BenchError, match="holds results for split test, not val"):
        run(request_of(part="val"))


def test_more_cases_and_families_compute_only_what_is_new(request_of):
    assert run(request_of(limit=1)).computed == 2
    assert run(request_of(limit=2)).computed == 2
    outcome = run(request_of(perturbations=("noise",)))
    assert (outcome.computed, outcome.found) == (2 + 3 * 5, 4)
    units = load_units(outcome.folder)
    assert units is not None and len(units) == 21


def test_failures_are_tried_again(request_of, monkeypatch):
    from mednca_bench.benchmark import evaluate

    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("no luck")

    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "segment", broken)
        outcome = run(request_of(perturbations=()))
        assert (outcome.computed, outcome.failed) == (0, 6)
    assert {entry["error"] for entry in Store(outcome.folder).failures()} == {"RuntimeError: no luck"}
    assert run(request_of()).computed == 6


def test_seeds_and_fire_seeds_are_units_of_their_own(request_of):
    outcome = run(request_of(models=("med-nca-16",), seeds=(0, 1), fire_seeds=2, limit=1))
    records = Store(outcome.folder).load()
    assert outcome.computed == 2 * 2 * 2
    assert set(zip(records["train_seed"], records["fire_seed"], strict=True)) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_deterministic_model_has_fire_seed_minus_1_and_one_pass(request_of):
    records = Store(run(request_of(fire_seeds=3)).folder).load()
    assert set(records["fire_seed"]) == {-1} and len(records) == 6


def test_labels_per_class(request_of):
    outcome = run(request_of(labels="classes"))
    records = Store(outcome.folder).load()
    assert outcome.computed == 6 and len(records) == 12 and set(records["label"]) == {"Anterior", "Posterior"}


def test_one_modality_of_several_and_both_its_labels(request_of, tmp_path):
    """The prostate's form: two modalities, anisotropic voxels, native size other than the model's."""
    root = make_phantom(tmp_path, kind="prostate", seed=0, subjects=3, shape=(24, 20, 3))
    records = {}
    for channel in (None, "ADC"):
        request = request_of(data=str(root), labels="classes", channel=channel, out=tmp_path / f"run-{channel}")
        records[channel] = Store(run(request).folder).load()
    assert set(records[None]["label"]) == {"PZ", "TZ"} and set(records[None]["phantom"]) == {True}
    native = records[None][records[None]["grid"] == "native"]
    assert set(native["voxels"]) == {24 * 20 * 3}
    assert set(records[None]["key"]).isdisjoint(records["ADC"]["key"])


def test_scoring_training_cases_is_refused_before_training(request_of, monkeypatch):
    def never(*arguments: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(run_module, "trained_all", never)
    with pytest.raises(UsageProblem, match=r"--split train scores the cases .*--allow-train-cases"):
        run(request_of(part="train"))


def test_training_cases_are_recognised_by_their_data_in_weights_from_anywhere(request_of, contestant, msd_folder):
    """Renamed into another part of the split, they are still those it was trained on."""
    request = request_of()
    task = find_task(None, request.data)
    seen = planned_cases(request, task)[1]
    path = contestant(train_cases=[seen.sha256]).path
    with pytest.raises(
        UsageProblem, match=rf"model threshold was trained on {seen.files.id} of the cases .*--allow-train-cases"
    ):
        run(replace(request, weights=(path,)))
    outcome = run(replace(request, weights=(path,), allow_train_cases=True))
    assert outcome.computed == 6 and description(outcome.folder)["scored_train_cases"] is True


def test_training_cases_may_be_scored_if_allowed(request_of):
    outcome = run(request_of(part="train", allow_train_cases=True))
    assert outcome.computed == 12 and description(outcome.folder)["scored_train_cases"] is True


def test_weights_given_are_used_as_they_are(request_of, contestant):
    found = contestant("med-nca-16", seed=5)
    records = Store(run(request_of(weights=(found.path,))).folder).load()
    assert set(records["weights"]) == {weights.digest(weights.load(found.path)[0])}
    assert set(records["train_seed"]) == {5} and set(records["model"]) == {"med-nca-16"}


def test_a_part_without_cases_on_disk_is_refused(msd_folder, request_of):
    small = msd_folder(1, name="Task98_Small")
    with pytest.raises(BenchError, match=r"Task98_Small: no case of the val part is on disk \(0 of 0\).*--split"):
        run(request_of(data=str(small.root), part="val"))


def test_another_part_into_the_same_folder_is_refused(request_of):
    run(request_of())
    with pytest.raises(BenchError, match="holds results for split test, not val; give another --out"):
        run(request_of(part="val"))


@pytest.mark.parametrize("kind", ["file", "below a file"])
def test_an_out_folder_that_cannot_be_made_is_named(request_of, tmp_path, kind):
    (tmp_path / "taken").write_text("")
    out = tmp_path / "taken" if kind == "file" else tmp_path / "taken" / "run"
    with pytest.raises(BenchError, match=r"taken\S*: cannot be made \(.*\); give another --out"):
        run(request_of(out=out))


def test_an_out_folder_that_is_not_writable_is_named(request_of, monkeypatch):
    monkeypatch.setattr(run_module.os, "access", lambda path, mode: False)  # a test may run as root, who may all
    with pytest.raises(BenchError, match="run: is not writable; give another --out"):
        run(request_of())


def test_the_default_folder_is_named_after_suite_task_and_part(request_of):
    request = request_of(out=None)
    assert run_folder(request, find_task(None, request.data)) == Path("runs/accuracy-v1-Task99_Test-test")


def test_cases_of_no_part_are_announced(request_of, capsys):
    request = request_of(limit=1)
    root = Path(request.data)
    split = {"train": [f"case_00{n}" for n in range(1, 5)], "val": [], "test": ["case_005"]}
    groups = {f"case_00{n}": n for n in range(1, 6)}
    (root / "split.json").write_text(json.dumps(split | {"group": groups}))
    run(request)
    said = capsys.readouterr().err
    assert "train 4 of 4, val 0 of 0, test 1 of 1; scoring test" in said
    assert "5 cases on disk are in no part of the split and are not used: case_006, case_007" in said
    assert "PHANTOM" not in said


def test_a_phantom_is_announced_with_the_reason(request_of, tmp_path, capsys):
    for place, reason in (("cache", "no real data was found"), ("data", "this task is generated")):
        root = make_phantom(tmp_path / place, kind="prostate", seed=0, subjects=3, shape=(16, 16, 2))
        announce(find_task(None, str(root)), "test")
        assert capsys.readouterr().err.splitlines()[-2].startswith(f"PHANTOM DATA: {reason}")


def test_efficiency_times_every_model_as_it_is_used(request_of, monkeypatch):
    timed = []
    monkeypatch.setattr(timing_suite, "measure_efficiency", timed.append)
    monkeypatch.setattr(run_module, "trained_all", None)  # no time depends on the weights' values
    outcome = run(request_of("efficiency-v1", models=("threshold", "med-nca-16"), jobs=1, threads=2))
    assert (outcome.computed, outcome.found) == (0, 0)
    assert [wanted.model for wanted in timed] == ["threshold", "med-nca-16"]
    wanted = timed[1]
    assert (wanted.size, wanted.slices, wanted.in_channels, wanted.out_channels) == ((16, 16), 5, 1, 1)
    assert (wanted.threads, wanted.out, wanted.label) == (2, outcome.folder / "efficiency", "med-nca-16-tiny")
    assert wanted.weights is None and wanted.options == {"steps": 2}
    assert not (outcome.folder / "examples.npz").exists()


def test_given_weights_are_timed_as_they_are(request_of, contestant, monkeypatch):
    timed = []
    monkeypatch.setattr(timing_suite, "measure_efficiency", timed.append)
    path = contestant("med-nca-16").path
    run(request_of("efficiency-v1", weights=(path,)))
    assert [(wanted.model, wanted.weights) for wanted in timed] == [("med-nca-16", path)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [(64, 2), (256, 2), (320, 2)]),
        ({"sides": (32, 48)}, [(32, 2), (48, 2)]),
        ({"sides": (32,), "profile": "conformant"}, [(32, 1), (32, 2)]),
    ],
)
def test_a_sweep_times_sides_and_threads(request_of, monkeypatch, changes, expected):
    timed = []
    monkeypatch.setattr(timing_suite, "measure_efficiency", timed.append)
    run(request_of("efficiency", models=("med-nca-16",), jobs=1, threads=2, **changes))
    assert [(wanted.size[0], wanted.threads) for wanted in timed] == expected
    assert all(wanted.sweep and wanted.profile == changes.get("profile", "quick") for wanted in timed)
    assert [wanted.slices for wanted in timed] == [min(5, max(1, 2**18 // side**2)) for side, _ in expected]
