"""The accuracy table: clean cases on the native grid, mean ± sd over cases and 95 % intervals over subjects.

The layout follows Table 1 of the Med-NCA paper. The paper's own number, soft Dice on the resampled grid, has a column
of its own, from the clean pass on the model's grid.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from .comparisons import clean_family
from .estimates import MACRO, macro, over_passes, summarise
from .scored import Scope, common, counts, ensemble_note, ledger, macro_counts, scopes, seeds, unscored_models
from .small_samples import small_sample_warning
from .surface_metrics import nsd_tolerance
from .table import Table, bounds, count_of, number, spread

if TYPE_CHECKING:
    import pandas as pd

_MAIN: Final = ("dice", "dice_soft", "nsd", "hd95", "assd", "dice_soft_paper")
_DETAILS: Final = ("iou", "sensitivity", "precision", "volume_error", "volume_error_abs", "ece")
_ROW: Final = ["name", "label"]


def accuracy(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Scores of clean cases, a row per model and label.

    Args:
        frame: records with metrics, from `results.load`.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        None when nothing clean was intended on the native grid. Columns of `frame` per metric m (dice, dice_soft,
        dice_soft_paper, nsd in [0, 1]; hd95, assd in mm): m_mean, m_sd, m_low, m_high. The best Dice is emphasised
        where its paired test against the next model is significant (`comparisons.clean_family`).
    """
    found = _build(ledger(frame, intended, failed=failed), _MAIN)
    if found is None:
        return None
    table, best, notes = found
    strong = frozenset((row, "Dice") for row in best)
    notes = (*_legend(table["task"].unique(), bold=bool(strong)), *notes)
    return Table("accuracy", "Accuracy on clean images", table, _shown(table), notes, strong)


