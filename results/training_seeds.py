"""Means over training seeds as well as subjects: both are samples, of trainings and of patients.

Seeds and subjects are crossed (every training is scored on the same subjects), so both are resampled with replacement,
independently, and a resample's mean is over the products of their weights (Owen, "The pigeonhole bootstrap", Annals of
Applied Statistics 2007; measured coverage: docs/statistics.md). Fewer than five seeds say next to nothing about the
spread between trainings: each is shown, and no interval that claims to hold for other seeds is given.
"""

from typing import Final

import numpy as np

from .statistics import BOOTSTRAP_SEED, LEVEL, RESAMPLES, Resamples, interval, resamples_of
from .surface import Reals

ENOUGH_SEEDS: Final = 5


def seed_interval(sums: Reals, counts: Reals, *, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of the mean over seeds and subjects.

    Args:
        sums: (seeds, subjects) sum over the cases of each subject, under each training.
        counts: (seeds, subjects) number of cases.
        level: of confidence.

    Returns:
        The two bounds; NaN for fewer than `ENOUGH_SEEDS` seeds or two subjects.
    """
    seeds, subjects = sums.shape
    if seeds < ENOUGH_SEEDS or subjects < 2:
        return np.nan, np.nan
    # Another stream than the subjects': with as many seeds as subjects the two draws would be the same.
    of_seeds = np.concatenate(list(Resamples(seeds, resamples=RESAMPLES, seed=BOOTSTRAP_SEED + 1).blocks()))
    of_subjects = np.concatenate(list(resamples_of(subjects).blocks())).astype(np.float64)
    total, size = ((of_subjects @ part.T * of_seeds).sum(axis=1) for part in (sums, counts))
    means = np.divide(total, size, out=np.full(total.shape, np.nan), where=size > 0)
    low, high = interval(means[:, None], level=level)
    return float(low[0]), float(high[0])
