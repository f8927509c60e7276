"""Published figures beside a run's own: when is a figure reproduced, and the paired difference of two models.

The rule, with a margin of 0.02 Dice below the published mean, for the 95 % interval over subjects of our mean:

- reproduced: the whole interval lies above published - margin;
- not reproduced: the whole interval lies below it;
- undecided: it lies within the interval, or no interval can be given.

The same rule holds for a difference of two models: ours, paired by case, against the difference of the two published
means (whose own uncertainty is not published, and is not in the rule).
"""

import math
from typing import TYPE_CHECKING, Final, Literal

from .by_subject import wide
from .estimates import over_passes, summarise
from .scored import common

if TYPE_CHECKING:
    import pandas as pd

MARGIN: Final = 0.02
"""Dice: what a published mean is allowed to be missed by."""

FOREGROUND: Final = "foreground"
"""The label of merged labels, which the published figures are of."""

Verdict = Literal["reproduced", "not reproduced", "undecided"]


def verdict(low: float, high: float, *, published: float, margin: float = MARGIN) -> Verdict:
    """What an interval says of a published figure.

    Args:
        low: lower bound of our interval; NaN where there is none.
        high: upper bound.
        published: the mean to be reproduced.
        margin: that may be missed.

    Example:
        >>> [verdict(low, high, published=0.886) for low, high in ((0.87, 0.90), (0.80, 0.86), (0.86, 0.88))]
        ['reproduced', 'not reproduced', 'undecided']
    """
    wanted = published - margin
    if math.isnan(low) or math.isnan(high):
        return "undecided"
    return "reproduced" if low > wanted else "not reproduced" if high < wanted else "undecided"


def scored_cases(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Clean scores of the cases that all models scored, as the accuracy table has them.

    Args:
        rows: a scope of the ledger.

    Returns:
        One row per model and case of merged labels: `name`, `case`, `group`, `dice` (native grid), `dice_soft_paper`.
    """
    clean = rows[(rows["severity"] == 0) & (rows["label"] == FOREGROUND) & rows["scored"]]
    native, _ = common(clean[clean["grid"] == "native"], within=["label"])
    by = ["name", "label"]
    hard = over_passes(native, by=by, metrics=["dice"])
    soft = over_passes(clean[clean["grid"] == "model"], by=by, metrics=["dice_soft_paper"])
    return hard.merge(soft, on=[*by, "case", "group"], how="left")


def paired_difference(cases: "pd.DataFrame", model: str, other: str, *, metric: str) -> "pd.Series[float]":
    """Mean over cases of one model's score minus another's, with an interval over subjects.

    Args:
        cases: from `scored_cases`.
        model: its name in `cases`.
        other: the name of what is subtracted.
        metric: a column of `cases`.

    Returns:
        `cases`, `subjects`, `difference_mean`, `difference_sd` (over cases), `difference_low`, `difference_high`.
    """
    table = wide(cases, metric, subjects=False)
    both = (table[model] - table[other]).rename("difference").dropna().reset_index().assign(name=model)
    if both.empty:
        import pandas as pd

        names = ("difference_mean", "difference_sd", "difference_low", "difference_high")
        return pd.Series({"cases": 0, "subjects": 0} | dict.fromkeys(names, math.nan))
    return summarise(both, by=["name"], metrics=["difference"]).iloc[0]
