"""Subject by subject: Dice clean and perturbed, over all families of a kind and all severities above 0.

What the mean hides: whether all subjects lose a little or a few lose everything. The paired slope plot draws it.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from .curves import all_families, complete, per_case
from .estimates import over_labels
from .scored import Scope, ledger, scopes
from .table import Table, number

if TYPE_CHECKING:
    import pandas as pd

_ROW: Final = ["name", "kind"]
_METRICS: Final = ["clean", "dice", "delta"]


def subjects(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> Table | None:
    """Each subject's mean clean Dice, mean perturbed Dice and ΔDice, a row per model, kind of perturbation and subject.

    Args:
        frame: records with metrics, from `results.load`.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        None when no case was scored at every severity of every family of a kind. Cases of a subject, and labels of a
        case, are averaged.
    """
    import pandas as pd

    rows = ledger(frame, intended, failed=failed)
    parts = [_scope(scope, mine) for scope, mine in scopes(rows) if (mine["severity"] > 0).any()]
    parts = [part for part in parts if not part.empty]
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("subjects", "Subjects, clean and perturbed", table, _shown(table), _NOTES)


def _scope(scope: Scope, rows: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    curves, _ = complete(rows)
    kinds = []
    for kind, mine in curves.groupby("kind"):
        # One family alone is all families of its kind; families of other severities than the rest have no mean.
        kinds.append(mine if mine["perturbation"].nunique() == 1 else all_families(curves)[str(kind)])
    whole = pd.concat(kinds, ignore_index=True) if kinds else curves
    if whole.empty:
        return whole
    cases = over_labels(per_case(whole), by=_ROW, metrics=_METRICS)
    table = cases.groupby([*_ROW, "group"], sort=True).agg(
        cases=("case", "nunique"), **{m: (m, "mean") for m in _METRICS}
    )
    table = table.dropna(subset=["clean", "dice"]).reset_index()
    return scope.in_front_of(table.rename(columns={"name": "model", "group": "subject"}))


_NOTES: Final = (
    "Clean Dice: on the grid of the kind of perturbation. Dice: mean over the kind's families and severities above 0, "
    "of the cases that every model has at every severity. ΔDice: their difference; negative is a loss.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "Model": row.model,
            "Kind": row.kind,
            "Subject": row.subject,
            "Cases": row.cases,
            "Clean Dice": number(row.clean, 3),
            "Dice": number(row.dice, 3),
            "ΔDice": number(row.delta, 3, sign=True),
        }
        for row in table.itertuples(index=False)
    )
