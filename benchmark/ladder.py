"""The memory ladder: the largest image that a model segments under each of some memory caps.

Each attempt is a fresh process under a hard limit (`memory_cap`). Sides are multiples of 32 pixels; the largest that
works is found by bisection, which takes for granted that a smaller image needs no more memory than a larger one. MB are
10^6 bytes. An attempt that takes too long ends there and counts as failed "for time".
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..results.atomic import write_text
from .identity import key
from .ladder_attempt import SECONDS, Attempt, try_side
from .machine import machine, versions
from .memory_cap import CGROUP, delegated_group, method
from .timing import TimingRequest, timing_key

CAPS_MB = (64, 128, 256, 512, 1024, 2048)
STEP = 32  # pixels between the sides tried
LARGEST = 1024  # pixels; beyond it nothing is tried
FOLDER = "ladder"  # in the run's efficiency folder

_BYTES_PER_MB = 10**6


Try = Callable[[int], Attempt]


def climb(attempt: Try, *, sides: tuple[int, ...]) -> tuple[int | None, Attempt, Attempt | None]:
    """Find the largest side that works.

    Args:
        attempt: tries a side.
        sides: ascending.

    Returns:
        The side, None if even the smallest fails; its attempt, or that of the smallest; the attempt at the next side,
        None if the largest works.
    """
    results: dict[int, Attempt] = {}
    low, high = -1, len(sides)  # indices: works up to low, fails from high
    ends = [len(sides) - 1, 0]  # tried first, the smallest before the largest: they often settle it
    while high - low > 1:
        middle = ends.pop() if ends else (low + high) // 2
        results[middle] = attempt(sides[middle])
        low, high = (middle, high) if results[middle].ok else (low, middle)
    if low < 0:
        return None, results[0], None
    return sides[low], results[low], results.get(high)


def measure_ladder(
    request: TimingRequest, *, caps: tuple[int, ...] = CAPS_MB, note: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Climb the ladder for one model, or read what was measured before.

    Args:
        request: the model; its size and slices are not used.
        caps: in MB, ascending.
        note: told of every cap that is done.

    Returns:
        What is written to `ladder/<label>.json` in `request.out`: the model, the method, and a row per cap.

    Raises:
        BenchError: no hard limit on this system, or an attempt failed for another reason than memory or time.
    """
    how = method()
    target = request.out / FOLDER / f"{request.file_label}-t{request.threads}.json"
    wanted = key(
        kind="ladder", timing=timing_key(request), caps=list(caps), method=how, limits=[STEP, LARGEST, SECONDS]
    )
    with contextlib.suppress(OSError, ValueError):
        known: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        if known.get("key") == wanted:
            return known
    rows: list[dict[str, Any]] = []
    sides = tuple(range(STEP, LARGEST + 1, STEP))
    for cap in reversed(caps):  # from the top: what fails under a large cap is not tried under a smaller one
        side, best, beyond = climb(_attempt(request, cap, how), sides=sides)
        rows.insert(0, _row(cap, side, best, beyond))
        note(f"{cap} MB: {side or 'no side'}")
        sides = tuple(each for each in sides if side is not None and each <= side)
        if not sides:
            rows = [_row(smaller, None, best, None) for smaller in caps if smaller < cap] + rows
            break
    here = machine()
    found = {
        "model": request.model,
        "label": request.label or request.model,
        "steps": request.options.get("steps"),
        "threads": request.threads,
        "method": how,
        "step": STEP,
        "largest_tried": LARGEST,
        "seconds_per_attempt": SECONDS,
        "rows": rows,
        "cpu": here["cpu"],
        "machine": here,
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
        "key": wanted,
    }
    write_text(target, json.dumps(found, indent=1) + "\n")
    return found


def _row(cap: int, side: int | None, best: Attempt, beyond: Attempt | None) -> dict[str, Any]:
    stopped = best.failed_for if side is None else beyond.failed_for if beyond else "nothing larger was tried"
    return {
        "cap_mb": cap,
        "largest_side": side,
        "stopped_by": stopped,
        "baseline_mb": best.baseline_mb,
        "peak_memory_mb": best.peak_mb,
    }


def _attempt(request: TimingRequest, cap_mb: int, how: str) -> Try:
    def attempt(side: int) -> Attempt:
        group = delegated_group() if how == CGROUP else None
        with tempfile.TemporaryDirectory(prefix="mednca-ladder-") as name:
            return try_side(replace(request, size=(side, side), slices=1), cap_mb * _BYTES_PER_MB, Path(name), group)

    return attempt
