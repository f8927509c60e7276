"""Paired tests of differences, one number a subject, and what the sample could have shown at all.

- Test: Wilcoxon signed-rank, two-sided (`scipy.stats.wilcoxon`, which chooses between the exact distribution and the
  normal approximation; subjects without any difference are dropped, Wilcoxon's own rule).
- Correction: Holm's step-down within one declared family (Holm, "A simple sequentially rejective multiple test
  procedure", Scand. J. Statist. 1979).
- Effect sizes: the matched-pairs rank-biserial correlation (W+ - W-) / (W+ + W-) in [-1, 1], which belongs to the test,
  and Cohen's d_z, the mean difference over its standard deviation.
- Smallest detectable difference: the mean difference that a paired t test of this many subjects finds with power 0.8
  at level alpha / tests (Holm's first step), given the standard deviation seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from .surface import Reals

ALPHA: Final = 0.05
POWER: Final = 0.8


@dataclass(frozen=True)
class PairedTest:
    """One comparison; NaN where it cannot be computed.

    Attributes:
        subjects: with a difference defined.
        mean: of the differences over subjects.
        sd: of the differences (ddof 1).
        p: two-sided, uncorrected; 1 when no subject differs.
        rank_biserial: positive when the differences are.
        d_z: mean / sd.
    """

    subjects: int
    mean: float
    sd: float
    p: float
    rank_biserial: float
    d_z: float


def paired_test(differences: npt.ArrayLike) -> PairedTest:
    """Test whether the differences of subjects are centred at 0.

    Args:
        differences: (subjects,) NaN is left out. The order does not matter.

    Example:
        >>> test = paired_test([0.01, 0.02, 0.03, 0.04, 0.05])
        >>> test.p, test.rank_biserial
        (0.0625, 1.0)
    """
    from scipy.stats import rankdata, wilcoxon

    # Sums in another order differ in their last bits, which must neither break nor make a tie.
    values = np.sort(np.round(np.asarray(differences, dtype=np.float64), 12))
    values = values[~np.isnan(values)]
    if values.size < 2:
        mean = float(values[0]) if values.size else np.nan
        return PairedTest(values.size, mean, np.nan, np.nan, np.nan, np.nan)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    moved = values[values != 0]
    if not moved.size:
        return PairedTest(values.size, 0.0, 0.0, 1.0, 0.0, np.nan)
    ranks = rankdata(np.abs(moved))
    biserial = float((ranks * np.sign(moved)).sum() / ranks.sum())
    p = float(wilcoxon(moved).pvalue) if moved.size > 1 else 1.0
    return PairedTest(values.size, mean, sd, p, biserial, mean / sd if sd > 1e-12 else np.nan)


def holm(p: npt.ArrayLike) -> Reals:
    """Holm's adjusted p values of one family; NaN stays NaN and is no test of the family.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    adjusted = np.full(values.shape, np.nan)
    order = known[np.argsort(values[known], kind="stable")]
    steps = values[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def smallest_p(subjects: int) -> float:
    """The smallest two-sided p that the signed-rank test of this many subjects can give: all of one sign.

    Example:
        >>> smallest_p(9)
        0.00390625
    """
    return min(1.0, 2.0 ** (1 - subjects))


def can_be_significant(subjects: Sequence[int], *, alpha: float = ALPHA) -> npt.NDArray[np.bool_]:
    """Whether each test of a family could have come out significant had every test gone as far as it can.

    Holm's adjusted p rises with every p of the family, so the adjusted smallest p values are a bound.
    """
    found: npt.NDArray[np.bool_] = holm([smallest_p(n) if n > 1 else np.nan for n in subjects]) <= alpha
    return found


def detectable_difference(sd: float, subjects: int, *, tests: int, alpha: float = ALPHA) -> float:
    """The smallest mean difference found with power 0.8 at level `alpha / tests`, in the unit of `sd`.

    Example:
        >>> round(detectable_difference(1.0, 34, tests=1), 2)
        0.5
    """
    return sd * _detectable(subjects, alpha / max(tests, 1)) if subjects > 1 else np.nan


@lru_cache(maxsize=1024)
def _detectable(subjects: int, alpha: float) -> float:
    """In standard deviations.

    The power of the noncentral t, as the mean over quantiles of the standard error's chi distribution: scipy's own
    gives NaN at the large critical values of few subjects and many tests.
    """
    from scipy.optimize import brentq
    from scipy.special import gammaincinv, ndtr, stdtrit

    degrees = subjects - 1
    critical = stdtrit(degrees, 1 - alpha / 2)
    middle = (np.arange(4000) + 0.5) / 4000
    threshold = critical * np.sqrt(2 * gammaincinv(degrees / 2, middle) / degrees)
    shift = brentq(lambda delta: ndtr(delta - threshold).mean() - POWER, 0, 2 * critical + 5)
    return float(shift / np.sqrt(subjects))
