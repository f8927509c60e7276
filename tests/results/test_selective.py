"""AURC and AUROC against scipy, brute force over all orders, and hand-worked curves."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from scipy.stats import mannwhitneyu

from mednca_bench.results import selective
from mednca_bench.results.selective import aurc, auroc, by_score, curve, intervals


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


def test_intervals_are_those_of_a_plain_bootstrap_over_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same resamples, each drawn out answer by answer and scored by the point estimates."""
    monkeypatch.setattr(selective, "RESAMPLES", 200)
    score, risk = random_answers(60, seed=3)
    subjects = np.array([f"s{number % 12}" for number in range(60)])
    failed = risk > 0.2
    random = np.random.Generator(np.random.PCG64(selective.BOOTSTRAP_SEED))
    weights = random.multinomial(12, np.full(12, 1 / 12), size=200)
    names = np.unique(subjects)
    areas, excesses, rocs = [], [], []
    for row in weights:
        drawn = np.concatenate([np.tile(np.flatnonzero(subjects == names[g]), row[g]) for g in range(12)])
        found = by_score(score[drawn], risk[drawn], failed[drawn])
        areas.append(area(score[drawn], risk[drawn]))
        excesses.append(areas[-1] - area(risk[drawn], risk[drawn]))
        rocs.append(float(auroc(found.size, found.failed)))
    bounds = intervals(score, risk, failed, subjects)
    for got, replicates in ((bounds.aurc, areas), (bounds.excess, excesses), (bounds.auroc, rocs)):
        np.testing.assert_allclose(got, np.nanpercentile(replicates, [2.5, 97.5]), rtol=1e-9)


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
