"""One number a subject: what the tests and ranks are made of.

Cases of a subject are averaged (labels before that), so a subject counts once in a test however many cases it has.
"""

from typing import TYPE_CHECKING, Final

from .curves import UNLABELLED, complete, per_case, with_all_families
from .estimates import MACRO, over_labels, over_passes
from .remembered import remembered
from .scored import common

if TYPE_CHECKING:
    import pandas as pd

CLEAN: Final = "clean"
"""The condition of clean cases on the native grid."""


@remembered
def clean_cases(rows: "pd.DataFrame") -> tuple["pd.DataFrame", str]:
    """Clean Dice on the native grid of the cases that all models scored.

    Args:
        rows: a scope of the ledger.

    Returns:
        One row per case: `name`, `case`, `group`, `dice` (the mean over labels where there are several). And the label
        it is of.
    """
    native = rows[(rows["severity"] == 0) & (rows["grid"] == "native") & rows["scored"]]
    kept, _ = common(native, within=["label"])
    return _labels_averaged(over_passes(kept, by=["name", "label"], metrics=["dice"]), by=["name"], metrics=["dice"])


@remembered
def perturbed_cases(rows: "pd.DataFrame") -> tuple["pd.DataFrame", str]:
    """Mean Dice and ΔDice over severities above 0 of the cases that every model has at every severity.

    Args:
        rows: a scope of the ledger.

    Returns:
        One row per case: `name`, `perturbation` (those that stand for all families of a kind among them), `kind`,
        `case`, `group`, `dice`, `delta` (means over labels where there are several). And the label it is of.
    """
    curves, _ = complete(rows)
    cases = per_case(with_all_families(curves))
    return _labels_averaged(cases, by=UNLABELLED, metrics=["dice", "delta"])


def wide(cases: "pd.DataFrame", metric: str, *, subjects: bool = True) -> "pd.DataFrame":
    """A column per model; a row per subject, or per (group, case). NaN where a model has no value."""
    rows = ["group"] if subjects else ["group", "case"]
    means = cases.groupby([*rows, "name"], sort=True, observed=True)[metric].mean()
    return means.unstack("name")


def _labels_averaged(cases: "pd.DataFrame", *, by: list[str], metrics: list[str]) -> tuple["pd.DataFrame", str]:
    labels = cases["label"].unique()
    if len(labels) < 2:
        return cases[[*by, "case", "group", *metrics]], str(labels[0]) if len(labels) else ""
    return over_labels(cases, by=by, metrics=metrics), MACRO
