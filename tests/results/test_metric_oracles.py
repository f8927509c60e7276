"""Overlap, surface and calibration metrics against MONAI and a second way to compute them; spacing anisotropic."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, spatial

from mednca_bench.results.measure import measure, paper_sums
from mednca_bench.results.metrics import derive

SPACINGS = [(0.6, 0.6, 4.0), (2.0, 0.5, 1.25)]
RATES = {"sensitivity": "sensitivity", "precision": "precision", "iou": "threat score"}


def volume(seed: int, shape: tuple[int, int, int] = (16, 14, 9)) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a smooth blob and a rough truth beside it."""
    rng = np.random.default_rng(seed)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    near = 1 - np.linalg.norm((index - rng.uniform(4, 7, 3)) / (5, 4, 3), axis=-1)
    probability = 1 / (1 + np.exp(-6 * near + rng.normal(0, 0.8, shape)))
    truth = 1 - np.linalg.norm((index - rng.uniform(4, 7, 3)) / (5, 4, 3), axis=-1) + rng.normal(0, 0.05, shape) > 0
    return probability.astype(np.float32), truth


def derived(
    probability: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...], task: str = "T_Hippocampus"
) -> dict:
    row = measure(probability, truth, spacing=spacing) | {"task": task}
    return dict(derive(pd.DataFrame([row])).iloc[0])


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # MONAI warns about itself
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spacing", SPACINGS)
def test_against_monai(seed: int, spacing: tuple[float, float, float]) -> None:
    import torch
    from monai.metrics.absolute_volume_difference import compute_absolute_volume_difference
    from monai.metrics.calibration import CalibrationErrorMetric
    from monai.metrics.confusion_matrix import compute_confusion_matrix_metric, get_confusion_matrix
    from monai.metrics.meaniou import compute_iou
    from monai.metrics.surface_dice import compute_surface_dice

    probability, truth = volume(seed)
    found = derived(probability, truth, spacing)
    coarse = derived(probability, truth, spacing, "T_Prostate")
    soft, y = (torch.from_numpy(array[None, None].astype(np.float32)) for array in (probability, truth))
    hard = (soft > 0.5).float()
    matrix = get_confusion_matrix(hard, y)
    for name, title in RATES.items():
        assert found[name] == pytest.approx(compute_confusion_matrix_metric(title, matrix).item(), abs=1e-6)
    assert found["iou"] == pytest.approx(compute_iou(hard, y).item(), abs=1e-6)
    voxels = compute_absolute_volume_difference(hard, y).item()
    assert found["volume_error_abs"] == pytest.approx(voxels / truth.sum(), abs=1e-6)
    for row, tolerance in ((found, 1.0), (coarse, 4.0)):
        nsd = compute_surface_dice(hard, y, [tolerance], include_background=True, spacing=spacing).item()
        assert row["nsd"] == pytest.approx(nsd, abs=1e-6)
    calibration = CalibrationErrorMetric(num_bins=15, include_background=True)
    calibration(y_pred=soft, y=y)
    assert found["ece"] == pytest.approx(calibration.aggregate().item(), abs=1e-6)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_nsd_by_all_pairwise_distances(spacing: tuple[float, float, float]) -> None:
    """Surfaces by scipy's erosion, nearest points by a k-d tree."""
    probability, truth = volume(7)
    clouds = [
        np.argwhere(mask & ~ndimage.binary_erosion(mask)) * np.array(spacing) for mask in (probability > 0.5, truth)
    ]
    trees = [spatial.cKDTree(cloud) for cloud in clouds]
    away = np.concatenate([trees[1].query(clouds[0])[0], trees[0].query(clouds[1])[0]])
    for task, tolerance in (("T_Hippocampus", 1.0), ("T_Prostate", 4.0), ("mine", 1.0)):
        assert derived(probability, truth, spacing, task)["nsd"] == pytest.approx((away <= tolerance + 1e-5).mean())


