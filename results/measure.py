"""What is measured on one pair of prediction and truth; nothing here is averaged or imputed.

Conventions (docs/metrics.md has them as a table):

- Surfaces and their distances: `surface.py`, millimetres.
- Prediction: probability > 0.5, unless the caller thresholded the logits itself.
- Calibration: 15 equal bins of the probability, bin = floor(15 p), p = 1 in the last one.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .record import CALIBRATION_BINS
from .surface import Mask, Reals, distance_histogram
from .uncertainty import UNMEASURED

CONVENTION_VERSION: Final = 1
"""Part of every unit's key: raised when a number measured here would change."""


def measure(
    probability: npt.NDArray[np.floating[Any]],
    truth: Mask,
    *,
    spacing: Sequence[float],
    prediction: Mask | None = None,
) -> dict[str, Any]:
    """Measure one label of one case.

    Args:
        probability: (X, Y, Z), in [0, 1], the scored grid.
        truth: (X, Y, Z) bool.
        spacing: (3,) voxel size along X, Y, Z in mm.
        prediction: (X, Y, Z) bool; `probability > 0.5` when not given. Give it where the logits were thresholded, since
            a sigmoid of a tiny positive logit rounds to 0.5.

    Returns:
        Every measured column of `record.COLUMNS`, in plain Python numbers and numpy arrays. The `*_paper` sums and the
        columns of `uncertainty` are NaN: `paper_sums` and `uncertainty.uncertainty` give them. The `eq_*` counts are
        -1: they need a second answer.

    Raises:
        ValueError: shapes differ, the volume is not 3-D, a mask is not bool, a probability is outside [0, 1] or NaN, a
            spacing is not a positive finite number.

    Example:
        >>> import numpy as np
        >>> truth = np.zeros((4, 4, 4), dtype=bool)
        >>> truth[1:3, 1:3, 1:3] = True
        >>> row = measure(np.roll(truth, 1, axis=2).astype(np.float32), truth, spacing=(1.0, 1.0, 3.0))
        >>> row["tp"], row["fp"], row["fn"], row["state"]
        (4, 4, 4, 'ok')
        >>> row["distance_mm"].tolist(), row["count_prediction"].tolist(), row["count_reference"].tolist()
        ([0.0, 3.0], [4, 4], [4, 4])
    """
    steps = _checked_spacing(spacing)
    _check_volume(probability, truth)
    if prediction is None:
        prediction = probability > 0.5
    _check_mask(prediction, "prediction", shape=probability.shape)
    predicted, true, both = (int(np.count_nonzero(mask)) for mask in (prediction, truth, prediction & truth))
    return {
        "tp": both,
        "fp": predicted - both,
        "fn": true - both,
        "voxels": truth.size,
        **_soft_sums(probability, truth),
        "p_sum_paper": math.nan,
        "py_sum_paper": math.nan,
        "y_sum_paper": math.nan,
        **distance_histogram(prediction, truth, steps=steps),
        "diagonal_mm": float(np.linalg.norm(np.multiply(truth.shape, steps))),
        "voxel_mm3": float(np.prod(steps)),
        **_calibration(probability, truth),
        **UNMEASURED,
        "eq_tp": -1,
        "eq_fp": -1,
        "eq_fn": -1,
        "state": state_of(predicted=predicted, true=true),
    }


def paper_sums(probability: npt.NDArray[np.floating[Any]], truth: Mask) -> dict[str, float]:
    """The three sums of the paper's soft Dice, on the resampled grid against the nearest-resampled label.

    Args:
        probability: (X, Y, Z), in [0, 1].
        truth: (X, Y, Z) bool, the label resampled by nearest neighbour.

    Returns:
        `p_sum_paper`, `py_sum_paper`, `y_sum_paper`: replace the NaNs that `measure` gives.

    Raises:
        ValueError: as `measure`.
    """
    _check_volume(probability, truth)
    sums = _soft_sums(probability, truth)
    return {
        "p_sum_paper": sums["p_sum"],
        "py_sum_paper": sums["py_sum"],
        "y_sum_paper": float(np.count_nonzero(truth)),
    }


def state_of(*, predicted: int, true: int) -> str:
    """Name what there is to compare: `ok`, `both_empty`, `missed` (truth only) or `false_positive`."""
    if predicted and true:
        return "ok"
    if true:
        return "missed"
    return "false_positive" if predicted else "both_empty"


def _soft_sums(probability: npt.NDArray[np.floating[Any]], truth: Mask) -> dict[str, float]:
    return {
        "p_sum": float(probability.sum(dtype=np.float64)),
        "py_sum": float(probability[truth].sum(dtype=np.float64)),
    }


def _calibration(probability: npt.NDArray[np.floating[Any]], truth: Mask) -> dict[str, Any]:
    flat = probability.ravel()
    bins = np.minimum((flat * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    return {
        "cal_count": np.bincount(bins, minlength=CALIBRATION_BINS).astype(np.int32),
        "cal_p": np.bincount(bins, weights=flat, minlength=CALIBRATION_BINS).astype(np.float32),
        "cal_y": np.bincount(bins[truth.ravel()], minlength=CALIBRATION_BINS).astype(np.float32),
    }


def _check_volume(probability: npt.NDArray[np.floating[Any]], truth: Mask) -> None:
    if probability.ndim != 3 or 0 in probability.shape:
        raise ValueError(f"probability has shape {probability.shape}; a volume (X, Y, Z) is needed")
    if not np.issubdtype(probability.dtype, np.floating):
        raise ValueError(f"probability has dtype {probability.dtype}; a float in [0, 1] is needed")
    low, high = float(probability.min()), float(probability.max())
    if not (low >= 0 and high <= 1):  # a NaN fails both comparisons
        raise ValueError(f"probability spans {low} to {high}; it must be finite and in [0, 1]")
    _check_mask(truth, "truth", shape=probability.shape)


def _check_mask(mask: Mask, name: str, *, shape: tuple[int, ...]) -> None:
    if mask.dtype != np.bool_:
        raise ValueError(f"{name} has dtype {mask.dtype}; a bool mask is needed")
    if mask.shape != shape:
        raise ValueError(f"{name} has shape {mask.shape} but probability has {shape}")


def _checked_spacing(spacing: Sequence[float]) -> Reals:
    steps = np.asarray(spacing, dtype=np.float64)
    if steps.shape != (3,) or not np.all(np.isfinite(steps) & (steps > 0)):
        raise ValueError(f"spacing {tuple(spacing)} is not three positive lengths in mm")
    return steps
