"""Confidence intervals of means over cases when subjects, not cases, are independent.

- `percentile` and `bca` (bias-corrected and accelerated: Efron, "Better bootstrap confidence intervals", JASA 1987)
  from resamples of the subjects; the acceleration from the subjects' influence on the mean.
- `t`: the estimate ± the t quantile with n - 1 degrees of freedom times the standard error of a ratio of sums over
  subjects (linearised). Resamples of few subjects vary too little; this needs none.

Tables use `t` below 100 subjects, where it was measured to hold the truth most often of the three (docs/statistics.md),
`bca` from there on.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

from .statistics import ENOUGH_SUBJECTS, LEVEL, Resamples, interval, resamples_of
from .surface import Reals

Method = Literal["percentile", "bca", "t"]


def mean_interval(values: npt.ArrayLike, subjects: npt.ArrayLike, *, level: float = LEVEL) -> tuple[float, float]:
    """The tables' own interval of a mean over cases.

    Args:
        values: (cases,) NaN cases are left out.
        subjects: (cases,) the subject of each.
        level: of confidence.

    Returns:
        The two bounds; NaN when fewer than two subjects have a value.

    Example:
        >>> low, high = mean_interval([0.8, 0.9, 0.7, 0.8], ["a", "a", "b", "c"])
        >>> round(low, 3), round(high, 3)
        (0.614, 0.986)
    """
    data = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(data)
    if not known.any():
        return np.nan, np.nan
    _, index = np.unique(np.asarray(subjects)[known], return_inverse=True)
    sums = np.bincount(index, weights=data[known]).astype(np.float64)[:, None]
    low, high = mean_intervals(sums, np.bincount(index).astype(np.float64)[:, None], level=level)
    return float(low[0]), float(high[0])


def mean_intervals(
    sums: Reals,
    counts: Reals,
    *,
    averaged: bool = False,
    method: Method | None = None,
    level: float = LEVEL,
    resamples: Resamples | None = None,
) -> tuple[Reals, Reals]:
    """Interval of each mean over cases, or of the mean of these means.

    Args:
        sums: (subjects, statistics) sum over the cases of each subject.
        counts: (subjects, statistics) number of cases of each subject, 0 where it has none.
        averaged: one interval, of the mean over the statistics (a mean over labels), subjects resampled together.
        method: `t` below `ENOUGH_SUBJECTS`, `bca` from there on, by each statistic's own subjects, when None.
        level: of confidence.
        resamples: of the subjects; the shared ones of this many subjects when None.

    Returns:
        The lower and the upper bounds, (statistics,) or (1,); NaN for fewer than two subjects.
    """
    size, total = (counts > 0).sum(axis=0), counts.sum(axis=0)
    estimate: Reals = np.divide(sums.sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)
    influence = (sums - estimate * counts) / np.where(total > 0, total, np.nan)
    if averaged:
        estimate, influence = estimate.mean(keepdims=True), influence.mean(axis=1, keepdims=True)
        size = size.min(keepdims=True)
    low, high = _t(estimate, influence, size, level=level)
    drawn = (size > 1) & ((size >= ENOUGH_SUBJECTS) if method is None else (method != "t"))
    if not drawn.any():
        return low, high
    draws = resamples if resamples is not None else resamples_of(len(sums))
    places = np.flatnonzero(drawn)
    used = np.arange(sums.shape[1]) if averaged else places
    mean: list[Reals] = []
    for part, replicates in draws.means(sums[:, used], counts[:, used]):
        if averaged:
            mean.append(replicates)
            continue
        at = places[part]
        low[at], high[at] = _from(replicates, estimate[at], influence[:, at], method=method, level=level)
    if averaged:
        replicates = np.concatenate(mean, axis=1).mean(axis=1, keepdims=True)
        low[places], high[places] = _from(replicates, estimate, influence, method=method, level=level)
    return low, high


def _t(estimate: Reals, influence: Reals, size: npt.NDArray[np.int_], *, level: float) -> tuple[Reals, Reals]:
    degrees = np.maximum(size - 1, 1)
    error = np.sqrt(size / degrees * (influence**2).sum(axis=0))
    half = np.where(size > 1, stdtrit(degrees, (1 + level) / 2) * error, np.nan)
    return estimate - half, estimate + half


def _from(
    replicates: Reals, estimate: Reals, influence: Reals, *, method: Method | None, level: float
) -> tuple[Reals, Reals]:
    return interval(replicates, level=level) if method == "percentile" else bca(replicates, estimate, influence, level)


def bca(replicates: Reals, estimate: Reals, influence: Reals, level: float = LEVEL) -> tuple[Reals, Reals]:
    """BCa interval of each column.

    Args:
        replicates: (resamples, statistics); NaN is left out.
        estimate: (statistics,) of the sample itself.
        influence: (subjects, statistics) of each subject on the estimate, summing to 0; the scale does not matter.
        level: of confidence.
    """
    ordered = np.sort(np.ascontiguousarray(replicates.T), axis=1)  # NaN last
    known = np.maximum((~np.isnan(ordered)).sum(axis=1), 1)
    # A tie counts half; a share of 0 or 1 (a constant) is kept within what the resamples can tell.
    margin = 1e-12 * np.maximum(1, np.abs(estimate))
    below = (
        (ordered < (estimate - margin)[:, None]).sum(axis=1) + (ordered <= (estimate + margin)[:, None]).sum(axis=1)
    ) / 2
    bias = ndtri(np.clip(below / known, 0.5 / known, 1 - 0.5 / known))
    spread = (influence**2).sum(axis=0) ** 1.5
    skew = np.divide((influence**3).sum(axis=0), 6 * spread, out=np.zeros_like(spread), where=spread > 0)
    bounds = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        shifted = bias + ndtri(tail)
        share = ndtr(bias + shifted / (1 - skew * shifted))
        at = share * (known - 1)
        first = np.floor(at).astype(np.intp)
        rows = np.arange(len(ordered))
        one, other = ordered[rows, first], ordered[rows, np.minimum(first + 1, known - 1)]
        bounds.append(one + (other - one) * (at - first))
    return bounds[0], bounds[1]
