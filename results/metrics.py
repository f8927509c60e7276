"""Metrics derived from stored records, a column each; no model is run and nothing is averaged over cases.

Conventions (docs/metrics.md has them as a table). Dice in [0, 1], lengths in mm on the scored grid:

- `dice` = 2 tp / (2 tp + fp + fn), `dice_soft` = 2 sum(p y) / (sum(p) + sum(y)), no smoothing.
- Both masks empty: every metric is NaN (`state` says why). Truth or prediction alone: Dice 0.
- `hd95_raw`: the larger of the two directed 95th percentiles of surface distances, linear interpolation as in
  `numpy.percentile`, exact from the stored histogram; NaN unless both masks have voxels. `hd95` stands beside it with
  the grid's diagonal where a structure is missed or invented, so that a mean cannot improve as a model fails.
- `assd_raw`, `assd`: mean surface distance, both directions pooled; the same imputation.
- `dice_soft_paper`: the Med-NCA paper's number (Kalkhof et al., IPMI 2023): soft Dice on the resampled grid; volumes
  without foreground are skipped (NaN).
- `nqm` and `entropy` tell how sure the model is, without the truth (`uncertainty.py`): `nqm` as stored, `entropy` =
  entropy_sum / p_sum_model, nats per predicted voxel. NaN without any foreground mass; `nqm` also of single passes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .record import DISTANCE_COLUMNS, SCHEMA
from .surface import RESOLUTION_MM, Reals

if TYPE_CHECKING:
    import pandas as pd

HD_PERCENTILE: Final = 95.0


@dataclass(frozen=True)
class Metric:
    """A derived column.

    Attributes:
        name: of the column.
        title: for headings and axes.
        unit: "" for a ratio, else "mm".
        better: which way is better.
        needs: columns of the record it is derived from.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    needs: tuple[str, ...]


_SURFACE: Final = (*DISTANCE_COLUMNS, "diagonal_mm", "state")
METRICS: Final = (
    Metric("dice", "Dice", "", "higher", ("tp", "fp", "fn")),
    Metric("dice_soft", "soft Dice", "", "higher", ("tp", "fp", "fn", "p_sum", "py_sum")),
    Metric("dice_soft_paper", "soft Dice (paper)", "", "higher", ("p_sum_paper", "py_sum_paper", "y_sum_paper")),
    Metric("hd95_raw", "HD95 (raw)", "mm", "lower", _SURFACE),
    Metric("hd95", "HD95", "mm", "lower", _SURFACE),
    Metric("assd_raw", "ASSD (raw)", "mm", "lower", _SURFACE),
    Metric("assd", "ASSD", "mm", "lower", _SURFACE),
    Metric("nqm", "NQM", "", "lower", ("nqm",)),
    Metric("entropy", "entropy per predicted voxel (nats)", "", "lower", ("entropy_sum", "p_sum_model")),
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
        overlap, sizes = 2.0 * _real(frame, "tp"), _real(frame, "fp") + _real(frame, "fn")
        new["dice"] = _ratio(overlap, overlap + sizes)
    if "dice_soft" in have:
        size = _real(frame, "tp") + _real(frame, "fn")
        soft = _ratio(2.0 * _real(frame, "py_sum"), _real(frame, "p_sum") + size)
        new["dice_soft"] = np.where(np.isnan(new["dice"]), np.nan, soft)
    if "dice_soft_paper" in have:
        size = _real(frame, "y_sum_paper")
        soft = _ratio(2.0 * _real(frame, "py_sum_paper"), _real(frame, "p_sum_paper") + size)
        new["dice_soft_paper"] = np.where(size > 0, soft, np.nan)
    if "hd95" in have:
        new |= _surface_metrics(frame)
    if "nqm" in have:
        new["nqm"] = _real(frame, "nqm")
    if "entropy" in have:
        new["entropy"] = _ratio(_real(frame, "entropy_sum"), _real(frame, "p_sum_model"))
    return frame.assign(**{metric.name: new[metric.name] for metric in METRICS if metric.name in new})


def _surface_metrics(frame: "pd.DataFrame") -> dict[str, Reals]:
    distance, length = _flat(frame, "distance_mm")
    distance = np.rint(distance / RESOLUTION_MM) * RESOLUTION_MM  # what float32 blurred
    forward, backward = (_flat(frame, name)[0] for name in ("count_prediction", "count_reference"))
    start = np.concatenate([[0], np.cumsum(length)])
    either = (histogram_percentile(distance, counts, start, HD_PERCENTILE) for counts in (forward, backward))
    both = forward + backward
    raw = {
        "hd95_raw": np.fmax(*either),
        "assd_raw": _ratio(_segment_sums(distance * both, start), _segment_sums(both, start)),
    }
    one_sided = frame["state"].isin(["missed", "false_positive"]).to_numpy()
    return raw | {
        name.removesuffix("_raw"): np.where(one_sided, _real(frame, "diagonal_mm"), value)
        for name, value in raw.items()
    }


def histogram_percentile(
    values: Reals, counts: Reals, start: npt.NDArray[np.integer[Any]], percent: float
) -> npt.NDArray[np.float64]:
    """Percentile of each of many weighted samples, all rows at once, as `numpy.percentile` of the repeated values.

    Args:
        values: (total,) rising within a row, the rows one after the other.
        counts: (total,) how often each value occurs, >= 0.
        start: (rows + 1,) where each row starts in `values`.
        percent: 0 to 100.

    Returns:
        (rows,) with NaN for a row without values.
    """
    running = np.cumsum(counts)
    before = np.concatenate([[0.0], running])[start]
    size = np.diff(before)
    rank = np.maximum(size - 1, 0) * (percent / 100)
    result = np.full(size.shape, np.nan)
    filled = size > 0
    if not filled.any():
        return result
    # The value of rank r is the first whose running count exceeds r; running counts rise across rows too.
    low, high = (
        values[np.searchsorted(running, (before[:-1] + at)[filled], side="right")]
        for at in (np.floor(rank), np.ceil(rank))
    )
    result[filled] = low + (high - low) * (rank - np.floor(rank))[filled]
    return result


def _segment_sums(values: Reals, start: npt.NDArray[np.integer[Any]]) -> Reals:
    """Sum of each row; a row's sum does not depend on the rows around it, as a running sum's rounding would."""
    sums = np.zeros(start.size - 1)
    filled = np.diff(start) > 0
    if filled.any():
        sums[filled] = np.add.reduceat(values, start[:-1][filled])
    return sums


def _flat(frame: "pd.DataFrame", name: str) -> tuple[Reals, npt.NDArray[np.int64]]:
    """A list column as one array of all its values and the length of each list; no loop over rows."""
    column = frame[name]
    arrow = pa.array(column.array if hasattr(column.dtype, "pyarrow_dtype") else list(column), SCHEMA.field(name).type)
    if isinstance(arrow, pa.ChunkedArray):
        arrow = arrow.combine_chunks()
    values = arrow.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    lengths = arrow.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return values, lengths


def _real(frame: "pd.DataFrame", name: str) -> Reals:
    return frame[name].to_numpy(dtype=np.float64)


def _ratio(numerator: Reals, denominator: Reals) -> Reals:
    """NaN where the denominator is 0 or NaN."""
    result: Reals = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
    return result
