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
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .statistics import LEVEL
from .surface import Reals

STEPS: Final = 256
"""Answers are put together into at most so many steps of score for the intervals; point estimates use them all."""

ENOUGH: Final = 5
"""Failures, and successes, below which an AUROC gets no interval."""

ROUNDING: Final = 1e-12
"""Differences of sums below it are rounding."""


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


_NOTHING: Final = (np.nan, np.nan)


def intervals(score: Reals, risk: Reals, failed: npt.NDArray[np.bool_], groups: npt.ArrayLike) -> Bounds:
    """Jackknife t intervals over subjects, each with all its answers: of areas on the log, of AUROC on the logit scale.

    Every subject is left out once; the spread of what the others give is the standard error (Efron & Stein, Ann.
    Statist. 1981). A t interval with subjects - 1 degrees of freedom is laid on the transformed scale, whose bounds lie
    within the range of the number (Obuchowski, Biometrics 1997, for AUROC of clustered answers).

    Args:
        score: (answers,) finite.
        risk: (answers,) finite.
        failed: (answers,).
        groups: (answers,) the subject of each.

    Returns:
        NaN for fewer than two subjects, and of an area that is 0; for AUROC also with fewer than `ENOUGH` failures or
        successes, from fewer than two subjects each, and where it is 0 or 1.
    """
    names, subject = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return Bounds(_NOTHING, _NOTHING, _NOTHING)
    one = np.ones(len(subject))
    size, total, lost = _left_out(score, (one, risk, failed.astype(np.float64)), subject, subjects=len(names))
    best_size, best_total = _left_out(risk, (one, risk), subject, subjects=len(names))
    areas = aurc(size, total)
    both = _enough(failed, subject) and _enough(~failed, subject)
    return Bounds(
        _of_area(areas),
        _of_area(areas - aurc(best_size, best_total)),
        _of_chance(auroc(size, lost)) if both else _NOTHING,
    )


def _enough(chosen: npt.NDArray[np.bool_], subject: npt.NDArray[np.intp]) -> bool:
    return int(chosen.sum()) >= ENOUGH and len(np.unique(subject[chosen])) > 1


def _left_out(
    score: Reals, values: Sequence[Reals], subject: npt.NDArray[np.intp], *, subjects: int
) -> Iterator[Reals]:
    """Sums of each of the values per step of score, (1 + subjects, steps): of all answers, and without each subject."""
    _, rank = np.unique(score, return_inverse=True)
    steps = min(STEPS, int(rank.max()) + 1)
    step = rank * steps // (int(rank.max()) + 1)
    order = np.lexsort((values[1], subject, step))  # sums do not depend on the order of the answers
    place = (subject * steps + step)[order]
    for value in values:
        each = np.bincount(place, weights=value[order], minlength=subjects * steps).reshape(subjects, steps)
        whole = each.sum(axis=0, keepdims=True)
        yield np.concatenate([whole, whole - each])


def _half_width(values: Reals) -> float:
    """Of the interval, from the number itself and those without each subject."""
    from scipy.special import stdtrit

    without = values[1:]
    degrees = without.size - 1
    error = np.sqrt(degrees / without.size * ((without - without.mean()) ** 2).sum())
    return float(stdtrit(degrees, (1 + LEVEL) / 2) * error)


def _of_area(values: Reals) -> tuple[float, float]:
    area = float(values[0])
    if not area > ROUNDING:
        return _NOTHING
    factor = float(np.exp(min(_half_width(values) / area, 700)))  # above, it would not be a number any more
    return area / factor, min(area * factor, 1.0)


def _of_chance(values: Reals) -> tuple[float, float]:
    from scipy.special import expit, logit

    chance = float(values[0])
    if not ROUNDING < chance < 1 - ROUNDING:
        return _NOTHING
    half = _half_width(values) / (chance * (1 - chance))
    return float(expit(logit(chance) - half)), float(expit(logit(chance) + half))
