"""The rows of the table `reproduction`: published figures, the run's own numbers, shipped records, differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .reference_accuracy import PAPER, Published
from .reference_records import ReferenceRecords
from .reproduction import FOREGROUND, MARGIN, paired_difference, scored_cases, verdict
from .scored import Scope, ledger
from .table_accuracy import accuracy

if TYPE_CHECKING:
    import pandas as pd

SOFT: Final = "dice_soft_paper"
HARD: Final = "dice"
OURS: Final = "this run"
PAIR: Final = ("med-nca", "unet")
"""The paper's claim: the first is better than the second."""

COLUMNS: Final = (
    "model", "source", "recipe", "scored_on", "intended", "scored", "cases", "subjects", "train_seeds", "fire_seeds",
    "metric", "mean", "sd", "low", "high", "paper", "minus_paper", "minus_paper_low", "minus_paper_high", "threshold",
    "verdict", "final", "remark",
)  # fmt: skip


def lines(
    scope: Scope,
    rows: "pd.DataFrame",
    scores: "pd.DataFrame",
    figures: Sequence[Published],
    shipped: Sequence[ReferenceRecords],
) -> Iterator[dict[str, Any]]:
    """The rows of one scope, model by model and then the difference; nothing where no model is comparable.

    Args:
        scope: what was scored.
        rows: its part of the ledger.
        scores: the accuracy table's numbers.
        figures: published of the scope's task.
        shipped: records to stand beside the run's.
    """
    here = (scores["task"] == scope.task) & (scores["split"] == scope.split) & (scores["phantom"] == scope.phantom)
    means = scores[here & (scores["label"] == FOREGROUND)].set_index("model")
    mine = comparable(rows, figures)
    mine = mine[mine.index.isin(means.index)]
    papers = {figure.model: figure for figure in figures if figure.source == PAPER}
    for model in dict.fromkeys(figure.model for figure in figures):
        names = list(mine.index[mine["model"] == model])
        if names:
            yield from (_published(figure) for figure in figures if figure.model == model)
        for name in names:
            head = {"model": name, "source": OURS, "recipe": mine.at[name, "recipe"]}
            yield from _scored(scope, head, means.loc[name], papers.get(model))
        if names and not scope.phantom:
            yield from _of_shipped(scope, model, shipped, papers.get(model))
    if set(PAIR) <= papers.keys():
        yield from _differences(scope, mine, scored_cases(rows), papers, shipped)


def comparable(rows: "pd.DataFrame", figures: Sequence[Published]) -> "pd.DataFrame":
    """The contestants that figures are published of, by their name in tables: `model`, `recipe`.

    Merged labels with the paper's soft Dice alone, and single passes: an ensemble is a model of its own.
    """
    known = rows["scored"] & (rows["label"] == FOREGROUND) & (rows["passes"] == 1) & rows[SOFT].notna()
    known &= rows["model"].isin({figure.model for figure in figures})
    found = rows.loc[known, ["name", "model", "recipe"]].astype(object).drop_duplicates("name")
    return found.set_index("name").sort_index()


def _published(figure: Published) -> dict[str, Any]:
    words = ("model", "source", "recipe", "scored_on", "remark", "mean", "sd")
    return {word: getattr(figure, word) for word in words} | {"metric": SOFT, "verdict": "", "final": True}


def _scored(
    scope: Scope, head: dict[str, Any], row: "pd.Series[Any]", paper: Published | None
) -> Iterator[dict[str, Any]]:
    names = ("intended", "scored", "cases", "subjects", "train_seeds", "fire_seeds")
    head = _scored_on(scope) | head | {name: row[name] for name in names}
    for metric in (SOFT, HARD):
        values = {part: row[f"{metric}_{part}"] for part in ("mean", "sd", "low", "high")}
        against = _against(scope, values, paper.mean) if paper is not None and metric == SOFT else {}
        yield head | {"metric": metric} | values | against


def _scored_on(scope: Scope) -> dict[str, Any]:
    part = scope.split or "unknown part"
    final = scope.split == "test" and not scope.phantom
    return {"scored_on": f"PHANTOM {part}" if scope.phantom else part, "verdict": "", "final": final, "remark": ""}


