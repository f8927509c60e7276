"""Robustness by severity: Dice of every model under every perturbation at every severity, beside the same cases clean.

- ΔDice: Dice minus the Dice of the same case, fire seed and grid at severity 0; negative is a loss.
- Retention: mean Dice divided by mean clean Dice, over the cases for which both are defined. The ratio of means, since
  a mean of ratios is ruled by the cases with a poor clean score.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import numpy as np

from .estimates import MACRO, macro, over_passes, summarise
from .pairs import CELL, paired
from .scored import Scope, common, counts, ensemble_note, ledger, macro_counts, scopes
from .small_samples import small_sample_warning
from .table import MISSING, Table, count_of, estimate, number

if TYPE_CHECKING:
    import pandas as pd

_SHARED: Final = [column for column in CELL if column != "name"]
COUNTED: Final = ["scored", "intended", "failed", "missed", "false_positive"]
"""Passes, as `scored.counts` has them."""

_METRICS: Final = ("dice", "delta")
_PLAIN: Final = ("dice_pair", "clean_pair")


def robustness_by_severity(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Dice, ΔDice and retention, a row per model, perturbation, severity and label.

    Args:
        frame: records with metrics, from `results.load`.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        None when no perturbation was intended. Severity 0 is the clean score on the perturbation's grid.
    """
    import pandas as pd

    rows = ledger(frame, intended, failed=failed)
    parts, notes = [], list(_LEGEND)
    for scope, mine in scopes(rows):
        if (mine["severity"] > 0).any():
            part, words = _scope(scope, mine)
            parts.append(part)
            notes += words
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("robustness_by_severity", "Robustness by severity", table, _shown(table), tuple(dict.fromkeys(notes)))


def _scope(scope: Scope, rows: "pd.DataFrame") -> tuple["pd.DataFrame", list[str]]:
    import pandas as pd

    parts, dropped, alone = [], 0, 0
    for passes in paired(rows):
        part, lost = _family(passes)
        parts.append(part)
        dropped += lost
        alone += int((passes["scored"] & ~passes["partner"]).sum())
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(retention=retention(table["dice_pair_mean"], table["clean_pair_mean"]))
    table = table.drop(columns=[c for c in table.columns if c.startswith(("dice_pair", "clean_pair"))])
    table = ordered(scoped(table.rename(columns={"name": "model"}), scope))
    notes = ensemble_note(rows)
    if warning := small_sample_warning(table["subjects"]):
        notes.append(warning)
    if dropped:
        notes.append(f"Left out, since not every model has a score: {count_of(dropped, 'case')} of a severity.")
    if alone:
        notes.append(f"Left out for lack of a scored clean partner: {count_of(alone, 'pass', 'passes')}.")
    return table, notes


def _family(passes: "pd.DataFrame") -> tuple["pd.DataFrame", int]:
    """The rows of one perturbation, and how many cases of a severity were left out."""
    import pandas as pd

    values = ["dice", "dice_clean", "delta"]
    kept, dropped = common(passes.loc[passes["pair"], ["key", *CELL, "case", "group", *values]], within=_SHARED)
    cases = with_pairs(over_passes(kept, by=CELL, metrics=values))
    without_label = [column for column in CELL if column != "label"]
    table = pd.concat(
        [
            summarise(cases, by=CELL, metrics=_METRICS, plain=_PLAIN),
            macro(cases, by=without_label, metrics=_METRICS, plain=_PLAIN),
        ]
    )
    tally = counts(passes, by=CELL).reset_index()
    if tally["label"].nunique() > 1:
        tally = pd.concat([tally, macro_counts(tally, by=without_label)])
    return tally[[*CELL, *COUNTED]].merge(table, on=CELL, how="left"), dropped


def with_pairs(cases: "pd.DataFrame") -> "pd.DataFrame":
    """Add `dice_pair` and `clean_pair`: Dice and clean Dice where both are defined, else NaN."""
    both = cases["delta"].notna()
    return cases.assign(dice_pair=cases["dice"].where(both), clean_pair=cases["dice_clean"].where(both))


def retention(dice: "pd.Series[float]", clean: "pd.Series[float]") -> "pd.Series[float]":
    """Share of the clean score that is left; NaN where there was none."""
    return dice / clean.where(clean > 0, np.nan)


def scoped(table: "pd.DataFrame", scope: Scope) -> "pd.DataFrame":
    """Put task, split and phantom in front, and make the counts whole numbers."""
    whole = {column: table[column].fillna(0).astype(int) for column in ("cases", "subjects")}
    return scope.in_front_of(table.assign(**whole))


def ordered(table: "pd.DataFrame") -> "pd.DataFrame":
    """Rows by model, kind, perturbation, severity where there is one, label; means over labels last."""
    keys = [c for c in ("model", "kind", "perturbation", "severity") if c in table.columns]
    table = table.assign(last=table["label"] == MACRO).sort_values([*keys, "last", "label"], kind="stable")
    return table.drop(columns="last").reset_index(drop=True)


_LEGEND: Final = (
    "Dice: mean over cases [95 % interval over subjects]. ΔDice: against the same case, fire seed and grid "
    "at severity 0; negative is a loss. Retention: mean Dice over mean clean Dice.",
    "Acquisition perturbations are scored on the native grid, grid perturbations on the model's.",
    "n: passes scored of passes intended.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    labels = table["label"].nunique() > 1
    return pd.DataFrame(
        {
            "Model": row.model,
            "Perturbation": row.perturbation,
            "Severity": row.severity,
            **({"Label": row.label} if labels else {}),
            "n": f"{row.scored}/{row.intended}",
            "Failed": row.failed,
            "Missed": row.missed,
            "Dice": estimate(row.dice_mean, row.dice_low, row.dice_high, 3),
            "ΔDice": estimate(row.delta_mean, row.delta_low, row.delta_high, 3, sign=True) if row.severity else MISSING,
            "Retention": number(row.retention, 3) if row.severity else MISSING,
        }
        for row in table.itertuples(index=False)
    )
