"""Records and units of a run as small frames, for the tables of a million records and more.

Words become categories (a byte or two a row), keys whole numbers, and only what tables use is kept, so that sorting,
joining and grouping work on numbers. The histograms are read part by part and never held all at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .equivariance_error import shift_pixels
from .metrics import METRICS, derive
from .parts import read_part, to_frame
from .record import COLUMNS, IDENTITY, UNIT_SCHEMA
from .store import Store, load_units
from .tidy import batches, tidy

if TYPE_CHECKING:
    import pandas as pd

KEYS: Final = ("key", "clean_key")
WORDS: Final = tuple(c.name for c in COLUMNS if c.type == pa.string() and c.name not in (*KEYS, "parameters"))
"""Columns of few distinct words."""

_IDENTITY: Final = tuple(name for name in IDENTITY if name != "parameters")
_VALUES: Final = ("state", "shift_pixels", *(metric.name for metric in METRICS if not metric.name.endswith("_raw")))
_DIGITS: Final = 16
"""Hex digits of a key that make its number: 64 bits."""


@dataclass(frozen=True)
class CompactRun:
    """What tables are made of.

    Attributes:
        frame: records sorted by (key, label): identity with `shift_pixels` for
            `parameters`, `state`, the metrics without raw ones.
        intended: units in the same form, or None.
        failures: as `Store.failures`, with keys as in `frame`.
    """

    frame: "pd.DataFrame"
    intended: "pd.DataFrame | None"
    failures: list[dict[str, Any]]


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
        frame, intended, failures = _numbered(folder, failures)
        copies = _has_copies(frame)
    except _UnusualKeyError:
        copies = True
    if copies:  # they must agree, which the plain way checks
        frame, intended, failures = _plain(folder, failures)
    return CompactRun(frame, intended, failures)


def _has_copies(frame: "pd.DataFrame") -> bool:
    """Whether a (key, label) is there twice; the frame is sorted by both."""
    key, label = frame["key"].to_numpy(), frame["label"].cat.codes.to_numpy()
    return bool(((key[1:] == key[:-1]) & (label[1:] == label[:-1])).any())


def _numbered(
    folder: Path, failures: list[dict[str, Any]]
) -> tuple["pd.DataFrame", "pd.DataFrame | None", list[dict[str, Any]]]:
    """Keys by their first 64 bits, checked against the next 64."""
    checks: list[tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]] = []

    def with_numbers(table: Any) -> "pd.DataFrame":
        found = {name: key_numbers(table.column(name)) for name in KEYS}
        checks.extend(found.values())
        frame = to_frame(table.drop_columns(list(KEYS)))
        return frame.assign(**{name: first for name, (first, _) in found.items()})

    wanted = [*_IDENTITY, *_VALUES]
    frames = [_with_shift(derive(with_numbers(table)))[wanted] for table in batches(Store(folder).tables(words=WORDS))]
    units = folder / "units.parquet"
    if units.exists():
        words = [name for name in WORDS if name in UNIT_SCHEMA.names]
        frames.append(with_numbers(read_part(units, columns=_IDENTITY, schema=UNIT_SCHEMA, words=words)))
    names = pa.array([str(entry.get("key")) for entry in failures], pa.string())
    failed = key_numbers(names)
    checks.append(failed)
    _check(checks)
    frames = _one_set_of_words(frames)
    failures = [entry | {"key": int(number)} for entry, number in zip(failures, failed[0], strict=True)]
    intended = _sorted(frames.pop()) if units.exists() else None
    return _sorted(*frames), intended, failures


def _with_shift(frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame.assign(shift_pixels=shift_pixels(frame))


def key_numbers(column: Any) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
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
    digits = np.where(letters >= ord("a"), letters - (ord("a") - 10), letters - ord("0"))
    if not ((letters >= ord("0")) & (digits < 16) & ((letters <= ord("9")) | (letters >= ord("a")))).all():
        raise _UnusualKeyError("a key is no lowercase hex number")
    bytes_ = np.ascontiguousarray((digits[:, ::2] << 4) | digits[:, 1::2])
    both = bytes_.view(">u8").astype(np.uint64)
    return both[:, 0].copy(), both[:, 1].copy()


def _check(numbers: list[tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]]) -> None:
    first, second = (np.concatenate(column) for column in zip(*numbers, strict=True))
    order = np.argsort(first)
    same = np.diff(first[order]) == 0
    if (same & (np.diff(second[order]) != 0)).any():
        raise _UnusualKeyError("two keys share their first 64 bits")


def _plain(
    folder: Path, failures: list[dict[str, Any]]
) -> tuple["pd.DataFrame", "pd.DataFrame | None", list[dict[str, Any]]]:
    """Keys of any kind, numbered in their order; slower, and copies are compared."""
    frame, intended = _with_shift(tidy(folder))[[*_IDENTITY, *_VALUES]], load_units(folder)
    frames = [frame] if intended is None else [frame, intended[list(_IDENTITY)]]
    keys = {str(entry.get("key")) for entry in failures}.union(*(set(part[name]) for part in frames for name in KEYS))
    number = {key: place for place, key in enumerate(sorted(keys))}
    frames = _one_set_of_words([part.assign(**{name: part[name].map(number) for name in KEYS}) for part in frames])
    failures = [entry | {"key": number[str(entry.get("key"))]} for entry in failures]
    return _sorted(frames[0]), _sorted(frames[1]) if intended is not None else None, failures


def _one_set_of_words(frames: list["pd.DataFrame"]) -> list["pd.DataFrame"]:
    """The same sorted categories for a column in all frames."""
    import pandas as pd

    for name in WORDS:
        columns = [part[name].astype("category") for part in frames if name in part.columns]
        words = sorted(set().union(*(column.cat.categories for column in columns)))
        kind = pd.CategoricalDtype(pd.Index(words, dtype=object))
        frames = [part.assign(**{name: part[name].astype(kind)}) if name in part.columns else part for part in frames]
    return frames


def _sorted(*frames: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    order = np.lexsort((whole["label"].cat.codes.to_numpy(), whole["key"].to_numpy()))
    return whole.take(order).reset_index(drop=True)
