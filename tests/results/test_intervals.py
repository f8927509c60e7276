"""Intervals over subjects against scipy, their laws, and coverage measured by simulation."""

from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mednca_bench.results.coverage_simulation import coverage, family_wise_error, main, report
from mednca_bench.results.intervals import mean_interval, mean_intervals
from mednca_bench.results.metrics import derive
from mednca_bench.results.statistics import ENOUGH_SUBJECTS
from mednca_bench.results.table_accuracy import accuracy
from mednca_bench.results.training_seeds import seed_interval


def skewed(subjects: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums and counts of one or two cases a subject."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 3, size=subjects).astype(float)
    return rng.beta(8, 2, size=subjects) * counts, counts


@pytest.mark.parametrize("subjects", [9, ENOUGH_SUBJECTS + 20])
def test_the_interval_of_one_mean_is_that_of_the_tables(fake: ModuleType, subjects: int) -> None:
    rng = np.random.default_rng(0)
    cases = [(f"c{n}", f"s{n // 2}", float(dice)) for n, dice in enumerate(rng.beta(8, 2, size=2 * subjects))]
    frame = derive(pd.DataFrame([fake.record(dice, case=case, group=group) for case, group, dice in cases]))
    table = accuracy(frame)
    assert table is not None
    row = table.frame.iloc[0]
    order = rng.permutation(len(frame))
    values, groups = frame["dice"].to_numpy()[order], frame["group"].to_numpy()[order]
    assert mean_interval(values, groups) == pytest.approx((row["dice_low"], row["dice_high"]), abs=1e-12)
    with_nan = mean_interval(np.append(values, np.nan), np.append(groups, "other"))
    assert with_nan == pytest.approx(mean_interval(values, groups))


def test_one_subject_has_no_interval() -> None:
    for values, subjects in (([0.5, 0.6], ["a", "a"]), ([np.nan], ["a"]), ([], [])):
        assert np.isnan(mean_interval(values, subjects)).all()


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_against_scipy(method: str) -> None:
    sums, counts = skewed(40, 1)
    low, high = mean_intervals(sums[:, None], counts[:, None], method=method)  # type: ignore[arg-type]
    oracle = stats.bootstrap(
        (sums, counts),
        lambda s, c, axis: s.sum(axis) / c.sum(axis),
        paired=True,
        n_resamples=10_000,
        method={"bca": "BCa"}.get(method, method),
        rng=np.random.default_rng(2),
    ).confidence_interval
    # The Monte-Carlo error of a bound is about 1.5 % of the width, and BCa's bias correction adds 2 %.
    assert (low[0], high[0]) == pytest.approx((oracle.low, oracle.high), abs=0.08 * (oracle.high - oracle.low))


def test_t_is_students_where_every_subject_has_one_case() -> None:
    values = skewed(12, 3)[0]
    low, high = mean_intervals(values[:, None], np.ones((12, 1)))
    oracle = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (low[0], high[0]) == pytest.approx((oracle.low, oracle.high))


def test_the_error_of_a_ratio_is_that_of_the_jackknife() -> None:
    """To first order: the jackknife's variance of sum / count over subjects, to 5 %."""
    sums, counts = skewed(200, 4)
    low, high = mean_intervals(sums[:, None], counts[:, None], method="t")
    left_out = (sums.sum() - sums) / (counts.sum() - counts)
    error = np.sqrt(199 / 200 * ((left_out - left_out.mean()) ** 2).sum())
    assert (high[0] - low[0]) / 2 / stats.t.ppf(0.975, 199) == pytest.approx(error, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32 - 1), st.sampled_from([None, "percentile", "bca", "t"]))
