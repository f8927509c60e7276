"""Wilcoxon, Holm, effect sizes and power against scipy, the closed testing principle and hand-worked cases."""

import math
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mednca_bench.results.paired_tests import can_be_significant, detectable_difference, holm, paired_test, smallest_p


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferroni(p: list[float]) -> None:
    """A hypothesis is rejected when Bonferroni rejects every set of hypotheses that it is in."""
    places = range(len(p))
    sets = list(chain.from_iterable(combinations(places, size) for size in range(1, len(p) + 1)))
    closed = [max(min(1.0, len(s) * min(p[i] for i in s)) for s in sets if place in s) for place in places]
    np.testing.assert_allclose(holm(p), closed)


def test_holm_leaves_out_what_could_not_be_tested() -> None:
    np.testing.assert_allclose(holm([0.01, math.nan, 0.04]), [0.02, math.nan, 0.04])


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40), st.randoms())
def test_order_does_not_matter_and_signs_mirror(values: list[int], random: object) -> None:
    differences = [value / 1000 for value in values]
    shuffled = differences.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = paired_test(differences), paired_test(shuffled)
    np.testing.assert_equal(vars(one), vars(other))
    mirrored = paired_test([-value for value in differences])
    assert mirrored.p == pytest.approx(one.p) and mirrored.rank_biserial == pytest.approx(-one.rank_biserial)
    assert 0 <= one.p <= 1 and -1 <= one.rank_biserial <= 1


def test_the_exact_distribution_by_enumeration() -> None:
    """Seven subjects: the p value is the share of the 128 sign patterns with as extreme a rank sum."""
    differences = np.array([0.5, -0.1, 0.9, 0.2, 1.3, -0.3, 0.7])
    ranks = stats.rankdata(np.abs(differences))
    signs = np.array(np.meshgrid(*[[-1, 1]] * 7)).reshape(7, -1).T
    seen = abs((ranks * np.sign(differences)).sum())
    test = paired_test(differences)
    assert test.p == pytest.approx((np.abs(signs @ ranks) >= seen - 1e-9).mean())
    assert test.rank_biserial == pytest.approx((ranks * np.sign(differences)).sum() / ranks.sum())
    assert test.d_z == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert test.p == pytest.approx(stats.wilcoxon(differences).pvalue)


def test_at_the_edges() -> None:
    assert paired_test([0.0, 0.0, 0.0]).p == 1
    assert math.isnan(paired_test([0.1]).p) and paired_test([0.1]).mean == 0.1
    assert math.isnan(paired_test([math.nan]).mean) and paired_test([]).subjects == 0
    assert paired_test([0.1, math.nan, 0.2]).subjects == 2
    assert math.isnan(paired_test([0.2, 0.2, 0.2]).d_z)


@pytest.mark.parametrize("subjects", [2, 5, 9, 20])
def test_no_sample_gives_a_smaller_p(subjects: int) -> None:
    assert paired_test(np.arange(1, subjects + 1)).p == pytest.approx(smallest_p(subjects))


def test_nine_subjects_and_thirty_comparisons_cannot_show_anything() -> None:
    assert not can_be_significant([9] * 30).any()
    assert can_be_significant([9] * 12).all()
    assert can_be_significant([9, 30]).all() and can_be_significant([2, 30]).tolist() == [False, True]


@pytest.mark.parametrize("subjects", [5, 20, 100])
def test_power_is_that_of_the_noncentral_t(subjects: int) -> None:
    shift = detectable_difference(1.0, subjects, tests=1) * math.sqrt(subjects)
    critical = stats.t.ppf(0.975, subjects - 1)
    assert stats.nct.sf(critical, subjects - 1, shift) == pytest.approx(0.8, abs=1e-3)


def test_two_subjects_and_many_tests_have_a_detectable_difference_too() -> None:
    assert detectable_difference(1.0, 2, tests=1000) > detectable_difference(1.0, 3, tests=1000) > 1


def test_the_detectable_difference_is_detected_with_power_080() -> None:
    rng = np.random.default_rng(0)
    difference = detectable_difference(0.04, 15, tests=5)
    samples = rng.normal(difference, 0.04, size=(15, 4000))
    power = (stats.ttest_1samp(samples, 0).pvalue < 0.05 / 5).mean()
    assert power == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / 4000))
    assert math.isnan(detectable_difference(0.04, 1, tests=5))
