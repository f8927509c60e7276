"""One attempt of the memory ladder, in a fresh process: segment one slice under a limit: `python -m … ANSWER CAP`.

CAP is the extra address space in bytes, or 0 where a control group holds the process. Each stage reached is written at
once, so that whoever started the process knows how far it came when it is killed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path


def main(answer: Path, cap: int) -> None:
    """Load libraries, set the limit, make the model, segment; stages "libraries", "model" and "answer"."""
    from .memory_cap import limit_address_space
    from .timing_memory import peak_memory
    from .timing_work import make_model, prepare, segment
    from .workload import WORKLOAD_VARIABLE, Workload

    work = Workload.read(Path(os.environ[WORKLOAD_VARIABLE]))
    if cap:
        make_model(work)  # loads what its builder imports
        gc.collect()
        _give_back()
    words: dict[str, object] = {"stage": "libraries", "baseline": limit_address_space(cap) if cap else 0}
    answer.write_text(json.dumps(words), encoding="utf-8")
    try:
        model = make_model(work)
        answer.write_text(json.dumps(words | {"stage": "model"}), encoding="utf-8")
        (logits,) = segment(model, prepare(work, slices=1, turn=0))
    except (MemoryError, RuntimeError) as error:  # torch's allocator raises the latter
        if not out_of_memory(error):
            raise
        sys.exit(OUT_OF_MEMORY)
    if tuple(logits.shape[-2:]) != work.size:
        raise ValueError(f"the answer is {tuple(logits.shape)}; expected slices of {work.size}")
    answer.write_text(json.dumps(words | {"stage": "answer", "peak": peak_memory()}), encoding="utf-8")


OUT_OF_MEMORY = 77  # exit code of a process that was refused memory


def out_of_memory(error: BaseException) -> bool:
    """Whether an error is a refused allocation, told by its type or by the words of torch and oneDNN.

    >>> out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    True
    >>> out_of_memory(RuntimeError("shapes cannot be multiplied"))
    False
    """
    text = str(error).lower()
    words = (
        "allocate memory",
        "out of memory",
        "bad_alloc",
        "could not create a primitive",
        "could not create a memory",
    )
    return isinstance(error, MemoryError) or any(each in text for each in words)


def _give_back() -> None:
    """Return freed memory to the system: kept, it would be room beyond the cap."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU C library
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
