"""The table of `predict`: a line per image and label, kept over calls by the name of the label's file."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Any, TypeAlias

from ..results.atomic import write_text
from .errors import BenchError

TABLE = "predictions.csv"
COLUMNS = (
    "image", "output", "axes", "model", "weights", "label", "value", "passes", "fire_seed", "voxels", "volume_mm3",
    "nqm", "error", "sha256", "key",
)  # fmt: skip
Rows: TypeAlias = list[dict[str, Any]]


class Answers:
    """What a folder has, on disk after each change.

    Args:
        folder: of the labels; it is there.
        overwrite: a file by the table's name may be replaced whatever it is.

    Raises:
        BenchError: a file of this name is no table of this command, and may not be replaced.
    """

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self._path = folder / TABLE
        self._rows = _read(self._path, overwrite=overwrite)

    def of(self, label: Path) -> Rows:
        """The rows of a label's file, be they an answer or an error."""
        return [row for row in self._rows if row["output"] == label.name]

    def is_ours(self, label: Path, answer: str) -> bool:
        """Whether a label is this very answer as it was written, or still to be written; nobody's edited one."""
        rows = self.of(label)
        return bool(rows and answer) and rows[0]["key"] == answer and sha256_of(label) in ("", rows[0]["sha256"])

    def put(self, label: Path, rows: Rows) -> None:
        """Rows in the place of those of the same label."""
        self._rows = [*(row for row in self._rows if row["output"] != label.name), *rows]
        write_text(self._path, _text(self._rows))

    def fail(self, image: Path, label: Path, line: str, *, before: Rows) -> None:
        """Note an error, where the label is not still the answer that was there.

        Args:
            image: that failed.
            label: its output.
            line: what went wrong.
            before: the rows of the label before this attempt, which may have put its own.
        """
        now = self.of(label)
        if before and not before[0]["error"] and (now == before or sha256_of(label) == before[0]["sha256"]):
            self.put(label, before)
            return
        attempt = {name: now[0].get(name, "") if now else "" for name in ("sha256", "key")}
        self.put(label, [{"image": str(image), "output": label.name, "error": line, **attempt}])


def _read(path: Path, *, overwrite: bool) -> Rows:
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


def _text(rows: Rows) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def sha256_of(path: Path) -> str:
    """Of a file's bytes; empty where there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