def accuracy_details(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Further metrics of the same cases: IoU, sensitivity, precision, relative volume error, ECE; see `accuracy`."""
    found = _build(ledger(frame, intended, failed=failed), _DETAILS)
    if found is None:
        return None
    table, _, notes = found
    return Table(
        "accuracy_details", "Further metrics on clean images", table, _details_shown(table), (*_DETAILS_LEGEND, *notes)
    )


def _build(rows: "pd.DataFrame", metrics: Sequence[str]) -> "tuple[pd.DataFrame, list[int], tuple[str, ...]] | None":
    """The numbers of all scopes, which rows have a best Dice that a test supports, and the notes."""
    import pandas as pd

    clean = rows[rows["severity"] == 0]
    parts: list[pd.DataFrame] = []
    best: list[int] = []
    notes: list[str] = []
    for scope, mine in scopes(clean):
        native = mine[mine["grid"] == "native"]
        if not native.empty:
            part, words = _scope(scope, metrics, native=native, model=mine[mine["grid"] == "model"])
            if "dice" in metrics:
                above = sum(len(earlier) for earlier in parts)
                best += [row + above for row in _supported(part, clean_family(mine))]
            parts.append(part)
            notes += words
    return (pd.concat(parts, ignore_index=True), best, tuple(dict.fromkeys(notes))) if parts else None


def _supported(table: "pd.DataFrame", tests: "pd.DataFrame") -> list[int]:
    """The row with the best Dice if its test against the next finds it better; tests are of one label or the mean."""
    if tests.empty:
        return []
    mine = table[(table["label"] == tests["label"].iloc[0]) & table["dice_mean"].notna()]
    first, second = mine.sort_values(["dice_mean", "model"], ascending=[False, True])["model"].iloc[:2]
    pair = tests[tests["model"].isin([first, second]) & tests["other"].isin([first, second])]
    # One bad case can lower the mean of the model that is better in nearly all: the test is of ranks, and has a side.
    better = np.where(pair["model"] == first, pair["rank_biserial"], -pair["rank_biserial"]) > 0
    return [int(mine.index[mine["model"] == first][0])] if (pair["significant"] & better).any() else []


def _scope(
    scope: Scope, metrics: Sequence[str], *, native: "pd.DataFrame", model: "pd.DataFrame"
) -> tuple["pd.DataFrame", list[str]]:
    import pandas as pd

    kept, dropped = common(native[native["scored"]], within=["label"])
    cases = over_passes(kept, by=_ROW, metrics=[m for m in metrics if m != "dice_soft_paper"])
    if "dice_soft_paper" in metrics:
        paper = over_passes(model[model["scored"]], by=_ROW, metrics=["dice_soft_paper"])
        cases = cases.merge(paper, on=[*_ROW, "case", "group"], how="left")
    table = pd.concat([summarise(cases, by=_ROW, metrics=metrics), macro(cases, by=["name"], metrics=metrics)])
    tally = counts(native, by=_ROW).join(seeds(native, by=_ROW)).reset_index()
    tally = pd.concat([tally, macro_counts(tally, by=["name"])]) if tally["label"].nunique() > 1 else tally
    table = tally.merge(table, on=_ROW, how="left").rename(columns={"name": "model"})
    table[["cases", "subjects", "train_seeds", "fire_seeds", "draws"]] = (
        table[["cases", "subjects", "train_seeds", "fire_seeds", "draws"]].fillna(0).astype(int)
    )
    # Labels by name, their mean after them.
    order = table.assign(last=table["label"] == MACRO).sort_values(["model", "last", "label"]).index
    table = table.loc[order].drop(columns="draws").reset_index(drop=True)
    return scope.in_front_of(table), _notes(native, dropped=dropped, subjects=table["subjects"])


def _notes(native: "pd.DataFrame", *, dropped: int, subjects: "pd.Series[int]") -> list[str]:
    notes = ensemble_note(native)
    if warning := small_sample_warning(subjects):
        notes.append(warning)
    if native["name"].nunique() > 1:
        notes.append(
            f"Models are compared on the cases all of them scored; left out: {count_of(dropped, 'case')}."
            if dropped
            else "All models scored the same cases."
        )
    if nothing := unscored_models(native):
        notes.append(f"Nothing was scored of {', '.join(nothing)}: left out of the comparison.")
    return notes


def _legend(tasks: Iterable[str], *, bold: bool) -> tuple[str, ...]:
    tolerances = ", ".join(f"{nsd_tolerance(task):g} mm ({task})" for task in tasks)
    best = "Bold: the best Dice, where its Holm-corrected paired test against the next model has p <= 0.05."
    return (
        "Dice: mean ± sd over cases [95 % interval over subjects, for these trainings], native grid; passes of several "
        "seeds are averaged per case first.",
        "Soft Dice (paper): not thresholded, on the resampled grid, as the Med-NCA paper reports it; comparable with "
        "the paper's numbers only.",
        f"NSD: share of both surfaces within a tolerance of the other: {tolerances}; a missed or invented structure 0.",
        "HD95, ASSD: mm (pixels of PNG slices, which have no size); a missed or invented structure counts as the "
        "image's diagonal. Both masks empty: left out.",
        "n: passes scored of passes intended.",
        *([best] if bold else []),
    )


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "Model": row.model,
            "Label": row.label,
            "n": f"{row.scored}/{row.intended}",
            "Subjects": row.subjects,
            "Dice": f"{spread(row.dice_mean, row.dice_sd, 3)} {bounds(row.dice_low, row.dice_high, 3)}".strip(),
            "Soft Dice": spread(row.dice_soft_mean, row.dice_soft_sd, 3),
            "Soft Dice (paper)": spread(row.dice_soft_paper_mean, row.dice_soft_paper_sd, 3),
            "NSD": spread(row.nsd_mean, row.nsd_sd, 3),
            "HD95 (mm)": spread(row.hd95_mean, row.hd95_sd, 2),
            "ASSD (mm)": spread(row.assd_mean, row.assd_sd, 2),
            "Missed": row.missed,
            "False pos.": row.false_positive,
            "Both empty": row.both_empty,
            "Seeds (train × fire)": f"{row.train_seeds} × {row.fire_seeds}",
        }
        for row in table.itertuples(index=False)
    )


_DETAILS_LEGEND: Final = (
    "Mean ± sd over cases, native grid. Volume error: (predicted - true) / true volume, signed and absolute. "
    "Sensitivity and volume error are undefined, and left out, where there is no truth; precision of a missed "
    "structure is 0.",
    "ECE: expected calibration error, 15 bins, all voxels of the grid: mostly easy background, so small.",
)


def _details_shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "Model": row.model,
            "Label": row.label,
            "n": f"{row.scored}/{row.intended}",
            "IoU": spread(row.iou_mean, row.iou_sd, 3),
            "Sensitivity": spread(row.sensitivity_mean, row.sensitivity_sd, 3),
            "Precision": spread(row.precision_mean, row.precision_sd, 3),
            "Volume error": f"{number(row.volume_error_mean, 3, sign=True)} ± {number(row.volume_error_sd, 3)}",
            "|Volume error|": spread(row.volume_error_abs_mean, row.volume_error_abs_sd, 3),
            "ECE": spread(row.ece_mean, row.ece_sd, 4),
        }
        for row in table.itertuples(index=False)
    )
