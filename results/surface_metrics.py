"""Distance metrics of many records at once, exact from the stored histograms; millimetres on the scored grid.

- `hd95_raw`: the larger of the two directed 95th percentiles of surface distances, linear interpolation as in
  `numpy.percentile`; NaN unless both masks have voxels. `hd95` stands beside it with the grid's diagonal where a
  structure is missed or invented, so that a mean cannot improve as a model fails.
- `assd_raw`, `assd`: mean surface distance, both directions pooled; the same imputation.
- `nsd`: share of both surfaces that lies within a tolerance of the other (Nikolov et al., "Deep learning to achieve
  clinically applicable segmentation of head and neck anatomy", 2018); 0 where one mask is empty, by its definition.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .record import SCHEMA
from .surface import RESOLUTION_MM, Reals

if TYPE_CHECKING:
    import pandas as pd

HD_PERCENTILE: Final = 95.0

NSD_TOLERANCE_MM: Final = {"Hippocampus": 1.0, "Prostate": 4.0}
"""The MSD's tolerances by the last word of the task's name: from memory, to be verified against the MSD's own code."""

DEFAULT_TOLERANCE_MM: Final = 1.0
"""Of every other task: a choice, not a published number."""


def nsd_tolerance(task: str) -> float:
    """Tolerance of the normalised surface distance in mm.

    Example:
        >>> nsd_tolerance("Task05_Prostate"), nsd_tolerance("Phantom04_Hippocampus"), nsd_tolerance("mine")
        (4.0, 1.0, 1.0)
    """
    return NSD_TOLERANCE_MM.get(task.rpartition("_")[2], DEFAULT_TOLERANCE_MM)


def surface_metrics(frame: "pd.DataFrame") -> dict[str, Reals]:
    """Every column of this module; `nsd` where `frame` has the task.

    Args:
        frame: records with `record.DISTANCE_COLUMNS`, `diagonal_mm`, `state` and perhaps `task`.
    """
    distance, length = flat(frame, "distance_mm")
    distance = np.rint(distance / RESOLUTION_MM) * RESOLUTION_MM  # what float32 blurred
    forward, backward = (flat(frame, name)[0] for name in ("count_prediction", "count_reference"))
    start = np.concatenate([[0], np.cumsum(length)])
    either = (histogram_percentile(distance, counts, start, HD_PERCENTILE) for counts in (forward, backward))
    both = forward + backward
    size = _segment_sums(both, start)
    raw = {"hd95_raw": np.fmax(*either), "assd_raw": ratio(_segment_sums(distance * both, start), size)}
    one_sided = ((frame["state"] == "missed") | (frame["state"] == "false_positive")).to_numpy()
    imputed = {
        name.removesuffix("_raw"): np.where(one_sided, real(frame, "diagonal_mm"), value) for name, value in raw.items()
    }
    if "task" not in frame.columns:
        return raw | imputed
    tolerances = {task: nsd_tolerance(str(task)) for task in frame["task"].unique()}
    tolerance = frame["task"].map(tolerances).to_numpy(dtype=np.float64)
    # Half a step more, so that a distance equal to the tolerance lies within it whatever its rounding.
    within = distance <= np.repeat(tolerance + RESOLUTION_MM / 2, length)
    nsd = np.where(one_sided, 0.0, ratio(_segment_sums(np.where(within, both, 0.0), start), size))
    return raw | imputed | {"nsd": nsd}


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


def flat(frame: "pd.DataFrame", name: str) -> tuple[Reals, npt.NDArray[np.int64]]:
    """A list column as one array of all its values and the length of each list; no loop over rows."""
    column = frame[name]
    arrow = pa.array(column.array if hasattr(column.dtype, "pyarrow_dtype") else list(column), SCHEMA.field(name).type)
    if isinstance(arrow, pa.ChunkedArray):
        arrow = arrow.combine_chunks()
    values = arrow.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    lengths = arrow.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return values, lengths


def real(frame: "pd.DataFrame", name: str) -> Reals:
    """A column in float64."""
    return frame[name].to_numpy(dtype=np.float64)


def ratio(numerator: Reals, denominator: Reals) -> Reals:
    """NaN where the denominator is 0 or NaN."""
    result: Reals = np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
    return result
