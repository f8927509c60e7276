"""Conditions of a suite: clean on both grids, five severities, draws where something is drawn."""

from collections import Counter
from dataclasses import replace

import pytest

from mednca_bench import perturbations
from mednca_bench.benchmark.condition import Condition, conditions
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.suite import find_suite

ROBUSTNESS = find_suite("robustness-v1")
GRID_FAMILIES = {"scale-up", "scale-down", "shape", "shift"}


def test_the_robustness_suite_is_clean_twice_and_8_families_at_5_severities():
    chosen = conditions(ROBUSTNESS)
    assert chosen[:2] == (Condition(grid="native"), Condition(grid="model"))
    assert len(chosen) == 2 + 8 * 5 == len(set(chosen))
    assert Counter(c.severity for c in chosen) == {0: 2, 1: 8, 2: 8, 3: 8, 4: 8, 5: 8}


def test_grid_families_are_scored_on_the_models_grid_and_acquisition_families_on_the_native_one():
    for condition in conditions(ROBUSTNESS)[2:]:
        on_model = condition.perturbation in GRID_FAMILIES
        assert (condition.kind, condition.grid) == (("grid", "model") if on_model else ("acquisition", "native"))
        assert condition.clean == Condition(grid=condition.grid) and condition.clean in conditions(ROBUSTNESS)


def test_only_families_that_draw_are_drawn_again():
    counts = Counter(c.perturbation for c in conditions(ROBUSTNESS, draws=3) if c.severity)
    for name, _ in ROBUSTNESS.perturbations:
        assert counts[name] == 5 * (3 if perturbations.get(name).random else 1)
    assert counts["scale-up"] == 5 and counts["noise"] == 15


def test_only_the_families_asked_for():
    chosen = conditions(ROBUSTNESS, only=["noise", "shift"])
    assert {c.perturbation for c in chosen} == {"clean", "noise", "shift"} and len(chosen) == 2 + 10


def test_a_family_outside_the_suite_can_be_added():
    chosen = conditions(find_suite("accuracy"), only=["noise"])
    assert [c.perturbation for c in chosen] == ["clean"] * 2 + ["noise"] * 5


def test_a_perturbation_never_comes_without_its_clean_partner():
    assert conditions(find_suite("efficiency")) == ()
    chosen = conditions(find_suite("efficiency"), only=["noise"])
    assert all(c.clean in chosen for c in chosen)


def test_a_suite_frozen_with_another_version_of_a_family_is_refused():
    other = replace(ROBUSTNESS, perturbations=(("noise", 3),))
    with pytest.raises(BenchError, match=r"version 3 of 'noise', but 1 and 2 is installed; install the release"):
        conditions(other)


def test_each_suite_runs_the_version_it_was_frozen_with():
    for number in (1, 2):
        (third,) = (c for c in conditions(find_suite(f"robustness-v{number}"), only=["noise"]) if c.severity == 3)
        assert third.version == number and third.family == perturbations.get("noise", version=number)
    assert {c.version for c in conditions(find_suite("accuracy"), only=["noise"])} == {0, 2}


def test_conditions_say_what_they_are():
    assert str(Condition(grid="native")) == "clean (native grid)"
    assert [str(c) for c in conditions(ROBUSTNESS, only=["spike"])[2:4]] == ["spike 1", "spike 2"]
