"""Where the engine's time goes: `python -m tests.perf.engine_profile` prints a table, work by kind of operation.

Times are torch.profiler's own time of each operator on the calling thread. What no operator accounts for is Python, the
drawing of fire masks and the profiler itself; the profiled run is compared with an unprofiled one to show how much that
distorts.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from tests.perf.engine_work import SGEMM_SIDE, Work, sgemm

KINDS = {
    "products": ("aten::mm", "aten::addmm", "aten::addmm_"),
    "gather": ("aten::index_select",),
    "copies and write-back": ("aten::copy_", "aten::index_copy_", "aten::scatter_add_", "aten::fill_"),
    "ReLU": ("aten::clamp_min_", "aten::threshold_backward"),
}
ROUNDS = 5


STEPS = 64
INFERENCE_FLOP = 34_816.0  # 2 per multiply-accumulate of a firing cell, half of the cells: see docs/engine.md


def works() -> dict[str, tuple[Callable[[], object], float | None]]:
    """The works of the headline table, by name, with the FLOP of their products where nothing is computed again."""
    slice_, slices = Work(batch=1, side=256, steps=STEPS), Work(batch=16, side=64, steps=STEPS)
    short, long = Work(batch=48, side=16, steps=STEPS), Work(batch=20, side=64, steps=STEPS)
    flop = 256**2 * STEPS * INFERENCE_FLOP
    return {
        "inference 1 x 256²": (slice_.inference, flop),
        "inference 1 x 256², bfloat16": (lambda: slice_.inference(bfloat16=True), flop),
        "inference 16 x 64²": (slices.inference, flop),
        "training step 48 x 16²": (short.training, None),
        "training step 20 x 64²": (long.training, None),
    }


def seconds(work: Callable[[], object], *, rounds: int = ROUNDS) -> float:
    """Median seconds of a work after one warm-up."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def parts(work: Callable[[], object]) -> tuple[dict[str, float], int]:
    """Seconds of one profiled run by kind of operation, the rest under "Python and masks", and the number of calls."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        start = time.perf_counter()
        work()
        wall = time.perf_counter() - start
    events = profiler.key_averages()
    found = dict.fromkeys([*KINDS, "other operators"], 0.0)
    for event in events:
        kind = next((name for name, ops in KINDS.items() if event.key in ops), "other operators")
        found[kind] += event.self_cpu_time_total / 1e6
    return found | {"Python and masks": wall - sum(found.values())}, sum(event.count for event in events)


def main(threads: int) -> None:
    """Print the table for a number of threads."""
    torch.set_num_threads(threads)
    peak = 2 * SGEMM_SIDE**3 / seconds(sgemm()) / 1e9
    names = [*KINDS, "other operators", "Python and masks"]
    print(f"{threads} threads, SGEMM {peak:.0f} GFLOP/s\n")
    print("| work | s | profiled s |", " | ".join(names), "| calls | products, of SGEMM |")
    print("|---|---|---|" + "---|" * (len(names) + 2))
    for name, (work, flop) in works().items():
        plain = seconds(work)
        found, calls = parts(work)
        total = sum(found.values())
        shares = " | ".join(f"{100 * found[kind] / total:.0f} %" for kind in names)
        rate = "" if flop is None else f"{100 * flop / found['products'] / 1e9 / peak:.0f} %"
        print(f"| {name} | {plain:.2f} | {total:.2f} | {shares} | {calls:,} | {rate} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
