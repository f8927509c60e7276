"""A file of one JSON object per line that several processes append to and any of them may be killed over."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .atomic import named

_LOG = logging.getLogger(__name__)


def append_line(path: Path, entry: Mapping[str, Any]) -> None:
    """Append `entry` in one write and flush it to the disk; a line torn by a killed writer is closed first.

    Raises:
        ValueError: `entry` is not JSON-able.
        OSError: not writable; `filename` names the file.
    """
    try:
        line = json.dumps(dict(entry), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: an entry cannot be written as JSON ({error}): {dict(entry)}") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 1))
            torn = stream.read(1) not in (b"", b"\n")
            stream.write(b"\n" * torn + line + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise named(error, path) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The entries in the order they were written; none when there is no file. A torn line is skipped and logged."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict):
            entries.append(entry)
        else:
            _LOG.warning("%s: line %d was torn by a kill and is skipped", path, number)
    return entries
