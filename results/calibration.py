"""Expected calibration error from stored bins: how far predicted probabilities are from the share of true voxels.

ECE = sum over bins of |sum of p - true voxels| / all voxels (Guo et al., "On Calibration of Modern Neural Networks",
ICML 2017; here of the probability of the label, 15 equal bins). All voxels of the scored grid count, so most of it is
easy background and the number is small; it is comparable between models on the same grid only.
"""

from typing import TYPE_CHECKING, cast

import numpy as np

from .surface import Reals
from .surface_metrics import flat, ratio

if TYPE_CHECKING:
    import pandas as pd


def expected_calibration_error(frame: "pd.DataFrame") -> Reals:
    """ECE of each row, in [0, 1]; NaN for a row without voxels.

    Args:
        frame: records with `cal_count`, `cal_p` and `cal_y`.

    Example:
        >>> import pandas as pd
        >>> bins = {"cal_count": [[8, 2]], "cal_p": [[0.8, 1.8]], "cal_y": [[0.0, 1.0]]}
        >>> expected_calibration_error(pd.DataFrame(bins)).round(3).tolist()
        [0.16]
    """
    (voxels, length), (predicted, _), (true, _) = (flat(frame, name) for name in ("cal_count", "cal_p", "cal_y"))
    rows = np.repeat(np.arange(length.size), length)
    # numpy's stub gives whole numbers, but sums of weights are float64.
    gaps = cast(Reals, np.bincount(rows, weights=np.abs(predicted - true), minlength=length.size))
    return ratio(gaps, cast(Reals, np.bincount(rows, weights=voxels, minlength=length.size)))
