"""From scores of single passes to means over cases with intervals over subjects.

The way of a number: one record is one pass (one draw, one fire seed, one training seed). Passes of a case are averaged
first, so a case counts once however many seeds it was run with; then cases are averaged. Labels, where there are
several, are averaged last: the mean of the class means.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from .grouped import Codes, groups, means, sums
from .intervals import mean_intervals
from .surface import Reals
from .surface_metrics import ratio

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
    place, table = groups(cases, by)
    subject, who = groups(cases, ["group"])
    found: dict[str, Reals | Codes] = {}
    for metric in metrics:
        values = cases[metric].to_numpy(dtype=np.float64)
        total, many = _by_subject(values, place, subject, shape=(len(table), len(who)))
        if not found:
            found = {"cases": many.sum(axis=1).astype(np.int64), "subjects": (many > 0).sum(axis=1)}
        mean = ratio(total.sum(axis=1), many.sum(axis=1))
        square, number = sums((values - mean[place]) ** 2, place, len(table))
        found[f"{metric}_mean"], found[f"{metric}_sd"] = mean, np.sqrt(ratio(square, number - 1))
        found[f"{metric}_low"], found[f"{metric}_high"] = mean_intervals(total.T, many.T)
    for column in plain:
        found[f"{column}_mean"] = ratio(*sums(cases[column].to_numpy(dtype=np.float64), place, len(table)))
    return table.assign(**found)


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
        As `summarise`, with `label` = "macro mean" and as `subjects` those of the label that has the fewest.
    """
    if cases["label"].nunique() < 2:
        return None
    per_case = over_labels(cases, by=by, metrics=[*metrics, *plain])
    table = summarise(per_case, by=by, metrics=metrics, plain=plain)
    labelled, rows = groups(cases, [*by, "label"])
    owner, _ = groups(rows, by)
    subject, who = groups(cases, ["group"])
    found: dict[str, Reals | Codes] = {}
    for metric in [*metrics, *plain]:
        values = cases[metric].to_numpy(dtype=np.float64)
        total, many = _by_subject(values, labelled, subject, shape=(len(rows), len(who)))
        if metric == metrics[0]:  # the interval rests on the subjects of the label that has the fewest
            fewest = np.full(len(table), len(who))
            np.minimum.at(fewest, owner, (many > 0).sum(axis=1))
            found["subjects"] = fewest
        label_means = ratio(total.sum(axis=1), many.sum(axis=1))
        found[f"{metric}_mean"] = ratio(*sums(label_means, owner, len(table)))
        if metric in metrics:
            mine = [owner == place for place in range(len(table))]
            bounds = [mean_intervals(total[some].T, many[some].T, averaged=True) for some in mine]
            low, high = np.array(bounds).reshape(-1, 2).T
            found |= {f"{metric}_low": low, f"{metric}_high": high}
    return table.assign(**found, label=MACRO)


def _by_subject(values: Reals, place: Codes, subject: Codes, *, shape: tuple[int, int]) -> tuple[Reals, Reals]:
    """Sum and number of each subject's defined values in each group, (groups, subjects) each."""
    total, many = sums(values, place * shape[1] + subject, shape[0] * shape[1])
    return total.reshape(shape), many.reshape(shape)
