"""Rank tables: two schemes with intervals, and ranks under other conventions for empty masks."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .by_subject import CLEAN, clean_cases, perturbed_cases, wide
from .conventions import CONVENTIONS, ranks_by_convention
from .metrics import METRICS
from .ranks import aggregate_then_rank, rank_then_aggregate
from .scored import ledger, scopes
from .small_samples import small_sample_warning
from .table import MISSING, Table, count_of, number

if TYPE_CHECKING:
    import pandas as pd


def ranks(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Ranks of the models by Dice, clean and under every perturbation.

    Args:
        frame: records with metrics, from `results.load`, or a ledger.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        None when fewer than two models were scored. Columns: `condition`, `label`, `model`, `cases`, `subjects`,
        `dice_mean`, `rank`, `rank_low`, `rank_high`, `first_share` (aggregate, then rank), `case_rank_mean`,
        `case_rank`, `case_rank_low`, `case_rank_high` (rank, then aggregate), `schemes_differ`.
    """
    import pandas as pd

    parts, notes = [], list(_LEGEND)
    for scope, mine in scopes(ledger(frame, intended, failed=failed)):
        found = [_rows(*condition) for condition in _conditions(mine)]
        if found := [part for part in found if len(part) > 1]:
            part = pd.concat(found, ignore_index=True)
            parts.append(scope.in_front_of(part))
            notes += [note] if (note := small_sample_warning(part["subjects"], of="ranks")) else []
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("ranks", "Ranks", table, _shown(table), tuple(dict.fromkeys(notes)))


def _conditions(rows: "pd.DataFrame") -> Iterator[tuple[str, str, "pd.DataFrame"]]:
    cases, label = clean_cases(rows)
    yield CLEAN, label, cases
    if (rows["severity"] > 0).any():
        cases, label = perturbed_cases(rows)
        for (_, perturbation), mine in cases.groupby(["kind", "perturbation"], sort=True, observed=True):
            yield str(perturbation), label, mine


def _rows(condition: str, label: str, cases: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    table = wide(cases, "dice", subjects=False)
    values, groups = table.to_numpy(dtype=np.float64), table.index.get_level_values("group")
    means, inside = (scheme(values, groups) for scheme in (aggregate_then_rank, rank_then_aggregate))
    some = ~np.isnan(values).all(axis=1)
    columns = {
        "condition": condition,
        "label": label,
        "model": table.columns.astype(str),
        "cases": int(some.sum()),
        "subjects": len(set(groups[some])),
        "dice_mean": means.score,
        "rank": means.rank,
        "rank_low": means.low,
        "rank_high": means.high,
        "first_share": means.first,
        "case_rank_mean": inside.score,
        "case_rank": inside.rank,
        "case_rank_low": inside.low,
        "case_rank_high": inside.high,
        "schemes_differ": means.rank != inside.rank,
    }
    return pd.DataFrame(columns).sort_values(["rank", "model"], kind="stable")


_LEGEND: Final = (
    "Rank: by the mean Dice over cases. Rank (by case): models are ranked in every case, then by their mean rank. "
    "[95 % interval over resamples of subjects]. Perturbed Dice is averaged over severities above 0.",
    "First: share of the resamples in which the model has the best mean, ties included. *: the two schemes differ.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows: list[Any] = list(table.itertuples(index=False))
    return pd.DataFrame(
        {
            "Condition": row.condition,
            "Model": row.model,
            "Cases": row.cases,
            "Dice": number(row.dice_mean, 3),
            "Rank": _place(row.rank, row.rank_low, row.rank_high, mark=row.schemes_differ),
            "First": number(row.first_share, 2),
            "Mean rank": number(row.case_rank_mean, 2),
            "Rank (by case)": _place(row.case_rank, row.case_rank_low, row.case_rank_high, mark=row.schemes_differ),
        }
        for row in rows
    )


def _place(rank: Any, low: Any, high: Any, *, mark: bool) -> str:
    if rank != rank:
        return MISSING
    text = f"{rank:.0f}{'*' if mark else ''}"
    return text if low != low else f"{text} [{low:.0f}, {high:.0f}]"


def rank_conventions(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Ranks recomputed under other conventions for empty masks and missing structures.

    Args:
        frame: records with metrics, from `results.load`, or a ledger.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        None when fewer than two models were scored. The columns of `conventions.ranks_by_convention`.
    """
    import pandas as pd

    parts = []
    for scope, mine in scopes(ledger(frame, intended, failed=failed)):
        part = ranks_by_convention(mine)
        if not part.empty and part["model"].nunique() > 1:
            parts.append(scope.in_front_of(part))
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    flipped = sorted(set(table.loc[table["flips"], "model"]))
    notes = [
        f"{_words(c.name)}: both masks empty {c.both_empty}, missed structure {c.missed}, invented structure "
        f"{c.false_positive} ({c.used_by})."
        for c in CONVENTIONS
    ]
    notes.append(
        f"The rank depends on the convention for: {', '.join(flipped)}."
        if flipped
        else "No model's rank depends on the convention."
    )
    for condition, rows in table[table["left_out"] > 0].groupby("condition", sort=False):
        lost = count_of(int(rows["left_out"].max()), "case")
        notes.append(f"Left out of '{condition}', since not every model has a score: {lost} of a condition.")
    return Table("rank_conventions", "Ranks under other conventions", table, _conventions_shown(table), tuple(notes))


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _conventions_shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    titles = {metric.name: f"{metric.title} (mm)" if metric.unit else metric.title for metric in METRICS}
    digits = {metric.name: 2 if metric.unit else 3 for metric in METRICS}
    return pd.DataFrame(
        {
            "Condition": row["condition"],
            "Metric": titles[row["metric"]],
            "Model": row["model"],
            **{
                _words(c.name): f"{number(row[f'mean_{c.name}'], digits[row['metric']])} "
                f"({_place(row[f'rank_{c.name}'], np.nan, np.nan, mark=False)})"
                for c in CONVENTIONS
            },
            "Flips": "flips" if row["flips"] else "",
        }
        for row in table.to_dict("records")
    )
