"""Metrics derived from stored records, a column each; no model is run and nothing is averaged over cases.

Conventions (docs/metrics.md has them as a table). Ratios unless a unit is said:

- `dice` = 2 tp / (2 tp + fp + fn), `dice_soft` = 2 sum(p y) / (sum(p) + sum(y)), no smoothing;
  `iou` = tp / (tp + fp + fn).
- `sensitivity` = tp / (tp + fn); `volume_error` = (fp - fn) / (tp + fn), signed, and `volume_error_abs`. Without truth
  they are undefined and NaN: which cases that are, no model can change, so nothing is imputed.
- `precision_raw` = tp / (tp + fp), NaN for a missed structure; `precision` has 0 there, since a mean would improve as a
  model misses more.
- `hd95`, `assd` (mm) and `nsd`: `surface_metrics.py`.
- `ece`: expected calibration error over the stored bins, all voxels of the scored grid.
- `dice_soft_paper`: the Med-NCA paper's number (Kalkhof et al., IPMI 2023): soft Dice on the resampled grid; volumes
  without foreground are skipped (NaN).
- Both masks empty: every metric is NaN (`state` says why). Truth or prediction alone: Dice, IoU, NSD 0.
- `nqm` and `entropy` tell how sure the model is, without the truth (`uncertainty.py`): `nqm` as stored, `entropy` =
  entropy_sum / p_sum_model, nats per predicted voxel. NaN without any foreground mass; `nqm` also of single passes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from .calibration import expected_calibration_error
from .equivariance_error import NEEDS as EQUIVARIANCE_NEEDS
from .equivariance_error import equivariance_error
from .record import DISTANCE_COLUMNS
from .surface import Reals
from .surface_metrics import ratio, real, surface_metrics

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Metric:
    """A derived column.

    Attributes:
        name: of the column.
        title: for headings and axes.
        unit: "" for a ratio, else "mm".
        better: which way is better; "zero" for a signed error.
        needs: columns of the record it is derived from.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower", "zero"]
    needs: tuple[str, ...]


_COUNTS: Final = ("tp", "fp", "fn")
_SURFACE: Final = (*DISTANCE_COLUMNS, "diagonal_mm", "state")
METRICS: Final = (
    Metric("dice", "Dice", "", "higher", _COUNTS),
    Metric("dice_soft", "soft Dice", "", "higher", (*_COUNTS, "p_sum", "py_sum")),
    Metric("dice_soft_paper", "soft Dice (paper)", "", "higher", ("p_sum_paper", "py_sum_paper", "y_sum_paper")),
    Metric("iou", "IoU", "", "higher", _COUNTS),
    Metric("sensitivity", "sensitivity", "", "higher", _COUNTS),
    Metric("precision_raw", "precision (raw)", "", "higher", _COUNTS),
    Metric("precision", "precision", "", "higher", _COUNTS),
    Metric("volume_error", "relative volume error", "", "zero", _COUNTS),
    Metric("volume_error_abs", "absolute relative volume error", "", "lower", _COUNTS),
    Metric("nsd", "NSD", "", "higher", (*_SURFACE, "task")),
    Metric("hd95_raw", "HD95 (raw)", "mm", "lower", _SURFACE),
    Metric("hd95", "HD95", "mm", "lower", _SURFACE),
    Metric("assd_raw", "ASSD (raw)", "mm", "lower", _SURFACE),
    Metric("assd", "ASSD", "mm", "lower", _SURFACE),
    Metric("ece", "ECE", "", "lower", (*_COUNTS, "cal_count", "cal_p", "cal_y")),
    Metric("nqm", "NQM", "", "lower", ("nqm",)),
    Metric("entropy", "entropy per predicted voxel (nats)", "", "lower", ("entropy_sum", "p_sum_model")),
    Metric("equivariance_error", "equivariance error", "", "lower", EQUIVARIANCE_NEEDS),
)


def derive(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Add every metric whose columns are there.

    Args:
        frame: records, all columns or some, any order.

    Returns:
        A new frame with the same rows and index and the columns of `METRICS` that could be derived.

    Example:
        >>> import pandas as pd
        >>> derive(pd.DataFrame({"tp": [3, 0], "fp": [1, 0], "fn": [1, 0]}))["dice"].tolist()
        [0.75, nan]
    """
    have = {metric.name for metric in METRICS if set(metric.needs) <= set(frame.columns)}
    new: dict[str, Reals] = {}
    if "dice" in have:
        new |= _overlap_metrics(frame)
    if "dice_soft" in have:
        size = real(frame, "tp") + real(frame, "fn")
        soft = ratio(2.0 * real(frame, "py_sum"), real(frame, "p_sum") + size)
        new["dice_soft"] = np.where(np.isnan(new["dice"]), np.nan, soft)
    if "dice_soft_paper" in have:
        size = real(frame, "y_sum_paper")
        soft = ratio(2.0 * real(frame, "py_sum_paper"), real(frame, "p_sum_paper") + size)
        new["dice_soft_paper"] = np.where(size > 0, soft, np.nan)
    if "hd95" in have:
        new |= surface_metrics(frame)
    if "ece" in have:
        new["ece"] = np.where(np.isnan(new["dice"]), np.nan, expected_calibration_error(frame))
    if "nqm" in have:
        new["nqm"] = real(frame, "nqm")
    if "entropy" in have:
        new["entropy"] = ratio(real(frame, "entropy_sum"), real(frame, "p_sum_model"))
    if "equivariance_error" in have:
        new["equivariance_error"] = equivariance_error(frame)
    return frame.assign(**{metric.name: new[metric.name] for metric in METRICS if metric.name in new})


def _overlap_metrics(frame: "pd.DataFrame") -> dict[str, Reals]:
    tp, fp, fn = (real(frame, name) for name in _COUNTS)
    precision = ratio(tp, tp + fp)
    error = ratio(fp - fn, tp + fn)
    return {
        "dice": ratio(2.0 * tp, 2.0 * tp + fp + fn),
        "iou": ratio(tp, tp + fp + fn),
        "sensitivity": ratio(tp, tp + fn),
        "precision_raw": precision,
        "precision": np.where((tp + fp == 0) & (fn > 0), 0.0, precision),
        "volume_error": error,
        "volume_error_abs": np.abs(error),
    }
