"""Energy from the processor's own counters (RAPL, through Linux's powercap): joules, or nothing where not readable.

The counters of the packages are summed: what the sockets draw, idle power included, memory and board not. They count
microjoules, start anew at `max_energy_range_uj` and are renewed about once a millisecond. Since Linux 5.10 only root
may read them. Where there are none, energy is unavailable; it is never estimated from time or a nominal power.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
MICRO = 1e-6
UNAVAILABLE = "unavailable"


class EnergyMeter:
    """Adds up the energy of many short pieces of work.

    Attributes:
        joules: of all pieces so far.
        source: "RAPL: package-0, …", or "unavailable: " and why.
    """

    def __init__(self, root: Path = POWERCAP) -> None:
        self.joules = 0.0
        self._zones = _packages(root)
        self._started: Mapping[Path, int] = {}
        if self._zones:
            self.source = f"RAPL: {', '.join(sorted(name for name, _ in self._zones.values()))}"
        else:
            self.source = f"{UNAVAILABLE}: {_reason(root)}"

    @property
    def available(self) -> bool:
        """Whether there is a counter."""
        return bool(self._zones)

    def start(self) -> None:
        """A piece of work begins."""
        self._started = {zone: _count(zone) for zone in self._zones}

    def stop(self) -> None:
        """The piece ends; without a start nothing happens."""
        for zone, before in self._started.items():
            _, wrap = self._zones[zone]
            spent = _count(zone) - before
            self.joules += MICRO * (spent if spent >= 0 else spent + wrap)
        self._started = {}


def _packages(root: Path) -> dict[Path, tuple[str, int]]:
    """The readable package counters: their name and where they start anew."""
    found = {}
    for zone in sorted(root.glob("intel-rapl:*")):  # AMD's processors have the same names
        try:
            name = (zone / "name").read_text(encoding="ascii").strip()
            if name.startswith("package"):
                _count(zone)
                found[zone] = (name, int((zone / "max_energy_range_uj").read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return found


def _reason(root: Path) -> str:
    zones = list(root.glob("intel-rapl:*"))
    return f"{root}/intel-rapl:* may not be read (it takes root)" if zones else "this system has no RAPL counters"


def _count(zone: Path) -> int:
    return int((zone / "energy_uj").read_text(encoding="ascii"))
