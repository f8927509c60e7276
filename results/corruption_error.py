"""Corruption error: a model's error under a perturbation relative to that of a named reference on the same cases.

CE = sum over severities of mean (1 - Dice), divided by the same sum of the reference; mCE is its mean over acquisition
families (Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
ICLR 2019; the mean over families as printed there, not the sum of the published script). Below 1 is better than the
reference.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from .estimates import MACRO
from .scored import Scope

if TYPE_CHECKING:
    import pandas as pd

_POINT: Final = ["perturbation", "label", "case", "severity"]


def corruption_errors(
    cases: "pd.DataFrame",
    *,
    versions: Mapping[str, int],
    scope: Scope,
    references: Mapping[str, "pd.DataFrame"],
) -> tuple["pd.Series[float]", str]:
    """CE of every model, acquisition family and label.

    Args:
        cases: one row per case and severity, with `name`, `perturbation`, `kind`, `label`, `case`, `severity`, `dice`.
        versions: of each perturbation.
        scope: what was scored.
        references: from `reference_records.shipped`.

    Returns:
        CE by (name, perturbation, label), with a macro mean over labels where there are several; empty when there is no
        reference. And the sentence that names the reference or says why there is none.
    """
    mine = cases[(cases["kind"] == "acquisition") & (cases["severity"] > 0)]
    no_ce = mine.iloc[:0].set_index(["name", "perturbation", "label"])["dice"]
    fitting = {
        name: frame
        for name, frame in references.items()
        if not scope.phantom and not frame.empty and (frame["task"] == scope.task).all()
    }
    if mine.empty:
        return no_ce, "mCE: undefined, no acquisition perturbation was scored at every severity."
    if not fitting:
        what = "phantom data" if scope.phantom else scope.task
        return no_ce, f"mCE: undefined, no reference records are shipped for {what}."
    for name, frame in fitting.items():
        reference = _matching(frame, mine, versions=versions, scope=scope)
        if reference is not None:
            weights = str(frame["weights"].iloc[0])[:8]
            return _ratio(mine, reference), f"CE and mCE are relative to {name} (weights {weights}) on the same cases."
    return no_ce, (
        f"mCE: undefined, {' and '.join(fitting)} shipped for {scope.task} has not the same split, cases, labels or "
        "perturbation versions."
    )


def _matching(
    frame: "pd.DataFrame", mine: "pd.DataFrame", *, versions: Mapping[str, int], scope: Scope
) -> "pd.DataFrame | None":
    """The reference's rows for exactly the points scored here, or None if one is missing."""
    usable = frame[(frame["split"] == scope.split) & (frame["severity"] > 0)]
    usable = usable[usable["perturbation"].map(versions) == usable["perturbation_version"]]
    points = mine[_POINT].drop_duplicates()
    found = points.merge(usable[[*_POINT, "dice"]].drop_duplicates(_POINT), on=_POINT, how="left")
    # A case that is defined here and not there would leave two sums over different cases.
    defined = mine[mine["dice"].notna()][_POINT].drop_duplicates()
    complete = defined.merge(found, on=_POINT, how="left")["dice"].notna().all()
    return found if complete else None


def _ratio(mine: "pd.DataFrame", reference: "pd.DataFrame") -> "pd.Series[float]":
    import pandas as pd

    own = _errors(mine, by=["name", "perturbation", "label"])
    other = _errors(reference, by=["perturbation", "label"])
    own["reference"] = own.merge(other, on=["perturbation", "label"], how="left")["error_y"].to_numpy()
    ratio = own["error"] / own["reference"].where(own["reference"] > 0, np.nan)
    return pd.Series(ratio.to_numpy(), index=pd.MultiIndex.from_frame(own[["name", "perturbation", "label"]]))


def _errors(cases: "pd.DataFrame", *, by: list[str]) -> "pd.DataFrame":
    """Sum over severities of the mean error over cases, and its mean over labels as a label of its own."""
    import pandas as pd

    mean = cases.groupby([*by, "severity"], sort=True)["dice"].mean()
    error = (1 - mean).groupby(level=by).sum().rename("error").reset_index()
    parts: list[pd.DataFrame] = [error]
    if error["label"].nunique() > 1:
        over = [column for column in by if column != "label"]
        parts.append(error.groupby(over)["error"].mean().reset_index().assign(label=MACRO))
    return pd.concat(parts, ignore_index=True)
