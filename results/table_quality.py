"""Quality under shift: does a model's own uncertainty foresee its failures? Tables `quality` and `risk_coverage`.

An answer is one pass, or one ensemble of passes, of one case under one condition. Its risk is 1 - Dice, and it failed
where Dice is below 0.8. Scores (`uncertainty.py`): NQM of ensembles, and for every model the entropy per predicted
voxel. How answers are sorted and what the areas mean: `selective.py`.

Rows of a perturbation hold its severities and the clean images on its grid; rows "all conditions" hold every answer,
the clean ones on both grids.
"""

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from .grouped import codes
from .pairs import paired
from .quality_rows import COLUMNS, FAILURE, SCORES, Answers, rows_of
from .scored import Scope, common, counts, ensemble_note, ledger, scopes
from .small_samples import small_sample_warning
from .table import Table, bounds, count_of, number

if TYPE_CHECKING:
    import pandas as pd

POOLED: Final = "all conditions"
_TITLES: Final = {"nqm": "NQM", "entropy": "entropy"}
_SHARED: Final = ["family", "severity", "grid", "label"]
"""What an answer is to; `perturbation` is the row it is counted in."""

_HEAD: Final = ("model", "label", "perturbation", "score")
_ROW: Final = ["name", "label", "perturbation"]


def quality(
    frame: "pd.DataFrame", intended: "pd.DataFrame | None" = None, *, failed: Collection[str] = ()
) -> tuple[Table, ...]:
    """The tables `quality` and `risk_coverage`, of answers to the cases that every model answered.

    Args:
        frame: records with metrics, from `results.load`.
        intended: from `store.load_units`.
        failed: keys of units with a failed attempt.

    Returns:
        Nothing when no perturbation was intended. `quality` has a row per model, label, perturbation and score;
        `reason` says why a number is NaN. `risk_coverage` has no words, for it is drawn.
    """
    import pandas as pd

    summaries, curves, notes = [], [], list(_LEGEND)
    for scope, rows in scopes(ledger(frame, intended, failed=failed)):
        if (rows["severity"] > 0).any():
            summary, points, more = _scope(scope, rows)
            summaries.append(summary)
            curves.append(points)
            notes += more
    if not summaries:
        return ()
    table, points = (pd.concat(parts, ignore_index=True) for parts in (summaries, curves))
    words = Table("quality", "Quality under shift", table, _shown(table), tuple(dict.fromkeys(notes)))
    return words, Table("risk_coverage", "Risk–coverage curves", points, pd.DataFrame(index=points.index))


def _scope(scope: Scope, rows: "pd.DataFrame") -> tuple["pd.DataFrame", "pd.DataFrame", list[str]]:
    import pandas as pd

    summaries, curves, dropped, who = [], [], 0, set()
    for answers in _answers(rows):
        tally = counts(answers, by=_ROW)
        kept, lost = _compared(answers)
        for found in _of_family(kept, tally):
            summaries += [head | summary for head, summary, _ in found]
            curves += [head | point for head, _, points in found for point in points]
        dropped += lost
        who |= set(kept["group"].unique())
    notes = ensemble_note(rows)
    if warning := small_sample_warning(len(who), of="areas"):
        notes.append(warning)
    if dropped:
        notes.append(f"Left out, since not every model has a score: {count_of(dropped, 'case')} of a condition.")
    empty = pd.DataFrame(columns=[*_HEAD, "coverage", "risk", "threshold"])
    points = pd.DataFrame(curves) if curves else empty
    table = pd.DataFrame(summaries) if summaries else pd.DataFrame(columns=[*_HEAD, *COLUMNS])
    return scope.in_front_of(_pooled_last(table)), scope.in_front_of(_pooled_last(points)), notes


