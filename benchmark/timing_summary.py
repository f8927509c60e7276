"""The summary of one measurement: one flat row of the efficiency table, with the machine it holds for.

Latency in ms, median and 90th percentile (linear) over rounds; memory in MB of 10^6 bytes; MACs per slice.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .machine import machine, versions
from .workload import Workload

BUSY = 0.1  # share of the usable cores that worked for others; above it, times are flagged

_MS_PER_S = 1e3
_BYTES_PER_MB = 10**6


def summarise(work: Workload, raw: Mapping[str, Any], memory: Mapping[str, int]) -> dict[str, Any]:
    """Make a summary.

    Args:
        work: what was measured.
        raw: pytest-benchmark's JSON of timing_cases.py.
        memory: resident bytes by name.

    Returns:
        The fields that docs/efficiency.md lists, all plain data.
    """
    timed = {entry["name"].removeprefix("test_"): entry for entry in raw["benchmarks"]}
    facts = timed["slice"]["extra_info"]
    here = machine()
    others = max(entry["extra_info"]["other_cores"] for entry in timed.values())
    height, width = work.size
    return {
        "model": work.model,
        "parameters": facts["parameters"],
        "weight_bytes": facts["weight_bytes"],
        "macs": facts["macs"],
        "image_side": height if height == width else None,
        "size": [height, width],
        "slices": work.slices,
        "threads": work.threads,
        **latencies("slice", timed["slice"]["stats"]["data"]),
        **latencies("volume", timed["volume"]["stats"]["data"]),
        "rounds": min(len(entry["stats"]["data"]) for entry in timed.values()),
        **{f"{name}_memory_mb": round(size / _BYTES_PER_MB, 1) for name, size in memory.items()},
        "cpu": here["cpu"],
        "instruction_set": facts["instruction_set"],
        "machine": here,
        "busy": others > BUSY * here["cores_usable"],
        "other_cores": round(others, 2),
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def latencies(what: str, seconds: Sequence[float]) -> dict[str, float]:
    """Median and 90th percentile of rounds.

    >>> latencies("slice", [0.001, 0.002, 0.003])
    {'latency_slice_ms_median': 2.0, 'latency_slice_ms_p90': 2.8}
    """
    ninth = statistics.quantiles(seconds, n=10, method="inclusive")[-1]
    median, p90 = (round(value * _MS_PER_S, 4) for value in (statistics.median(seconds), ninth))
    return {f"latency_{what}_ms_median": median, f"latency_{what}_ms_p90": p90}
