"""Published Dice of Med-NCA and its UNet baseline, with source, recipe and what it was scored on; the file cites them.

All of them are soft Dice in the paper's convention (`dice_soft_paper`): sigmoid not thresholded, on the resampled grid,
labels merged, per volume.
"""

import csv
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

FILE: Final = "published-accuracy.csv"
PAPER: Final = "paper"
"""The source that verdicts are about; others stand beside it."""


@dataclass(frozen=True)
class Published:
    """One published figure.

    Attributes:
        source: whose it is.
        task: MSD task, e.g. Task04_Hippocampus.
        model: the name under which this project has the same architecture.
        mean: over volumes, in [0, 1].
        sd: over volumes; NaN where not given.
        recipe: how it was trained.
        scored_on: which volumes.
        remark: what else must be known; "" for nothing.
    """

    source: str
    task: str
    model: str
    mean: float
    sd: float
    recipe: str
    scored_on: str
    remark: str


def published_accuracy() -> tuple[Published, ...]:
    """All figures, in the order of the file.

    Example:
        >>> published_accuracy()[0].mean
        0.886
    """
    text = files(f"{__package__}.reference").joinpath(FILE).read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Published(**{**row, "mean": float(row["mean"]), "sd": float(row["sd"] or math.nan)})  # type: ignore[arg-type]
        for row in rows
    )
