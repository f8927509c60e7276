"""Does a score foresee failure? Risk–coverage curves, AURC and AUROC of an uncertainty score; no model, no truth masks.

Answers are sorted by their score, the surest first. At coverage c the first c of them are accepted; the selective risk
is the mean risk (1 - Dice) of those (El-Yaniv & Wiener, JMLR 2010; Geifman et al., ICLR 2019).

- AURC: the mean of the selective risk over the coverages 1/n, 2/n, ..., 1.
- Optimal AURC: the same for answers sorted by their risk; the excess is AURC minus that, 0 at best. A score that says
  nothing has the mean risk as its AURC.
- AUROC of failure: the chance that a failed answer has the higher score of the two, ties counting half
  (Mann-Whitney U / (failures x successes)).

Equal scores are in no order: the expectation over all orders is taken, so no result depends on the order of the rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .surface import Reals


@dataclass(frozen=True)
class Sorted:
    """Answers by rising score, equal scores put together.

    Attributes:
        score: (steps,) rising.
        size: (steps,) answers with that score.
        risk: (steps,) sum of their risks.
        failed: (steps,) failures among them.
    """

    score: Reals
    size: Reals
    risk: Reals
    failed: Reals


def by_score(score: npt.ArrayLike, risk: npt.ArrayLike, failed: npt.ArrayLike) -> Sorted:
    """Sort answers.

    Args:
        score: (answers,) the higher, the less sure.
        risk: (answers,) in [0, 1].
        failed: (answers,) bool.

    Raises:
        ValueError: there is no answer, or a score or risk is not finite.
    """
    values, losses = np.asarray(score, dtype=np.float64), np.asarray(risk, dtype=np.float64)
    if not values.size or not (np.isfinite(values).all() and np.isfinite(losses).all()):
        raise ValueError(f"{values.size} answers: at least one is needed, every score and risk finite")
    order = np.argsort(losses)  # a sum in one order whatever the rows'
    steps, place = np.unique(values[order], return_inverse=True)
    bad = np.asarray(failed, dtype=np.float64)[order]
    size, total, lost = (np.bincount(place, weights=w).astype(np.float64) for w in (None, losses[order], bad))
    return Sorted(steps, size, total, lost)


def aurc(size: Reals, risk: Reals) -> Any:
    """Area under the risk–coverage curve.

    Args:
        size: (..., steps) answers per step of score, whole numbers.
        risk: (..., steps) sum of their risks.

    Returns:
        (...) in the risk's unit; NaN without an answer.

    Example:
        >>> import numpy as np
        >>> round(float(aurc(np.ones(3), np.array([0.0, 0.5, 1.0]))), 6)  # selective risks 0, 0.25, 0.5
        0.25
    """
    after = np.cumsum(size, axis=-1)
    mean = np.divide(risk, size, out=np.zeros_like(risk), where=size > 0)
    # How far the risk so far is off a step of equal risks.
    lead = np.cumsum(risk, axis=-1) - risk - (after - size) * mean
    harmonic = harmonic_numbers(int(after.max(initial=0)))
    spread = np.diff(harmonic[after.astype(np.intp, copy=False)], axis=-1, prepend=0.0)
    total = risk.sum(axis=-1) + np.einsum("...k,...k->...", lead, spread)
    return np.divide(total, after[..., -1], out=np.full(total.shape, np.nan), where=after[..., -1] > 0)


def auroc(size: Reals, failed: Reals) -> Any:
    """AUROC of failure, ties counting half.

    Args:
        size: (..., steps) answers per rising step of score.
        failed: (..., steps) failures among them.

    Returns:
        (...) in [0, 1]; NaN where nothing or everything failed.
    """
    good = size - failed
    wins = (failed * (np.cumsum(good, axis=-1) - good / 2)).sum(axis=-1)
    pairs = failed.sum(axis=-1) * good.sum(axis=-1)
    return np.divide(wins, pairs, out=np.full(wins.shape, np.nan), where=pairs > 0)


def harmonic_numbers(largest: int) -> Reals:
    """The sums 1 + 1/2 + ... + 1/n for n from 0 to `largest`."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, largest + 1))])


def curve(answers: Sorted, *, points: int) -> tuple[Reals, Reals, Reals]:
    """Coverage, selective risk and the score up to which is accepted, at most `points` of them, full coverage included.

    Only coverages that a threshold on the score can reach are points.
    """
    places = np.unique(np.rint(np.linspace(0, len(answers.score) - 1, min(points, len(answers.score)))).astype(int))
    accepted = np.cumsum(answers.size)
    return (accepted / accepted[-1])[places], (np.cumsum(answers.risk) / accepted)[places], answers.score[places]
