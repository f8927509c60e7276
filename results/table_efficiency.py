"""Efficiency: size, cost and speed of each model, as the timing runs left them in RUN/efficiency/*.json.

Any key of such a file may be missing; all that hold one value are kept in the CSV. Bytes are shown as MB of 10^6,
multiply-accumulates as 10^9, latencies in ms as median [90th percentile].
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .run_info import RunInfo
from .scored import SCOPE, Scope
from .table import MISSING, Table, number

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "label",
    "model",
    "parameters",
    "weight_bytes",
    "macs",
    "image_side",
    "slices",
    "threads",
    "latency_slice_ms_median",
    "latency_slice_ms_p90",
    "latency_volume_ms_median",
    "latency_volume_ms_p90",
    "peak_memory_mb",
    "cpu",
)
_WHOLE: Final = ("parameters", "weight_bytes", "macs", "image_side", "slices", "threads")
RAW: Final = ".pytest-benchmark.json"
"""Ending of the timer's own files, with every round; they lie beside the summaries."""


def read_efficiency(folder: Path) -> list[dict[str, Any]]:
    """The entries of RUN/efficiency, by file name.

    Raises:
        ValueError: a file is not a JSON object; names it and the remedy.
    """
    entries = []
    paths = (path for path in (folder / "efficiency").glob("*.json") if not path.name.endswith(RAW))
    for path in sorted(paths):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not JSON ({error}): delete it; the model is timed again") from error
        if not isinstance(entry, dict):
            raise ValueError(f"{path} is not a JSON object: delete it; the model is timed again")
        model = str(entry.get("model", path.stem))
        entries.append({"model": model, "label": model} | entry)
    return entries


def efficiency(entries: Sequence[Mapping[str, Any]], *, info: RunInfo | None = None) -> Table | None:
    """The efficiency table, a row per entry, sorted by model, side and threads.

    Args:
        entries: from `read_efficiency`.
        info: names the task, for timings need none.

    Returns:
        None without entries.
    """
    import pandas as pd

    if not entries:
        return None
    about = info or RunInfo()
    frame = pd.DataFrame([{name: value for name, value in e.items() if not _nested(value)} for e in entries])
    frame["size"] = [_size(entry) for entry in entries]
    frame = frame.reindex(columns=[*COLUMNS, *sorted(set(frame.columns) - set(COLUMNS))])
    for column in _WHOLE:
        frame[column] = pd.to_numeric(frame[column], errors="coerce").round().astype("Int64")
    frame = frame.sort_values(["label", "image_side", "threads"], kind="stable", ignore_index=True)
    scope = Scope(about.task, about.split, bool(about.phantom))
    frame = scope.in_front_of(frame.drop(columns=list(SCOPE), errors="ignore"))
    return Table("efficiency", "Efficiency", frame, _shown(frame), _notes(frame))


def _notes(frame: "pd.DataFrame") -> tuple[str, ...]:
    cpus = sorted({str(cpu) for cpu in frame["cpu"].dropna()})
    where = f" Measured on: {'; '.join(cpus)}." if cpus else ""
    busy = frame.loc[frame["busy"].eq(True), "label"] if "busy" in frame else frame["label"].iloc[:0]
    warning = f"Other programs were working while these were timed, so their times are too long: {', '.join(busy)}."
    return (
        "GMAC: 10^9 multiply-accumulates of one slice of the given side; for cellular automata the dense count of the "
        "literal update rule.",
        f"Latencies: median [90th percentile] of one slice, and of one volume of the slices given.{where}",
        *([warning] if len(busy) else []),
    )


def _shown(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "Model": row.label,
            "Parameters": _whole(row.parameters),
            "Weights (MB)": _scaled(row.weight_bytes, 1e6, 2),
            "Size": str(row.size).replace("x", " × "),
            "GMAC per slice": _scaled(row.macs, 1e9, 3),
            "Slice (ms)": _latency(row.latency_slice_ms_median, row.latency_slice_ms_p90),
            "Slices": _whole(row.slices),
            "Volume (ms)": _latency(row.latency_volume_ms_median, row.latency_volume_ms_p90),
            "Peak memory (MB)": _scaled(row.peak_memory_mb, 1, 0),
            "Threads": _whole(row.threads),
        }
        for row in frame.itertuples(index=False)
    )


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _size(entry: Mapping[str, Any]) -> str:
    side = entry.get("image_side")
    given = entry.get("size") or ([side, side] if side else [])
    return "x".join(str(length) for length in given) or MISSING


def _scaled(value: Any, unit: float, digits: int) -> str:
    import pandas as pd

    return MISSING if pd.isna(value) else number(float(value) / unit, digits)


def _whole(value: Any) -> str:
    import pandas as pd

    return MISSING if pd.isna(value) else f"{value:,}"


def _latency(median: Any, p90: Any) -> str:
    import pandas as pd

    return MISSING if pd.isna(median) else f"{_scaled(median, 1, 1)} [{_scaled(p90, 1, 1)}]"
