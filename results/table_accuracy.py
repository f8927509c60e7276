"""The accuracy table: clean cases on the native grid, mean ± sd over cases and 95 % intervals over subjects.

The layout follows Table 1 of the Med-NCA paper. The paper's own number, soft Dice on the resampled grid, has a column
of its own, from the clean pass on the model's grid.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from .estimates import MACRO, macro, over_passes, summarise
from .scored import Scope, common, counts, ensemble_note, ledger, macro_counts, scopes, seeds, unscored_models
from .statistics import small_sample_warning
from .table import Table, bounds, count_of, spread

if TYPE_CHECKING:
    import pandas as pd

_NATIVE: Final = ("dice", "dice_soft", "hd95", "assd")
_ALL: Final = (*_NATIVE, "dice_soft_paper")
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
        dice_soft_paper in [0, 1]; hd95, assd in mm): m_mean, m_sd, m_low, m_high.
    """
    import pandas as pd

    rows = ledger(frame, intended, failed=failed)
    clean = rows[rows["severity"] == 0]
    parts, notes = [], []
    for scope, mine in scopes(clean):
        native = mine[mine["grid"] == "native"]
        if not native.empty:
            part, words = _scope(scope, native=native, model=mine[mine["grid"] == "model"])
            parts.append(part)
            notes += words
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("accuracy", "Accuracy on clean images", table, _shown(table), (*_legend(), *dict.fromkeys(notes)))


def _scope(scope: Scope, *, native: "pd.DataFrame", model: "pd.DataFrame") -> tuple["pd.DataFrame", list[str]]:
    import pandas as pd

    kept, dropped = common(native[native["scored"]], within=["label"])
    cases = over_passes(kept, by=_ROW, metrics=_NATIVE)
    paper = over_passes(model[model["scored"]], by=_ROW, metrics=["dice_soft_paper"])
    cases = cases.merge(paper, on=[*_ROW, "case", "group"], how="left")
    table = pd.concat([summarise(cases, by=_ROW, metrics=_ALL), macro(cases, by=["name"], metrics=_ALL)])
    tally = counts(native, by=_ROW).join(seeds(native, by=_ROW)).reset_index()
    tally = pd.concat([tally, macro_counts(tally, by=["name"])]) if tally["label"].nunique() > 1 else tally
    table = tally.merge(table, on=_ROW, how="left").rename(columns={"name": "model"})
    table[["cases", "subjects", "train_seeds", "fire_seeds", "draws"]] = (
        table[["cases", "subjects", "train_seeds", "fire_seeds", "draws"]].fillna(0).astype(int)
    )
    # Labels by name, their mean after them.
    order = table.assign(last=table["label"] == MACRO).sort_values(["model", "last", "label"]).index
    table = table.loc[order].drop(columns="draws").reset_index(drop=True)
    return scope.in_front_of(table), _notes(native, dropped=dropped, subjects=int(table["subjects"].max()))


def _notes(native: "pd.DataFrame", *, dropped: int, subjects: int) -> list[str]:
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


def _legend() -> tuple[str, ...]:
    return (
        "Dice: mean ± sd over cases [95 % bootstrap interval over subjects], native grid; passes of several seeds are "
        "averaged per case first.",
        "Soft Dice (paper): not thresholded, on the resampled grid, as the Med-NCA paper reports it; comparable with "
        "the paper's numbers only.",
        "HD95, ASSD: mm; a missed or invented structure counts as the image's diagonal. Both masks empty: left out.",
        "n: passes scored of passes intended.",
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
            "HD95 (mm)": spread(row.hd95_mean, row.hd95_sd, 2),
            "ASSD (mm)": spread(row.assd_mean, row.assd_sd, 2),
            "Missed": row.missed,
            "False pos.": row.false_positive,
            "Both empty": row.both_empty,
            "Seeds (train × fire)": f"{row.train_seeds} × {row.fire_seeds}",
        }
        for row in table.itertuples(index=False)
    )
