"""Derived metrics against MONAI, numpy and hand-worked cases."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.results.measure import measure
from mednca_bench.results.metrics import METRICS, derive
from mednca_bench.results.store import Store
from mednca_bench.results.surface_metrics import histogram_percentile

SPACINGS = [(1.0, 1.0, 1.0), (0.6, 0.6, 4.0), (2.0, 0.5, 1.25)]


def blobs(seed: int, shape: tuple[int, int, int] = (18, 15, 9)) -> tuple[np.ndarray, np.ndarray]:
    """A ball with a rough edge and another one beside it."""
    rng = np.random.default_rng(seed)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    ball = (np.linalg.norm((index - rng.uniform(3, 6, 3)) / (5, 4, 3), axis=-1) for _ in range(2))
    prediction, truth = (distance + rng.normal(0, 0.08, shape) < 1 for distance in ball)
    return prediction, truth


def one(prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, float, float]) -> "pd.Series[float]":
    row: pd.Series[float] = derive(pd.DataFrame([measure(prediction.astype(float), truth, spacing=spacing)])).iloc[0]
    return row


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # MONAI warns about itself
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(3))
def test_against_monai(seed: int, spacing: tuple[float, float, float]) -> None:
    import torch
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance as hausdorff
    from monai.metrics.meandice import DiceMetric
    from monai.metrics.surface_distance import compute_average_surface_distance as average

    prediction, truth = blobs(seed)
    found = one(prediction, truth, spacing)
    pair = [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, truth)]
    options = {"include_background": True, "spacing": spacing}
    assert found["hd95"] == pytest.approx(hausdorff(*pair, percentile=95, **options).item(), abs=1e-3)
    assert found["assd"] == pytest.approx(average(*pair, symmetric=True, **options).item(), abs=1e-4)
    assert found["dice"] == pytest.approx(DiceMetric(include_background=True)(*pair).item(), abs=1e-6)


def test_soft_dice_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    probability, truth = rng.random((4, 5, 6)), rng.random((4, 5, 6)) < 0.3
    row = derive(pd.DataFrame([measure(probability, truth, spacing=(1, 1, 1))])).iloc[0]
    assert row["dice_soft"] == pytest.approx(2 * (probability * truth).sum() / (probability.sum() + truth.sum()))
    assert math.isnan(row["dice_soft_paper"])


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 9)), max_size=12), max_size=6),
    st.sampled_from([0.0, 5.0, 50.0, 95.0, 100.0]),
)
def test_histogram_percentile_is_numpys(rows: list[list[tuple[int, int]]], percent: float) -> None:
    histograms = [sorted(dict(row).items()) for row in rows]
    values, counts = ([float(pair[i]) for row in histograms for pair in row] for i in (0, 1))
    start = np.concatenate([[0], np.cumsum([len(row) for row in histograms])]).astype(int)
    found = histogram_percentile(np.array(values), np.array(counts), start, percent)
    for row, result in zip(histograms, found, strict=True):
        sample = np.repeat([float(v) for v, _ in row], [c for _, c in row])
        expected = np.percentile(sample, percent) if sample.size else np.nan
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_hand_worked_directed_percentiles() -> None:
    """Prediction: 0 mm nineteen times and 10 mm once; rank 0.95 * 19 = 18.05 lies 5 % of the way from 0 to 10."""
    row = measure(np.ones((2, 2, 2)), np.ones((2, 2, 2), bool), spacing=(1, 1, 1)) | {
        "distance_mm": [0.0, 10.0],
        "count_prediction": [19, 1],
        "count_reference": [20, 0],
    }
    found = derive(pd.DataFrame([row])).iloc[0]
    assert found["hd95_raw"] == pytest.approx(0.5)
    assert found["assd_raw"] == pytest.approx(10 / 40)


def test_missing_structures_are_imputed_beside_the_raw_value() -> None:
    full, empty = np.ones((3, 4, 12), dtype=bool), np.zeros((3, 4, 12), dtype=bool)
    diagonal = 13.0
    expected = {  # dice, hd95, hd95_raw
        (True, True): (1.0, 0.0, 0.0),
        (False, True): (0.0, diagonal, math.nan),
        (True, False): (0.0, diagonal, math.nan),
        (False, False): (math.nan, math.nan, math.nan),
    }
    for (predicted, true), values in expected.items():
        row = one(full if predicted else empty, full if true else empty, (1.0, 1.0, 1.0))
        np.testing.assert_equal((row["dice"], row["hd95"], row["hd95_raw"]), values)
        np.testing.assert_equal((row["assd"], row["assd_raw"]), values[1:])
        np.testing.assert_equal(row["dice_soft"], values[0])


def test_the_paper_skips_volumes_without_foreground() -> None:
    sums = {"p_sum_paper": [10.0, 0.5, math.nan], "py_sum_paper": [8.0, 0.0, math.nan]}
    frame = pd.DataFrame(sums | {"y_sum_paper": [6.0, 0.0, math.nan]})
    np.testing.assert_equal(derive(frame)["dice_soft_paper"].to_numpy(), [1.0, math.nan, math.nan])


def test_only_what_the_columns_allow_is_derived(run_folder: Path) -> None:
    store = Store(run_folder)
    few = derive(store.load(["tp", "fp", "fn"]))
    overlap = ["dice", "iou", "sensitivity", "precision_raw", "precision", "volume_error", "volume_error_abs"]
    assert list(few.columns) == ["key", "label", "tp", "fp", "fn", *overlap]
    everything = derive(store.load())
    assert {metric.name for metric in METRICS} <= set(everything.columns)
    pd.testing.assert_series_equal(everything["dice"], few["dice"])


def test_rows_do_not_depend_on_their_neighbours(run_folder: Path) -> None:
    frame = Store(run_folder).load()
    whole = derive(frame)
    names = [metric.name for metric in METRICS]
    some = frame.sample(frac=0.3, random_state=1)
    pd.testing.assert_frame_equal(derive(some)[names], whole.loc[some.index, names], check_exact=True)
    assert derive(frame.iloc[:0])["hd95"].empty
