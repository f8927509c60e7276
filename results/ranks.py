"""Ranks of models with bootstrap intervals over subjects, in two schemes.

- Aggregate, then rank: models by their mean over cases.
- Rank, then aggregate: models are ranked in every case, and then by their mean rank (cases for which a model has no
  value are left out).

Both are common in challenges and can disagree (Maier-Hein et al., "Why rankings of biomedical image analysis
competitions should be interpreted with care", Nature Communications 2018). Ranks start at 1, best first; equal values
share the better rank.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .statistics import resamples_of
from .surface import Reals

TAILS = (2.5, 97.5)


@dataclass(frozen=True)
class Ranks:
    """Per model, (models,) each.

    Attributes:
        score: what was ranked: mean value or mean rank.
        rank: 1 is best; NaN where the score is.
        low: of the 95 % interval over resamples of subjects; NaN for fewer than two subjects.
        high: the other end.
        first: share of the resamples in which the model is first, ties included.
    """

    score: Reals
    rank: Reals
    low: Reals
    high: Reals
    first: Reals


def aggregate_then_rank(values: Reals, groups: npt.ArrayLike, *, higher: bool = True) -> Ranks:
    """Rank models by their mean over cases.

    Args:
        values: (cases, models) NaN is left out.
        groups: (cases,) the subject of each.
        higher: whether a higher value is better.
    """
    return _ranks(values, groups, higher=higher)


def rank_then_aggregate(values: Reals, groups: npt.ArrayLike, *, higher: bool = True) -> Ranks:
    """Rank models in every case, ties sharing their mean rank, then by mean rank; arguments as above."""
    from scipy.stats import rankdata

    whole = ~np.isnan(values).any(axis=1)
    inside = np.full(values.shape, np.nan)
    if whole.any():
        inside[whole] = rankdata(-values[whole] if higher else values[whole], axis=1)
    return _ranks(inside, groups, higher=False)


def ranked(scores: Reals, *, higher: bool) -> Reals:
    """Rank along the last axis; NaN has none, equal scores share the better rank.

    Example:
        >>> ranked(np.array([0.5, 0.9, np.nan, 0.9]), higher=True).tolist()
        [3.0, 1.0, nan, 1.0]
    """
    # Means of the same cases in another arrangement differ in the last bits; they are equal.
    worse = np.round(-scores if higher else scores, 12)
    better_than = worse[..., None, :] < worse[..., :, None]
    return np.where(np.isnan(worse), np.nan, 1.0 + better_than.sum(axis=-1))


def _ranks(values: Reals, groups: npt.ArrayLike, *, higher: bool) -> Ranks:
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    known = ~np.isnan(values)
    sums, counts = np.zeros((2, names.size, values.shape[1]))
    np.add.at(sums, index, np.where(known, values, 0.0))
    np.add.at(counts, index, known.astype(np.float64))
    total = counts.sum(axis=0)
    score = np.divide(sums.sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)
    nothing = np.full(score.shape, np.nan)
    rank = ranked(score, higher=higher)
    scored = total > 0
    if names.size < 2 or not scored.any():
        return Ranks(score, rank, nothing, nothing, nothing)
    parts = [part for _, part in resamples_of(names.size).means(sums[:, scored], counts[:, scored])]
    replicates = np.concatenate(parts, axis=1)
    replicates = replicates[~np.isnan(replicates).any(axis=1)]
    if not len(replicates):
        return Ranks(score, rank, nothing, nothing, nothing)
    places = ranked(replicates, higher=higher)
    low, high, first = nothing.copy(), nothing.copy(), nothing.copy()
    low[scored], high[scored] = np.percentile(places, TAILS, axis=0, method="inverted_cdf")
    first[scored] = (places == 1).mean(axis=0)
    return Ranks(score, rank, low, high, first)
