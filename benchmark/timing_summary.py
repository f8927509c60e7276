"""The summary of one measurement: one flat row of the efficiency table, with the machine it holds for.

Latency in ms, median, 90th and 99th percentile (linear) over rounds, of several windows the median of each; memory in
MB of 10^6 bytes; MACs per slice; energy in J.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .energy import UNAVAILABLE
from .machine import machine, versions
from .other_engines import TITLES
from .timing_profile import find_profile
from .workload import Workload

BUSY = 0.1  # share of the usable cores that worked for others; above it, times are flagged
_MS_PER_S = 1e3
_BYTES_PER_MB = 10**6


def summarise(work: Workload, raw: Mapping[str, Any], memory: Mapping[str, int]) -> dict[str, Any]:
    """Make a summary of `efficiency-v1`.

    Args:
        work: what was measured.
        raw: pytest-benchmark's JSON of timing_cases.py.
        memory: resident bytes by name.

    Returns:
        The fields that docs/efficiency.md lists, all plain data.
    """
    windows = _windows(raw)
    slice_, volume = (windows[part][0] for part in ("slice", "volume"))
    return {
        **_what(work, slice_["extra_info"]),
        **latencies("slice", slice_["stats"]["data"]),
        **latencies("volume", volume["stats"]["data"]),
        "rounds": min(len(entry["stats"]["data"]) for entry in (slice_, volume)),
        **_memory(memory),
        **_where(windows),
    }


def summarise_sweep(
    work: Workload, raw: Mapping[str, Any], *, memory: Mapping[str, int], cold: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """Make a summary of `efficiency-v2`.

    Args:
        work: as in `summarise`.
        raw: likewise.
        memory: likewise; empty where it was not measured.
        cold: the seconds of each cold start; empty likewise.
    """
    windows = _windows(raw)
    times = {part: [entry["stats"]["data"] for entry in entries] for part, entries in windows.items()}
    profile = find_profile(work.profile)
    shortest = min(sum(seconds) for each in times.values() for seconds in each)
    where = _where(windows)
    long_enough = profile.full and shortest >= profile.seconds
    return {
        **_what(work, windows["slice"][0]["extra_info"]),
        "profile": profile.name,
        "conformant": long_enough and not (where["busy"] or where["throttled"]),
        **median_of(latencies("slice", seconds) for seconds in times["slice"]),
        "throughput_slices_per_s": round(statistics.median(len(each) / sum(each) for each in times["slice"]), 3),
        **median_of(latencies("end_to_end", seconds) for seconds in times["end_to_end"]),
        "rounds": min(len(seconds) for each in times.values() for seconds in each),
        "windows": profile.windows,
        "shortest_window_s": round(shortest, 2),
        **_cold(cold),
        **_energy(windows["slice"]),
        **_memory(memory),
        **where,
    }


def latencies(what: str, seconds: Sequence[float]) -> dict[str, float]:
    """Median, 90th and 99th percentile of rounds.

    >>> latencies("slice", [0.001, 0.002, 0.003])
    {'latency_slice_ms_median': 2.0, 'latency_slice_ms_p90': 2.8, 'latency_slice_ms_p99': 2.98}
    """
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    found = {"median": statistics.median(seconds), "p90": hundredths[89], "p99": hundredths[98]}
    return {f"latency_{what}_ms_{name}": round(value * _MS_PER_S, 4) for name, value in found.items()}


def median_of(rows: Any) -> dict[str, float]:
    """The median of each figure over windows.

    >>> median_of([{"ms": 2.0}, {"ms": 9.0}, {"ms": 3.0}])
    {'ms': 3.0}
    """
    listed = list(rows)
    return {name: round(statistics.median(row[name] for row in listed), 4) for name in listed[0]}


def _windows(raw: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The timer's entries by part, a list of windows each."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in raw["benchmarks"]:
        found.setdefault(entry["name"].split("[")[0].removeprefix("test_"), []).append(entry)
    return found


def _what(work: Workload, facts: Mapping[str, Any]) -> dict[str, Any]:
    height, width = work.size
    return {
        "model": work.model,
        "engine": TITLES[work.engine],
        "engine_version": facts.get("engine_version"),
        "steps": facts.get("steps"),
        "parameters": facts["parameters"],
        "weight_bytes": facts["weight_bytes"],
        "macs": facts["macs"],
        "image_side": height if height == width else None,
        "size": [height, width],
        "slices": work.slices,
        "threads": work.threads,
        "instruction_set": facts["instruction_set"],
    }


def _cold(starts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    stages = starts[0] if starts else ()
    medians = {f"cold_{stage}_s": round(statistics.median(each[stage] for each in starts), 3) for stage in stages}
    return {**medians, "cold_starts": len(starts)} if starts else {}


def _memory(memory: Mapping[str, int]) -> dict[str, float]:
    return {f"{name}_memory_mb": round(size / _BYTES_PER_MB, 1) for name, size in memory.items()}


def _energy(windows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Joules of one slice, the median of the windows."""
    infos = [entry["extra_info"] for entry in windows]
    if any(info.get("energy_j") is None for info in infos):
        return {"energy_slice_j": None, "energy_source": infos[0].get("energy_source", UNAVAILABLE)}
    joules = [info["energy_j"] / len(entry["stats"]["data"]) for info, entry in zip(infos, windows, strict=True)]
    return {"energy_slice_j": round(statistics.median(joules), 6), "energy_source": infos[0]["energy_source"]}


def _where(windows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """The machine, its libraries, and whether it had other work or slowed down."""
    infos = [entry["extra_info"] for entries in windows.values() for entry in entries]
    here = machine()
    others = max(info["other_cores"] for info in infos)
    reasons = sorted({reason for info in infos for reason in info.get("throttling", ())})
    states = [info[end] for info in infos for end in ("before", "after") if end in info]
    known = {
        name: [state[name] for state in states if state[name] is not None]
        for name in ("frequency_mhz", "temperature_c")
    }
    return {
        "cpu": here["cpu"],
        "machine": here,
        "busy": others > BUSY * here["cores_usable"],
        "other_cores": round(others, 2),
        "throttled": bool(reasons),
        "throttling": "; ".join(reasons),
        "frequency_mhz_lowest": min(known["frequency_mhz"], default=None),
        "temperature_c_highest": max(known["temperature_c"], default=None),
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
    }
