"""Results that a device bundle wrote on another machine, checked field by field and taken into a run folder.

The file comes from outside: unknown, missing and doubled fields, other types, numbers out of range and words with
control characters are refused with the place they stand at. Nothing is taken from a file of which one row is wrong.
"""

import hashlib
import json
import re
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .atomic import write_text
from .json_fields import (
    Check,
    fields,
    flag,
    group,
    list_of,
    matching,
    no_constant,
    no_doubles,
    or_null,
    real,
    whole,
    word,
)

FORMAT: Final = "mednca-device-result"
VERSION: Final = 1
LARGEST_FILE: Final = 4_000_000  # bytes
BUSY: Final = 0.1  # share of the cores that worked for others, as in timing_summary.py
ENGINES: Final = {"python": "Python", "c": "C"}

_MS_PER_S: Final = 1e3


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
            r"[^A-Za-z0-9._-]+", "_", f"device-{row['weights_label']}-{row['engine']}-{row['size'][0]}x{row['size'][1]}"
        )
        digest = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()
        path = run_folder / "efficiency" / f"{name}-{digest[:8]}.json"
        found.append(write_text(path, json.dumps(row, indent=1) + "\n"))
    return found


def read_results(file: Path) -> list[dict[str, Any]]:
    """The rows of a device's result, as rows of `efficiency`; errors as `import_results`."""
    if file.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{file}: is larger than {LARGEST_FILE:,} bytes; give the JSON that the bundle wrote")
    try:
        content = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=no_doubles, parse_constant=no_constant)
        fields(content, _FILE, "the file")
        return [_efficiency(row, content) for row in content["rows"]]
    except (ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:300].encode("ascii", "backslashreplace").decode()
        raise ValueError(f"{file}: is no device result ({words}); give the JSON that the bundle wrote") from error


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


_HASH: Final = matching("[0-9a-f]{64}", "a SHA-256")
_MACHINE: Final[dict[str, Check]] = {
    "cpu": word,
    "architecture": word,
    "os": word,
    "python": word,
    "cores": or_null(whole(1, 100_000)),
    "memory_mb": or_null(real(0, 1e9)),
    "governor": or_null(word),
}
_ROW: Final[dict[str, Check]] = {
    "model": word,
    "label": word,
    "weights": _HASH,
    "parameters": whole(1, 10**12),
    "weight_bytes": whole(1, 10**13),
    "macs": whole(1, 10**18),
    "steps": whole(1, 10**6),
    "runner": matching("|".join(ENGINES), " or ".join(ENGINES)),
    "compiler": or_null(word),
    "size": list_of(whole(8, 32768), 2, 2),
    "threads": whole(1, 100_000),
    "seconds": list_of(real(1e-9, 1e7), 3, 100_000),
    "peak_memory_mb": or_null(real(0, 1e9)),
    "check_error": real(0, 1e-4),  # what differs by more is not timed
    "other_cores": or_null(real(0, 100_000)),
    "throttled": flag,
    "frequency_mhz": or_null(real(0, 1e6)),
    "temperature_c": or_null(real(-273.15, 1000)),
}
_FILE: Final[dict[str, Check]] = {
    "format": matching(FORMAT, repr(FORMAT)),
    "version": whole(VERSION, VERSION),
    "bundle": _HASH,
    "date": matching(r"\d{4}-\d\d-\d\d", "a date such as 2026-01-31"),
    "machine": group(_MACHINE),
    "rows": list_of(group(_ROW), 1, 1000),
}
