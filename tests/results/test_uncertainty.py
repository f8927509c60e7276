"""Entropy, mass and NQM against hand-worked numbers and numpy in the plainest form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import entropy

from mednca_bench.results.record import COLUMNS
from mednca_bench.results.uncertainty import UNMEASURED, pooled_logits, uncertainty


def logits(*shape: int, seed: int = 0, scale: float = 3.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def test_one_pass_has_entropy_and_mass_and_no_nqm() -> None:
    passes = logits(1, 4, 5, 6)
    p = expit(passes[0].astype(np.float64)).ravel()
    found = uncertainty(passes)
    assert found["entropy_sum"] == pytest.approx(entropy(np.stack([p, 1 - p])).sum(), rel=1e-12)
    assert found["p_sum_model"] == pytest.approx(p.sum(), rel=1e-12)
    assert math.isnan(found["nqm"])


def test_an_ensemble_is_measured_on_the_mean_of_the_sigmoids() -> None:
    passes = logits(10, 4, 5, 6)
    p = expit(passes.astype(np.float64))
    mean = p.mean(axis=0)
    found = uncertainty(passes)
    # The authors' labelVariance: squares divided by the number of passes.
    assert found["nqm"] == pytest.approx(np.sqrt(((p - mean) ** 2).sum(axis=0) / 10).sum() / mean.sum(), rel=1e-12)
    assert found["p_sum_model"] == pytest.approx(mean.sum(), rel=1e-12)
    assert found["entropy_sum"] == pytest.approx(entropy(np.stack([mean, 1 - mean])).sum(), rel=1e-10)


def test_hand_worked() -> None:
    """Two voxels, two passes: sigmoids (1/4, 3/4) and (1/2, 1/2): sd 1/4 and 0, means 1/2 and 1/2."""
    third = math.log(3)
    found = uncertainty(np.array([[-third, 0.0], [third, 0.0]]).reshape(2, 2, 1, 1))
    assert found["nqm"] == pytest.approx(0.25)
    assert found["entropy_sum"] == pytest.approx(2 * math.log(2)) and found["p_sum_model"] == pytest.approx(1)


def test_one_pass_is_pooled_bit_for_bit_and_equal_passes_are_that_pass() -> None:
    one = logits(1, 3, 3, 3, scale=20)
    np.testing.assert_array_equal(pooled_logits(one).astype(np.float32), one[0])
    np.testing.assert_allclose(pooled_logits(np.repeat(one, 7, axis=0)), one[0], rtol=1e-12, atol=1e-12)
    assert uncertainty(np.repeat(one, 7, axis=0))["nqm"] == pytest.approx(0, abs=1e-12)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=12))
def test_the_pooled_logit_is_that_of_the_mean_sigmoid_in_any_order(values: list[float]) -> None:
    passes = np.array(values).reshape(-1, 1)
    assert expit(pooled_logits(passes))[0] == pytest.approx(expit(passes).mean(), rel=1e-9)
    np.testing.assert_allclose(pooled_logits(passes[::-1]), pooled_logits(passes), rtol=1e-9, atol=1e-12)


def test_saturated_logits_are_not_rounded_to_certainty() -> None:
    found = uncertainty(np.full((1, 1, 1, 1), -100.0))
    assert 0 < found["p_sum_model"] < 1e-40 and 0 < found["entropy_sum"] < 1e-40
    assert uncertainty(np.full((1, 1, 1, 1), 100.0))["entropy_sum"] == pytest.approx(found["entropy_sum"])
    apart = np.array([-800.0, 800.0]).reshape(2, 1, 1, 1)
    assert pooled_logits(apart).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("broken", [np.zeros((0, 1, 1, 1)), np.full((1, 1, 1, 1), np.nan), np.full((2, 1), np.inf)])
def test_nothing_and_nonsense_are_refused(broken: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least one pass of finite numbers is needed"):
        uncertainty(broken)


def test_its_columns_are_those_of_the_record() -> None:
    assert UNMEASURED.keys() == uncertainty(logits(2, 1, 1, 1)).keys() <= {column.name for column in COLUMNS}
