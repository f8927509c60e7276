"""Cold start: from starting a fresh process to its first answer, in seconds: `python -m … ANSWER`.

The process is new, the file cache is not: libraries and weights were read before. Nothing but the standard library is
imported until the clock has been read.
"""

from __future__ import annotations

import os
import time

STARTED = time.time()  # the clock of the wall, which the process that started this one shares
STARTED_VARIABLE = "MEDNCA_TIMING_STARTED"


def main(answer: str) -> None:
    """Import, make the model and segment one slice; write the seconds of each."""
    import json
    from pathlib import Path

    from .timing_work import make_model, prepare, segment
    from .workload import WORKLOAD_VARIABLE, Workload

    work = Workload.read(Path(os.environ[WORKLOAD_VARIABLE]))
    passes = prepare(work, slices=1, turn=0)
    imported = time.time()
    model = make_model(work)
    made = time.time()
    segment(model, passes)
    answered = time.time()
    before = float(os.environ[STARTED_VARIABLE])
    words = {
        "interpreter": STARTED - before,
        "import": imported - STARTED,
        "model": made - imported,
        "answer": answered - made,
        "total": answered - before,
    }
    Path(answer).write_text(json.dumps(words), encoding="utf-8")


if __name__ == "__main__":
    import sys

    main(sys.argv[1])
