"""The paper beside ours: table `reproduction`, a block of rows per model and one for the difference of two models.

Every row is one number and says whose it is, how it was trained, on what it was scored, over how many cases and in
which metric. Compared with the paper is soft Dice in its own convention; hard Dice on the native grid, this project's
headline, stands below it and is compared with nothing. The rule of the verdict: `reproduction.py`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .reference_accuracy import Published
from .reference_records import ReferenceRecords
from .reproduction_lines import COLUMNS, HARD, SOFT, lines
from .reproduction_notes import LEGEND, figures_of, notes
from .scored import scopes
from .table import MISSING, Table, bounds, count_of, estimate, number, spread

if TYPE_CHECKING:
    import pandas as pd


def reproduction(
    rows: "pd.DataFrame",
    scores: Table | None,
    *,
    published: Sequence[Published],
    shipped: Sequence[ReferenceRecords] = (),
) -> Table | None:
    """The published figures of a task beside the run's own numbers.

    Args:
        rows: a ledger.
        scores: its accuracy table.
        published: from `published_accuracy`.
        shipped: from `reference_records.records`; those of the same task and part of the split stand beside the run's.

    Returns:
        None when the run has no model that a figure is published of (`reproduction_notes.why_nothing` says why).
        Columns of `frame`: `model` (a difference has both names), `source`, `recipe`, `scored_on`, `intended` and
        `scored` (passes), `cases`, `subjects`, `train_seeds`, `fire_seeds`, `metric` (`dice_soft_paper` or `dice`),
        `mean`, `sd`, `low`, `high` (95 %, over subjects), `paper`, `minus_paper`, `minus_paper_low`,
        `minus_paper_high`, `threshold` (paper - 0.02), `verdict` ("" where there is none), `final` (the number is of
        real data, of a test part), `remark`.
    """
    import pandas as pd

    parts: list[pd.DataFrame] = []
    words: list[str] = []
    if scores is None:
        return None
    for scope, mine in scopes(rows):
        figures = figures_of(scope, published)
        if found := list(lines(scope, mine, scores.frame, figures, shipped)):
            parts.append(scope.in_front_of(pd.DataFrame(found, columns=list(COLUMNS))))
            words += notes(scope, mine, parts[-1], figures, shipped)
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    counts = ["intended", "scored", "cases", "subjects", "train_seeds", "fire_seeds"]
    table[counts] = table[counts].astype("Int64")
    notes_once = tuple(dict.fromkeys([*words, *LEGEND]))
    return Table("reproduction", "The paper beside this run", table, _shown(table), notes_once)


_METRICS: Final = {SOFT: "soft Dice (paper)", HARD: "Dice, native grid"}


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(_line(row) for row in table.itertuples(index=False))


def _line(row: Any) -> dict[str, Any]:
    import pandas as pd

    difference, ours = " - " in row.model, not pd.isna(row.cases)
    verdict = f"{row.verdict} (on {row.split})" if row.verdict and not row.final else row.verdict or MISSING
    return {
        "Model": row.model,
        "Source": row.source,
        "Recipe": row.recipe,
        "Scored on": row.scored_on,
        "Cases": f"{row.cases} ({count_of(row.subjects, 'subject')})" if ours else MISSING,
        "Passes": MISSING if pd.isna(row.scored) else f"{row.scored}/{row.intended}",
        "Seeds (train × fire)": MISSING if pd.isna(row.train_seeds) else f"{row.train_seeds} × {row.fire_seeds}",
        "Metric": _METRICS[row.metric],
        "Dice": _dice(row, sign=difference),
        "Minus paper": estimate(row.minus_paper, row.minus_paper_low, row.minus_paper_high, 3, sign=True),
        "Verdict": verdict,
    }


def _dice(row: Any, *, sign: bool) -> str:
    mean = number(row.mean, 3, sign=True) if sign else spread(row.mean, row.sd, 3)
    return f"{mean} {bounds(row.low, row.high, 3, sign=sign)}".strip()
