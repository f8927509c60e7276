"""Every perturbed pass beside its clean partner: the same case, model, fire seed and grid at severity 0."""

from typing import TYPE_CHECKING, Final

from .remembered import remembered

if TYPE_CHECKING:
    import pandas as pd

CELL: Final = ["name", "perturbation", "kind", "severity", "label"]
"""What a point of a severity curve is."""

KEPT: Final = (
    "key", "clean_key", "name", "passes", "case", "group", "label", "perturbation", "perturbation_version", "kind",
    "severity", "grid", "state", "scored", "failed", "shift_pixels", "dice", "nqm", "entropy", "equivariance_error",
)  # fmt: skip
"""Columns of the ledger that tables ask of pairs; the others would only be copied, a row of a million at a time."""


@remembered
def paired(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Perturbed passes with their clean score, and severity 0 of every family.

    Severity 0 of a family are the clean passes on the family's grid, so its curve starts where its differences do.

    Args:
        rows: a scope of the ledger.

    Returns:
        One row per pass that was intended: the ledger's columns of `KEPT`, `dice_clean` (of the partner), `delta` =
        dice - dice_clean, and `pair`: both of them were scored. Where one of the two is undefined (both masks empty)
        `delta` is NaN.
    """
    import pandas as pd

    rows = rows[[name for name in KEPT if name in rows.columns]]
    clean = rows[rows["severity"] == 0]
    perturbed = rows[rows["severity"] > 0]
    families = perturbed[["name", "perturbation", "perturbation_version", "kind", "grid"]].drop_duplicates()
    start = clean.drop(columns=["perturbation", "perturbation_version", "kind"]).merge(families, on=["name", "grid"])
    start = start.assign(dice_clean=start["dice"], partner=start["scored"])
    partners = clean[["key", "label", "dice", "scored"]].rename(
        columns={"key": "clean_key", "dice": "dice_clean", "scored": "partner"}
    )
    later = perturbed.merge(partners, on=["clean_key", "label"], how="left")
    later = later.assign(partner=later["partner"].eq(True))
    both = pd.concat([start[later.columns], later], ignore_index=True)
    return both.assign(delta=both["dice"] - both["dice_clean"], pair=both["scored"] & both["partner"])
