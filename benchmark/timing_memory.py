"""Peak memory of a fresh process that loads a model and segments one volume: `python -m … ANSWER`.

Resident memory in bytes. No pytest is loaded; what the model's own libraries take is counted.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]

from .timing_work import make_model, prepare, segment
from .workload import WORKLOAD_VARIABLE, Workload

BYTES_PER_KIB = 1024


def peak_memory(status: Path = Path("/proc/self/status")) -> int:
    """Give the largest resident memory this process has had, in bytes.

    Linux: VmHWM, which starts anew with each program; ru_maxrss would remember the parent's.
    """
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * BYTES_PER_KIB
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * BYTES_PER_KIB


def main(answer: Path) -> None:
    """Measure and write the answer: `baseline` (torch imported, no model yet), `loaded` (with the model), `peak`."""
    work = Workload.read(Path(os.environ[WORKLOAD_VARIABLE]))
    this = psutil.Process()
    baseline = this.memory_info().rss
    model = make_model(work)
    loaded = this.memory_info().rss
    segment(model, prepare(work, slices=work.slices, turn=0))
    words = {"baseline": baseline, "loaded": loaded, "peak": peak_memory()}
    answer.write_text(json.dumps(words), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
