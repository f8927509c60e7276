"""What speaks against taking the numbers of a run at their word, from its tables and their notes."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..small_samples import small_sample_warning
from ..table import Table, count_of

SIGNS: Final = (
    "their times are too long",
    "cannot become significant",
    "is unstable",
    "too narrow",
    "nothing was scored of",
)
"""What the notes say that are warnings; capitals do not matter. A test looks for each in notes as they are written."""


def warnings(tables: Mapping[str, Table]) -> tuple[str, ...]:
    """Small samples, failed or missing answers, busy timings, tests that could not have shown anything."""
    found = list(_of_data(tables["data"])) if "data" in tables else []
    notes = (note for table in tables.values() for note in table.notes)
    found += [note for note in notes if any(sign in note.lower() for sign in SIGNS)]
    return tuple(dict.fromkeys(found))


def _of_data(table: Table) -> Iterator[str]:
    frame = table.frame
    scored = frame.loc[frame["scored_subjects"] > 0, "scored_subjects"]
    if len(scored) and (warning := small_sample_warning(scored)):
        yield warning
    for column, words in (("failed", "Failed"), ("not_tried", "Not tried")):
        if lost := int(frame[column].sum()):
            yield f"{words}: {count_of(lost, 'answer')}; the table Data and exclusions says of what."
