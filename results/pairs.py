"""Every perturbed pass beside its clean partner: the same case, model, fire seed and grid at severity 0.

One perturbation family after the other: pairs of millions of records are never in memory all at once.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

CELL: Final = ["name", "perturbation", "kind", "severity", "label"]
"""What a point of a severity curve is."""

KEPT: Final = (
    "key", "clean_key", "name", "passes", "case", "group", "label", "perturbation", "perturbation_version", "kind",
    "severity", "grid", "state", "scored", "failed", "shift_pixels", "dice", "nqm", "entropy", "equivariance_error",
)  # fmt: skip
"""Columns of the ledger that tables ask of pairs; the others would only be copied, a row of a million at a time."""


def paired(rows: "pd.DataFrame") -> "Iterator[pd.DataFrame]":
    """Perturbed passes with their clean score, and severity 0, of one family after the other, by name.

    Severity 0 of a family are the clean passes on the family's grid, so its curve starts where its differences do.

    Args:
        rows: a scope of the ledger.

    Yields:
        One row per pass that was intended: the ledger's columns of `KEPT`, `dice_clean` (of the partner), `delta` =
        dice - dice_clean, and `pair`: both of them were scored. Where one of the two is undefined (both masks empty)
        `delta` is NaN.
    """
    kept = [name for name in KEPT if name in rows.columns]
    clean = rows.loc[rows["severity"] == 0, kept]
    later = rows["severity"] > 0
    for family in sorted(rows.loc[later, "perturbation"].unique()):
        yield _paired(clean, rows.loc[later & (rows["perturbation"] == family), kept])


def _paired(clean: "pd.DataFrame", perturbed: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

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
