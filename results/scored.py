"""The ledger: every intended pass, scored or not, from which all tables are made.

A pass is one unit and label. What was not scored stays a row of the ledger, so no table can forget it. Models are
compared on the cases that all of them scored.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .estimates import MACRO
from .grouped import distinct_per_group, groups
from .metrics import METRICS
from .record import IDENTITY
from .remembered import remembered

if TYPE_CHECKING:
    import pandas as pd

SCOPE: Final = ("task", "split", "phantom")
"""Scores of different scopes never enter one number: phantom and real data least of all."""

ENSEMBLE: Final = " ×"
"""Before the number of passes in the name of an ensemble: `med-nca ×10`."""


@dataclass(frozen=True)
class Scope:
    """One task, one part of its split, phantom or real."""

    task: str
    split: str
    phantom: bool

    def in_front_of(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The table with `task`, `split` and `phantom` as its first columns."""
        rest = list(table.columns)
        words = [column for column in rest if table[column].dtype == "category"]
        table = table.assign(**{column: table[column].astype(object) for column in words})
        return table.assign(task=self.task, split=self.split, phantom=self.phantom)[[*SCOPE, *rest]]


def ledger(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> "pd.DataFrame":
    """One row per intended pass.

    Args:
        frame: records with metrics, from `results.load`; a ledger is given back as it is.
        intended: identity columns of every intended unit and label; without it, or if empty, what was scored.
        failed: keys of units with a failed attempt, as in `frame`.

    Returns:
        Sorted by (key, label): the identity columns, `state`, the metrics of `frame`, `name` (the model as tables show
        it), `scored`, `failed` (tried, and not scored since).
    """
    if "scored" in frame.columns:
        return frame
    known = ("state", "shift_pixels", *(metric.name for metric in METRICS))
    values = [name for name in known if name in frame.columns]
    identity = [name for name in IDENTITY if name in frame.columns]
    if intended is None or intended.empty:
        rows = frame[[*identity, *values]]
    elif _same_rows(intended, frame):
        rows = intended[identity].assign(**{name: frame[name] for name in values})
    else:
        rows = intended[identity].merge(frame[["key", "label", *values]], on=["key", "label"], how="left")
    if _sorted(rows):  # as compact frames are: a sort would copy them all
        rows = rows.reset_index(drop=True)
    else:
        rows = rows.sort_values(["key", "label"], kind="stable", ignore_index=True)
    scored = rows["state"].notna()
    return rows.assign(name=names(rows), scored=scored, failed=~scored & rows["key"].isin(set(failed)))


def _sorted(rows: "pd.DataFrame") -> bool:
    """Whether every key is larger than the one before, so that labels need not be looked at."""
    key = rows["key"].to_numpy()
    return bool((key[1:] > key[:-1]).all())


def _same_rows(intended: "pd.DataFrame", frame: "pd.DataFrame") -> bool:
    """Whether everything intended was scored and stands in the same order, so that nothing need be joined."""
    pair = ["key", "label"]
    return len(intended) == len(frame) and all((intended[c].to_numpy() == frame[c].to_numpy()).all() for c in pair)


@remembered
def scopes(rows: "pd.DataFrame") -> list[tuple[Scope, "pd.DataFrame"]]:
    """The ledger's scopes and their rows, sorted."""
    if len(rows) and all((rows[name] == rows[name].iloc[0]).all() for name in SCOPE):
        # Most runs have one: its rows are the same memory, in another frame, for a result must not keep its own alive.
        task, split, phantom = (rows[name].iloc[0] for name in SCOPE)
        return [(Scope(str(task), str(split), bool(phantom)), rows.copy(deep=False))]
    parts = rows.groupby(list(SCOPE), sort=True, observed=True)
    return [(Scope(str(task), str(split), bool(phantom)), part) for (task, split, phantom), part in parts]


def common(rows: "pd.DataFrame", *, within: Sequence[str], by_all: bool = False) -> tuple["pd.DataFrame", int]:
    """Keep the cases that every model with any score has a score for.

    Args:
        rows: scored passes or cases, with `name` and `case`.
        within: what is compared: the cases in common are found for each combination of these columns.
        by_all: drop a combination that a model of `rows` has no score of at all, where scores of several combinations
            are put into one number; else that model is not compared there.

    Returns:
        The rows kept, and how many (combination, case) were dropped.
    """
    group, models = distinct_per_group(rows, within, "name")
    if by_all:
        models = np.full_like(models, rows["name"].nunique())
    point, have = distinct_per_group(rows, [*within, "case"], "name")
    wanted = np.zeros(have.size, dtype=np.int64)
    wanted[point] = models[group]
    dropped = int((have < wanted).sum())
    return (rows[(have == wanted)[point]], dropped) if dropped else (rows, 0)


def counts(rows: "pd.DataFrame", *, by: Sequence[str]) -> "pd.DataFrame":
    """Passes per `by`: intended, scored, failed; and by state: both_empty, missed, false_positive."""
    place, table = groups(rows, by)
    flags = {"scored": rows["scored"], "intended": np.ones(len(rows), dtype=np.bool_), "failed": rows["failed"]}
    flags |= {state: rows["state"] == state for state in ("both_empty", "missed", "false_positive")}
    each = {name: np.bincount(place[np.asarray(flag)], minlength=len(table)) for name, flag in flags.items()}
    return table.assign(**each).set_index(list(by))


def seeds(rows: "pd.DataFrame", *, by: Sequence[str]) -> "pd.DataFrame":
    """How many training, fire and draw seeds the scored passes of each `by` have."""
    names = {"train_seeds": "train_seed", "fire_seeds": "fire_seed", "draws": "draw_seed"}
    return rows[rows["scored"]].groupby(list(by), observed=True).agg(**{n: (c, "nunique") for n, c in names.items()})


def macro_counts(tally: "pd.DataFrame", *, by: Sequence[str]) -> "pd.DataFrame":
    """The counts of the mean over labels, from rows per `by` and label.

    A unit scores all its labels or none, so its passes are counted once; states add up.
    """
    states = ("both_empty", "missed", "false_positive")
    rules = {c: "sum" if c in states else "max" for c in tally.columns if c not in (*by, "label")}
    return tally.groupby(list(by), sort=True, observed=True).agg(rules).reset_index().assign(label=MACRO)


def ensemble_note(rows: "pd.DataFrame") -> list[str]:
    """The sentence on the cost of ensembles, if there are any."""
    found = sorted(set(rows.loc[rows["passes"] > 1, "passes"]))
    if not found:
        return []
    sizes = " and ".join(f"×{size}" for size in found)
    return [f"{sizes}: one answer is the mean of that many passes with fire seeds of their own, and costs as many."]


def unscored_models(rows: "pd.DataFrame") -> list[str]:
    """Models of which nothing at all was scored."""
    return sorted(set(rows["name"]) - set(rows.loc[rows["scored"], "name"]))


def names(rows: "pd.DataFrame") -> "pd.Series[str]":
    """The model's name, its passes if an ensemble, recipe where it has several, weights where one seed has several.

    Args:
        rows: with `task`, `model`, `passes`, `recipe`, `train_seed` and `weights`.
    """
    import pandas as pd

    columns = ["task", "model", "passes", "recipe", "train_seed", "weights"]
    # A run has few trainings and may have millions of rows: names are made for the trainings.
    trainings = rows[columns].drop_duplicates()
    words = trainings.assign(**{c: trainings[c].astype(object) for c in ("task", "model", "recipe", "weights")})
    name = words["model"].where(words["passes"] == 1, words["model"] + ENSEMBLE + words["passes"].astype(str))
    recipes = words.groupby(["task", "model"])["recipe"].transform("nunique")
    name = name.where(recipes == 1, name + " [" + words["recipe"] + "]")
    weights = words.assign(name=name).groupby(["task", "name", "train_seed"])["weights"].transform("nunique")
    name = name.where(weights == 1, name + " " + words["weights"].str[:8])
    order = rows.groupby(columns, sort=False, observed=True).ngroup().to_numpy()  # by first appearance, as above
    distinct = sorted(set(name))
    codes = pd.Index(distinct, dtype=object).get_indexer(name)
    return pd.Series(pd.Categorical.from_codes(codes[order], categories=pd.Index(distinct)), index=rows.index)
