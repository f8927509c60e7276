"""Ranks under other conventions for empty masks and missing structures.

What a metric is where one mask or both are empty is a convention, and programs differ. A ranking that depends on it
says more about the convention than about the models: models whose rank flips are marked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from .estimates import over_passes
from .grouped import means
from .ranks import ranked
from .scored import common

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Convention:
    """What counts where a mask is empty.

    Attributes:
        name: in column names.
        both_empty: nothing to find and nothing found: left out, or as good as can be.
        missed: truth only: as bad as can be (overlap 0, distance the diagonal), or left out.
        false_positive: prediction only: the same.
        used_by: a program that does so by default.
    """

    name: str
    both_empty: Literal["left out", "best"]
    missed: Literal["worst", "left out"]
    false_positive: Literal["worst", "left out"]
    used_by: str


CONVENTIONS: Final = (
    Convention("adopted", "left out", "worst", "worst", "these tables; nnU-Net for Dice"),
    Convention("empty_is_best", "best", "worst", "worst", "MetricsReloaded for Dice"),
    Convention("truth_needed", "left out", "worst", "left out", "MONAI for Dice"),
    Convention("undefined_left_out", "left out", "left out", "left out", "MONAI for HD95"),
)

BEST: Final = {"dice": 1.0, "nsd": 1.0, "hd95": 0.0, "assd": 0.0}
"""The metrics that are checked, and the best that each can be."""

CLEAN: Final = "clean"
PERTURBED: Final = "all perturbed"
_POINT: Final = ["perturbation", "severity", "label"]


def ranks_by_convention(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Mean and rank of every model under every convention.

    Args:
        rows: a scope of the ledger, with the metrics of `BEST` (those that are missing are not checked).

    Returns:
        One row per condition (clean cases on the native grid; the mean over all perturbed conditions), metric and
        model: `condition`, `metric`, `model`, and for each convention c `mean_c` and `rank_c`; `flips`: the ranks
        differ; `left_out`: cases of a perturbed condition, or clean ones, that not every model has a score for. The
        mean is over cases, then labels, then conditions.
    """
    import pandas as pd

    metrics = [metric for metric in BEST if metric in rows.columns]
    clean, perturbed = (rows["severity"] == 0) & (rows["grid"] == "native"), rows["severity"] > 0
    found: list[pd.DataFrame] = []
    for condition, mine in ((CLEAN, clean), (PERTURBED, perturbed)):
        wanted = ["key", "name", "case", "group", *_POINT, "state", *metrics]
        kept, lost = common(rows.loc[mine & rows["scored"], wanted], within=_POINT, by_all=True)
        if kept.empty:
            continue
        found += [part.assign(condition=condition, left_out=lost) for part in _ranks(kept, metrics)]
    if not found:
        return pd.DataFrame()
    table = pd.concat(found, ignore_index=True)
    front = ["condition", "metric", "model"]
    return table[[*front, *(column for column in table.columns if column not in front)]]


def under(
    convention: Convention, values: "pd.Series[Any]", state: "pd.Series[Any]", *, best: float
) -> "pd.Series[Any]":
    """A metric's values under a convention.

    Args:
        convention: which.
        values: as adopted: NaN where both masks are empty, the worst where one is.
        state: of each pass.
        best: the best value of the metric.
    """
    changed = values
    if convention.both_empty == "best":
        changed = changed.mask(state == "both_empty", best)
    for name in ("missed", "false_positive"):
        if getattr(convention, name) == "left out":
            changed = changed.mask(state == name, np.nan)
    return changed


def _ranks(rows: "pd.DataFrame", metrics: list[str]) -> "Iterator[pd.DataFrame]":
    import pandas as pd

    names = [f"{metric} {c.name}" for metric in metrics for c in CONVENTIONS]
    # A perturbation at a time: every convention's values of all passes would be the largest table of all.
    points = [_points(mine, metrics) for _, mine in rows.groupby("perturbation", sort=True, observed=True)]
    models = means(pd.concat(points, ignore_index=True), ["name"], names)
    for metric in metrics:
        mean = {c.name: models[f"{metric} {c.name}"].to_numpy() for c in CONVENTIONS}
        rank = {name: ranked(values, higher=BEST[metric] == 1.0) for name, values in mean.items()}
        places = np.nan_to_num(np.stack(list(rank.values())), nan=-1)
        yield (
            models[["name"]]
            .rename(columns={"name": "model"})
            .assign(
                metric=metric,
                **{f"mean_{name}": values for name, values in mean.items()},
                **{f"rank_{name}": values for name, values in rank.items()},
                flips=(places != places[0]).any(axis=0),
            )
        )


def _points(rows: "pd.DataFrame", metrics: list[str]) -> "pd.DataFrame":
    """The mean over cases of every metric under every convention, a row per model and point."""
    columns = {
        f"{metric} {c.name}": under(c, rows[metric], rows["state"], best=BEST[metric])
        for metric in metrics
        for c in CONVENTIONS
    }
    rows = rows[["key", "name", "case", "group", *_POINT]].assign(**columns)
    cases = over_passes(rows, by=["name", *_POINT], metrics=list(columns))
    return means(cases, ["name", *_POINT], list(columns))
