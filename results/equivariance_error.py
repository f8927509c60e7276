"""Equivariance error of a record: 1 - Dice(f(T x), T f(x)) from its `eq_*` counts, and how far a shift moved it.

0 is exact equivariance. For a clean record of a stochastic model the counts compare two fire seeds: the error's floor.
"""

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from .surface import Reals

if TYPE_CHECKING:
    import pandas as pd

NEEDS = ("eq_tp", "eq_fp", "eq_fn")


def equivariance_error(frame: "pd.DataFrame") -> Reals:
    """1 - Dice of the stored counts; NaN where none were taken (-1), or where both answers are empty.

    Example:
        >>> import pandas as pd
        >>> equivariance_error(pd.DataFrame({"eq_tp": [3, -1, 0], "eq_fp": [1, -1, 0], "eq_fn": [1, -1, 0]})).tolist()
        [0.25, nan, nan]
    """
    tp, fp, fn = (frame[name].to_numpy(dtype=np.float64) for name in NEEDS)
    size = 2 * tp + fp + fn
    defined = (tp >= 0) & (size > 0)
    error: Reals = 1 - np.divide(2 * tp, size, out=np.full(size.shape, np.nan), where=defined)
    return error


def shift_pixels(frame: "pd.DataFrame") -> Reals:
    """By how many pixels of the model's grid each record's image was shifted, from `parameters`; NaN for all else."""
    shifted = (frame["perturbation"] == "shift").to_numpy()
    distance = np.full(len(frame), math.nan)
    words = frame["parameters"][shifted].astype(object)
    pixels = {text: float(json.loads(text).get("pixels", math.nan)) for text in words.unique()}
    distance[shifted] = words.map(pixels).to_numpy(dtype=np.float64)
    return distance
