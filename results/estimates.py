"""From scores of single passes to means over cases with intervals over subjects.

The way of a number: one record is one pass (one draw, one fire seed, one training seed). Passes of a case are averaged
first, so a case counts once however many seeds it was run with; then cases are averaged. Labels, where there are
several, are averaged last: the mean of the class means.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from .grouped import means
from .intervals import mean_intervals
from .surface import Reals

if TYPE_CHECKING:
    import pandas as pd

MACRO: Final = "macro mean"
"""The label of rows that average over labels."""


def over_passes(frame: "pd.DataFrame", *, by: Sequence[str], metrics: Sequence[str]) -> "pd.DataFrame":
    """Average the passes of each case; undefined passes are left out, and a case without any stays, as NaN.

    Args:
        frame: one row per pass, with `case`, `group`, the columns of `by` and of `metrics`.
        by: what tells rows of the result apart besides the case.
        metrics: columns to be averaged.

    Returns:
        One row per (`by`, case): `by`, `case`, `group`, `metrics`, sorted.
    """
    # Passes are added up in the order of their keys: the last bit must not depend on the order of the frame.
    return means(frame, [*by, "case", "group"], metrics, order="key")


def over_labels(cases: "pd.DataFrame", *, by: Sequence[str], metrics: Sequence[str]) -> "pd.DataFrame":
    """Each case's mean over its labels; labels in which it is undefined are left out."""
    return means(cases, [*by, "case", "group"], metrics)


def summarise(
    cases: "pd.DataFrame", *, by: Sequence[str], metrics: Sequence[str], plain: Sequence[str] = ()
) -> "pd.DataFrame":
    """Mean and standard deviation over cases, interval over subjects.

    Args:
        cases: one row per case, from `over_passes`, with the columns of `by`.
        by: one row of the result each.
        metrics: columns of `cases`; the first says which cases count.
        plain: columns of which the mean is wanted and no interval.

    Returns:
        Sorted by `by`: `by`, `cases` and `subjects` (whose first metric is defined), and for each metric m: `m_mean`,
        `m_sd` (ddof 1; NaN for one case), `m_low`, `m_high` (NaN for one subject); for each plain column p:
        `p_mean`. All intervals share one set of resamples of the subjects in `cases`.
    """
    import pandas as pd

    grouped = cases.groupby(list(by), sort=True, observed=True)
    defined = cases[cases[metrics[0]].notna()].groupby(list(by), observed=True)["group"]
    table = pd.DataFrame({"cases": grouped[metrics[0]].count()})
    table["subjects"] = defined.nunique().reindex(table.index, fill_value=0)
    for metric in metrics:
        table[f"{metric}_mean"], table[f"{metric}_sd"] = grouped[metric].mean(), grouped[metric].std(ddof=1)
        table[f"{metric}_low"], table[f"{metric}_high"] = _bounds(*_by_subject(cases, by=by, metric=metric))
    for column in plain:
        table[f"{column}_mean"] = grouped[column].mean()
    return table.reset_index()


def macro(
    cases: "pd.DataFrame", *, by: Sequence[str], metrics: Sequence[str], plain: Sequence[str] = ()
) -> "pd.DataFrame | None":
    """The mean over labels of the mean over cases, a row per `by`; None when there is one label.

    The interval resamples all labels of a subject together; the standard deviation is that of the cases' means over
    labels.

    Args:
        cases: one row per case and label.
        by: without "label".
        metrics: as in `summarise`.
        plain: as in `summarise`.

    Returns:
        As `summarise`, with `label` = "macro mean".
    """
    if cases["label"].nunique() < 2:
        return None
    per_case = over_labels(cases, by=by, metrics=[*metrics, *plain])
    table = summarise(per_case, by=by, metrics=metrics, plain=plain).set_index(list(by))
    for metric in [*metrics, *plain]:
        labels = cases.groupby([*by, "label"], sort=True, observed=True)[metric].mean()
        table[f"{metric}_mean"] = labels.groupby(level=list(by)).mean()
    for metric in metrics:
        sums, counts = _by_subject(cases, by=[*by, "label"], metric=metric)
        owners = table.index.get_indexer(sums.reset_index("label").index)
        for place, row in enumerate(table.index):
            mine = owners == place
            low, high = _bounds(sums[mine], counts[mine], averaged=True)
            table.loc[row, [f"{metric}_low", f"{metric}_high"]] = [low[0], high[0]]
    return table.reset_index().assign(label=MACRO)


def _by_subject(cases: "pd.DataFrame", *, by: Sequence[str], metric: str) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Sum and number of each subject's defined cases: a row per `by`, a column per subject of `cases`."""
    parts = cases.groupby([*by, "group"], sort=True, observed=True)[metric].agg(["sum", "count"])
    return parts["sum"].unstack("group", fill_value=0), parts["count"].unstack("group", fill_value=0)


def _bounds(sums: "pd.DataFrame", counts: "pd.DataFrame", *, averaged: bool = False) -> tuple[Reals, Reals]:
    """Interval of every row, or of the mean of the rows; NaN for fewer than two subjects."""
    total, size = (part.to_numpy(dtype=np.float64).T for part in (sums, counts))
    return mean_intervals(total, size, averaged=averaged)
