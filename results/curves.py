"""Severity curves: a case's Dice at severity 0 to 5 of one perturbation family, and what sums them up."""

from typing import TYPE_CHECKING, Final

import numpy as np

from .estimates import MACRO, over_passes
from .grouped import codes, distinct, distinct_per_group, means
from .pairs import CELL, paired
from .remembered import remembered
from .scored import common

if TYPE_CHECKING:
    import pandas as pd

ROW: Final = ["name", "perturbation", "kind", "label"]
"""What a curve is."""

UNLABELLED: Final = ["name", "perturbation", "kind"]


@remembered
def complete(rows: "pd.DataFrame") -> tuple["pd.DataFrame", int]:
    """Cases that every model has at every severity of a family.

    Args:
        rows: a scope of the ledger with perturbed passes.

    Returns:
        One row per case and severity (`CELL`, `case`, `group`, `dice`, `dice_clean`, `delta`), and how many cases of a
        family were dropped.
    """
    import pandas as pd

    curves, dropped = zip(*(_complete(passes) for passes in paired(rows)), strict=True)
    return pd.concat(curves, ignore_index=True), sum(dropped)


def _complete(passes: "pd.DataFrame") -> tuple["pd.DataFrame", int]:
    family = ["perturbation", "label"]
    values = ["dice", "dice_clean", "delta"]
    place, wanted = distinct_per_group(passes, family, "severity")
    scored = passes[["key", *CELL, "case", "group", *values]].assign(wanted=wanted[place])[passes["pair"]]
    cases = over_passes(scored, by=CELL, metrics=[*values, "wanted"])
    del scored
    curve, have = distinct_per_group(cases, [*ROW, "case"], "severity")
    kept, _ = common(cases[have[curve] == cases["wanted"]].drop(columns="wanted"), within=family)
    intended, left = (distinct(*codes(part, [*family, "case"])).size for part in (passes, kept))
    return kept, intended - left


def all_name(kind: str) -> str:
    """What stands in the perturbation column of rows that average over the families of a kind."""
    return f"all {kind} families"


@remembered
def with_all_families(curves: "pd.DataFrame") -> "pd.DataFrame":
    """The curves and, after them, those of all families of a kind."""
    import pandas as pd

    parts = [curves, *(all_families(curves)[kind] for kind in ("acquisition", "grid"))]
    # Joined by hand, so that words stay categories.
    names = sorted({str(name) for part in parts for name in part["perturbation"].unique()})
    kind = pd.CategoricalDtype(pd.Index(names, dtype=object))
    return pd.concat([part.assign(perturbation=part["perturbation"].astype(kind)) for part in parts], ignore_index=True)


@remembered
def all_families(curves: "pd.DataFrame") -> dict[str, "pd.DataFrame"]:
    """Per kind, the mean over its families as one more family; of cases that have them all, at the same severities."""
    return {kind: _mean_family(curves, kind) for kind in ("acquisition", "grid")}


def _mean_family(curves: "pd.DataFrame", kind: str) -> "pd.DataFrame":
    import pandas as pd

    mine = curves[curves["kind"] == kind]
    severities = mine.groupby("perturbation")["severity"].agg(lambda column: str(sorted(column.unique())))
    if len(severities) < 2 or severities.nunique() > 1:
        return mine.iloc[:0]
    place, have = distinct_per_group(mine, ["name", "label", "case"], "perturbation")
    whole = mine[have[place] == len(severities)]
    whole = whole.assign(perturbation=pd.Categorical([all_name(kind)] * len(whole)))
    return means(whole, [*CELL, "case", "group"], ["dice", "dice_clean", "delta"])


@remembered
def per_case(curves: "pd.DataFrame") -> "pd.DataFrame":
    """Each case's clean Dice, mean Dice and ΔDice over severities above 0, and area."""
    case = [*ROW, "case", "group"]
    parts = curves.assign(
        dice_later=curves["dice"].where(curves["severity"] > 0),
        delta_later=curves["delta"].where(curves["severity"] > 0),
        clean=curves["dice"].where(curves["severity"] == 0),
        area=curves["dice"] * _trapezoid_weights(curves),
        undefined=curves["dice"].isna().astype(float),
    )
    _, points = distinct_per_group(curves, case, "severity")
    table = means(parts, case, ["dice_later", "delta_later", "area", "clean", "undefined"])
    table = table.rename(columns={"dice_later": "dice", "delta_later": "delta"})
    # One undefined point leaves the area undefined: a sum over the others would be too small.
    return table.assign(area=(table["area"] * points).where(table["undefined"] == 0), dice_clean=table["clean"]).drop(
        columns="undefined"
    )


def _trapezoid_weights(curves: "pd.DataFrame") -> "pd.Series[float]":
    import pandas as pd

    weights, severity = np.full(len(curves), np.nan), curves["severity"].to_numpy()
    for at in curves.groupby("perturbation", observed=True).indices.values():
        severities, place = np.unique(severity[at], return_inverse=True)
        steps = np.diff(severities.astype(float))
        each = (np.append(steps, 0) + np.insert(steps, 0, 0)) / 2 / float(severities[-1] - severities[0])
        weights[at] = each[place]
    return pd.Series(weights, index=curves.index)


def worst(curves: "pd.DataFrame") -> "pd.DataFrame":
    """The severity above 0 with the lowest mean Dice, and that Dice."""
    import pandas as pd

    later = curves[curves["severity"] > 0]
    points = means(later, [*ROW, "severity"], ["dice"])
    if points["label"].nunique() > 1:
        over = means(points, [*UNLABELLED, "severity"], ["dice"]).assign(label=MACRO)
        points = pd.concat([points, over], ignore_index=True)
    lowest = points.sort_values([*ROW, "dice", "severity"]).drop_duplicates(ROW)
    return lowest.rename(columns={"severity": "worst_severity", "dice": "worst_dice"})
