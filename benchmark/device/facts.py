"""What machine this is, as far as the standard library and Linux tell; what they do not tell is None."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

_THERMAL = Path("/sys/class/thermal")
_CPU = Path("/sys/devices/system/cpu/cpu0/cpufreq")


def machine() -> dict[str, Any]:
    """Describe this machine: MB of 10^6 bytes, MHz, degrees Celsius."""
    governor = _read(_CPU / "scaling_governor")
    return {
        "cpu": clean(_cpu()),
        "architecture": clean(platform.machine()),
        "os": clean(platform.platform(terse=True)),
        "python": clean(f"{platform.python_implementation()} {platform.python_version()}"),
        "cores": os.cpu_count(),
        "memory_mb": _memory(),
        "governor": governor and clean(governor),
    }


def frequency_mhz() -> float | None:
    """The first core's frequency now."""
    text = _read(_CPU / "scaling_cur_freq")
    return int(text) / 1e3 if text and text.isdigit() else None


def temperature_c() -> float | None:
    """The hottest thermal zone now."""
    texts = [_read(zone / "temp") for zone in sorted(_THERMAL.glob("thermal_zone*"))]
    known = [int(text) / 1e3 for text in texts if text and text.lstrip("-").isdigit()]
    return max(known) if known else None


def clocks() -> tuple[float, float, float] | None:
    """Seconds of the wall, of all work on this machine, and of our own with its ended children; None if unknown."""
    text = _read(Path("/proc/stat"))
    if not text:
        return None
    user, nice, system, _, _, irq, soft, steal = (int(word) for word in text.splitlines()[0].split()[1:9])
    ticks = os.sysconf("SC_CLK_TCK")
    return time.perf_counter(), (user + nice + system + irq + soft + steal) / ticks, sum(os.times()[:4])


def other_cores(before: tuple[float, float, float] | None, after: tuple[float, float, float] | None) -> float | None:
    """Mean number of cores that worked for others between two readings."""
    if before is None or after is None:
        return None
    wall, work, own = (b - a for a, b in zip(before, after))
    return round(max(0.0, (work - own) / max(wall, 1e-9)), 3)


def peak_memory_mb() -> float | None:
    """The largest resident memory of this process."""
    for line in (_read(Path("/proc/self/status")) or "").splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    return None


def _cpu() -> str:
    board = _read(Path("/proc/device-tree/model")) or ""
    names: dict[str, str] = {}
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        name, _, value = line.partition(":")
        names.setdefault(name.strip(), value.strip())
    core = names.get("model name") or platform.processor() or platform.machine() or "unknown"
    board = board or names.get("Model") or ""
    return f"{board} ({core})" if board else core


def _memory() -> float | None:
    for line in (_read(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemTotal:"):
            return round(int(line.split()[1]) * 1024 / 1e6)
    return None


def clean(text: str) -> str:
    """One printable line of at most 200 characters, which is what an import takes."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:200] or "unknown"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
