"""Robustness in one row per model and perturbation, over the cases scored at every severity.

- Area: the area under Dice against severity by the trapezoid rule, divided by the range of severities: in [0, 1].
- Worst: the severity at which the mean Dice is lowest.
- CE: `corruption_error.py`.

Rows "all acquisition families" and "all grid families" average a case over the families of that kind first; their CE is
the mCE, their relative CE the relative mCE.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from .corruption_error import corruption_errors
from .curves import ROW, UNLABELLED, all_name, complete, per_case, with_all_families, worst
from .estimates import macro, summarise
from .scored import Scope, counts, ensemble_note, ledger, macro_counts, scopes
from .small_samples import small_sample_warning
from .table import MISSING, Table, count_of, estimate, number
from .table_severity import COUNTED, ordered, retention, scoped, with_pairs

if TYPE_CHECKING:
    import pandas as pd

_METRICS: Final = ("dice", "delta", "area")
_PLAIN: Final = ("clean", "dice_pair", "clean_pair")


def robustness_summary(
    frame: "pd.DataFrame",
    intended: "pd.DataFrame | None" = None,
    *,
    failed: Collection[str] = (),
    references: Mapping[str, "pd.DataFrame"] | None = None,
) -> Table | None:
    """Clean Dice, mean Dice over severities, ΔDice, retention, area, worst severity, CE and relative CE.

    Args:
        frame: records with metrics, from `results.load`.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.
        references: from `reference_records.shipped`; none when None.

    Returns:
        None when no perturbation was intended.
    """
    import pandas as pd

    rows = ledger(frame, intended, failed=failed)
    parts, notes = [], list(_LEGEND)
    for scope, mine in scopes(rows):
        if (mine["severity"] > 0).any():
            part, words = _scope(scope, mine, references or {})
            parts.append(part)
            notes += words
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("robustness_summary", "Robustness summary", table, _shown(table), tuple(dict.fromkeys(notes)))


def _scope(
    scope: Scope, rows: "pd.DataFrame", references: Mapping[str, "pd.DataFrame"]
) -> tuple["pd.DataFrame", list[str]]:
    import pandas as pd

    curves, dropped = complete(rows)
    passes = rows[rows["severity"] > 0]
    families = passes[["perturbation", "perturbation_version"]].drop_duplicates()
    versions = dict(zip(families["perturbation"], families["perturbation_version"], strict=True))
    errors, sentences = corruption_errors(curves, versions=versions, scope=scope, references=references)
    curves = with_all_families(curves)
    cases = with_pairs(per_case(curves))
    table = pd.concat(
        [
            summarise(cases, by=ROW, metrics=_METRICS, plain=_PLAIN),
            macro(cases, by=UNLABELLED, metrics=_METRICS, plain=_PLAIN),
        ]
    )
    table = _tally(passes).merge(table, on=ROW, how="left").merge(worst(curves), on=ROW, how="left")
    table = table.assign(retention=retention(table["dice_pair_mean"], table["clean_pair_mean"]))
    wanted = sorted(passes.loc[passes["kind"] == "acquisition", "perturbation"].unique())
    table = table.merge(_with_mean(errors, wanted), on=["name", "perturbation", "label"], how="left")
    hidden = [
        c for c in table.columns if c.startswith(("dice_pair", "clean_pair", "clean_sd", "clean_low", "clean_high"))
    ]
    table = ordered(scoped(table.drop(columns=hidden).rename(columns={"name": "model"}), scope))
    notes = [*sentences, *_without_mean(errors, wanted), *ensemble_note(rows)]
    if warning := small_sample_warning(table["subjects"]):
        notes.append(warning)
    if dropped:
        notes.append(f"Left out, since not every model has every severity: {count_of(dropped, 'case')} of a family.")
    return table, notes


def _tally(passes: "pd.DataFrame") -> "pd.DataFrame":
    """Passes per row of the table, those of all families of a kind among them: what failed throughout is a row too."""
    import pandas as pd

    each = counts(passes, by=ROW).reset_index()
    both = [each]
    for kind, mine in each.groupby("kind"):
        if mine["perturbation"].nunique() > 1:
            whole = mine.groupby(["name", "kind", "label"])[list(COUNTED)].sum().reset_index()
            both.append(whole.assign(perturbation=all_name(str(kind))))
    tally = pd.concat(both, ignore_index=True)
    if tally["label"].nunique() > 1:
        tally = pd.concat([tally, macro_counts(tally, by=UNLABELLED)], ignore_index=True)
    return tally[[*ROW, *COUNTED]]


def _worst_text(dice: Any, severity: Any) -> str:
    return MISSING if severity != severity else f"{number(dice, 3)} at {severity:.0f}"


def _with_mean(errors: "pd.DataFrame", families: Collection[str]) -> "pd.DataFrame":
    """CE and relative CE per family and, under the name of all acquisition families, their means.

    A mean is over all of the families or it is none: it would improve with every family that a model fails.
    """
    import pandas as pd

    if errors.empty:
        return errors
    each = errors[errors["perturbation"].isin(families)].groupby(["name", "label"], observed=True)[
        ["ce", "relative_ce"]
    ]
    mean = each.mean().where(each.count() == len(families)).reset_index()
    return pd.concat([errors, mean.assign(perturbation=all_name("acquisition"))], ignore_index=True)


def _without_mean(errors: "pd.DataFrame", families: Collection[str]) -> list[str]:
    """A sentence for every model without an mCE though it has a CE."""
    sentences = []
    for name, mine in errors.groupby("name", sort=True, observed=True):
        missing = sorted(set(families) - set(mine.loc[mine["ce"].notna(), "perturbation"]))
        if missing and mine["ce"].notna().any():
            sentences.append(f"mCE of {name}: undefined, it has no CE under {', '.join(missing)}.")
    return sentences


_LEGEND: Final = (
    "Dice: mean over severities above 0 and cases. ΔDice: against the same cases clean [95 % interval over "
    "subjects]; negative is a loss. Retention: mean Dice over mean clean Dice. Area: under Dice against severity, "
    "divided by the range. Worst: the lowest mean Dice and its severity.",
    "Cases: those that every model has at every severity. n: perturbed passes scored of passes intended.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    labels = table["label"].nunique() > 1
    return pd.DataFrame(
        {
            "Model": row.model,
            "Perturbation": row.perturbation,
            **({"Label": row.label} if labels else {}),
            "n": f"{row.scored}/{row.intended}",
            "Cases": row.cases,
            "Clean Dice": number(row.clean_mean, 3),
            "Dice": number(row.dice_mean, 3),
            "ΔDice": estimate(row.delta_mean, row.delta_low, row.delta_high, 3, sign=True),
            "Retention": number(row.retention, 3),
            "Area": number(row.area_mean, 3),
            "Worst": _worst_text(row.worst_dice, row.worst_severity),
            "CE": number(row.ce, 3),
            "Relative CE": number(row.relative_ce, 3),
        }
        for row in table.itertuples(index=False)
    )
