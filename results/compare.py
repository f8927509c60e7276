"""Two runs side by side: what differs in provenance, and the paired difference of every model and condition.

Answers are matched by task, part, case, label, model, condition, seeds and passes, not by key: the key says that two
results must be equal, a comparison asks how far different weights, data, code or machines moved them. Recipe or weights
count only where a run has several of a model (`compare_names`). A difference is the second run's minus the first's, per
case (passes of several seeds averaged first), with an interval over subjects.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import load
from .compare_names import named_alike
from .compare_provenance import differences
from .duplicates import resolve
from .estimates import MACRO, macro, over_passes, summarise
from .merge_provenance import read_description
from .run_info import read_run_info
from .scored import SCOPE, Scope, ledger, scopes
from .small_samples import small_sample_warning
from .store import Store
from .table import Table, count_of, estimate, number

if TYPE_CHECKING:
    import pandas as pd

MATCH: Final = [
    *SCOPE, "name", "case", "label", "train_seed", "perturbation", "kind", "severity", "grid", "draw_seed", "fire_seed",
    "passes",
]  # fmt: skip
_ROW: Final = ["name", "kind", "perturbation", "severity", "grid", "label"]
_UNLABELLED: Final = _ROW[:-1]
_METRICS: Final = ["dice_change", "hd95_change"]
_PLAIN: Final = ["dice_first", "dice_second"]


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        provenance: a line per thing that differs in run.json; one that says so if nothing does.
        identical: the number of records where both runs hold the same ones, else None.
        table: differences, a row per model, condition and label.
        marks: warnings to be read with it.
    """

    provenance: tuple[str, ...]
    identical: int | None
    table: Table
    marks: tuple[str, ...]


def compare(first: str | Path, second: str | Path) -> Comparison:
    """Compare two run folders.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file is damaged, or the runs have no answer in common; says what each holds.
    """
    folders = Path(first), Path(second)
    one, two = named_alike(*(ledger(load(folder, everything=True)) for folder in folders))
    both = one.merge(two, on=MATCH, suffixes=("_first", "_second"), validate="one_to_one")
    if both.empty:
        raise ValueError(f"no answer in common: {folders[0]} holds {_content(one)}; {folders[1]} holds {_content(two)}")
    alone = len(one) - len(both), len(two) - len(both)
    marks = [mark for folder in folders for mark in read_run_info(folder).marks(phantom=bool(both["phantom"].any()))]
    return Comparison(
        differences(*(read_description(folder) for folder in folders)),
        _identical(folders, one, two),
        _table(both, alone),
        tuple(dict.fromkeys(marks)),
    )


def _content(rows: "pd.DataFrame") -> str:
    if rows.empty:
        return "no record"
    scope = rows[list(SCOPE)].drop_duplicates().itertuples(index=False)
    what = " and ".join(f"{task} {split}{' (phantom)' if phantom else ''}" for task, split, phantom in scope)
    seeded = rows["name"].astype(str) + " seed " + rows["train_seed"].astype(str)
    names = ", ".join(sorted(seeded.unique()))
    conditions = ", ".join(sorted(rows["perturbation"].unique()))
    return f"{what}: {names} under {conditions}"


def _identical(folders: tuple[Path, Path], one: "pd.DataFrame", two: "pd.DataFrame") -> int | None:
    """The number of records if both runs have the same ones, to the tolerance of `duplicates.resolve`."""
    import pandas as pd

    pair = ["key", "label"]
    if len(one) != len(two) or not one[pair].equals(two[pair]):
        return None
    records = pd.concat([Store(folder).load() for folder in folders], ignore_index=True)
    try:
        return len(resolve(records, source=" and ".join(map(str, folders))))
    except ValueError:
        return None


def _table(both: "pd.DataFrame", alone: tuple[int, int]) -> Table:
    import pandas as pd

    both = both.assign(
        key=both["key_first"],
        group=both["group_first"],
        dice_change=both["dice_second"] - both["dice_first"],
        hd95_change=both["hd95_second"] - both["hd95_first"],
    )
    parts, subjects = [], []
    for scope, rows in scopes(both):
        parts.append(_scope(scope, rows))
        subjects.append(int(parts[-1]["subjects"].max()))
    table = pd.concat(parts, ignore_index=True)
    notes = [
        "Second run minus first, on the answers both have; 95 % intervals over subjects. Means are over the "
        "cases whose difference is defined.",
        *([f"Only in the first run: {count_of(alone[0], 'record')}."] if alone[0] else []),
        *([f"Only in the second run: {count_of(alone[1], 'record')}."] if alone[1] else []),
        *filter(None, [small_sample_warning(min(subjects))]),
    ]
    return Table("compare", "Second run against first", table, _shown(table), tuple(notes))


def _scope(scope: Scope, rows: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    defined = rows["dice_change"].notna()
    rows = rows.assign(**{name: rows[name].where(defined) for name in _PLAIN})
    cases = over_passes(rows, by=_ROW, metrics=[*_METRICS, *_PLAIN])
    table = pd.concat(
        [
            summarise(cases, by=_ROW, metrics=_METRICS, plain=_PLAIN),
            macro(cases, by=_UNLABELLED, metrics=_METRICS, plain=_PLAIN),
        ]
    )
    answers = rows.groupby(_ROW, observed=True).size().rename("answers").reset_index()
    changed = rows[rows["dice_change"] != 0].dropna(subset="dice_change").groupby(_ROW, observed=True).size()
    answers = answers.merge(changed.rename("changed").reset_index(), on=_ROW, how="left")
    table = table.merge(answers, on=_ROW, how="left").rename(columns={"name": "model"})
    table[["answers", "changed"]] = table[["answers", "changed"]].fillna(0).astype(int)
    order = table.assign(later=table["kind"] != "clean", last=table["label"] == MACRO)
    keys = ["model", "later", "kind", "perturbation", "severity", "grid", "last", "label"]
    return scope.in_front_of(order.sort_values(keys, ignore_index=True).drop(columns=["later", "last"]))


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    labels = table["label"].nunique() > 1
    return pd.DataFrame(
        {
            "Model": row.model,
            "Perturbation": f"clean ({row.grid} grid)" if row.kind == "clean" else row.perturbation,
            "Severity": row.severity,
            **({"Label": row.label} if labels else {}),
            "Cases": row.cases,
            "First": number(row.dice_first_mean, 3),
            "Second": number(row.dice_second_mean, 3),
            "Dice": _change(row, "dice", 4),
            "HD95 (mm)": _change(row, "hd95", 2),
        }
        for row in table.itertuples(index=False)
    )


def _change(row: Any, metric: str, digits: int) -> str:
    mean, low, high = (getattr(row, f"{metric}_change_{part}") for part in ("mean", "low", "high"))
    return estimate(mean, low, high, digits, sign=True)
