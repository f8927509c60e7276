"""`--dry-run`: counts what there is to do, guesses a time from a real update and pass, and writes no run folder."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from mednca_bench.benchmark import estimate as estimate_module
from mednca_bench.benchmark.estimate import describe_plan
from mednca_bench.benchmark.request import Request
from mednca_bench.benchmark.run import run
from mednca_bench.benchmark.suite import find_suite

pytestmark = pytest.mark.usefixtures("one_thread", "plugin")


@pytest.fixture
def request_of(msd_folder, tmp_path, monkeypatch) -> Callable[..., Request]:
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    data = str(msd_folder(10).root)

    def make(**changes) -> Request:
        suite = find_suite(changes.pop("suite", "robustness-v1"))
        request = Request(suite=suite, data=data, models=("threshold",), recipe="tiny", out=tmp_path / "run")
        return replace(request, **changes)

    return make


def test_before_the_first_run_everything_is_to_do(request_of, tmp_path):
    text = describe_plan(request_of(models=("threshold", "med-nca-16"), fire_seeds=2))
    assert text.startswith(
        "suite robustness-v1 on Task99_Test, test part\n3 cases x 42 conditions: clean x 2, scale-up"
    )
    assert re.search(r"threshold: 126 units, 0 done, 126 to do in \d+ s \(to be trained first, \d+ s\)", text)
    assert re.search(r"med-nca-16: 252 units, 0 done, 252 to do", text)
    assert text.endswith(f"in all on this machine, 1 at a time, into {tmp_path / 'run'}")
    assert not (tmp_path / "run").exists() and not (tmp_path / "cache/weights").exists()


def test_after_a_run_only_what_is_new_is_to_do(request_of):
    run(request_of(perturbations=("noise",)))
    text = describe_plan(request_of(perturbations=("noise", "shift")))
    assert re.search(r"threshold: 36 units, 21 done, 15 to do in 0 s \(weights [0-9a-f]{12}\)", text)
    before = sorted((request_of().out).rglob("*"))
    describe_plan(request_of())
    assert sorted(request_of().out.rglob("*")) == before


def test_an_estimate_without_the_timing_does_not_speak_of_all(request_of):
    text = describe_plan(request_of(suite="efficiency"))
    assert "models are timed besides: how long that takes is not estimated" in text
    assert "to train and score on this machine" in text and "in all" not in text


def test_weights_given_are_planned_as_they_are(request_of, contestant):
    text = describe_plan(request_of(suite="accuracy", weights=(contestant().path,)))
    assert "threshold: 6 units, 0 done, 6 to do" in text and "trained" not in text


def test_the_estimate_is_training_and_passes_times_what_one_takes(request_of, monkeypatch):
    """One second per measured piece of work: 4 updates, and 126 units of 5 slices at 1/16 s each."""

    def one_second(work: Callable[[], object]) -> float:
        work()
        return 1.0

    monkeypatch.setattr(estimate_module, "_seconds", one_second)
    text = describe_plan(request_of())
    assert "126 to do in 39 s (to be trained first, 4 s)" in text  # 126 * 5 / 16
    assert "about 43 s in all" in text


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min"), (9000, "2.5 h")])
def test_times_are_said_in_a_fitting_unit(seconds, said):
    assert estimate_module._clock(seconds) == said


def test_the_first_call_is_not_timed():
    calls = []
    assert 0 <= estimate_module._seconds(lambda: calls.append(1)) < 1
    assert len(calls) == 2


def test_a_suite_without_conditions_has_no_units(request_of):
    assert "3 cases x 0 conditions: none" in describe_plan(request_of(suite="efficiency"))


def test_a_suite_that_scores_nothing_trains_nothing_and_says_what_is_left_out(request_of):
    text = describe_plan(request_of(suite="efficiency"))
    assert "0 conditions: none" in text and "trained" not in text and "models are timed besides" in text
