"""Results that a device bundle wrote on another machine, checked field by field and taken into a run folder.

The file comes from outside: unknown, missing and doubled fields, other types, numbers out of range and words with
control characters are refused with the place they stand at. Nothing is taken from a file of which one row is wrong.
"""

import hashlib
import json
import math
import re
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from .atomic import write_text

FORMAT: Final = "mednca-device-result"
VERSION: Final = 1
LARGEST_FILE: Final = 4_000_000  # bytes
LONGEST_WORD: Final = 200  # characters
BUSY: Final = 0.1  # share of the cores that worked for others, as in timing_summary.py
ENGINES: Final = {"python": "Python", "c": "C"}

_MS_PER_S: Final = 1e3
Check = Callable[[Any, str], Any]


def import_results(file: Path, run_folder: Path) -> list[Path]:
    """Write a row for each of the file's into RUN/efficiency; the same file again gives the same rows.

    Returns:
        The files written.

    Raises:
        ValueError: the file is not a device's result; one line with the file and the place.
        OSError: it cannot be read, or the folder not be written.
    """
    found = []
    for row in read_results(file):
        name = re.sub(
            r"[^A-Za-z0-9._-]+", "_", f"device-{row['label']}-{row['engine']}-{row['size'][0]}x{row['size'][1]}"
        )
        digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
        path = run_folder / "efficiency" / f"{name}-{digest[:8]}.json"
        found.append(write_text(path, json.dumps(row, indent=1) + "\n"))
    return found


def read_results(file: Path) -> list[dict[str, Any]]:
    """The rows of a device's result, as rows of `efficiency`; errors as `import_results`."""
    if file.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{file}: is larger than {LARGEST_FILE:,} bytes; give the JSON that the bundle's run.py wrote")
    try:
        content = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_object, parse_constant=_constant)
        _fields(content, _FILE, "the file")
        return [_efficiency(row, content) for row in content["rows"]]
    except (ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:300].encode("ascii", "backslashreplace").decode()
        raise ValueError(
            f"{file}: is no device result ({words}); give the JSON that the bundle's run.py wrote"
        ) from error


def _efficiency(row: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    here, seconds = content["machine"], sorted(row["seconds"])
    height, width = row["size"]
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    others, cores = row["other_cores"], here["cores"]
    return {
        "model": row["model"],
        "label": f"{row['model']} on {here['cpu']}",
        "engine": ENGINES[row["runner"]],
        "weights": row["weights"],
        "weights_label": row["label"],
        "steps": row["steps"],
        "parameters": row["parameters"],
        "weight_bytes": row["weight_bytes"],
        "macs": row["macs"],
        "image_side": height if height == width else None,
        "size": [height, width],
        "threads": row["threads"],
        "latency_slice_ms_median": round(statistics.median(seconds) * _MS_PER_S, 4),
        "latency_slice_ms_p90": round(hundredths[89] * _MS_PER_S, 4),
        "latency_slice_ms_p99": round(hundredths[98] * _MS_PER_S, 4),
        "throughput_slices_per_s": round(len(seconds) / sum(seconds), 6),
        "rounds": len(seconds),
        "seconds": row["seconds"],
        "peak_memory_mb": row["peak_memory_mb"],
        "check_error": row["check_error"],
        "compiler": row["compiler"],
        "busy": others is not None and others > BUSY * (cores or 1),
        "other_cores": others,
        "throttled": row["throttled"],
        "frequency_mhz_lowest": row["frequency_mhz"],
        "temperature_c_highest": row["temperature_c"],
        "cpu": here["cpu"],
        "machine": dict(here),
        "bundle": content["bundle"],
        "date": content["date"],
        "device": True,
    }


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def _constant(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _fields(value: Any, checks: Mapping[str, Check], where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    for name in sorted(value.keys() - checks.keys()):
        raise ValueError(f"{where} has an unknown field {name[:LONGEST_WORD]!r}")
    for name in sorted(checks.keys() - value.keys()):
        raise ValueError(f"{where} lacks the field {name!r}")
    for name, check in checks.items():
        check(value[name], f"{where}: {name}")


def _word(value: Any, where: str) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_WORD or not value.isprintable():
        raise ValueError(f"{where} is not a line of 1 to {LONGEST_WORD} printable characters")


def _matching(pattern: str, what: str) -> Check:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, flags=re.ASCII):
            raise ValueError(f"{where} is not {what}")

    return check


def _whole(least: int, most: int) -> Check:
    def check(value: Any, where: str) -> None:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{where} is not a whole number from {least} to {most}")

    return check


def _real(least: float, most: float) -> Check:
    def check(value: Any, where: str) -> None:
        if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
            raise ValueError(f"{where} is not a number from {least:g} to {most:g}")

    return check


def _flag(value: Any, where: str) -> None:
    if type(value) is not bool:
        raise ValueError(f"{where} is neither true nor false")


def _or_null(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def _list(check: Check, least: int, most: int) -> Check:
    def all_of(value: Any, where: str) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError(f"{where} is not a list of {least} to {most}")
        for index, item in enumerate(value):
            check(item, f"{where}[{index}]")

    return all_of


def _group(checks: Mapping[str, Check]) -> Check:
    return lambda value, where: _fields(value, checks, where)


_HASH: Final = _matching("[0-9a-f]{64}", "a SHA-256")
_MACHINE: Final[dict[str, Check]] = {
    "cpu": _word,
    "architecture": _word,
    "os": _word,
    "python": _word,
    "cores": _or_null(_whole(1, 100_000)),
    "memory_mb": _or_null(_real(0, 1e9)),
    "governor": _or_null(_word),
}
_ROW: Final[dict[str, Check]] = {
    "model": _word,
    "label": _word,
    "weights": _HASH,
    "parameters": _whole(1, 10**12),
    "weight_bytes": _whole(1, 10**13),
    "macs": _whole(1, 10**18),
    "steps": _whole(1, 10**6),
    "runner": _matching("|".join(ENGINES), " or ".join(ENGINES)),
    "compiler": _or_null(_word),
    "size": _list(_whole(8, 32768), 2, 2),
    "threads": _whole(1, 100_000),
    "seconds": _list(_real(1e-9, 1e7), 3, 100_000),
    "peak_memory_mb": _or_null(_real(0, 1e9)),
    "check_error": _real(0, 1e-4),  # what differs by more is not timed
    "other_cores": _or_null(_real(0, 100_000)),
    "throttled": _flag,
    "frequency_mhz": _or_null(_real(0, 1e6)),
    "temperature_c": _or_null(_real(-273.15, 1000)),
}
_FILE: Final[dict[str, Check]] = {
    "format": _matching(FORMAT, repr(FORMAT)),
    "version": _whole(VERSION, VERSION),
    "bundle": _HASH,
    "date": _matching(r"\d{4}-\d\d-\d\d", "a date such as 2026-01-31"),
    "machine": _group(_MACHINE),
    "rows": _list(_group(_ROW), 1, 1000),
}
