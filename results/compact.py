"""Records and units of a run as small frames, for the tables of a million records and more.

Words become categories (a byte or two a row), keys whole numbers, and only what tables use is kept, so that sorting,
joining and grouping work on numbers. The histograms are read part by part and never held all at once.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .equivariance_error import shift_pixels
from .joined import Columns, columns_of, joined, shared_words
from .metrics import METRICS, derive
from .parts import read_batches, to_frame
from .record import COLUMNS, IDENTITY, UNIT_SCHEMA
from .store import Store, load_units
from .tidy import batches, tidy

if TYPE_CHECKING:
    import pandas as pd

KEYS: Final = ("key", "clean_key")
WORDS: Final = tuple(c.name for c in COLUMNS if c.type == pa.string() and c.name not in (*KEYS, "parameters"))
"""Columns of few distinct words."""

CLEAN_ONLY: Final = (
    "dice_soft", "iou", "sensitivity", "precision", "volume_error", "volume_error_abs", "ece",
)  # fmt: skip
"""Metrics that tables show of clean images alone: kept of those alone."""

_BINS: Final = ("cal_count", "cal_p", "cal_y")
_IDENTITY: Final = tuple(name for name in IDENTITY if name != "parameters")
_VALUES: Final = (
    "state", "shift_pixels", *(m.name for m in METRICS if not m.name.endswith("_raw") and m.name not in CLEAN_ONLY),
)  # fmt: skip
_CLEAN: Final = ("key", "label", *CLEAN_ONLY)
_READ: Final = tuple(dict.fromkeys([*IDENTITY, "state", *(name for metric in METRICS for name in metric.needs)]))
_DIGITS: Final = 16
"""Hex digits of a key that make its number: 64 bits."""

_NO_DIGIT: Final = 16
_DIGIT_OF: Final = np.full(256, _NO_DIGIT, np.uint8)
"""The value of each letter that is a lowercase hex digit."""
_DIGIT_OF[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)

Numbers: TypeAlias = npt.NDArray[np.uint64]
Piece: TypeAlias = tuple[Columns, Columns]
"""Some records, and `CLEAN_ONLY` of the clean ones among them."""


@dataclass(frozen=True)
class CompactRun:
    """What tables are made of.

    Attributes:
        frame: records sorted by (key, label): identity with `shift_pixels` for `parameters`, `state`, the metrics
            without raw ones and those of `CLEAN_ONLY`.
        clean: `key`, `label` and `CLEAN_ONLY` of the records of clean images, sorted like them.
        intended: units in the same form; None if there is no list of them or exactly these were scored.
        failures: as `Store.failures`, with keys as in `frame`.
    """

    frame: "pd.DataFrame"
    clean: "pd.DataFrame"
    intended: "pd.DataFrame | None"
    failures: list[dict[str, Any]]

    def with_clean_metrics(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """The clean passes of a ledger, with every metric."""
        return rows[rows["severity"] == 0].merge(self.clean, on=["key", "label"], how="left")


class _UnusualKeyError(ValueError):
    """A key is no hash, or two share their first 64 bits."""


def compact(run_folder: str | Path) -> CompactRun:
    """Read a run for its tables.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file is damaged or foreign, or records contradict each other; names it.
    """
    folder = Path(run_folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such run folder")
    failures = Store(folder).failures()
    try:
        run = _numbered(folder, failures)
        copies = _has_copies(run.frame)
    except _UnusualKeyError:
        copies = True
    return _plain(folder, failures) if copies else run  # copies must agree, which the plain way checks


def _has_copies(frame: "pd.DataFrame") -> bool:
    """Whether a (key, label) is there twice; the frame is sorted by both."""
    key, label = frame["key"].to_numpy(), frame["label"].cat.codes.to_numpy()
    return bool(((key[1:] == key[:-1]) & (label[1:] == label[:-1])).any())


def _numbered(folder: Path, failures: list[dict[str, Any]]) -> CompactRun:
    """Keys by their first 64 bits, checked against the next 64."""
    checks: list[tuple[Numbers, Numbers]] = []
    pieces = _reduced(Store(folder), checks)
    units = folder / "units.parquet"
    intended: list[Columns] = []
    if units.exists() and not _all_scored(units, pieces, checks):
        words = [name for name in WORDS if name in UNIT_SCHEMA.names]
        for table in read_batches(units, columns=_IDENTITY, words=words):
            intended.append(columns_of(_with_numbers(table, checks), _IDENTITY, words=WORDS))
    failed = key_numbers(pa.array([str(entry.get("key")) for entry in failures], pa.string()))
    checks.append(failed)
    _check(checks)
    failures = [entry | {"key": int(number)} for entry, number in zip(failures, failed[0], strict=True)]
    return _whole(pieces, intended, failures)


def _all_scored(units: Path, pieces: Sequence[Piece], checks: list[tuple[Numbers, Numbers]]) -> bool:
    """Whether the units are those of the records and no others, of one label: then only their keys need be read."""
    labels = {word for every, _ in pieces for word in every["label"].distinct}
    intended = []
    for table in read_batches(units, columns=("key", "label"), words=("label",)):
        labels.update(table.column("label").unique().to_pylist())
        checks.append(key_numbers(table.column("key")))
        intended.append(checks[-1][0])
    if len(labels) > 1:
        return False
    scored = np.concatenate([every["key"] for every, _ in pieces])
    return np.array_equal(np.sort(scored), np.sort(np.concatenate(intended)))


def _reduced(store: Store, checks: list[tuple[Numbers, Numbers]]) -> list[Piece]:
    """The records of a store in small pieces, histograms reduced to metrics; every processor reads parts of its own."""
    parts, workers = store.parts(), os.cpu_count() or 1

    def share(worker: int) -> list[Piece]:
        tables = store.tables(_READ, words=WORDS, parts=parts[worker::workers])
        return [_measured(_with_numbers(table, checks)) for table in batches(tables)]

    with ThreadPoolExecutor(workers) as pool:
        return [piece for pieces in pool.map(share, range(workers)) for piece in pieces]


def _with_numbers(table: Any, checks: list[tuple[Numbers, Numbers]]) -> "pd.DataFrame":
    """An Arrow table as a frame with numbers for keys, and what tells whether two keys share a number."""
    found = {name: key_numbers(table.column(name)) for name in KEYS}
    for first, second in found.values():
        _, one, place = np.unique(first, return_index=True, return_inverse=True)
        if (second[one][place] != second).any():
            raise _UnusualKeyError("two keys share their first 64 bits")
        checks.append((first[one], second[one]))
    frame = to_frame(table.drop_columns(list(KEYS)))
    return frame.assign(**{name: first for name, (first, _) in found.items()})


def _measured(frame: "pd.DataFrame") -> Piece:
    frame = frame.assign(shift_pixels=shift_pixels(frame))
    clean = derive(frame[frame["severity"] == 0])
    every = derive(frame.drop(columns=list(_BINS)))
    return columns_of(every, (*_IDENTITY, *_VALUES), words=WORDS), columns_of(clean, _CLEAN, words=WORDS)


def _whole(pieces: Sequence[Piece], intended: list[Columns], failures: list[dict[str, Any]]) -> CompactRun:
    """One frame of each kind; the pieces are emptied."""
    words = shared_words([columns for piece in pieces for columns in piece] + intended, WORDS)
    records, clean = (joined(kind, words) for kind in zip(*pieces, strict=True))
    return CompactRun(records, clean, joined(intended, words) if intended else None, failures)


def key_numbers(column: Any) -> tuple[Numbers, Numbers]:
    """The first and the second 64 bits of each key; numbers are in the order of the keys.

    Raises:
        _UnusualKeyError: a key is not at least 32 lowercase hex digits, or lengths differ.
    """
    parts = [np.zeros((0, 2 * _DIGITS), np.uint8)]
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if not len(chunk):
            continue
        _, offsets, text = chunk.buffers()
        starts = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        length = int(starts[1] - starts[0])
        if length < 2 * _DIGITS or (np.diff(starts) != length).any():
            raise _UnusualKeyError("a key is shorter than 32 digits or of another length than the next")
        letters = np.frombuffer(text, np.uint8)[starts[0] : starts[-1]].reshape(len(chunk), length)
        parts.append(letters[:, : 2 * _DIGITS])
    letters = np.concatenate(parts)
    digits = _DIGIT_OF[letters]
    if (digits == _NO_DIGIT).any():
        raise _UnusualKeyError("a key is no lowercase hex number")
    bytes_ = np.ascontiguousarray((digits[:, ::2] << 4) | digits[:, 1::2])
    both = bytes_.view(">u8").astype(np.uint64)
    return both[:, 0].copy(), both[:, 1].copy()


def _check(numbers: list[tuple[Numbers, Numbers]]) -> None:
    first, second = (np.concatenate(column) for column in zip(*numbers, strict=True))
    order = np.argsort(first)
    same = np.diff(first[order]) == 0
    if (same & (np.diff(second[order]) != 0)).any():
        raise _UnusualKeyError("two keys share their first 64 bits")


def _plain(folder: Path, failures: list[dict[str, Any]]) -> CompactRun:
    """Keys of any kind, numbered in their order; slower, and copies are compared."""
    frame, intended = tidy(folder), load_units(folder)
    frame = frame.assign(shift_pixels=shift_pixels(frame))
    frames = [frame] if intended is None else [frame, intended]
    keys = {str(entry.get("key")) for entry in failures}.union(*(set(part[name]) for part in frames for name in KEYS))
    number = {key: place for place, key in enumerate(sorted(keys))}
    frames = [part.assign(**{name: part[name].map(number) for name in KEYS}) for part in frames]
    failures = [entry | {"key": number[str(entry.get("key"))]} for entry in failures]
    every = columns_of(frames[0], (*_IDENTITY, *_VALUES), words=WORDS)
    clean = columns_of(frames[0][frames[0]["severity"] == 0], _CLEAN, words=WORDS)
    return _whole([(every, clean)], [columns_of(part, _IDENTITY, words=WORDS) for part in frames[1:]], failures)
