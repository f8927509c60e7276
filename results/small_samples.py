"""The sentence under a table whose intervals rest on few subjects: what such intervals held in simulation."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from .statistics import ENOUGH_SUBJECTS

FEWEST_SIMULATED: Final = 9
"""Of so many subjects on, coverage was simulated (`coverage_simulation`)."""


def small_sample_warning(subjects: npt.ArrayLike, *, of: Literal["means", "ranks", "areas"] = "means") -> str | None:
    """The sentence that goes under a table whose intervals rest on few subjects; None when there are enough.

    Args:
        subjects: how many each interval rests on, one number or one for each row; rows without an interval are passed
            over if others have one.
        of: what the intervals are of: t intervals of means, quantiles of resampled ranks, jackknife intervals of
            risk–coverage areas and AUROC.

    Example:
        >>> small_sample_warning([200, 6])
        'Some intervals rest on 6 subjects, fewer than the 9 for which coverage was simulated: not to be relied on.'
    """
    numbers = np.atleast_1d(np.asarray(subjects, dtype=np.int64))
    if numbers.max(initial=0) < 2:
        return f"No interval can be given: {numbers.max(initial=0)} subject."
    fewest, most = int(numbers[numbers > 1].min()), int(numbers.max())
    if fewest >= ENOUGH_SUBJECTS:
        return None
    number = str(fewest) if fewest == most or most >= ENOUGH_SUBJECTS else f"{fewest} to {most}"
    start = f"{'Some intervals' if most >= ENOUGH_SUBJECTS else 'Intervals'} rest on {number} subjects"
    if fewest < FEWEST_SIMULATED:
        some = "some on fewer" if "to" in number else "fewer"
        return f"{start}, {some} than the {FEWEST_SIMULATED} for which coverage was simulated: not to be relied on."
    whose, simulated, held = _HELD[of]
    return (
        f"{start} (fewer than {ENOUGH_SUBJECTS}): of nominal 95 %, simulated {whose} of {FEWEST_SIMULATED} to "
        f"{simulated} subjects held the truth in {held}."
    )


_HELD: Final = {
    "means": (
        "intervals of mean Dice",
        60,
        "93 to 95 %, but in 82 to 88 % where 3 % of subjects fail, which a small sample may lack",
    ),
    "ranks": (
        "percentile intervals of mean Dice",
        60,
        "89 to 94 %, but in 77 to 88 % where 3 % of subjects fail, which a small sample may lack",
    ),
    "areas": ("ones", 48, "92 to 96 %"),
}
"""Of which intervals, up to how many subjects, and how often: `coverage_simulation`."""
