"""The memory ladder: the largest image that a model segments under each of some memory caps.

Each attempt is a fresh process under a hard limit (`memory_cap`). Sides are multiples of 32 pixels; the largest that
works is found by bisection, which takes for granted that a smaller image needs no more memory than a larger one. MB are
10^6 bytes. An attempt that takes too long ends there and counts as failed "for time".
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..results.atomic import write_text
from .errors import BenchError
from .identity import key
from .ladder_process import OUT_OF_MEMORY
from .machine import machine, versions
from .memory_cap import ADDRESS_SPACE, CGROUP, delegated_group, limited, method
from .timing import TimingRequest, timing_key
from .timing_process import fresh_environment, reason

CAPS_MB = (64, 128, 256, 512, 1024, 2048)
STEP = 32  # pixels between the sides tried
LARGEST = 1024  # pixels; beyond it nothing is tried
SECONDS = 180.0  # of one attempt
FOLDER = "ladder"  # in the run's efficiency folder

_LACKING = {"": "libraries", "libraries": "weights", "model": "memory"}  # by the last stage reached
_BYTES_PER_MB = 10**6
_ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}  # each further arena reserves 64 MB of address space that nobody uses


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What became of one image side under one cap.

    Attributes:
        ok: it was segmented.
        failed_for: lack of what, empty if ok: "memory" for the image, or already for the "weights" or the "libraries";
            or "time".
        baseline_mb: address space of the process before the cap, None under a control group.
        peak_mb: its largest resident memory, libraries included, if ok.
    """

    ok: bool
    failed_for: str = ""
    baseline_mb: float | None = None
    peak_mb: float | None = None


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
    target = request.out / FOLDER / f"{request.label or request.model}-t{request.threads}.json"
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


def try_side(request: TimingRequest, cap: int, folder: Path, group: Path | None) -> Attempt:
    """Segment one slice in a fresh process under a cap in bytes, in a control group or by its address space."""
    answer = folder / "answer.json"
    program = [sys.executable, "-m", f"{__package__}.ladder_process", str(answer), "0" if group else str(cap)]
    environment = fresh_environment(request.workload(), folder / "workload.json") | _ONE_ARENA
    with _inside(group, cap) as words:
        try:
            done = subprocess.run(
                [*words, *program],
                cwd=folder,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Attempt(ok=False, failed_for="time", baseline_mb=_baseline(_read(answer)))
    stage = _read(answer)
    if done.returncode == 0:
        return Attempt(ok=True, baseline_mb=_baseline(stage), peak_mb=round(stage["peak"] / _BYTES_PER_MB, 1))
    if done.returncode == OUT_OF_MEMORY or done.returncode < 0:  # refused, or ended by the kernel
        lacking = _LACKING[stage.get("stage", "")]
        return Attempt(ok=False, failed_for=lacking, baseline_mb=_baseline(stage))
    failure = BenchError(
        f"the memory ladder of {request.model} failed at side {request.size[0]} under {cap // _BYTES_PER_MB} MB: "
        f"{reason(done.returncode, done.stdout + done.stderr)}"
    )
    failure.add_note(done.stdout + done.stderr)
    raise failure


@contextlib.contextmanager
def _inside(group: Path | None, cap: int) -> Iterator[list[str]]:
    if group is None:
        yield []
        return
    with limited(group, cap) as words:
        yield words


def _read(answer: Path) -> dict[str, Any]:
    """How far the process came; empty if its libraries were not loaded."""
    try:
        words: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return words


def _baseline(stage: dict[str, Any]) -> float | None:
    size = stage.get("baseline")
    return round(size / _BYTES_PER_MB, 1) if size else None


__all__ = ["ADDRESS_SPACE", "CAPS_MB", "CGROUP", "Attempt", "climb", "measure_ladder", "try_side"]
