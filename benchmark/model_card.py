"""The model card of reference weights, in Markdown, from the weights' metadata and the records of their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..results.course import late_word
from ..results.scored import ledger
from ..results.table import MISSING
from ..results.table_accuracy import accuracy
from ..results.table_markdown import escape
from .errors import BenchError
from .msd import known_task

if TYPE_CHECKING:
    import pandas as pd

    from .shipped import Reference

MSD = (
    "Medical Segmentation Decathlon, medicaldecathlon.com",
    "CC-BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)",
)
NOT_KNOWN = ("not of the Medical Segmentation Decathlon; write here whose", "not stated; write here which")
USE = (
    "Research only: to reproduce and compare benchmark results. Not a medical device, not validated for any clinical "
    "use; scanners, sequences, ages and diseases other than those of the training data were not looked at."
)


def card(entry: Reference, metadata: dict[str, Any], frame: pd.DataFrame, *, on_disk: str) -> str:
    """Write a card.

    Args:
        entry: the weights' entry in the checksums.
        metadata: of the weights file.
        frame: records of these weights with metrics, clean passes.
        on_disk: "n of n" cases of the part scored that there were.

    Raises:
        BenchError: the records hold no clean score.
    """
    rows = ledger(frame)
    table = accuracy(rows)
    if table is None:
        raise BenchError(f"{entry.name}: its records hold no clean score; run a suite with these weights first")
    part, cases = str(frame["split"].iloc[0]), frame["case"].nunique()
    recipe = metadata["recipe"]
    settings = "\n".join(f"| {name} | {escape(_words(value))} |" for name, value in sorted(recipe.items()))
    final = "" if part == "test" else f" They are of the {part} part, which choices are made on, and no test scores."
    where = "in this folder" if entry.shipped else f"not shipped ({entry.bytes:,} bytes); `{entry.command}` trains it"
    subjects = frame["group"].nunique()
    source, licence = MSD if known_task(entry.task) else NOT_KNOWN
    return f"""# {entry.name}

| | |
|---|---|
| model | {entry.model} |
| trained on | {entry.task}, train part, {len(metadata["train_cases"])} volumes; labels: {metadata["labels"]} |
| data | {source} |
| licence of the data | {licence} |
| recipe | {entry.recipe}, seed {entry.seed}, {metadata["updates"]} updates, {metadata["threads"]} thread(s) |
| file | {entry.name}.safetensors, {where} |
| SHA-256 of the file | `{entry.sha256}` |
| SHA-256 of the tensors | `{entry.weights}` |

**Intended use.** {USE}

**Data.** The weights hold no image. Who passes them on names the data and its licence.

## Scores

{entry.task}, split part: **{part}**, {cases} of the {on_disk} volumes on disk, {subjects} subjects.{final}

{table.markdown().partition("## ")[2].partition(chr(10))[2].strip()}
{_course(metadata)}
## Recipe

| setting | value |
|---|---|
{settings}
"""


def _course(metadata: dict[str, Any]) -> str:
    """How the weights were come by; nothing of weights written before that was noted."""
    if (course := metadata.get("training")) is None:
        return ""
    largest = course["largest_state"]
    facts = {
        "slices seen": f"{course['samples']:,}",
        "TFLOP": f"{course['flops'] / 1e12:,.0f}",
        "val Dice gained in the last fifth": _gain(course["late_gain"], plateau=course["plateau"]),
        "largest absolute state": "not finite" if largest is None else f"{largest:,.0f}" if largest else MISSING,
        "rollbacks": ", ".join(f"update {at} to {back}" for at, back in course["rollbacks"]) or "none",
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    curve = "\n".join(f"| {update:,} | {_score(dice)} | {_score(soft)} |" for update, dice, soft in course["curve"])
    return f"""
## Training

| | |
|---|---|
{rows}

Dice of {course["val_cases"]} val volumes on the model's grid:

| update | Dice | soft Dice |
|--:|--:|--:|
{curve}
"""


def _gain(gain: float | None, *, plateau: bool | None) -> str:
    return MISSING if gain is None else f"{gain:+.4f} ({late_word(gain, plateau=plateau)})"


def _score(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _words(value: Any) -> str:
    """A setting as one reads it.

    >>> _words({"steps": 16}), _words([64, 64]), _words([]), _words(None)
    ('steps 16', '64, 64', '–', '–')
    """
    if isinstance(value, dict):
        return _words([f"{name} {_words(one)}" for name, one in value.items()])
    if isinstance(value, list | tuple):
        return _words(", ".join(_words(one) for one in value))
    return MISSING if value is None or value == "" else str(value)
