"""Leaving subjects out all at once is leaving out each in turn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mednca_bench.results.leave_one_out import areas, chances, shares
from mednca_bench.results.selective import aurc, auroc

ANSWER = st.tuples(st.integers(0, 5), st.integers(0, 6), st.floats(0, 1, width=32))
"""Subject, step of score, risk: few subjects and steps, so that they meet in every way."""


@settings(max_examples=150, deadline=None)
@given(st.lists(ANSWER, min_size=2, max_size=40).filter(lambda answers: len({who for who, *_ in answers}) > 1))
def test_all_at_once_is_each_in_turn(answers: list[tuple[int, int, float]]) -> None:
    subject, step = (np.unique([answer[which] for answer in answers], return_inverse=True)[1] for which in (0, 1))
    risk = np.array([answer[2] for answer in answers])
    failed = (risk > 0.5).astype(float)
    got = areas(shares(subject, step, risk)), chances(shares(subject, step, failed))

    for number, one_out in enumerate([None, *range(subject.max() + 1)]):
        kept = np.full(len(subject), True) if one_out is None else subject != one_out
        size, lost, bad = (
            np.bincount(step[kept], weights=weights, minlength=step.max() + 1).astype(float)
            for weights in (None, risk[kept], failed[kept])
        )
        assert got[0][number] == pytest.approx(float(aurc(size, lost)), abs=1e-12)
        assert got[1][number] == pytest.approx(float(auroc(size, bad)), abs=1e-12, nan_ok=True)


def test_a_hand_worked_case() -> None:
    """Risks 0, 0.5, 1 in order of score: 0.25; without one of them (0.5, 1), (0, 1), (0, 0.5)."""
    held = shares(np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([0.0, 0.5, 1.0]))
    assert areas(held).tolist() == pytest.approx([0.25, 0.625, 0.25, 0.125])


def test_the_order_of_the_answers_is_nothing() -> None:
    rng = np.random.default_rng(0)
    subject, step, risk = rng.integers(0, 20, 3000), rng.integers(0, 50, 3000), rng.random(3000)
    order = rng.permutation(3000)
    one, other = areas(shares(subject, step, risk)), areas(shares(subject[order], step[order], risk[order]))
    assert (one == other).all()
