"""The table of `predict`: a line per image and label, kept over calls by the name of the label's file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..results.atomic import write_text
from .errors import BenchError

TABLE = "predictions.csv"
COLUMNS = (
    "image", "output", "axes", "model", "weights", "label", "value", "passes", "fire_seed", "voxels", "volume_mm3",
    "nqm", "error", "key",
)  # fmt: skip


def read_table(path: Path, *, overwrite: bool) -> list[dict[str, Any]]:
    """The rows of earlier calls; none where there is no table, or one of another kind that may be replaced.

    Raises:
        BenchError: a file of this name is no table of this command, and may not be replaced.
    """
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if tuple(rows.fieldnames or ()) == COLUMNS:
                return list(rows)
    except (ValueError, csv.Error):
        pass
    if overwrite:
        return []
    raise BenchError(f"{path}: is not a table of this version; move it away, give another --out, or --overwrite")


def answered(table: Sequence[dict[str, Any]], output: str) -> bool:
    """Whether the table has an answer, not an error, by the name of the label's file."""
    return any(row["output"] == output and not row["error"] for row in table)


def answer_key(table: Sequence[dict[str, Any]], output: str) -> str | None:
    """The key of the answer by the name of the label's file; None where there is none."""
    return next((str(row["key"]) for row in table if row["output"] == output and not row["error"]), None)


def with_rows(table: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table with an image's rows in the place of those of the same output; an error replaces no answer."""
    output = rows[0]["output"]
    if rows[0]["error"] and answered(table, output):
        return list(table)
    return [*(row for row in table if row["output"] != output), *rows]


def write_table(path: Path, table: Sequence[dict[str, Any]]) -> None:
    """Write the table; the write is atomic."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_text(path, stream.getvalue())
