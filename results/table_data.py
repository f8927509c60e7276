"""Data and exclusions: what was to be scored, what was, and what became of the rest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .run_info import RunInfo
from .scored import counts, ledger, scopes
from .table import Table, count_of

if TYPE_CHECKING:
    import pandas as pd

_ERRORS_SHOWN: Final = 10
_COUNTED: Final = (
    "Counted are answers: one case, label and condition with its seeds each; the passes of an ensemble make one answer."
)


def data(
    frame: "pd.DataFrame",
    intended: "pd.DataFrame | None" = None,
    *,
    failures: Sequence[Mapping[str, Any]] = (),
    info: RunInfo | None = None,
    strangers: int | None = None,
) -> Table | None:
    """Cases, subjects and answers per model and label, by what became of them.

    Args:
        frame: records with metrics, from `results.load`.
        intended: from `store.load_units`.
        failures: from `Store.failures`.
        info: from `run_info.read_run_info`.
        strangers: how many records are of no unit, where `frame` is a ledger, which has none of them.

    Returns:
        None when nothing was intended. `cases` and `subjects` are those intended, `scored_cases` and `scored_subjects`
        those with any answer; `not_tried` answers are neither scored nor failed: the run was interrupted.
    """
    import pandas as pd

    rows = ledger(frame, intended, failed={entry["key"] for entry in failures if "key" in entry})
    if rows.empty:
        return None
    parts = []
    for scope, mine in scopes(rows):
        tally = counts(mine, by=["name", "label"])
        some = _who(mine[mine["scored"]]).add_prefix("scored_")
        part = _who(mine).join(some).fillna(0).astype(int).join(tally).reset_index().rename(columns={"name": "model"})
        part["not_tried"] = part["intended"] - part["scored"] - part["failed"]
        parts.append(scope.in_front_of(part))
    table = pd.concat(parts, ignore_index=True)
    strangers = outside(frame, rows) if strangers is None else strangers
    notes = [_COUNTED, *_data_notes(info or RunInfo()), *_outside(strangers), *_failure_notes(rows, failures)]
    return Table("data", "Data and exclusions", table, _shown(table), tuple(notes))


def _who(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Cases and subjects per model and label."""
    parts = rows.groupby(["name", "label"], observed=True)
    return parts.agg(cases=("case", "nunique"), subjects=("group", "nunique"))


def _data_notes(info: RunInfo) -> list[str]:
    return [f"Split {part}: {count} cases are on disk." for part, count in info.cases_on_disk.items()]


def outside(frame: "pd.DataFrame", rows: "pd.DataFrame") -> int:
    """How many records are of no unit of the ledger."""
    return int((~frame["key"].isin(rows["key"])).sum())


def _outside(strangers: int) -> list[str]:
    return [f"Not shown, since no unit of this run: {count_of(strangers, 'record')} in the store."] if strangers else []


def _failure_notes(rows: "pd.DataFrame", failures: Sequence[Mapping[str, Any]]) -> list[str]:
    open_keys = set(rows.loc[rows["failed"], "key"])
    last = {entry["key"]: str(entry.get("error", "unknown")) for entry in failures if entry.get("key") in open_keys}
    errors = sorted(Counter(last.values()).items(), key=lambda item: (-item[1], item[0]))
    notes = [f"{count_of(number, 'unit')} failed: {error}" for error, number in errors[:_ERRORS_SHOWN]]
    if len(errors) > _ERRORS_SHOWN:
        notes.append(f"{len(errors) - _ERRORS_SHOWN} more kinds of failure are in failures.jsonl.")
    return notes


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    names = {
        "model": "Model",
        "label": "Label",
        "cases": "Cases",
        "subjects": "Subjects",
        "intended": "Intended",
        "scored": "Scored",
        "failed": "Failed",
        "not_tried": "Not tried",
        "both_empty": "Both empty",
        "missed": "Missed",
        "false_positive": "False positive",
    }
    return table[list(names)].rename(columns=names)