def test_a_distance_equal_to_the_tolerance_is_within_it() -> None:
    """Two slabs one voxel apart along the 4 mm axis: all of one surface is 0 or 4 mm from the other."""
    truth = np.zeros((6, 6, 8), dtype=bool)
    truth[1:5, 1:5, 2:4] = True
    moved = np.roll(truth, 1, axis=2).astype(np.float32)
    assert derived(moved, truth, (0.6, 0.6, 4.0), "T_Prostate")["nsd"] == 1.0
    assert derived(moved, truth, (0.6, 0.6, 4.0), "T_Hippocampus")["nsd"] < 1.0


@given(st.tuples(*[st.integers(0, 40)] * 3))
def test_overlap_from_counts_and_their_identities(counts: tuple[int, int, int]) -> None:
    tp, fp, fn = counts
    row = derive(pd.DataFrame({"tp": [tp], "fp": [fp], "fn": [fn]})).iloc[0]
    if tp + fp + fn == 0:
        assert row.drop(["tp", "fp", "fn"]).isna().all()
        return
    assert row["dice"] == pytest.approx(2 * row["iou"] / (1 + row["iou"]))
    if tp + fn:
        assert row["volume_error"] == pytest.approx((tp + fp) / (tp + fn) - 1)
    if tp:
        assert row["dice"] == pytest.approx(2 / (1 / row["precision"] + 1 / row["sensitivity"]))


def test_missing_and_invented_structures() -> None:
    """Columns: dice, iou, nsd, sensitivity, precision, precision_raw, volume error, its absolute value."""
    full, empty = np.ones((3, 4, 5)), np.zeros((3, 4, 5))
    nan = math.nan
    expected = {
        ("missed", False, True): (0, 0, 0, 0, 0, nan, -1, 1),
        ("false_positive", True, False): (0, 0, 0, nan, 0, 0, nan, nan),
        ("both_empty", False, False): (nan,) * 8,
        ("ok", True, True): (1, 1, 1, 1, 1, 1, 0, 0),
    }
    names = ("dice", "iou", "nsd", "sensitivity", "precision", "precision_raw", "volume_error", "volume_error_abs")
    for (state, predicted, true), values in expected.items():
        row = derived(full if predicted else empty, (full if true else empty).astype(bool), (1.0, 1.0, 2.0))
        assert row["state"] == state
        np.testing.assert_equal(tuple(row[name] for name in names), values)
        assert math.isnan(row["ece"]) == (state == "both_empty")


def test_ece_by_a_plain_loop() -> None:
    probability, truth = volume(11)
    gap = 0.0
    for place in range(15):
        inside = np.minimum(np.floor(probability * 15), 14) == place
        gap += abs(probability[inside].astype(float).sum() - truth[inside].sum())
    assert derived(probability, truth, (1.0, 1.0, 3.0))["ece"] == pytest.approx(gap / truth.size, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_soft_dice_on_both_grids_is_monais_loss(seed: int) -> None:
    """1 minus MONAI's Dice loss without smoothing; the paper's sums are of another, anisotropically resampled grid."""
    import torch
    from monai.losses.dice import DiceLoss

    probability, truth = volume(seed)
    small, label = ndimage.zoom(probability, (0.5, 0.75, 1), order=1), ndimage.zoom(truth, (0.5, 0.75, 1), order=0)
    row = measure(probability, truth, spacing=SPACINGS[0]) | paper_sums(small, label)
    found = derive(pd.DataFrame([row])).iloc[0]
    for name, pair in (("dice_soft", (probability, truth)), ("dice_soft_paper", (small, label))):
        soft, y = (torch.from_numpy(array[None, None].astype(np.float64)) for array in pair)
        loss = DiceLoss(smooth_nr=0.0, smooth_dr=0.0)(soft, y)
        assert found[name] == pytest.approx(1 - loss.item(), abs=1e-6)
