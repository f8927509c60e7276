"""Corruption error: a model's error under a perturbation relative to that of a named reference on the same cases.

CE = sum over severities of mean (1 - Dice), divided by the same sum of the reference; mCE is its mean over acquisition
families (Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
ICLR 2019; the mean over families as printed there, not the sum of the published script). Below 1 is better than the
reference.

Relative CE puts the loss against clean, mean (1 - Dice) minus that of the same cases clean, in place of the error.
Where the reference hardly loses anything, it divides by almost nothing: undefined where the reference does not lose at
all, and called unstable where it loses less than `UNSTABLE` Dice a severity.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from .estimates import MACRO
from .scored import Scope

if TYPE_CHECKING:
    import pandas as pd

UNSTABLE: Final = 0.01
"""Dice a severity, on average: about what two fire seeds or a redrawn annotation differ by."""

_POINT: Final = ["perturbation", "label", "case", "severity"]


def corruption_errors(
    cases: "pd.DataFrame",
    *,
    versions: Mapping[str, int],
    scope: Scope,
    references: Mapping[str, "pd.DataFrame"],
) -> tuple["pd.DataFrame", tuple[str, ...]]:
    """CE and relative CE of every model, acquisition family and label.

    Args:
        cases: one row per case and severity, with `name`, `perturbation`, `kind`, `label`, `case`, `severity`, `dice`.
        versions: of each perturbation.
        scope: what was scored.
        references: from `reference_records.shipped`.

    Returns:
        Rows of `name`, `perturbation`, `label` (a macro mean over labels among them where there are several), `ce` and
        `relative_ce`; empty when there is no reference. And the sentences that name the reference, or say why there is
        none, and that warn.
    """
    mine = cases[cases["kind"] == "acquisition"]
    no_ce = mine.iloc[:0][["name", "perturbation", "label"]].assign(ce=np.nan, relative_ce=np.nan)
    fitting = {
        name: frame
        for name, frame in references.items()
        if not scope.phantom and not frame.empty and (frame["task"] == scope.task).all()
    }
    if mine.empty:
        return no_ce, ("mCE: undefined, no acquisition perturbation was scored at every severity.",)
    if not fitting:
        what = "phantom data" if scope.phantom else scope.task
        return no_ce, (f"mCE: undefined, no reference records are shipped for {what}.",)
    for name, frame in fitting.items():
        reference = _matching(frame, mine, versions=versions, scope=scope)
        if reference is not None:
            weights = str(frame["weights"].iloc[0])[:8]
            named = f"CE and mCE are relative to {name} (weights {weights}) on the same cases."
            return _ratios(mine, reference), (named, *_unstable(reference, name))
    have = "has" if len(fitting) == 1 else "have"
    return no_ce, (
        f"mCE: undefined, {' and '.join(fitting)} shipped for {scope.task} {have} not the same split, cases, labels or "
        "perturbation versions.",
    )


def _matching(
    frame: "pd.DataFrame", mine: "pd.DataFrame", *, versions: Mapping[str, int], scope: Scope
) -> "pd.DataFrame | None":
    """The reference's rows for exactly the points scored here, or None if one above severity 0 is missing."""
    import pandas as pd

    usable = frame[frame["split"] == scope.split]
    # A reference's clean rows may stand under each family or once, under "clean".
    clean = usable[usable["perturbation"] == "clean"].drop(columns="perturbation")
    families = mine[["perturbation"]].drop_duplicates()
    usable = usable[usable["perturbation"].map(versions) == usable["perturbation_version"]]
    usable = pd.concat([usable, clean.merge(families, how="cross")])
    points = mine[_POINT].drop_duplicates()
    found = points.merge(usable[[*_POINT, "dice"]].drop_duplicates(_POINT), on=_POINT, how="left")
    # A case that is defined here and not there would leave two sums over different cases.
    defined = mine[mine["dice"].notna() & (mine["severity"] > 0)][_POINT].drop_duplicates()
    complete = defined.merge(found, on=_POINT, how="left")["dice"].notna().all()
    return found if complete else None


def _ratios(mine: "pd.DataFrame", reference: "pd.DataFrame") -> "pd.DataFrame":
    own = _errors(mine, by=["name", "perturbation", "label"])
    other = _errors(reference, by=["perturbation", "label"])
    both = own.merge(other, on=["perturbation", "label"], how="left", suffixes=("", "_of_reference"))
    ratios = {
        name: both[column] / both[f"{column}_of_reference"].where(both[f"{column}_of_reference"] > 0, np.nan)
        for name, column in (("ce", "error"), ("relative_ce", "loss"))
    }
    return both[["name", "perturbation", "label"]].assign(**ratios)


def _unstable(reference: "pd.DataFrame", name: str) -> tuple[str, ...]:
    """The warning where the reference loses too little for a relative CE."""
    losses = _errors(reference, by=["perturbation", "label"])
    severities = reference.loc[reference["severity"] > 0, "severity"].nunique()
    if losses["loss"].isna().all():
        return (f"Relative CE: undefined, {name} has no clean scores of these cases.",)
    small = losses[losses["loss"] < UNSTABLE * severities]
    if small.empty:
        return ()
    families = ", ".join(sorted(set(small["perturbation"])))
    return (
        f"Relative CE is unstable, and relative mCE with it: {name} loses less than {UNSTABLE:g} Dice a severity under "
        f"{families}.",
    )


def _errors(cases: "pd.DataFrame", *, by: list[str]) -> "pd.DataFrame":
    """Sums over severities of the mean error and of its excess over clean, and their means over labels."""
    import pandas as pd

    error = 1 - cases.groupby([*by, "severity"], sort=True, observed=True)["dice"].mean()
    table = error.reset_index()
    clean = table[table["severity"] == 0].set_index(by)["dice"]
    later = table[table["severity"] > 0]
    sums = later.groupby(by, observed=True)["dice"].agg(["sum", "size"])
    loss = sums["sum"] - sums["size"] * clean.reindex(sums.index)
    errors = pd.DataFrame({"error": sums["sum"], "loss": loss}).reset_index()
    if errors["label"].nunique() < 2:
        return errors
    over = [column for column in by if column != "label"]
    mean = errors.groupby(over, observed=True)[["error", "loss"]].mean().reset_index().assign(label=MACRO)
    return pd.concat([errors, mean], ignore_index=True)
