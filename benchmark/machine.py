"""What machine this is: processor, cores, memory, system, Python and library versions, and how busy it is.

Memory in GB of 10^9 bytes, frequencies in MHz. What the system does not tell is None, never guessed.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped, unused-ignore]

BYTES_PER_GB = 10**9
# What makes two timings comparable; the rest (a governor, a frequency of the moment) may change under our feet.
LASTING = ("cpu", "cores_physical", "cores_usable", "core_quota", "memory_gb", "os", "architecture", "python")
LIBRARIES = (
    "mednca-bench",
    "torch",
    "monai",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "nibabel",
    "safetensors",
    "unet",
    "pytest",
    "pytest-benchmark",
    "psutil",
    "onnxruntime",
)

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def machine() -> dict[str, Any]:
    """Describe this machine.

    Returns:
        `cpu` (model name); `cores_physical` of the machine; `cores_usable` by this process (its affinity, logical);
        `core_quota` (cores a container may use, None if not limited); `memory_gb`; `os`; `architecture`; `python`;
        `governor`, `frequency_mhz` (now, mean of the cores) and `frequency_max_mhz`, None where not readable.
    """
    frequency = _frequency()
    now = frequency_now()
    return {
        "cpu": _cpu(),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_usable": usable_cores(),
        "core_quota": core_quota(),
        "memory_gb": round(psutil.virtual_memory().total / BYTES_PER_GB, 1),
        "os": platform.platform(terse=True),
        "architecture": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "governor": _read(_GOVERNOR),
        "frequency_mhz": now and round(now),
        "frequency_max_mhz": (frequency and round(frequency.max)) or None,
    }


def versions() -> dict[str, str]:
    """Give the versions of the installed libraries that can change a score or a time; absent ones are left out."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def usable_cores() -> int:
    """Count the logical cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def core_quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Give the cores' worth of time the control group allows, None if it sets no limit.

    Args:
        root: the control groups' file system, version 2 or 1.
    """
    words = (_read(root / "cpu.max") or "").split()
    if not words:
        parts = (_read(root / "cpu" / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        words = [part for part in parts if part]
    if len(words) != 2 or not all(word.isdigit() for word in words):  # "max" or -1: no limit
        return None
    return round(int(words[0]) / int(words[1]), 2)


def cpu_name(cpuinfo: str) -> str | None:
    r"""Find the processor's name in the text of /proc/cpuinfo.

    Boards name themselves under "Model" and their core under "model name"; then both are given.

    >>> cpu_name("model name: ARMv6-compatible processor rev 7 (v6l)\nModel: Raspberry Pi Model B Plus Rev 1.2")
    'Raspberry Pi Model B Plus Rev 1.2 (ARMv6-compatible processor rev 7 (v6l))'
    """
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon and value.strip():
            fields.setdefault(name.strip(), value.strip())
    core, board = fields.get("model name"), fields.get("Model") or fields.get("Hardware")
    if core and board:
        return f"{board} ({core})"
    return core or board


@dataclass(frozen=True)
class CpuClock:
    """Seconds since fixed moments: of the wall, of work done by all cores together, and of this process's own work."""

    wall: float
    all_work: float
    own_work: float


def cpu_clock() -> CpuClock:
    """Read the three clocks; work includes time stolen by other guests of the same host."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # Linux has them in user and nice
    return CpuClock(time.perf_counter(), sum(times) - idle - counted_twice, time.process_time())


def other_work(start: CpuClock, end: CpuClock) -> float:
    """Give the mean number of cores that worked for others than this process between two readings, at least 0."""
    others = (end.all_work - start.all_work) - (end.own_work - start.own_work)
    return max(0.0, others / max(end.wall - start.wall, 1e-9))


@cache
def _cpu() -> str:
    text = _read(Path("/proc/cpuinfo"))
    return (text and cpu_name(text)) or _apple_cpu() or platform.processor() or platform.machine() or "unknown"


def _apple_cpu() -> str | None:
    if platform.system() != "Darwin":
        return None
    import subprocess

    answer = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def frequency_now() -> float | None:
    """Give the mean frequency of the cores at this moment in MHz, None where not readable."""
    frequency = _frequency()
    return (frequency and float(frequency.current)) or None


def _frequency() -> Any:
    """What psutil knows, in MHz with 0 for unknown; None on systems where it cannot tell."""
    try:
        return psutil.cpu_freq()
    except (OSError, RuntimeError, NotImplementedError, AttributeError):
        return None


def _read(path: Path) -> str | None:
    """The text of a file of the system, None if there is none or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
