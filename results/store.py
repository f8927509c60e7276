"""The record store: a folder of Parquet parts that only ever grows, and a list of failures.

    RUN/records/part-<hash of its bytes>.parquet    records, in no particular order
    RUN/failures.jsonl                              one JSON object per failed attempt
    RUN/units.parquet                               every unit the run intends to score, identity columns only

A part is written whole or not at all, and its name follows from its content, so writing the same records twice changes
nothing and two machines' parts can lie in one folder. A unit whose key is in the store is done: nothing else says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import write_bytes
from .jsonlines import append_line, read_lines
from .parts import part_name, read_part, to_bytes, to_frame, to_table
from .record import SCHEMA, UNIT_SCHEMA

if TYPE_CHECKING:
    import pandas as pd


class Store:
    """The records of one run folder.

    Several processes may append at once. Nothing is made on disk before the first `append` or `fail`.

    Example:
        >>> Store("runs/none-yet").keys()
        set()
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.records = self.folder / "records"
        self.failures_file = self.folder / "failures.jsonl"

    def parts(self) -> list[Path]:
        """The part files, by name. Temporary files of a killed writer are not among them."""
        return sorted(self.records.glob("part-*.parquet"))

    def keys(self) -> set[str]:
        """Keys of the units that are done. Reads the key column alone.

        Raises:
            ValueError: a part is damaged or foreign; names it and the remedy.
        """
        return {key for part in self.parts() for key in read_part(part, columns=["key"]).column("key").to_pylist()}

    def append(self, rows: Sequence[Mapping[str, Any]]) -> Path | None:
        """Store records: all of them or, when anything fails, none.

        All labels of a unit belong into one call, for its key alone says that it is done.

        Args:
            rows: one mapping per record with exactly the columns of `record.COLUMNS`.

        Returns:
            The part written; None when `rows` is empty.

        Raises:
            ValueError: a column is missing, unknown or of the wrong type, or a (key, label) appears twice.
            OSError: the disk is full or the folder not writable; `filename` names the part.
        """
        if not rows:
            return None
        data = to_bytes(to_table(rows))
        return write_bytes(self.records / part_name(data), data)

    def load(self, columns: Iterable[str] | None = None) -> "pd.DataFrame":
        """All records, sorted by (key, label), each (key, label) once.

        Args:
            columns: names of `record.COLUMNS`; all when None. `key` and `label` are always there.

        Raises:
            ValueError: a part is damaged or foreign, or two parts hold different records of one (key, label).
        """
        import pandas as pd

        from .duplicates import resolve

        frames = [to_frame(table) for table in self.tables(columns)]
        return resolve(pd.concat(frames, ignore_index=True), source=self.records)

    def tables(
        self,
        columns: Iterable[str] | None = None,
        *,
        words: Iterable[str] = (),
        parts: Sequence[Path] | None = None,
    ) -> Iterator[Any]:
        """The parts as Arrow tables, one after the other, for work that need not hold them all; at least one (empty).

        Args:
            columns: names of `record.COLUMNS`; all when None.
            words: columns to be read as dictionaries of their distinct words.
            parts: some of `parts()`; all when None.

        Raises:
            ValueError: a column is unknown, a part is damaged or foreign.
        """
        wanted = None if columns is None else _in_schema_order({"key", "label", *columns})
        parts = self.parts() if parts is None else parts
        if not parts:
            empty = SCHEMA.empty_table()
            yield empty if wanted is None else empty.select(wanted)
        for part in parts:
            yield read_part(part, columns=wanted, verify=True, words=words)

    def fail(self, entry: Mapping[str, Any]) -> None:
        """Add one failed attempt to failures.jsonl; `entry` is JSON-able and has at least `key`.

        Raises:
            ValueError: no `key`, or not JSON-able.
            OSError: not writable; `filename` names the file.
        """
        if "key" not in entry:
            raise ValueError(f"a failure needs the key of its unit: {dict(entry)}")
        append_line(self.failures_file, entry)

    def failures(self) -> list[dict[str, Any]]:
        """The failed attempts in the order they were written; a line torn by a kill is skipped with a log message."""
        return read_lines(self.failures_file)


def write_units(folder: str | Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write RUN/units.parquet: what the run intends to score; tables show these units and no others.

    Args:
        folder: the run folder.
        rows: one mapping per unit and label with the identity columns of `record.COLUMNS`. `parameters` may be "{}",
            since they are drawn later.

    Raises:
        ValueError: as `Store.append`.
        OSError: as `Store.append`.
    """
    return write_bytes(Path(folder) / "units.parquet", to_bytes(to_table(rows, schema=UNIT_SCHEMA)))


def load_units(folder: str | Path) -> "pd.DataFrame | None":
    """The intended units, sorted by (key, label); None when the run folder has no units.parquet.

    Raises:
        ValueError: the file is damaged or foreign; names it.
    """
    path = Path(folder) / "units.parquet"
    return to_frame(read_part(path, schema=UNIT_SCHEMA)) if path.exists() else None


def _in_schema_order(columns: set[str]) -> list[str]:
    if unknown := columns.difference(SCHEMA.names):
        raise ValueError(f"unknown record columns {sorted(unknown)}; known: {', '.join(SCHEMA.names)}")
    return [name for name in SCHEMA.names if name in columns]
