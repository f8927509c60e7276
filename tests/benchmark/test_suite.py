"""Suites: frozen, versioned, found by either name."""

import pytest

from mednca_bench import perturbations
from mednca_bench.benchmark import suite as suite_module
from mednca_bench.benchmark.condition import conditions
from mednca_bench.benchmark.errors import UsageProblem
from mednca_bench.benchmark.suite import SUITES, Suite, find_suite

ROBUSTNESS_V2 = (
    "scale-up scale-down shape shift rotate crop "
    "noise ghosting spike bias-field motion gibbs blur anisotropy contrast erase"
)
ROBUSTNESS_V1 = "scale-up scale-down shape shift noise ghosting spike bias-field"


def test_a_bare_name_is_the_newest_version(monkeypatch):
    versions = [Suite(name=f"robustness-v{number}", summary="") for number in (2, 10, 9)]
    monkeypatch.setattr(suite_module, "SUITES", (*SUITES, *versions))
    assert find_suite("robustness").name == "robustness-v10"
    assert find_suite("robustness-v1") == SUITES[1]


def test_names_are_unique_and_versioned():
    names = [suite.name for suite in SUITES]
    assert len(set(names)) == len(names)
    assert {suite.family for suite in SUITES} == {"accuracy", "robustness", "quality", "efficiency", "paper"}
    for suite in SUITES:
        assert find_suite(suite.name) is suite and suite.summary
    assert {find_suite(family).name for family in ("accuracy", "robustness", "efficiency", "paper")} == {
        "accuracy-v1",
        "robustness-v2",
        "efficiency-v2",
        "paper-v2",
    }


def test_the_first_efficiency_suite_is_frozen():
    assert find_suite("efficiency-v1").efficiency and not find_suite("efficiency-v1").sweep


def test_robustness_suites_are_frozen():
    assert find_suite("robustness-v1").perturbations == tuple((name, 1) for name in ROBUSTNESS_V1.split())
    assert find_suite("robustness-v2").perturbations == tuple(
        (name, 2 if name in ROBUSTNESS_V1.split()[4:] else 1) for name in ROBUSTNESS_V2.split()
    )
    assert find_suite("robustness-v1").clean and not find_suite("robustness-v1").efficiency


def test_quality_v1_is_robustness_v1_at_three_severities_with_ensembles():
    quality, robustness = find_suite("quality-v1"), find_suite("robustness-v1")
    assert quality.perturbations == robustness.perturbations and quality.clean and not quality.efficiency
    assert (quality.severities, quality.passes) == ((1, 3, 5), 10)
    assert (robustness.severities, robustness.passes) == ((1, 2, 3, 4, 5), 1)
    chosen = conditions(quality)
    assert len(chosen) == 2 + 8 * 3 and {c.severity for c in chosen} == {0, 1, 3, 5}


def test_the_paper_suite_is_all_three():
    paper = find_suite("paper")
    assert paper.clean and paper.efficiency and paper.perturbations == find_suite("robustness").perturbations


def test_every_perturbation_of_a_suite_is_registered_with_its_version():
    for suite in SUITES:
        for name, version in suite.perturbations:
            assert perturbations.get(name, version=version).version == version


@pytest.mark.parametrize("name", ["robustnes", "robustness-v99", "Robustness "])
def test_an_unknown_suite_is_answered_with_the_nearest(name):
    with pytest.raises(UsageProblem, match=r"did you mean 'robustness.*allowed: accuracy, efficiency"):
        find_suite(name)
