"""One attempt of the memory ladder: start a fresh process under a hard limit, and say what became of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BenchError
from .ladder_process import OUT_OF_MEMORY
from .memory_cap import limited
from .timing import TimingRequest
from .timing_process import fresh_environment, reason

SECONDS = 180.0  # of one attempt

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
