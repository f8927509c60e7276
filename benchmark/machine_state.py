"""What a machine's clock and temperature are at a moment, and whether it throttled between two moments.

Frequencies in MHz (mean of the cores), temperatures in degrees Celsius (the hottest sensor). What the system does not
tell is None: then nothing can be said, and nothing is flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]

from .machine import frequency_now

SLOWER = 0.9  # share of the frequency at the start; below it the machine throttled

_CPUS = Path("/sys/devices/system/cpu")
_BOARD = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")  # Raspberry Pi; bits 0 to 3: now
_BOARD_NOW = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}


@dataclass(frozen=True, kw_only=True)
class MachineState:
    """One moment.

    Attributes:
        frequency_mhz: mean of the cores.
        temperature_c: of the hottest sensor.
        too_hot: that sensor is at or above the limit that it names itself.
        throttle_events: times a core was slowed down for heat since the machine started.
        board: what a Raspberry Pi's firmware says of this moment.
    """

    frequency_mhz: float | None = None
    temperature_c: float | None = None
    too_hot: bool = False
    throttle_events: int | None = None
    board: tuple[str, ...] = ()


def machine_state() -> MachineState:
    """Look now."""
    hottest = max(_sensors(), default=None)
    return MachineState(
        frequency_mhz=frequency_now(),
        temperature_c=hottest and hottest[0],
        too_hot=hottest is not None and hottest[0] >= hottest[1],
        throttle_events=_throttle_events(_CPUS),
        board=board_limits(_BOARD),
    )


def throttling(before: MachineState, after: MachineState) -> tuple[str, ...]:
    """Give the reasons to think that the machine slowed down between two moments, both under load; empty if none.

    >>> cool, hot = MachineState(frequency_mhz=3000), MachineState(frequency_mhz=2400, temperature_c=101, too_hot=True)
    >>> throttling(cool, hot)
    ('frequency fell from 3000 to 2400 MHz', 'temperature 101 C at its limit')
    """
    reasons = []
    if before.frequency_mhz and after.frequency_mhz and after.frequency_mhz < SLOWER * before.frequency_mhz:
        reasons.append(f"frequency fell from {before.frequency_mhz:.0f} to {after.frequency_mhz:.0f} MHz")
    if after.too_hot:
        reasons.append(f"temperature {after.temperature_c:.0f} C at its limit")
    if (after.throttle_events or 0) > (before.throttle_events or 0):
        reasons.append("cores were slowed down for heat")
    reasons += [f"board: {limit}" for limit in after.board]
    return tuple(reasons)


def board_limits(path: Path) -> tuple[str, ...]:
    """What a Raspberry Pi's firmware limits at this moment; empty elsewhere."""
    try:
        bits = int(path.read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return ()
    return tuple(words for bit, words in _BOARD_NOW.items() if bits >> bit & 1)


def _sensors() -> list[tuple[float, float]]:
    """Temperature and limit of each sensor, infinite where it names none."""
    read = getattr(psutil, "sensors_temperatures", None)  # absent on Windows and macOS
    if read is None:
        return []
    entries = [entry for group in read().values() for entry in group]
    limits = ((entry.current, entry.high or entry.critical or float("inf")) for entry in entries)
    return [(float(now), float(limit)) for now, limit in limits if now]


def _throttle_events(cpus: Path) -> int | None:
    counts = []
    for path in cpus.glob("cpu[0-9]*/thermal_throttle/core_throttle_count"):
        try:
            counts.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return sum(counts) if counts else None
