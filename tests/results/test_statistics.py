"""Bootstrap over subjects against scipy, and what it does at the edges."""

import math

import numpy as np
import pytest
from scipy import stats

from mednca_bench.results import statistics
from mednca_bench.results.small_samples import small_sample_warning
from mednca_bench.results.statistics import Resamples, bootstrap_mean, interval


def test_one_case_per_subject_agrees_with_scipy() -> None:
    rng = np.random.default_rng(3)
    values = rng.beta(8, 2, size=40)
    found = bootstrap_mean(values, np.arange(40))
    oracle = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=rng).confidence_interval
    # Monte-Carlo error of either bound is about 1.5 % of the width.
    assert found == pytest.approx((oracle.low, oracle.high), abs=0.06 * (oracle.high - oracle.low))


def test_several_cases_per_subject_agree_with_scipy() -> None:
    """scipy resamples subjects given as (sum, count) pairs; the statistic is the ratio."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(30), rng.integers(1, 4, size=30))
    values = rng.normal(0, 1, size=30)[groups] + rng.normal(0, 0.1, size=groups.size)
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    found = bootstrap_mean(values, [f"s{g:02d}" for g in groups])
    oracle = stats.bootstrap(
        (sums, counts),
        lambda s, c, axis: s.sum(axis) / c.sum(axis),
        paired=True,
        n_resamples=10_000,
        method="percentile",
        rng=rng,
    ).confidence_interval
    assert found == pytest.approx((oracle.low, oracle.high), abs=0.06 * (oracle.high - oracle.low))


def test_two_alike_cases_per_subject_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(5).normal(size=30)
    alone = bootstrap_mean(values, np.arange(30))
    doubled = bootstrap_mean(np.repeat(values, 2), np.repeat(np.arange(30), 2))
    assert doubled == pytest.approx(alone)


def test_the_order_of_cases_and_undefined_values_change_nothing() -> None:
    rng = np.random.default_rng(6)
    values, groups = rng.normal(size=50), rng.integers(0, 20, size=50)
    order = rng.permutation(50)
    assert bootstrap_mean(values[order], groups[order]) == pytest.approx(bootstrap_mean(values, groups))
    with_nan = bootstrap_mean(np.append(values, math.nan), np.append(groups, 99))
    assert with_nan == pytest.approx(bootstrap_mean(values, groups))


def test_too_few_subjects_give_no_interval() -> None:
    assert np.isnan(bootstrap_mean([0.5, 0.6], [1, 1])).all()
    assert np.isnan(bootstrap_mean([math.nan], [1])).all()
    with pytest.raises(ValueError, match="0 subjects"):
        Resamples(0)


def test_resamples_without_a_case_are_left_out() -> None:
    """A statistic that one subject of three has is undefined in (2/3)^3 of the resamples, and constant elsewhere."""
    resamples = Resamples(3, resamples=400, seed=1)
    sums = np.array([[0.7, 1.0], [0.0, 1.0], [0.0, 1.0]])
    counts = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    ((_, replicates),) = resamples.means(sums, counts)
    assert np.isnan(replicates[:, 0]).mean() == pytest.approx((2 / 3) ** 3, abs=0.08)
    low, high = interval(replicates)
    np.testing.assert_allclose([low, high], [[0.7, 1.0], [0.7, 1.0]])
    assert np.isnan(interval(np.full((5, 1), math.nan))).all()


def test_many_statistics_are_the_same_as_one_at_a_time() -> None:
    rng = np.random.default_rng(7)
    sums, counts = rng.random((9, 300)), np.ones((9, 300))
    resamples = Resamples(9, resamples=50)
    whole = np.concatenate([part for _, part in resamples.means(sums, counts)], axis=1)
    assert whole.shape == (50, 300)
    ((_, single),) = resamples.means(sums[:, 299:], counts[:, 299:])
    np.testing.assert_allclose(whole[:, 299:], single)


def test_the_warning_names_the_number() -> None:
    assert small_sample_warning(100) is None and small_sample_warning([100, 0, 1]) is None
    assert "99 subjects" in str(small_sample_warning(99))
    assert "Intervals rest on 9 to 60 subjects" in str(small_sample_warning([60, 9, 0]))
    assert "Some intervals rest on 9 subjects" in str(small_sample_warning([300, 9]))
    assert "93 to 95 %" in str(small_sample_warning(9))
    assert "89 to 94 %" in str(small_sample_warning(9, of="ranks"))
    assert "92 to 96 %" in str(small_sample_warning(9, of="areas"))
    assert "fewer than the 9" in str(small_sample_warning(8))
    assert "No interval" in str(small_sample_warning(1))


def test_weights_drawn_block_by_block_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    sums, counts = rng.random((7, 3)), np.ones((7, 3))
    ((_, kept),) = Resamples(7, resamples=50).means(sums, counts)
    monkeypatch.setattr(statistics, "_BLOCK", 30)
    monkeypatch.setattr(statistics, "_WEIGHTS_KEPT", 30)
    ((_, drawn),) = Resamples(7, resamples=50).means(sums, counts)
    np.testing.assert_allclose(kept, drawn, rtol=1e-14)
