"""Equivariance error: 1 - Dice(f(T x), T f(x)) of every model under every grid perturbation, beside its floor.

The error is measured over the pixels whose pull-back lies inside the image, on the model's grid; 0 is exact
equivariance. Shifts are told apart by their distance modulo 4, since networks with a quarter-resolution level can be
exact for multiples of 4 alone. The floor of a stochastic model is 1 - Dice(f(x; a), f(x; b)) over two fire seeds on the
clean image: an error at the floor is no worse than asking twice. The Dice drop is against the truth and stands beside.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from .equivariance_error import shift_pixels
from .estimates import MACRO, macro, over_passes, summarise
from .pairs import paired
from .scored import Scope, common, ledger, scopes
from .small_samples import small_sample_warning
from .table import Table, count_of, estimate, number

if TYPE_CHECKING:
    import pandas as pd

_BY: Final = ["name", "perturbation", "severity", "label"]
_METRICS: Final = ("error", "drop")


def equivariance(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Equivariance error and floor, a row per model, grid perturbation, severity and label.

    Args:
        frame: records with metrics, from `results.load`.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        Columns `task`, `split`, `phantom`, `model`, `perturbation`, `severity`, `label`, `shift_mod4` (NaN where not a
        shift), `cases`, `subjects`, `error_mean` with its interval, `floor_mean` (NaN for a deterministic model),
        `drop_mean` with its interval. None when no grid perturbation was compared.
    """
    import pandas as pd

    if "shift_pixels" not in frame.columns:
        frame = frame.assign(shift_pixels=shift_pixels(frame))
    rows = ledger(frame, intended, failed=failed)
    parts, notes = [], list(_LEGEND)
    for scope, mine in scopes(rows):
        if mine.loc[(mine["kind"] == "grid"), "equivariance_error"].notna().any():
            part, words = _scope(scope, mine)
            parts.append(part)
            notes += words
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("equivariance", "Equivariance error", table, _shown(table), tuple(dict.fromkeys(notes)))


def _scope(scope: Scope, rows: "pd.DataFrame") -> tuple["pd.DataFrame", list[str]]:
    import pandas as pd

    families = paired(rows[(rows["kind"] == "grid") | (rows["severity"] == 0)])
    passes = pd.concat([_compared(family) for family in families], ignore_index=True)
    kept, dropped = common(passes, within=["perturbation", "severity", "label"])
    cases = over_passes(kept, by=_BY, metrics=_METRICS)
    floors = rows[(rows["severity"] == 0) & (rows["grid"] == "model") & rows["equivariance_error"].notna()]
    floor = over_passes(floors.assign(error=floors["equivariance_error"]), by=["name", "label"], metrics=["error"])
    floor = floor[floor["case"].isin(set(kept["case"]))]
    levels = floor.groupby(["name", "label"], observed=True)["error"].mean().rename("floor_mean").reset_index()
    table = pd.concat([summarise(cases, by=_BY, metrics=_METRICS), macro(cases, by=_BY[:-1], metrics=_METRICS)])
    if levels["label"].nunique() > 1:
        over = levels.groupby("name", observed=True)["floor_mean"].mean().reset_index().assign(label=MACRO)
        levels = pd.concat([levels, over])
    table = table.merge(levels, on=["name", "label"], how="left")
    distance = kept.groupby(["perturbation", "severity"], observed=True)["shift_pixels"].first().reset_index()
    table = table.merge(distance, on=["perturbation", "severity"], how="left")
    table = table.assign(shift_mod4=table.pop("shift_pixels") % 4, last=table["label"] == MACRO)
    table = table.sort_values(["name", "perturbation", "severity", "last", "label"], kind="stable")
    table = table.rename(columns={"name": "model"}).drop(columns=["last", "error_sd", "drop_sd"])
    first = ["model", "perturbation", "severity", "label", "shift_mod4", "cases", "subjects"]
    values = ["error_mean", "error_low", "error_high", "floor_mean", "drop_mean", "drop_low", "drop_high"]
    notes = []
    if warning := small_sample_warning(table["subjects"]):
        notes.append(warning)
    if dropped:
        notes.append(f"Left out, since not every model has both answers: {count_of(dropped, 'case')} of a severity.")
    return scope.in_front_of(table[[*first, *values]].reset_index(drop=True)), notes


def _compared(passes: "pd.DataFrame") -> "pd.DataFrame":
    """The passes of a family that have an error, with it and the Dice drop."""
    compared = (passes["severity"] > 0) & passes["equivariance_error"].notna()
    found = passes.loc[compared, ["key", *_BY, "case", "group", "shift_pixels", "equivariance_error", "delta"]]
    return found.assign(error=found.pop("equivariance_error"), drop=-found.pop("delta"))


_LEGEND: Final = (
    "Error: 1 - Dice between the answer on the moved image and the moved answer, over pixels whose origin is inside "
    "the image; mean over cases [95 % interval over subjects]. 0 is exact equivariance.",
    "Floor: 1 - Dice between two answers on the clean image with different fire seeds; – for a deterministic model.",
    "Dice drop: clean Dice minus Dice against the moved truth, same case, fire seed and grid.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    labels = table["label"].nunique() > 1
    rows: list[dict[str, Any]] = [
        {
            "Model": row.model,
            "Perturbation": row.perturbation,
            "Severity": row.severity,
            **({"Label": row.label} if labels else {}),
            "Shift mod 4": number(row.shift_mod4, 0),
            "Cases": row.cases,
            "Error": estimate(row.error_mean, row.error_low, row.error_high, 3),
            "Floor": number(row.floor_mean, 3),
            "Dice drop": estimate(row.drop_mean, row.drop_low, row.drop_high, 3, sign=True),
        }
        for row in table.itertuples(index=False)
    ]
    return pd.DataFrame(rows)
