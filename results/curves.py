"""Severity curves: a case's Dice at severity 0 to 5 of one perturbation family, and what sums them up."""

from typing import TYPE_CHECKING, Final

import numpy as np

from .estimates import MACRO, over_passes
from .pairs import CELL
from .scored import common

if TYPE_CHECKING:
    import pandas as pd

ROW: Final = ["name", "perturbation", "kind", "label"]
"""What a curve is."""

UNLABELLED: Final = ["name", "perturbation", "kind"]


def complete(passes: "pd.DataFrame") -> tuple["pd.DataFrame", int]:
    """Cases that every model has at every severity of a family.

    Args:
        passes: from `pairs.paired`.

    Returns:
        One row per case and severity (`CELL`, `case`, `group`, `dice`, `dice_clean`, `delta`), and how many cases of a
        family were dropped.
    """
    cases = over_passes(passes[passes["pair"]], by=CELL, metrics=["dice", "dice_clean", "delta"])
    family = ["perturbation", "label"]
    wanted = passes.groupby(family)["severity"].nunique().rename("wanted").reset_index()
    have = cases.groupby([*ROW, "case"])["severity"].nunique().rename("have").reset_index().merge(wanted, on=family)
    whole = have.loc[have["have"] == have["wanted"], [*ROW, "case"]]
    kept, _ = common(cases.merge(whole, on=[*ROW, "case"]), within=family)
    intended = passes[[*family, "case"]].drop_duplicates()
    return kept, len(intended) - len(kept[[*family, "case"]].drop_duplicates())


def all_name(kind: str) -> str:
    """What stands in the perturbation column of rows that average over the families of a kind."""
    return f"all {kind} families"


def all_families(curves: "pd.DataFrame", kind: str) -> "pd.DataFrame":
    """The mean over the families of a kind as one more family; of cases that have them all, at the same severities."""
    mine = curves[curves["kind"] == kind]
    severities = mine.groupby("perturbation")["severity"].agg(lambda column: str(sorted(column.unique())))
    if len(severities) < 2 or severities.nunique() > 1:
        return mine.iloc[:0]
    case = ["name", "label", "case"]
    have = mine.groupby(case)["perturbation"].transform("nunique")
    whole = mine[have == len(severities)].assign(perturbation=all_name(kind))
    return whole.groupby([*CELL, "case", "group"])[["dice", "dice_clean", "delta"]].mean().reset_index()


def per_case(curves: "pd.DataFrame") -> "pd.DataFrame":
    """Each case's clean Dice, mean Dice and ΔDice over severities above 0, and area."""
    case = [*ROW, "case", "group"]
    later = curves[curves["severity"] > 0].groupby(case)[["dice", "delta"]].mean()
    start = curves[curves["severity"] == 0].set_index(case)["dice"].rename("clean")
    areas = curves.assign(area=curves["dice"] * _trapezoid_weights(curves))
    wanted = curves.groupby(case)["dice"].size()
    area = areas.groupby(case)["area"].agg(["sum", "count"])
    # One undefined point leaves the area undefined: a sum over the others would be too small.
    later["area"] = area["sum"].where(area["count"] == wanted)
    return later.join(start).reset_index().assign(dice_clean=lambda frame: frame["clean"])


def _trapezoid_weights(curves: "pd.DataFrame") -> "pd.Series[float]":
    import pandas as pd

    weights = pd.Series(np.nan, index=curves.index)
    for _, rows in curves.groupby("perturbation"):
        severities = np.sort(rows["severity"].unique()).astype(float)
        steps = np.diff(severities)
        each = (np.append(steps, 0) + np.insert(steps, 0, 0)) / 2 / (severities[-1] - severities[0])
        weights[rows.index] = rows["severity"].map(dict(zip(severities, each, strict=True)))
    return weights


def worst(curves: "pd.DataFrame") -> "pd.DataFrame":
    """The severity above 0 with the lowest mean Dice, and that Dice."""
    import pandas as pd

    later = curves[curves["severity"] > 0]
    means = later.groupby([*ROW, "severity"])["dice"].mean().reset_index()
    if means["label"].nunique() > 1:
        over = means.groupby([*UNLABELLED, "severity"])["dice"].mean().reset_index().assign(label=MACRO)
        means = pd.concat([means, over], ignore_index=True)
    lowest = means.sort_values([*ROW, "dice", "severity"]).drop_duplicates(ROW)
    return lowest.rename(columns={"severity": "worst_severity", "dice": "worst_dice"})