def test_bounds_hold_the_estimate_and_are_equivariant(subjects: int, seed: int, method: str | None) -> None:
    sums, counts = skewed(subjects, seed)
    mean = sums.sum() / counts.sum()
    low, high = mean_intervals(sums[:, None], counts[:, None], method=method)  # type: ignore[arg-type]
    assert low[0] - 1e-9 <= mean <= high[0] + 1e-9 or method in (None, "bca")
    shifted = mean_intervals((3 * sums + counts)[:, None], counts[:, None], method=method)  # type: ignore[arg-type]
    np.testing.assert_allclose(np.concatenate(shifted), [3 * low[0] + 1, 3 * high[0] + 1], rtol=1e-9)


def test_each_statistic_follows_the_rule_for_its_own_subjects() -> None:
    sums, counts = (np.repeat(part[:, None], 2, axis=1) for part in skewed(ENOUGH_SUBJECTS + 10, 5))
    few = ENOUGH_SUBJECTS - 1
    sums[few:, 1] = counts[few:, 1] = 0
    low, high = mean_intervals(sums, counts)
    for column, method in ((0, "bca"), (1, "t")):
        alone = mean_intervals(sums[:, [column]], counts[:, [column]], method=method)  # type: ignore[arg-type]
        assert (low[column], high[column]) == pytest.approx((alone[0][0], alone[1][0]))
    nothing = mean_intervals(sums[:1], counts[:1])
    assert np.isnan(nothing).all()


def test_a_constant_has_an_interval_of_no_width() -> None:
    counts = np.ones((60, 1))
    assert np.concatenate(mean_intervals(0.5 * counts, counts)).tolist() == [0.5, 0.5]


def test_the_mean_over_labels_resamples_subjects_together() -> None:
    """Two labels that move against each other: their mean does not vary at all."""
    one = np.random.default_rng(6).normal(size=(60, 1))
    both = np.concatenate([one, -one], axis=1)
    low, high = mean_intervals(both, np.ones((60, 2)), averaged=True)
    assert (low[0], high[0]) == pytest.approx((0, 0), abs=1e-12)


def test_seeds_and_subjects_both_widen_the_interval() -> None:
    rng = np.random.default_rng(7)
    subject, seed = rng.normal(0, 1, 40), rng.normal(0, 1, 8)
    counts = np.ones((8, 40))
    both = seed_interval(seed[:, None] + subject + rng.normal(0, 0.1, (8, 40)), counts)
    only_subjects = seed_interval(np.tile(subject, (8, 1)), counts)
    expected = 1.96 * np.sqrt(subject.var() / 40)
    assert (only_subjects[1] - only_subjects[0]) / 2 == pytest.approx(expected, rel=0.05)
    expected = 1.96 * np.sqrt(subject.var() / 40 + seed.var() / 8)
    assert (both[1] - both[0]) / 2 == pytest.approx(expected, rel=0.06)
    assert np.isnan(seed_interval(counts[:4], counts[:4])).all()


@pytest.mark.parametrize(
    ("method", "subjects", "expected"), [("t", 9, 0.935), ("bca", 48, 0.938), ("percentile", 9, 0.886)]
)
def test_measured_coverage(method: str, subjects: int, expected: float) -> None:
    """As docs/statistics.md has it, within four standard errors of these few replications."""
    found = coverage(method, subjects, replications=600)  # type: ignore[arg-type]
    assert found.value == pytest.approx(expected, abs=4 * max(found.error, 0.009))


def test_a_rare_failure_is_not_covered_by_few_subjects() -> None:
    assert coverage("t", 9, failures=True, replications=400).value < 0.9


def test_holm_keeps_the_family_wise_error() -> None:
    found = family_wise_error(20, replications=300)
    assert found.value < 0.05 + 4 * 0.0126


def test_the_report_is_reproducible(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["coverage_simulation", "--replications", "20"])
    main()
    printed = capsys.readouterr().out.splitlines()
    assert printed == list(report(replications=20)) and printed[2].startswith("| skewed | 9 |")
    monkeypatch.setattr("sys.argv", ["coverage_simulation", "--replications", "2"])
    with pytest.raises(SystemExit):
        main()
    assert "give at least 5" in capsys.readouterr().err
