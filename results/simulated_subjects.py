"""Made-up subjects whose true scores are known: what intervals and tests are measured on.

A case's Dice is the quantile of a beta distribution (mean 0.86, sd 0.08, skewed to the left) at the normal probability
of sqrt(0.8) u + sqrt(0.2) e, with u of the subject and e of the case standard normal: the two hippocampi of a subject
are alike. In the harder variant 3 % of the subjects are failures, all cases 0. A score of an answer is its risk plus
normal noise (sd 0.06, half of its variance the subject's own); a subject has eight answers.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtr

from .surface import Reals

MEAN: Final = 0.86
SD: Final = 0.08
ALIKE: Final = 0.8
"""Correlation, of the normal scores, of two cases of a subject."""

FAILURES: Final = 0.03
_ANSWERS: Final = 8
_NOISE: Final = 0.06


def simulated_dice(rng: np.random.Generator, subjects: int, replications: int, *, cases: int = 2) -> Reals:
    """Dice of every case, (subjects, cases, replications), without failures."""
    own = rng.standard_normal((subjects, 1, replications))
    case = rng.standard_normal((subjects, cases, replications))
    weight = MEAN * (1 - MEAN) / SD**2 - 1
    probability = ndtr(np.sqrt(ALIKE) * own + np.sqrt(1 - ALIKE) * case)
    dice: Reals = betaincinv(MEAN * weight, (1 - MEAN) * weight, probability)
    return dice


def simulated_answers(
    rng: np.random.Generator, subjects: int, *, failures: bool
) -> tuple[Reals, Reals, npt.NDArray[np.intp]]:
    """Score, risk and subject, (answers,) each."""
    risk = 1 - simulated_dice(rng, subjects, 1, cases=_ANSWERS)[..., 0]
    if failures:
        risk = np.where(rng.random((subjects, 1)) < FAILURES, 1.0, risk)
    own, each = rng.standard_normal((subjects, 1)), rng.standard_normal(risk.shape)
    score = risk + _NOISE * np.sqrt(0.5) * (own + each)
    return score.ravel(), risk.ravel(), np.repeat(np.arange(subjects), _ANSWERS)
