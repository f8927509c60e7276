"""Efficiency: size, cost and speed of each model, as the timing runs left them in RUN/efficiency/*.json.

Any key of such a file may be missing; all that hold one value are kept in the CSV. Bytes are shown as MB of 10^6,
multiply-accumulates as 10^9, latencies in ms as median [90th, 99th percentile]. Three significant digits.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .cells import identity_cells, latency, significant, whole, without_empty
from .reference_timings import PUBLISHED_RATIO, RATIO_SIDE
from .run_info import RunInfo
from .scored import SCOPE, Scope
from .table import MISSING, Table, number

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "label",
    "model",
    "engine",
    "steps",
    "parameters",
    "weight_bytes",
    "macs",
    "image_side",
    "slices",
    "threads",
    "latency_slice_ms_median",
    "latency_slice_ms_p90",
    "latency_slice_ms_p99",
    "throughput_slices_per_s",
    "latency_volume_ms_median",
    "latency_volume_ms_p90",
    "peak_memory_mb",
    "cpu",
)
_WHOLE: Final = ("steps", "parameters", "weight_bytes", "macs", "image_side", "slices", "threads")
RAW: Final = ".pytest-benchmark.json"
"""Ending of the timer's own files, with every round; they lie beside the summaries."""


def read_efficiency(folder: Path) -> list[dict[str, Any]]:
    """The entries of RUN/efficiency, by file name.

    Raises:
        ValueError: a file is not a JSON object; names it and the remedy.
    """
    paths = (path for path in (folder / "efficiency").glob("*.json") if not path.name.endswith(RAW))
    entries = []
    for path in sorted(paths):
        entry = read_object(path, remedy="the model is timed again")
        model = str(entry.get("model", path.stem))
        entries.append({"model": model, "label": model} | entry)
    return entries


def read_object(path: Path, *, remedy: str) -> dict[str, Any]:
    """A JSON object from a file; raises ValueError with the file and what happens when it is deleted."""
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): delete it; {remedy}") from error
    if not isinstance(entry, dict):
        raise ValueError(f"{path} is not a JSON object: delete it; {remedy}")
    return entry


def efficiency(entries: Sequence[Mapping[str, Any]], *, info: RunInfo | None = None) -> Table | None:
    """The efficiency table, a row per entry, sorted by model, side and threads.

    Args:
        entries: from `read_efficiency`.
        info: names the task, for timings need none.

    Returns:
        None without entries.
    """
    if not entries:
        return None
    frame = efficiency_frame(entries, info=info)
    return Table("efficiency", "Efficiency", frame, _shown(frame), _notes(frame))


def efficiency_frame(entries: Sequence[Mapping[str, Any]], *, info: RunInfo | None = None) -> "pd.DataFrame":
    """All plain values of the entries, a row each; `entries` must not be empty."""
    import pandas as pd

    about = info or RunInfo()
    frame = pd.DataFrame([{name: value for name, value in e.items() if not _nested(value)} for e in entries])
    frame["size"] = [_size(entry) for entry in entries]
    frame = frame.reindex(columns=[*COLUMNS, *sorted(set(frame.columns) - set(COLUMNS))])
    for column in _WHOLE:
        frame[column] = pd.to_numeric(frame[column], errors="coerce").round().astype("Int64")
    frame = frame.sort_values(["label", "steps", "engine", "image_side", "threads"], kind="stable", ignore_index=True)
    scope = Scope(about.task, about.split, bool(about.phantom))
    return scope.in_front_of(frame.drop(columns=list(SCOPE), errors="ignore"))


def warnings(frame: "pd.DataFrame") -> tuple[str, ...]:
    """What spoils some of the times: other work on the machine, a processor that slowed down."""
    found = []
    for column, words in (
        ("busy", "Other programs were working while these were timed, so their times are too long"),
        ("throttled", "The machine slowed down while these were timed, so their times are too long"),
    ):
        if column in frame and len(marked := frame[frame[column].eq(True)]):
            found.append(f"{words}: {', '.join(f'{row.label} {row.size}' for row in _named(marked))}.")
    return tuple(found)


def _named(frame: "pd.DataFrame") -> list[Any]:
    return list(frame[["label", "size"]].drop_duplicates().itertuples(index=False))


def _notes(frame: "pd.DataFrame") -> tuple[str, ...]:
    cpus = sorted({str(cpu) for cpu in frame["cpu"].dropna()})
    where = f" Measured on: {'; '.join(cpus)}." if cpus else ""
    return (
        "GMAC: 10^9 multiply-accumulates of one slice of the given side; for cellular automata the dense count of the "
        "literal update rule.",
        f"Latencies of the model's call alone: median [90th, 99th percentile].{where}",
        *_ratios(frame),
        *warnings(frame),
    )


def _ratios(frame: "pd.DataFrame") -> list[str]:
    """UNet against Med-NCA at the side where a Raspberry Pi's timings are published, per number of threads."""
    at = frame[frame["image_side"].eq(RATIO_SIDE) & frame["engine"].isin(["PyTorch"])]
    unets = at[at["model"].eq("unet")].set_index("threads")["latency_slice_ms_median"]
    lines = []
    ncas: list[Any] = list(at[at["model"].eq("med-nca")].itertuples(index=False))
    for nca in ncas:
        if nca.threads in unets.index:
            ratio = float(unets.loc[[nca.threads]].iloc[0]) / nca.latency_slice_ms_median
            lines.append(
                f"unet takes {ratio:.2f} times as long as med-nca of {nca.steps} steps a level at {RATIO_SIDE} × "
                f"{RATIO_SIDE}, threads: {nca.threads}; published for a Raspberry Pi: {PUBLISHED_RATIO}."
            )
    return lines


def _shown(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    rows: list[Any] = list(frame.itertuples(index=False))
    shown = pd.DataFrame(
        {
            **identity_cells(row),
            "Parameters": whole(row.parameters),
            "Weights (MB)": significant(row.weight_bytes, 1e6),
            "GMAC per slice": significant(row.macs, 1e9),
            "Slice (ms)": latency(row.latency_slice_ms_median, row.latency_slice_ms_p90, row.latency_slice_ms_p99),
            "Slices/s": significant(row.throughput_slices_per_s),
            "Slices": MISSING if pd.isna(row.latency_volume_ms_median) else whole(row.slices),
            "Volume (ms)": latency(row.latency_volume_ms_median, row.latency_volume_ms_p90),
            "Peak memory (MB)": MISSING if pd.isna(row.peak_memory_mb) else number(float(row.peak_memory_mb), 0),
        }
        for row in rows
    )
    return without_empty(shown, ("Engine", "Steps", "Slices/s", "Slices", "Volume (ms)"))


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _size(entry: Mapping[str, Any]) -> str:
    side = entry.get("image_side")
    given = entry.get("size") or ([side, side] if side else [])
    return "x".join(str(length) for length in given) or MISSING
