"""Measures against hand-worked volumes and brute force."""

import time

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from mednca_bench.results.measure import measure, paper_sums
from mednca_bench.results.record import MEASURED
from mednca_bench.results.surface import surface

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7)
SPACING = st.tuples(*[st.sampled_from([0.5, 0.6, 1.0, 1.25, 4.0])] * 3)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    mask = hnp.arrays(np.bool_, shape)
    return draw(mask), draw(mask)


@given(hnp.arrays(np.bool_, SHAPES))
def test_surface_is_the_mask_minus_its_6_connected_erosion(mask: np.ndarray) -> None:
    cross = ndimage.generate_binary_structure(3, 1)
    np.testing.assert_array_equal(surface(mask), mask & ~ndimage.binary_erosion(mask, cross, border_value=0))


@settings(max_examples=150, deadline=None)
@given(pairs(), SPACING)
def test_histogram_is_that_of_all_pairwise_distances(
    pair: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float, float]
) -> None:
    prediction, truth = pair
    row = measure(prediction.astype(np.float32), truth, spacing=spacing)
    if not (prediction.any() and truth.any()):
        assert row["distance_mm"].size == row["count_prediction"].size == row["count_reference"].size == 0
        return
    between = cdist(np.argwhere(surface(prediction)) * spacing, np.argwhere(surface(truth)) * spacing)
    for name, axis in (("count_prediction", 1), ("count_reference", 0)):
        found = np.repeat(row["distance_mm"], row[name])
        np.testing.assert_allclose(found, np.sort(between.min(axis=axis)), atol=6e-5)
    assert np.all(np.diff(row["distance_mm"]) > 0)
    assert np.all(row["count_prediction"] + row["count_reference"] > 0)


@given(pairs())
def test_counts_and_state(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, truth = pair
    row = measure(prediction.astype(np.float64), truth, spacing=(1, 1, 1))
    assert (row["tp"], row["fp"], row["fn"], row["voxels"]) == (
        int((prediction & truth).sum()),
        int((prediction & ~truth).sum()),
        int((~prediction & truth).sum()),
        truth.size,
    )
    states = {(1, 1): "ok", (0, 0): "both_empty", (0, 1): "missed", (1, 0): "false_positive"}
    assert row["state"] == states[bool(prediction.any()), bool(truth.any())]
    assert tuple(sorted(row)) == tuple(sorted(MEASURED))


@given(hnp.arrays(np.float32, (5, 4, 3), elements=st.floats(0, 1, width=32)), hnp.arrays(np.bool_, (5, 4, 3)))
def test_soft_sums_and_calibration_add_up(probability: np.ndarray, truth: np.ndarray) -> None:
    row = measure(probability, truth, spacing=(1, 1, 2))
    assert row["p_sum"] == pytest.approx(probability.astype(np.float64).sum())
    assert row["py_sum"] == pytest.approx((probability.astype(np.float64) * truth).sum())
    assert row["cal_count"].sum() == truth.size
    assert row["cal_y"].sum() == truth.sum()
    assert row["cal_p"].sum() == pytest.approx(row["p_sum"], rel=1e-5, abs=1e-6)
    filled = row["cal_count"] > 0
    centre = row["cal_p"][filled] / row["cal_count"][filled]
    low = np.arange(15)[filled] / 15
    assert np.all((centre >= low - 1e-6) & (centre <= low + 1 / 15 + 1e-6))
    sums = paper_sums(probability, truth)
    assert sums == {"p_sum_paper": row["p_sum"], "py_sum_paper": row["py_sum"], "y_sum_paper": truth.sum()}


def test_a_probability_of_one_is_in_the_last_bin() -> None:
    row = measure(np.ones((1, 1, 2)), np.array([[[True, False]]]), spacing=(1, 1, 1))
    assert row["cal_count"].tolist() == [0] * 14 + [2]


def test_hand_worked_anisotropic_boxes() -> None:
    """Truth 2x2x2; prediction the same moved by one slice of 4 mm and one 0.5 mm row."""
    truth = np.zeros((6, 6, 6), dtype=bool)
    truth[2:4, 2:4, 2:4] = True
    row = measure(np.roll(truth, (1, 1), (0, 2)).astype(np.float32), truth, spacing=(0.5, 1.0, 4.0))
    # Of the prediction's eight voxels two lie in the truth, two 0.5 mm off, two 4 mm, two hypot(0.5, 4) = 4.0311 mm.
    np.testing.assert_allclose(row["distance_mm"], [0, 0.5, 4, 4.0311])
    assert row["count_prediction"].tolist() == row["count_reference"].tolist() == [2, 2, 2, 2]
    assert row["diagonal_mm"] == pytest.approx((3**2 + 6**2 + 24**2) ** 0.5)
    assert row["voxel_mm3"] == 2.0


def test_the_prediction_can_be_given() -> None:
    """A logit of 1e-9 is positive, its float32 sigmoid is 0.5."""
    half = np.full((2, 2, 2), 0.5, dtype=np.float32)
    truth = np.ones((2, 2, 2), dtype=bool)
    assert measure(half, truth, spacing=(1, 1, 1))["state"] == "missed"
    assert measure(half, truth, spacing=(1, 1, 1), prediction=truth)["tp"] == 8


@pytest.mark.parametrize(
    ("probability", "truth", "spacing", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 2), bool), (1, 1, 1), "volume \\(X, Y, Z\\) is needed"),
        (np.zeros((2, 0, 2)), np.zeros((2, 0, 2), bool), (1, 1, 1), "volume \\(X, Y, Z\\) is needed"),
        (np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), bool), (1, 1, 1), "dtype int64"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), (1, 1, 1), "truth has dtype float64"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 3), bool), (1, 1, 1), "shape \\(2, 2, 3\\) but probability has"),
        (np.full((2, 2, 2), np.nan), np.zeros((2, 2, 2), bool), (1, 1, 1), "finite and in \\[0, 1\\]"),
        (np.full((2, 2, 2), 1.1), np.zeros((2, 2, 2), bool), (1, 1, 1), "finite and in \\[0, 1\\]"),
        (np.full((2, 2, 2), -np.inf), np.zeros((2, 2, 2), bool), (1, 1, 1), "finite and in \\[0, 1\\]"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2), bool), (1, 1), "three positive lengths"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2), bool), (1, 1, 0), "three positive lengths"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2), bool), (1, 1, np.inf), "three positive lengths"),
    ],
)
def test_bad_input(probability: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure(probability, truth, spacing=spacing)


def test_a_slice_stack_takes_a_few_milliseconds() -> None:
    index = np.stack(np.meshgrid(*map(np.arange, (64, 64, 36)), indexing="ij"), axis=-1)
    truth = np.linalg.norm((index - (32, 30, 18)) / (16, 11, 10), axis=-1) < 1
    probability = np.roll(truth, 2, axis=0) * np.float32(0.9)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        measure(probability, truth, spacing=(1, 1, 1))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.02, f"{min(times) * 1e3:.1f} ms"
