"""AURC and AUROC against scipy, brute force over all orders, and hand-worked curves."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from scipy.special import expit, logit
from scipy.stats import mannwhitneyu
from scipy.stats import t as student

from mednca_bench.results.selective import aurc, auroc, by_score, curve
from mednca_bench.results.selective_intervals import intervals


def area(score: np.ndarray, risk: np.ndarray) -> float:
    found = by_score(score, risk, risk > 0.2)
    return float(aurc(found.size, found.risk))


def plain_area(risk_in_order: np.ndarray) -> float:
    """Literally: the mean over k of the mean risk of the first k."""
    return float(np.mean([risk_in_order[:k].mean() for k in range(1, len(risk_in_order) + 1)]))


def random_answers(answers: int, *, seed: int = 0, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = rng.beta(1, 4, answers)
    score = risk + rng.normal(0, 0.2, answers)
    return (score if levels is None else np.round(score * levels) / levels), risk


def test_aurc_is_the_mean_selective_risk() -> None:
    score, risk = random_answers(60)
    assert area(score, risk) == pytest.approx(plain_area(risk[np.argsort(score)]), rel=1e-12)


def test_ties_are_the_mean_over_every_order() -> None:
    score, risk = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 3.0]), np.array([0.3, 0.1, 0.9, 0.4, 0.0, 0.7])
    areas = [
        plain_area(risk[[0, *(1 + np.array(middle)), *(4 + np.array(end))]])
        for middle in itertools.permutations(range(3))
        for end in itertools.permutations(range(2))
    ]
    assert area(score, risk) == pytest.approx(np.mean(areas), rel=1e-12)
    assert area(np.zeros(6), risk) == pytest.approx(risk.mean(), rel=1e-12), "a score that says nothing"


@given(stn.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)), st.randoms(use_true_random=False))
def test_the_best_order_is_by_risk_and_the_order_of_rows_is_nothing(risk: np.ndarray, random) -> None:
    score = np.array([random.choice([0.0, 0.5, 1.0]) for _ in risk])
    shuffled = list(range(len(risk)))
    random.shuffle(shuffled)
    assert area(score, risk) == area(score[shuffled], risk[shuffled])
    assert area(risk, risk) <= area(score, risk) + 1e-12
    assert area(-risk, risk) >= area(score, risk) - 1e-12


@pytest.mark.parametrize("levels", [None, 4], ids=["no ties", "ties"])
@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_mann_whitney_u(levels: int | None, seed: int) -> None:
    score, risk = random_answers(80, seed=seed, levels=levels)
    failed = risk > 0.2
    found = by_score(score, risk, failed)
    statistic = mannwhitneyu(score[failed], score[~failed]).statistic
    assert float(auroc(found.size, found.failed)) == pytest.approx(statistic / (failed.sum() * (~failed).sum()))


@pytest.mark.parametrize("failed", [True, False])
def test_auroc_needs_both(failed: bool) -> None:
    found = by_score([1.0, 2.0], [0.5, 0.5], [failed, failed])
    assert np.isnan(auroc(found.size, found.failed))


def test_a_hand_worked_curve() -> None:
    found = by_score([1, 2, 2, 3], [0.0, 0.2, 0.4, 1.0], [False, False, True, True])
    coverage, risk, threshold = curve(found, points=200)
    np.testing.assert_allclose(coverage, [0.25, 0.75, 1])
    np.testing.assert_allclose(risk, [0, 0.2, 0.4])
    np.testing.assert_allclose(threshold, [1, 2, 3])
    assert float(auroc(found.size, found.failed)) == pytest.approx(3.5 / 4)


def test_curves_are_thinned_and_end_at_full_coverage() -> None:
    score, risk = random_answers(5000)
    found = by_score(score, risk, risk > 0.2)
    coverage, selective_risk, threshold = curve(found, points=200)
    assert len(coverage) == 200 and (np.diff(coverage) > 0).all() and (np.diff(threshold) > 0).all()
    assert coverage[-1] == 1 and selective_risk[-1] == pytest.approx(risk.mean())
    for c, r, t in zip(coverage, selective_risk, threshold, strict=True):
        assert r == pytest.approx(risk[score <= t].mean()) and c == pytest.approx((score <= t).mean())


@pytest.mark.parametrize("levels", [None, 4], ids=["no ties", "ties"])
def test_intervals_are_those_of_a_plain_jackknife_over_subjects(levels: int | None) -> None:
    """Every subject's answers deleted in turn, what is left scored by the point estimates."""
    score, risk = random_answers(60, seed=3, levels=levels)
    subjects = np.array([f"s{number % 12}" for number in range(60)])

    def statistics(kept: np.ndarray) -> np.ndarray:
        found = by_score(score[kept], risk[kept], risk[kept] > 0.2)
        excess = area(score[kept], risk[kept]) - area(risk[kept], risk[kept])
        return np.array([area(score[kept], risk[kept]), excess, float(auroc(found.size, found.failed))])

    middle = statistics(np.ones(60, dtype=bool))
    without = np.array([statistics(subjects != name) for name in np.unique(subjects)])
    half = student.ppf(0.975, 11) * np.sqrt(11 / 12 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    bounds = intervals(score, risk, risk > 0.2, subjects)
    for got, value, width in zip((bounds.aurc, bounds.excess), middle[:2], half[:2], strict=True):
        np.testing.assert_allclose(got, [value * np.exp(-width / value), value * np.exp(width / value)], rtol=1e-9)
    chance, width = middle[2], half[2] / (middle[2] * (1 - middle[2]))
    np.testing.assert_allclose(bounds.auroc, expit(logit(chance) + np.array([-width, width])), rtol=1e-9)


def test_bounds_lie_within_the_range_of_the_number() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        risk = rng.beta(1, 4, 24)
        bounds = intervals(risk + rng.normal(0, 0.02, 24), risk, risk > 0.2, np.arange(24) // 12)
        for low, high in (bounds.aurc, bounds.excess, bounds.auroc):
            assert np.isnan([low, high]).all() or 0 < low <= high <= 1


def test_the_order_of_the_answers_is_nothing() -> None:
    score, risk = random_answers(2000, seed=2)
    subjects, order = np.arange(2000) % 30, np.random.default_rng(0).permutation(2000)
    assert intervals(score, risk, risk > 0.2, subjects) == intervals(
        score[order], risk[order], risk[order] > 0.2, subjects[order]
    )


def test_a_perfect_order_has_no_interval_of_its_excess() -> None:
    _, risk = random_answers(60)
    bounds = intervals(risk, risk, risk > 0.2, np.arange(60) // 2)
    assert np.isnan(bounds.excess).all() and np.isnan(bounds.auroc).all() and not np.isnan(bounds.aurc).any()


def test_many_answers_are_put_together_for_intervals_only() -> None:
    score, risk = random_answers(20_000, seed=1)
    subjects = np.arange(20_000) % 40
    bounds = intervals(score, risk, risk > 0.2, subjects)
    exact = by_score(score, risk, risk > 0.2)
    middle = float(aurc(exact.size, exact.risk))
    assert bounds.aurc[0] < middle < bounds.aurc[1] and bounds.aurc[1] - bounds.aurc[0] < 0.02
    assert bounds.auroc[0] < float(auroc(exact.size, exact.failed)) < bounds.auroc[1]


def test_too_little_has_no_interval() -> None:
    score, risk = random_answers(30)
    failed = np.arange(30) < 4
    subjects = np.arange(30) // 2
    few = intervals(score, risk, failed, subjects)
    assert np.isnan(few.auroc).all() and not np.isnan(few.aurc).any()
    assert not np.isnan(intervals(score, risk, np.arange(30) < 6, subjects).auroc).any()
    alone = intervals(score, risk, np.arange(30) < 6, np.where(np.arange(30) < 6, 99, subjects))
    assert np.isnan(alone.auroc).all(), "every failure is of one subject"
    assert np.isnan(intervals(score, risk, failed, np.zeros(30)).aurc).all()


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one is needed"):
        by_score([], [], [])
    with pytest.raises(ValueError, match="finite"):
        by_score([np.nan], [0.5], [True])