def _against(scope: Scope, values: dict[str, Any], paper: float) -> dict[str, Any]:
    """The columns of a comparison with the paper; phantoms get no verdict."""
    ends = {"minus_paper": "mean", "minus_paper_low": "low", "minus_paper_high": "high"}
    said = "" if scope.phantom else verdict(values["low"], values["high"], published=paper)
    minus = {name: values[part] - paper for name, part in ends.items()}
    return minus | {"paper": paper, "threshold": paper - MARGIN, "verdict": said}


def _of_shipped(
    scope: Scope, model: str, shipped: Sequence[ReferenceRecords], paper: Published | None
) -> Iterator[dict[str, Any]]:
    """What the records of shipped weights of the same model say of the same part of the split."""
    for source, rows in _records_of(scope, model, shipped):
        table = accuracy(rows)
        if table is not None:
            head = {"model": model, "source": source, "recipe": str(rows["recipe"].iloc[0])}
            yield from _scored(scope, head, table.frame.iloc[0], paper)


def _records_of(scope: Scope, model: str, shipped: Sequence[ReferenceRecords]) -> Iterator[tuple[str, "pd.DataFrame"]]:
    """Ledgers of the shipped records of a model on this part of the split, with what they are called as a source."""
    for reference in shipped:
        frame = reference.frame
        mine = frame[(frame["task"] == scope.task) & (frame["split"] == scope.split) & (frame["passes"] == 1)]
        mine = mine[(mine["model"] == model) & (mine["label"] == FOREGROUND)]
        if not mine.empty:
            yield f"shipped {reference.name}", ledger(mine)


@dataclass(frozen=True)
class _Side:
    """One side of a difference: its name in the cases, how the table shows it, whose it is, how it was trained."""

    name: str
    model: str
    source: str
    recipe: str


def _differences(
    scope: Scope,
    mine: "pd.DataFrame",
    cases: "pd.DataFrame",
    papers: dict[str, Published],
    shipped: Sequence[ReferenceRecords],
) -> Iterator[dict[str, Any]]:
    sides, cases = _sides(scope, mine, cases, shipped)
    pairs = [(one, other) for one in sides[PAIR[0]] for other in sides[PAIR[1]]]
    if not pairs:
        return
    first, second = (papers[model] for model in PAIR)
    paper = first.mean - second.mean
    remark = "the difference of its two means, without an interval"
    yield _published(first) | {"model": " - ".join(PAIR), "mean": paper, "sd": np.nan, "remark": remark}
    for one, other in pairs:
        head = _scored_on(scope) | {
            "model": f"{one.model} - {other.model}",
            "source": " - ".join(dict.fromkeys((one.source, other.source))),
            "recipe": " - ".join(dict.fromkeys((one.recipe, other.recipe))),
        }
        for metric in (SOFT, HARD):
            found = paired_difference(cases, one.name, other.name, metric=metric)
            values = {part: found[f"difference_{part}"] for part in ("mean", "sd", "low", "high")}
            counts = {"cases": int(found["cases"]), "subjects": int(found["subjects"])}
            yield (
                head | counts | {"metric": metric} | values | (_against(scope, values, paper) if metric == SOFT else {})
            )


def _sides(
    scope: Scope, mine: "pd.DataFrame", cases: "pd.DataFrame", shipped: Sequence[ReferenceRecords]
) -> tuple[dict[str, list[_Side]], "pd.DataFrame"]:
    """The models of the pair, and the cases of all of them: of one that the run has not, shipped records stand in."""
    import pandas as pd

    scored = mine[mine.index.isin(cases["name"])]
    sides = {
        model: [
            _Side(name, name, OURS, str(scored.at[name, "recipe"])) for name in scored.index[scored["model"] == model]
        ]
        for model in PAIR
    }
    absent = [model for model in PAIR if model not in set(mine["model"])]
    if scope.phantom or len(absent) != 1:
        return sides, cases
    for source, rows in _records_of(scope, absent[0], shipped):
        sides[absent[0]].append(_Side(source, absent[0], source, str(rows["recipe"].iloc[0])))
        cases = pd.concat([cases, scored_cases(rows).assign(name=source)], ignore_index=True)
    return sides, cases
