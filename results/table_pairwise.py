"""Pairwise tests: models against each other, against themselves clean, and against a reference model."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from .comparisons import ITSELF, REFERENCE, compared
from .paired_tests import ALPHA
from .scored import ledger, scopes
from .small_samples import small_sample_warning
from .table import MISSING, Table, count_of, estimate, number

if TYPE_CHECKING:
    import pandas as pd


def pairwise(
    frame: "pd.DataFrame",
    intended: "pd.DataFrame | None" = None,
    *,
    failed: Collection[str] = (),
    reference: str | None = None,
) -> Table | None:
    """Paired differences in Dice with Wilcoxon tests, Holm-corrected within each family of comparisons.

    Args:
        frame: records with metrics, from `results.load`, or a ledger.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.
        reference: model that the others are compared with; not chosen by any score when None.

    Returns:
        None when there is nothing to compare. The columns of `comparisons.compared`.

    Raises:
        ValueError: no model of the name `reference` was scored.
    """
    import pandas as pd

    parts, notes = [], list(_LEGEND)
    for scope, mine in scopes(ledger(frame, intended, failed=failed)):
        part = compared(mine, reference=reference)
        if not part.empty:
            parts.append(scope.in_front_of(part.drop(columns="sd")))
            notes += _notes(part)
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    return Table("pairwise", "Pairwise tests", table, _shown(table), tuple(dict.fromkeys(notes)))


_LEGEND: Final = (
    "Difference: in Dice, mean over subjects [95 % interval over subjects]; perturbed Dice is averaged over severities "
    "above 0. Labels and cases of a subject are averaged first.",
    "p: Wilcoxon signed-rank over subjects, two-sided, corrected by Holm within the family named. r: rank-biserial "
    "correlation. d_z: mean over standard deviation of the differences.",
    f"Detectable: the mean difference that a paired t test finds with power 0.8 at level {ALPHA} over the number of "
    "tests of the family.",
)


def _notes(part: "pd.DataFrame") -> list[str]:
    notes = []
    for family, rows in part.groupby("family", sort=False):
        others = sorted(set(rows["other"])) if family == REFERENCE else []
        name = f"{family} ({others[0]})" if others else str(family)
        notes.append(f"Family '{name}': {count_of(int(rows['tests'].max()), 'test')}.")
        lost = int((~rows["possible"]).sum())
        if lost:
            notes.append(
                f"Cannot become significant: {lost} of {len(rows)} comparisons of '{name}'. With "
                f"{int(rows['subjects'].min())} subjects the smallest possible p, corrected, is above {ALPHA}: "
                "no difference of any size could have been shown."
            )
    if warning := small_sample_warning(part["subjects"]):
        notes.append(warning)
    return notes


def p_text(p: Any) -> str:
    """A p value with two significant digits; what is below 0.0001 is said to be."""
    if p != p:
        return MISSING
    return "<0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _verdict(row: Any) -> str:
    if row.p_holm != row.p_holm:
        return "too few subjects"
    if row.significant:
        return "yes"
    return "no" if row.possible else "cannot be"


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "Family": row.family,
            "Perturbation": row.perturbation,
            "Model": row.model,
            "Against": "itself, clean" if row.family == ITSELF else row.other,
            "Subjects": row.subjects,
            "Difference": estimate(row.difference, row.difference_low, row.difference_high, 3, sign=True),
            "p": p_text(row.p),
            "p (Holm)": p_text(row.p_holm),
            "Significant": _verdict(row),
            "r": number(row.rank_biserial, 2, sign=True),
            "d_z": number(row.d_z, 2, sign=True),
            "Detectable": number(row.detectable, 3),
        }
        for row in table.itertuples(index=False)
    )
