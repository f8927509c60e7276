"""What must be read with the table `reproduction`, and why a run has none."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from .reference_accuracy import Published
from .reference_records import ReferenceRecords
from .reproduction import FOREGROUND, MARGIN
from .reproduction_lines import HARD, OURS, comparable
from .scored import Scope, scopes
from .small_samples import small_sample_warning

if TYPE_CHECKING:
    import pandas as pd

LEGEND: Final = (
    f"Verdict, on the 95 % interval over subjects: reproduced where all of it lies above the paper's mean - {MARGIN:g},"
    " not reproduced where all of it lies below that, else undecided. It speaks of these trainings, not of others.",
    "Soft Dice (paper): not thresholded, on the resampled grid, labels merged, per volume: the paper's convention, and "
    "what is compared. Dice, native grid: thresholded, this project's headline; the paper has no such number.",
    "Mean ± sd over cases [95 % interval over subjects]; a difference of two models is paired by "
    "case, the paper's is that of its two means.",
    "The paper's split was drawn unseeded and by volume: which volumes its numbers are of is not known, and no number "
    "here is of the same ones.",
)


def figures_of(scope: Scope, published: Sequence[Published]) -> list[Published]:
    """The figures of the scope's task, or of the task that a phantom imitates."""
    task = scope.task.replace("Phantom", "Task", 1) if scope.phantom else scope.task
    return [figure for figure in published if figure.task == task]


def why_nothing(rows: "pd.DataFrame", published: Sequence[Published]) -> str:
    """Why a ledger has nothing to be held against the paper, in one sentence."""
    clean = rows[rows["scored"] & (rows["severity"] == 0)]
    if clean.empty:
        return "nothing was scored on clean images yet"
    figures = [figure for scope, _ in scopes(clean) for figure in figures_of(scope, published)]
    if not figures:
        tasks, known = sorted(set(clean["task"])), sorted({figure.task for figure in published})
        return f"no figure is published for {' and '.join(tasks)}; there are for {' and '.join(known)}"
    models = list(dict.fromkeys(figure.model for figure in figures))
    if not clean["model"].isin(models).any():
        others = ", ".join(sorted(set(clean["model"])))
        return f"no comparable model: figures are published of {' and '.join(models)}, this run scored {others}"
    if not (clean["label"] == FOREGROUND).any():
        return f"labels were scored apart ({', '.join(sorted(set(clean['label'])))}), the figures are of merged labels"
    return "no single pass with the paper's soft Dice on the resampled grid was scored"


def notes(
    scope: Scope,
    rows: "pd.DataFrame",
    part: "pd.DataFrame",
    figures: Sequence[Published],
    shipped: Sequence[ReferenceRecords],
) -> Iterator[str]:
    """The sentences on one scope.

    Args:
        scope: what was scored.
        rows: its part of the ledger.
        part: its part of the table.
        figures: published of its task.
        shipped: records that come with the package.
    """
    ours = part[part["source"] == OURS]
    if scope.phantom:
        yield "PHANTOM DATA: generated images. Their scores say nothing about the paper's, so there is no verdict."
    elif scope.split != "test":
        yield f"Scored on {scope.split or 'an unknown part'}, not on test: an interim result, whatever its verdict."
    recipes = sorted(set(comparable(rows, figures)["recipe"].astype(str)))
    own = [name for name in recipes if not name.startswith("paper-")]
    if own:
        yield f"Trained by {' and '.join(own)}, which is not the paper's recipe."
    if "paper-hippocampus" in recipes:
        yield "paper-hippocampus assumes size, batch and steps: the paper does not give them for this task."
    if others := sorted(set(rows.loc[rows["scored"], "name"]) - set(ours["model"])):
        yield f"Not compared, as no figure is published of it or it is an ensemble: {', '.join(others)}."
    for figure in figures:
        if figure.remark and figure.model in set(part["model"]):
            yield f"{figure.source}, {figure.model}: {figure.remark}."
    if warning := small_sample_warning(ours["subjects"]):
        yield warning
    yield from (note for reference in shipped if (note := _agreement(rows, reference)))


def _agreement(rows: "pd.DataFrame", reference: ReferenceRecords) -> str | None:
    """Whether answers of the very weights that are shipped are those that were shipped with them."""
    words = ["weights", "task", "split", "case", "label"]
    same = [*words, "fire_seed", "passes"]
    clean, theirs = (frame[(frame["severity"] == 0) & (frame["grid"] == "native")] for frame in (rows, reference.frame))
    both = clean[clean["scored"]][[*same, HARD]].astype(dict.fromkeys(words, str))
    both = both.merge(theirs[[*same, HARD]].astype(dict.fromkeys(words, str)), on=same, suffixes=("", "_shipped"))
    if both.empty:
        return None
    gap = (both[HARD] - both[f"{HARD}_shipped"]).abs().max()
    told = f"{len(both)} answers of the shipped weights {reference.name} were scored here too"
    return f"{told}: the largest difference in Dice from the shipped records is {gap:.1g}."
