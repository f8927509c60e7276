"""Variance of clean Dice by source: table `variance`, for models with several training or fire seeds.

What an interval over subjects leaves out: how much another training, or another draw of the fire masks, would change.
The method: `variance_components.py`.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .estimates import MACRO
from .scored import scopes
from .surface import Reals
from .table import MISSING, Table, count_of, number
from .variance_components import variance_components

if TYPE_CHECKING:
    import pandas as pd


def variance(rows: "pd.DataFrame") -> Table | None:
    """Split the variance of clean Dice on the native grid into case, training seed and fire seed.

    Args:
        rows: a ledger.

    Returns:
        None when no model has several seeds of either kind. A row per model and component: `model`, `label` ("macro
        mean" where a case's labels were averaged), `component`, `cases`, `train_seeds`, `fire_seeds`,
        `degrees_of_freedom`, `estimate` (may be negative), `variance`, `sd`, `share` (of the sum of the components
        that could be estimated), `remark`.
    """
    import pandas as pd

    parts, notes = [], list(_LEGEND)
    for scope, mine in scopes(rows):
        clean = mine[(mine["severity"] == 0) & (mine["grid"] == "native") & mine["scored"]]
        for name, passes in clean.groupby("name", sort=True, observed=True):
            if passes["train_seed"].nunique() > 1 or passes["fire_seed"].nunique() > 1:
                part, note = _model(str(name), passes)
                notes += [note] if note else []
                parts += [scope.in_front_of(part)] if part is not None else []
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("variance", "Variance of Dice by source", table, _shown(table), tuple(dict.fromkeys(notes)))


def _model(name: str, passes: "pd.DataFrame") -> tuple["pd.DataFrame | None", str | None]:
    import pandas as pd

    scores, left_out = _balanced(passes)
    note = f"{name}: left out for want of a score under every seed: {count_of(left_out, 'case')}." if left_out else None
    if scores.shape[0] < 2:
        return None, f"{name}: fewer than two cases have a score under every seed: variance not split."
    labels = passes["label"].unique()
    parts = variance_components(scores, stochastic=bool((passes["fire_seed"] >= 0).any()))
    known = np.array([part.variance for part in parts])
    total = np.nansum(known)
    sizes = dict(zip(("cases", "train_seeds", "fire_seeds"), scores.shape, strict=True))
    return pd.DataFrame(
        {
            "model": name,
            "label": str(labels[0]) if len(labels) == 1 else MACRO,
            "component": part.name,
            **sizes,
            "degrees_of_freedom": part.degrees,
            "estimate": part.estimate,
            "variance": part.variance,
            "sd": np.sqrt(part.variance),
            "share": part.variance / total if total > 0 else np.nan,
            "remark": part.remark,
        }
        for part in parts
    ), note


def _balanced(passes: "pd.DataFrame") -> tuple[Reals, int]:
    """Dice as (cases, trainings, fire seeds) of what every training has, and how many cases were left out."""
    by = ["case", "train_seed", "fire_seed"]
    dice = passes.groupby(by, sort=True, observed=True)["dice"].mean().unstack(["train_seed", "fire_seed"])
    trainings = dice.columns.unique("train_seed")
    shared = [fire for fire in dice.columns.unique("fire_seed") if all((t, fire) in dice.columns for t in trainings)]
    table = dice[[(training, fire) for training in trainings for fire in shared]]
    whole = table.dropna()
    scores: Reals = whole.to_numpy(dtype=np.float64).reshape(len(whole), len(trainings), len(shared))
    return scores, int(dice.notna().any(axis=1).sum()) - len(whole)


_LEGEND: Final = (
    "Random effects by the method of moments, clean cases on the native grid: a case's score is the mean + case + "
    "training seed + their interaction + fire seed (docs/reproduce.md). df: degrees of freedom; few say little.",
    "sd: square root of the component, in Dice. Share: of the sum of the components that could be estimated. The case "
    "holds the subject: cases of a subject are alike.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    def line(row: Any) -> dict[str, Any]:
        share = MISSING if np.isnan(row.share) else f"{100 * row.share:.1f} %"
        return {
            "Model": row.model,
            "Component": row.component,
            "Cases": row.cases,
            "Seeds (train × fire)": f"{row.train_seeds} × {row.fire_seeds}",
            "df": row.degrees_of_freedom or MISSING,
            "sd": number(row.sd, 4),
            "Share": share,
            "Remark": row.remark or MISSING,
        }

    return pd.DataFrame(line(row) for row in table.itertuples(index=False))
