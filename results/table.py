"""A table: numbers for machines, words for readers, and the notes without which neither should be read."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .table_markdown import escape, grid

if TYPE_CHECKING:
    import pandas as pd

MISSING: Final = "–"
SIGNIFICANT_DIGITS: Final = 6
"""Of floats in CSV files."""


WORDS: Final = (
    "Model", "Label", "Perturbation", "Kind", "Subject", "Engine",
    "Family", "Against", "Condition", "Metric", "Significant", "Flips", "Score", "Remark",
    "Source", "Recipe", "Scored on", "Verdict", "Component",
)  # fmt: skip
"""Columns set flush left; numbers are set flush right."""


@dataclass(frozen=True)
class Table:
    """One table of a run.

    Attributes:
        name: of its files.
        title: heading.
        frame: the numbers, one row each; the columns `task`, `split`, `phantom` tell what was scored.
        shown: the same rows in words, sensibly rounded; its column names are the headings.
        notes: sentences to be read with it.
        of_training: it tells of how weights were come by, not of what was scored, which its scope is not either.
        strong: cells of `shown` to be emphasised, as (row counted from 0, heading): those of which a test says so.

    Raises:
        ValueError: a cell of `strong` is not in `shown`.
    """

    name: str
    title: str
    frame: "pd.DataFrame"
    shown: "pd.DataFrame"
    notes: tuple[str, ...] = ()
    strong: frozenset[tuple[int, str]] = frozenset()
    of_training: bool = False

    def __post_init__(self) -> None:
        for row, column in sorted(self.strong):
            if not (0 <= row < len(self.shown) and column in self.shown.columns):
                raise ValueError(f"table {self.name}: no cell {column!r} in row {row} to be emphasised")

    def csv(self) -> str:
        """The numbers as CSV, 6 significant digits."""
        return str(self.frame.to_csv(index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n"))

    def markdown(self, *, marks: tuple[str, ...] = (), source: tuple[str, ...] = ()) -> str:
        """The words as Markdown.

        Args:
            marks: warnings, set bold under the heading.
            source: lines on where the numbers come from.
        """
        lines = [f"# {self.title}", ""]
        lines += [line for mark in marks for line in (f"**{mark}**", "")]
        lines += [line for text in source for line in (escape(text), "")]
        for heading, places in self.sections():
            lines += [f"## {escape(heading)}", "", *grid(self.shown, places, self.strong, left=WORDS), ""]
        lines += [f"- {escape(note)}" for note in self.notes]
        return "\n".join(lines).rstrip() + "\n"

    def sections(self) -> list[tuple[str, list[int]]]:
        """What was scored, in words, and which rows of `shown` (counted from 0) tell of it."""
        scope = self.frame[["task", "split", "phantom"]].drop_duplicates()
        found = []
        for task, split, phantom in scope.itertuples(index=False):
            mine = (self.frame["task"] == task) & (self.frame["split"] == split) & (self.frame["phantom"] == phantom)
            places = [place for place, belongs in enumerate(mine) if belongs]
            found.append((heading(task, split, phantom=bool(phantom)), places))
        return found


def heading(task: str, split: str, *, phantom: bool) -> str:
    """What was scored, in words."""
    words = [task or "unknown task", f"split: {split}" if split else "split unknown"]
    return ", ".join([*words, "PHANTOM DATA"] if phantom else words)


def number(value: Any, digits: int, *, sign: bool = False) -> str:
    """Fixed decimals; an en dash for what is undefined."""
    if value is None or math.isnan(value):
        return MISSING
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return text.replace("-", "") if float(text) == 0 and not sign else text


def spread(mean: Any, sd: Any, digits: int) -> str:
    """`mean ± sd`; the mean alone where one case has no spread."""
    return (
        number(mean, digits) if math.isnan(mean) or math.isnan(sd) else f"{number(mean, digits)} ± {number(sd, digits)}"
    )


def estimate(mean: Any, low: Any, high: Any, digits: int, *, sign: bool = False) -> str:
    """`mean [low, high]`."""
    return f"{number(mean, digits, sign=sign)} {bounds(low, high, digits, sign=sign)}".rstrip()


def count_of(number: int, one: str, many: str | None = None) -> str:
    """`1 case`, `2 cases`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def bounds(low: Any, high: Any, digits: int, *, sign: bool = False) -> str:
    """`[low, high]`, or nothing where no interval can be given."""
    return "" if math.isnan(low) else f"[{number(low, digits, sign=sign)}, {number(high, digits, sign=sign)}]"
