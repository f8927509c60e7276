"""Intervals of risk–coverage areas and of AUROC over subjects, by leaving each of them out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .leave_one_out import areas, chances, shares
from .statistics import LEVEL
from .surface import Reals

STEPS: Final = 256
"""Answers are put together into at most so many steps of score for the intervals; point estimates use them all."""

ENOUGH: Final = 5
"""Failures, and successes, below which an AUROC gets no interval."""

ROUNDING: Final = 1e-12
"""Differences of sums below it are rounding."""


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
    step = _steps(score)
    without = areas(shares(subject, step, risk))
    both = _enough(failed, subject) and _enough(~failed, subject)
    return Bounds(
        _of_area(without),
        _of_area(without - areas(shares(subject, _steps(risk), risk))),
        _of_chance(chances(shares(subject, step, failed.astype(np.float64)))) if both else _NOTHING,
    )


def _enough(chosen: npt.NDArray[np.bool_], subject: npt.NDArray[np.intp]) -> bool:
    return int(chosen.sum()) >= ENOUGH and len(np.unique(subject[chosen])) > 1


def _steps(score: Reals) -> npt.NDArray[np.intp]:
    """The step of each answer, at most `STEPS` of them, equal scores on one."""
    _, rank = np.unique(score, return_inverse=True)
    distinct = int(rank.max()) + 1
    return rank * min(STEPS, distinct) // distinct


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
