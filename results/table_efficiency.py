"""Efficiency: size, cost and speed of each model, as the timing runs left them in RUN/efficiency/*.json.

Any key of such a file may be missing; all are kept in the CSV. Bytes are shown as MB of 10^6, multiply-accumulates as
10^9, latencies in ms as median [90th percentile].
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
    "model",
    "parameters",
    "weight_bytes",
    "macs",
    "image_side",
    "threads",
    "latency_slice_ms_median",
    "latency_slice_ms_p90",
    "latency_volume_ms_median",
    "latency_volume_ms_p90",
    "peak_memory_mb",
    "cpu",
)
_WHOLE: Final = ("parameters", "weight_bytes", "macs", "image_side", "threads")


def read_efficiency(folder: Path) -> list[dict[str, Any]]:
    """The entries of RUN/efficiency, by file name.

    Raises:
        ValueError: a file is not a JSON object; names it and the remedy.
    """
    entries = []
    for path in sorted((folder / "efficiency").glob("*.json")):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not JSON ({error}): delete it; the model is timed again") from error
        if not isinstance(entry, dict):
            raise ValueError(f"{path} is not a JSON object: delete it; the model is timed again")
        entries.append({"model": path.stem} | entry)
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
    frame = pd.DataFrame([dict(entry) for entry in entries])
    frame = frame.reindex(columns=[*COLUMNS, *sorted(set(frame.columns) - set(COLUMNS))])
    for column in _WHOLE:
        frame[column] = pd.to_numeric(frame[column], errors="coerce").round().astype("Int64")
    frame = frame.sort_values(["model", "image_side", "threads"], kind="stable", ignore_index=True)
    scope = Scope(about.task, about.split, bool(about.phantom))
    frame = scope.in_front_of(frame.drop(columns=list(SCOPE), errors="ignore"))
    return Table("efficiency", "Efficiency", frame, _shown(frame), _notes(frame))


def _notes(frame: "pd.DataFrame") -> tuple[str, ...]:
    cpus = sorted({str(cpu) for cpu in frame["cpu"].dropna()})
    where = f" Measured on: {'; '.join(cpus)}." if cpus else ""
    return (
        "GMAC: 10^9 multiply-accumulates of one slice of the given side; for cellular automata the dense count of the "
        "literal update rule.",
        f"Latencies: median [90th percentile].{where}",
    )


def _shown(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "Model": row.model,
            "Parameters": _whole(row.parameters),
            "Weights (MB)": _scaled(row.weight_bytes, 1e6, 2),
            "Side": _whole(row.image_side),
            "GMAC per slice": _scaled(row.macs, 1e9, 3),
            "Slice (ms)": _latency(row.latency_slice_ms_median, row.latency_slice_ms_p90),
            "Volume (ms)": _latency(row.latency_volume_ms_median, row.latency_volume_ms_p90),
            "Peak memory (MB)": _scaled(row.peak_memory_mb, 1, 0),
            "Threads": _whole(row.threads),
        }
        for row in frame.itertuples(index=False)
    )


def _scaled(value: Any, unit: float, digits: int) -> str:
    import pandas as pd

    return MISSING if pd.isna(value) else number(float(value) / unit, digits)


def _whole(value: Any) -> str:
    import pandas as pd

    return MISSING if pd.isna(value) else f"{value:,}"


def _latency(median: Any, p90: Any) -> str:
    import pandas as pd

    return MISSING if pd.isna(median) else f"{_scaled(median, 1, 1)} [{_scaled(p90, 1, 1)}]"
