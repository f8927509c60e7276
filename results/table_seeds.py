"""Training seeds: each training's mean Dice, and all of them together where there are enough to speak of seeds."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .by_subject import clean_cases
from .estimates import summarise
from .scored import ledger, scopes
from .small_samples import small_sample_warning
from .table import Table, estimate, number
from .training_seeds import ENOUGH_SEEDS, seed_interval

if TYPE_CHECKING:
    import pandas as pd

ALL: Final = "all"


def training_seeds(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Clean Dice of every training of the models that were trained more than once.

    Args:
        frame: records with metrics, from `results.load`, or a ledger.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        None when no model has several trainings. Columns: `model`, `label`, `train_seed` ("all" for the mean over
        trainings), `seeds`, `cases`, `subjects`, `dice_mean`, `dice_low`, `dice_high` (over subjects, for one
        training; over seeds and subjects for all), `seed_sd` (between the trainings' means, ddof 1).
    """
    import pandas as pd

    parts, notes = [], list(_LEGEND)
    for scope, mine in scopes(ledger(frame, intended, failed=failed)):
        trainings = mine[mine["scored"]].groupby("name", observed=True)["train_seed"].transform("nunique")
        several = mine.loc[trainings[trainings > 1].index]
        for _, rows in several.groupby("name", sort=True, observed=True):
            part, note = _model(rows)
            if not part.empty:
                parts.append(scope.in_front_of(part))
                notes.append(note)
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    if warning := small_sample_warning(table.loc[table["train_seed"] != ALL, "subjects"]):
        notes.append(warning)
    return Table("training_seeds", "Training seeds", table, _shown(table), tuple(dict.fromkeys(notes)))


def _model(rows: "pd.DataFrame") -> tuple["pd.DataFrame", str]:
    import pandas as pd

    model = str(rows["name"].iloc[0])
    # A training takes a model's place, so that trainings are compared on the cases all of them have.
    cases, label = clean_cases(rows.assign(name=rows["train_seed"]))
    if cases.empty:
        return cases, ""
    each = summarise(cases, by=["name"], metrics=["dice"]).rename(columns={"name": "train_seed"})
    parts = cases.groupby(["name", "group"], sort=True, observed=True)["dice"].agg(["sum", "count"])
    sums, counts = (parts[name].unstack("group", fill_value=0).to_numpy(dtype=np.float64) for name in ("sum", "count"))
    low, high = seed_interval(sums, counts)
    whole = {
        "train_seed": ALL,
        "seeds": len(each),
        "cases": cases["case"].nunique(),
        "subjects": cases["group"].nunique(),
        "dice_mean": sums.sum() / counts.sum() if counts.sum() else np.nan,
        "dice_low": low,
        "dice_high": high,
        "seed_sd": each["dice_mean"].std(ddof=1),
    }
    each = each.assign(train_seed=each["train_seed"].astype(str), seeds=1, seed_sd=np.nan)
    table = pd.concat([each[list(whole)], pd.DataFrame([whole])], ignore_index=True)
    table.insert(0, "model", model)
    table.insert(1, "label", label)
    if len(each) < ENOUGH_SEEDS:
        return (
            table,
            f"{model}: {len(each)} training seeds, fewer than {ENOUGH_SEEDS}: no interval over seeds is given.",
        )
    return table, _OVER_SEEDS


_OVER_SEEDS: Final = (
    f"Of nominal 95 %, simulated intervals over {ENOUGH_SEEDS} seeds and 9 to 48 subjects held the truth in 85 to "
    "94 %; they are too narrow where trainings differ as much as subjects."
)

_LEGEND: Final = (
    "Dice: clean cases, native grid. One seed: [95 % interval over subjects, for this training only]. All: mean over "
    "seeds [95 % interval over resamples of seeds and subjects]. sd: between the seeds' means.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    def line(row: Any) -> dict[str, Any]:
        return {
            "Model": row.model,
            "Seed": row.train_seed,
            "Cases": row.cases,
            "Dice": estimate(row.dice_mean, row.dice_low, row.dice_high, 3),
            "sd": number(row.seed_sd, 3),
        }

    return pd.DataFrame(line(row) for row in table.itertuples(index=False))
