"""End to end: from NIfTI to NIfTI, from a cold start, memory and energy, of the rows of RUN/efficiency that have them.

Latencies in ms as median [90th, 99th percentile] of one volume of the slices given; cold start in s; memory in MB of
10^6 bytes, resident; energy in J per slice as the processor counted it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .cells import identity_cells, latency, significant, text, whole, without_empty
from .run_info import RunInfo
from .table import MISSING, Table
from .table_efficiency import efficiency_frame, warnings

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "latency_end_to_end_ms_median",
    "latency_end_to_end_ms_p90",
    "latency_end_to_end_ms_p99",
    "cold_total_s",
    "cold_import_s",
    "cold_model_s",
    "cold_answer_s",
    "peak_memory_mb",
    "baseline_memory_mb",
    "energy_slice_j",
    "energy_source",
)
_IDENTITY: Final = ("label", "model", "engine", "steps", "size", "image_side", "slices", "threads", "cpu")
_MARKS: Final = ("busy", "throttled", "throttling", "date")


def end_to_end(entries: Sequence[Mapping[str, Any]], *, info: RunInfo | None = None) -> Table | None:
    """The table; None where no entry was timed end to end or from a cold start."""
    timed = [entry for entry in entries if entry.get("latency_end_to_end_ms_median") or entry.get("cold_total_s")]
    if not timed:
        return None
    whole_frame = efficiency_frame(timed, info=info)
    frame = whole_frame.reindex(columns=["task", "split", "phantom", *_IDENTITY, *COLUMNS, *_MARKS])
    notes = (
        "End to end: read a gzipped NIfTI file, preprocess, segment, go back to its grid, write a gzipped label.",
        "Cold start: from starting a process to its answer for one slice, files being in the system's cache; with the "
        "time to import libraries and to make the model. Peak memory: resident, one slice, with what Python and torch "
        "take alone.",
        *_energy_note(frame),
        *warnings(frame),
    )
    return Table("efficiency_end_to_end", "Efficiency, end to end", frame, _shown(frame), notes)


def _energy_note(frame: "pd.DataFrame") -> list[str]:
    sources = sorted({str(source) for source in frame["energy_source"].dropna()})
    return [f"Energy: {'; '.join(sources)}."] if sources else []


def _shown(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    shown = pd.DataFrame(
        {
            **identity_cells(row),
            "Slices": whole(row.slices),
            "End to end (ms)": latency(
                row.latency_end_to_end_ms_median, row.latency_end_to_end_ms_p90, row.latency_end_to_end_ms_p99
            ),
            "Cold start (s)": significant(row.cold_total_s),
            "import, model (s)": _both(row.cold_import_s, row.cold_model_s),
            "Peak memory (MB)": whole(_rounded(row.peak_memory_mb)),
            "libraries (MB)": whole(_rounded(row.baseline_memory_mb)),
            "Energy (J per slice)": _energy(row.energy_slice_j, row.energy_source),
        }
        for row in frame.itertuples(index=False)
    )
    return without_empty(shown, ("Engine", "Steps"))


def _rounded(value: Any) -> Any:
    import pandas as pd

    return value if pd.isna(value) else round(float(value))


def _both(first: Any, second: Any) -> str:
    """Two times, or one dash where there are none."""
    words = [significant(first), significant(second)]
    return MISSING if set(words) == {MISSING} else ", ".join(words)


def _energy(joules: Any, source: Any) -> str:
    import pandas as pd

    return text(source).split(":")[0] if pd.isna(joules) else significant(joules)
