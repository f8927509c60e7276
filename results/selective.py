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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .statistics import BOOTSTRAP_SEED, interval
from .surface import Reals

RESAMPLES: Final = 2_000
"""The Monte-Carlo error of a 95 % bound is then about 3 % of the interval's width."""

STEPS: Final = 256
"""Answers are put together into at most so many steps of score for the intervals; point estimates use them all."""

_CROWDED: Final = 0.2
"""Share of filled cells from which a product of full matrices is the faster one."""

ENOUGH: Final = 5
"""Failures, and successes, below which an AUROC gets no interval."""


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
    order = np.lexsort((losses, values))  # a sum in one order whatever the rows'
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
    lead = np.cumsum(risk, axis=-1)  # how far the risk so far is off a step of equal risks
    lead -= risk
    lead -= (after - size) * mean
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(after.max(initial=0)) + 1))])
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


def curve(answers: Sorted, *, points: int) -> tuple[Reals, Reals, Reals]:
    """Coverage, selective risk and the score up to which is accepted, at most `points` of them, full coverage included.

    Only coverages that a threshold on the score can reach are points.
    """
    places = np.unique(np.rint(np.linspace(0, len(answers.score) - 1, min(points, len(answers.score)))).astype(int))
    accepted = np.cumsum(answers.size)
    return (accepted / accepted[-1])[places], (np.cumsum(answers.risk) / accepted)[places], answers.score[places]


@dataclass(frozen=True)
class Bounds:
    """95 % intervals over subjects, (low, high); NaN where there is none."""

    aurc: tuple[float, float]
    excess: tuple[float, float]
    auroc: tuple[float, float]


def intervals(score: Reals, risk: Reals, failed: npt.NDArray[np.bool_], groups: npt.ArrayLike) -> Bounds:
    """Percentile bootstrap over subjects, each with all its answers; the resamples follow from a fixed seed.

    Args:
        score: (answers,) finite.
        risk: (answers,) finite.
        failed: (answers,).
        groups: (answers,) the subject of each.

    Returns:
        NaN for fewer than two subjects; for AUROC also with fewer than `ENOUGH` failures or successes, and from fewer
        than two subjects each. Resamples in which it is undefined are left out.
    """
    names, subject = np.unique(np.asarray(groups), return_inverse=True)
    nothing = (np.nan, np.nan)
    if len(names) < 2:
        return Bounds(nothing, nothing, nothing)
    one = np.ones(len(subject), dtype=np.intp)
    size, total, lost = _resampled(score, (one, risk, failed), subject, subjects=len(names))
    best_size, best_total = _resampled(risk, (one, risk), subject, subjects=len(names))
    areas, optimal = aurc(size, total), aurc(best_size, best_total)
    return Bounds(
        _interval(areas),
        _interval(areas - optimal),
        _interval(auroc(size, lost)) if _enough(failed, subject) and _enough(~failed, subject) else nothing,
    )


def _enough(chosen: npt.NDArray[np.bool_], subject: npt.NDArray[np.intp]) -> bool:
    return int(chosen.sum()) >= ENOUGH and len(np.unique(subject[chosen])) > 1


def _resampled(
    score: Reals, values: Sequence[npt.NDArray[Any]], subject: npt.NDArray[np.intp], *, subjects: int
) -> Iterator[npt.NDArray[Any]]:
    """Sums of each of the values per step of score in each resample, (resamples, steps) each; whole numbers as such."""
    from scipy.sparse import csr_array

    _, rank = np.unique(score, return_inverse=True)
    step = rank * min(STEPS, rank.max() + 1) // (rank.max() + 1)
    order = np.lexsort((values[1], subject, step))  # sums do not depend on the order of the answers
    start, places = np.searchsorted(step[order], np.arange(STEPS + 1)), subject[order]
    # Nobody can be drawn more often than there are subjects: what a step's count can come to.
    counted = "uint16" if int(np.diff(start).max()) * subjects < 2**16 else "uint32"
    crowded = len(subject) > _CROWDED * STEPS * subjects
    for value in values:
        kind = counted if value.dtype.kind in "bi" and not crowded else "float64"
        # A subject's answers are in few of the steps: most of this matrix is empty, unless it has very many.
        table: Any = csr_array((value[order].astype(kind), places, start), shape=(STEPS, subjects))
        sums = (table.toarray() if crowded else table) @ _drawn(subjects, RESAMPLES, kind)
        yield np.ascontiguousarray(sums.T)


@lru_cache(maxsize=4)
def _drawn(subjects: int, resamples: int, kind: str) -> npt.NDArray[Any]:
    """How often each subject is in each resample, (subjects, resamples)."""
    random = np.random.Generator(np.random.PCG64(BOOTSTRAP_SEED))
    drawn = random.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)
    return np.ascontiguousarray(drawn.T, dtype=kind)


def _interval(replicates: Reals) -> tuple[float, float]:
    low, high = interval(replicates[:, None])
    return float(low[0]), float(high[0])
