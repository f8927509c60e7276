"""The declared families of paired comparisons of one scope, and their tests.

Three questions, three families, each corrected for itself:

- `models, clean`: every two models, Dice on clean cases.
- `against itself clean`: every model under every perturbation, ΔDice averaged over severities 1 to 5.
- `against the reference`: every other model under every perturbation, Dice minus that of the reference model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from .by_subject import CLEAN, clean_cases, perturbed_cases, wide
from .curves import all_name
from .intervals import mean_intervals
from .paired_tests import ALPHA, can_be_significant, detectable_difference, holm, paired_test

if TYPE_CHECKING:
    import pandas as pd

MODELS: Final = "models, clean"
ITSELF: Final = "against itself clean"
REFERENCE: Final = "against the reference"

_REFERENCES: Final = ("med-nca", "unet-small", "unet")
"""Which model is the reference when none is named: the first of these that was scored, else the first by name. It is
not chosen by its score: a best model chosen on the same cases looks better than it is."""


@dataclass(frozen=True)
class Comparison:
    """One comparison to be tested: differences by subject."""

    family: str
    perturbation: str
    model: str
    other: str
    label: str
    differences: "pd.Series[float]"


def compared(rows: "pd.DataFrame", *, reference: str | None = None) -> "pd.DataFrame":
    """Every comparison of a scope, tested.

    Args:
        rows: a scope of the ledger.
        reference: name of the reference model; by default not chosen by any score.

    Returns:
        One row per comparison, in a fixed order: `family`, `perturbation`, `model`, `other`, `label`, `subjects`,
        `difference` (mean over subjects), `difference_low`, `difference_high`, `p`, `p_holm`, `tests` (of the family),
        `significant`, `possible` (whether it could have been), `rank_biserial`, `d_z`, `detectable`.

    Raises:
        ValueError: no model of that name was scored; names those that were.
    """
    import pandas as pd

    found = list(_clean(rows))
    if (rows["severity"] > 0).any():
        found += _perturbed(rows, reference=reference)
    tested = _tested(found)
    if tested.empty:
        return tested
    return pd.concat([_corrected(part) for _, part in tested.groupby("family", sort=False)], ignore_index=True)


def clean_family(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The family `models, clean` alone, as `compared` gives it."""
    tested = _tested(list(_clean(rows)))
    return tested if tested.empty else _corrected(tested)


def reference_model(names: list[str], reference: str | None = None) -> str:
    """The model that others are compared with."""
    if reference is not None:
        if reference not in names:
            raise ValueError(f"reference model {reference!r} was not scored; scored: {', '.join(names)} (perturbed)")
        return reference
    return next((name for name in _REFERENCES if name in names), names[0])


def _clean(rows: "pd.DataFrame") -> Iterator[Comparison]:
    cases, label = clean_cases(rows)
    table = wide(cases, "dice")
    for model, other in combinations(sorted(table.columns), 2):
        yield Comparison(MODELS, CLEAN, model, other, label, table[model] - table[other])


def _perturbed(rows: "pd.DataFrame", *, reference: str | None) -> Iterator[Comparison]:
    cases, label = perturbed_cases(rows)
    single = cases[~cases["perturbation"].isin([all_name("acquisition"), all_name("grid")])]
    against: list[Comparison] = []
    names = sorted(single["name"].unique())
    if not names:
        return
    chosen = reference_model(names, reference)
    for (_, perturbation), mine in single.groupby(["kind", "perturbation"], sort=True, observed=True):
        deltas, dice = wide(mine, "delta"), wide(mine, "dice")
        for model in sorted(deltas.columns):
            yield Comparison(ITSELF, str(perturbation), model, f"{model}, clean", label, deltas[model])
        for model in sorted(set(dice.columns) - {chosen}) if chosen in dice.columns else ():
            difference = dice[model] - dice[chosen]
            against.append(Comparison(REFERENCE, str(perturbation), model, chosen, label, difference))
    yield from against


def _tested(comparisons: list[Comparison]) -> "pd.DataFrame":
    import pandas as pd

    if not comparisons:
        return pd.DataFrame()
    # Side by side, so that all intervals come from one multiplication.
    matrix = (
        pd.concat([comparison.differences for comparison in comparisons], axis=1).sort_index().to_numpy(dtype=float)
    )
    low, high = mean_intervals(np.nan_to_num(matrix), (~np.isnan(matrix)).astype(np.float64))
    rows = []
    for place, comparison in enumerate(comparisons):
        test = paired_test(matrix[:, place])
        rows.append(
            {
                "family": comparison.family,
                "perturbation": comparison.perturbation,
                "model": comparison.model,
                "other": comparison.other,
                "label": comparison.label,
                "subjects": test.subjects,
                "difference": test.mean,
                "difference_low": low[place],
                "difference_high": high[place],
                "sd": test.sd,
                "p": test.p,
                "rank_biserial": test.rank_biserial,
                "d_z": test.d_z,
            }
        )
    return pd.DataFrame(rows)


def _corrected(family: "pd.DataFrame") -> "pd.DataFrame":
    adjusted, tests = holm(family["p"]), int(family["p"].notna().sum())
    return family.assign(
        p_holm=adjusted,
        tests=tests,
        significant=adjusted <= ALPHA,
        possible=can_be_significant(list(family["subjects"])),
        detectable=[
            detectable_difference(sd, int(n), tests=tests)
            for sd, n in zip(family["sd"], family["subjects"], strict=True)
        ],
    )
