"""Parquet parts: rows to bytes and back, with the checks that keep a foreign or broken file out of a table."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from .record import LIST_COLUMNS, SCHEMA, SCHEMA_KEY, SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd

NAME_DIGITS: Final = 32
"""Hex digits of the SHA-256 in a part's name: 128 bits."""

BATCH_ROWS: Final = 50_000
"""Rows worked on at once where not all need be in memory."""

_REMEDY = "delete it; its units are computed again by the next run"


def to_table(rows: Sequence[Mapping[str, Any]], *, schema: Any = SCHEMA) -> Any:
    """Rows as an Arrow table in `schema`, sorted by (key, label) so that equal content gives equal bytes.

    Raises:
        ValueError: a column is missing, unknown, empty or of the wrong type, or a (key, label) appears twice.
    """
    names = set(schema.names)
    for row in rows:
        if row.keys() != names:
            missing, unknown = sorted(names - row.keys()), sorted(row.keys() - names)
            raise ValueError(f"record of case {row.get('case')!r}: columns missing {missing}, unknown {unknown}")
    ordered = sorted(rows, key=lambda row: (row["key"], row["label"]))
    for row, following in pairwise(ordered):
        if (row["key"], row["label"]) == (following["key"], following["label"]):
            raise ValueError(f"unit {row['key']}, label {row['label']!r} is given twice")
    columns = [_column([row[field.name] for row in ordered], field) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: list[Any], field: Any) -> Any:
    try:
        column = pa.array(values, type=field.type)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ValueError(f"record column {field.name!r} is not {field.type}: {error}") from error
    if column.null_count:
        raise ValueError(f"record column {field.name!r} has no value in {column.null_count} rows")
    return column


def to_bytes(table: Any, *, level: int | None = None) -> bytes:
    """The table as one Parquet file, compressed by zstd at its usual level or the one given (to 22, small and slow)."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=level)
    return bytes(sink.getvalue().to_pybytes())


def part_name(data: bytes) -> str:
    """The name a part with these bytes has; it is the part's checksum too."""
    return f"part-{hashlib.sha256(data).hexdigest()[:NAME_DIGITS]}.parquet"


def read_part(
    path: Path,
    *,
    columns: Iterable[str] | None = None,
    schema: Any = SCHEMA,
    verify: bool = False,
    words: Iterable[str] = (),
) -> Any:
    """Read a Parquet file written by `to_bytes` into an Arrow table.

    Args:
        path: the file.
        columns: all when None.
        schema: the one it is to follow.
        verify: compare the bytes with the checksum in the name (reads the whole file).
        words: columns to be read as dictionaries of their distinct words.

    Raises:
        ValueError: the file is truncated, not Parquet, of another program or of another schema version; the message
            names it and the remedy.
        OSError: it cannot be read.
    """
    wanted = list(columns) if columns is not None else schema.names
    with _opened(path, words=words, verify=verify) as file:
        return file.read(columns=wanted).select(wanted)


def read_batches(
    path: Path, *, columns: Iterable[str], words: Iterable[str] = (), rows: int = BATCH_ROWS
) -> Iterator[Any]:
    """The same as Arrow tables of at most so many rows, one after the other; at least one (empty)."""
    wanted = list(columns)
    with _opened(path, words=words) as file:
        if not file.metadata.num_rows:
            yield file.read(columns=wanted).select(wanted)
        for batch in file.iter_batches(batch_size=rows, columns=wanted):
            yield pa.Table.from_batches([batch]).select(wanted)


@contextmanager
def _opened(path: Path, *, words: Iterable[str], verify: bool = False) -> Iterator[Any]:
    """The file, checked, as `read_part` says."""
    source = path
    if verify:
        data = path.read_bytes()
        if part_name(data) != path.name:
            raise ValueError(f"{path} is truncated or damaged (its bytes do not match its name): {_REMEDY}")
        source = pa.BufferReader(data)
    try:
        with pq.ParquetFile(source, read_dictionary=list(words)) as file:
            found = (file.schema_arrow.metadata or {}).get(SCHEMA_KEY)
            if found is None:
                raise ValueError(f"{path} holds no mednca-bench records; move it out of the folder")
            if found != str(SCHEMA_VERSION).encode():
                raise ValueError(
                    f"{path} has record schema {found.decode(errors='replace')}, this version reads {SCHEMA_VERSION}: "
                    f"use the version that wrote it, or {_REMEDY}"
                )
            yield file
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{path} is truncated or damaged ({_first_line(error)}): {_REMEDY}") from error
    except KeyError as error:  # a column of words that is not in the file at all
        raise ValueError(f"{path} holds no mednca-bench records; move it out of the folder") from error
    except OSError as error:
        if error.errno is not None:  # the operating system's own: permission, missing disk
            raise
        raise ValueError(f"{path} is truncated or damaged ({_first_line(error)}): {_REMEDY}") from error


def to_frame(table: Any) -> "pd.DataFrame":
    """An Arrow table as a DataFrame: list columns stay Arrow-backed (compact), the others become pandas' own types."""
    import pandas as pd

    lists = [name for name in table.column_names if name in LIST_COLUMNS]
    frame: pd.DataFrame = table.drop_columns(lists).to_pandas()
    for name in lists:
        column = table.column(name)
        frame[name] = pd.Series(pd.arrays.ArrowExtensionArray(column), index=frame.index)
    return frame.reindex(columns=list(table.column_names))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