def _answers(rows: "pd.DataFrame") -> Iterator["pd.DataFrame"]:
    """Answers family by family, with the clean ones on its grid, and last all answers once more, as one family."""
    import pandas as pd

    kept = [name for name in _KEPT if name in rows.columns]
    for passes in paired(rows):
        yield passes[kept].assign(family=passes["perturbation"])
    everything = rows[kept].assign(family=rows["perturbation"])
    yield everything.assign(perturbation=pd.Categorical([POOLED]).repeat(len(rows)))


def _compared(answers: "pd.DataFrame") -> tuple["pd.DataFrame", int]:
    """The answers to what every model answered, of the models that answered to anything perturbed."""
    scored = answers[answers["scored"]]
    able = scored.loc[scored["severity"] > 0, "name"].unique()
    return common(scored[scored["name"].isin(able)], within=_SHARED, by_all=True)


_Found: TypeAlias = list[tuple[dict[str, Any], dict[str, Any], list[dict[str, float]]]]
"""What tells a row from another, the row of `quality`, the points of `risk_coverage`."""


def _of_family(kept: "pd.DataFrame", tally: "pd.DataFrame") -> Iterator[_Found]:
    """The rows of every model and label under one perturbation; every processor works on a model of its own."""
    places = kept.groupby(_ROW, sort=True, observed=True).indices
    counted = {row: dict(zip(tally.columns, values, strict=True)) for row, *values in tally.itertuples()}
    case, group = (codes(kept, [name])[0] for name in ("case", "group"))
    values = {name: kept[name].to_numpy(dtype=np.float64) for name in ("dice", *SCORES) if name in kept}
    passes = kept["passes"].to_numpy()

    def of_model(row: Any) -> _Found:
        at = places[row]
        dice, *scores = (value[at] for value in values.values())
        named = dict(zip([*values][1:], scores, strict=True))
        mine = Answers(int(passes[at[0]]), dice, case[at], group[at], named)
        return [
            (dict(zip(_HEAD, (*row, score), strict=True)), summary, points)
            for score, summary, points in rows_of(mine, counted[row])
        ]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(of_model, places)


_KEPT: Final = ("name", "passes", "case", "group", "label", "perturbation", "severity", "grid", "state",
                "scored", "failed", "dice", *SCORES)  # fmt: skip


def _pooled_last(table: "pd.DataFrame") -> "pd.DataFrame":
    order = table.assign(last=table["perturbation"] == POOLED)
    order = order.sort_values(["model", "label", "score", "last", "perturbation"], kind="stable", ignore_index=True)
    return order.drop(columns="last")


_LEGEND: Final = (
    f"An answer failed where its Dice is below {FAILURE:g}. AUROC: the chance that, of a failed and a good answer, the "
    "failed one has the higher score, which is the less sure one; 0.5 is a coin.",
    "AURC: mean risk (1 - Dice) of the accepted answers, averaged over all coverages, the surest accepted first. "
    "Excess: above the best possible order. A score that says nothing has the mean risk as its AURC.",
    "Scores: NQM, the passes' standard deviation relative to their mean; entropy, nats per predicted voxel. Neither "
    "knows the truth.",
    "95 % jackknife intervals over subjects. n: answers scored of answers intended. A perturbation's rows hold the "
    f"clean images too; {POOLED}: everything, clean images on both grids.",
)


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    labels = table["label"].nunique() > 1
    return pd.DataFrame(
        {
            "Model": row.model,
            **({"Label": row.label} if labels else {}),
            "Score": _TITLES[str(row.score)],
            "Perturbation": row.perturbation,
            "n": f"{row.scored}/{row.intended}",
            "Failures": f"{row.failures}/{row.answers}",
            "Mean risk": number(row.risk_mean, 3),
            "AURC": f"{number(row.aurc, 3)} {bounds(row.aurc_low, row.aurc_high, 3)}".strip(),
            "Excess": f"{number(row.excess, 3)} {bounds(row.excess_low, row.excess_high, 3)}".strip(),
            "AUROC": f"{number(row.auroc, 3)} {bounds(row.auroc_low, row.auroc_high, 3)}".strip(),
            "Remark": row.reason,
        }
        for row in table.itertuples(index=False)
    )
