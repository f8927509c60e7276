"""Efficiency of one model on this machine: size, arithmetic, latency and peak memory.

Rounds are timed by pytest-benchmark in a fresh process: the model call alone, fire masks included, on prepared images.
Memory is the resident memory of another fresh process. docs/efficiency.md says what is timed and what is not.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..results.atomic import write_bytes, write_text
from .errors import BenchError
from .evaluate import CELLS_PER_PASS
from .identity import key
from .machine import LASTING, machine, versions
from .other_engines import PYTORCH
from .timing_process import measure_cold_start, measure_memory, measure_time
from .timing_profile import find_profile
from .timing_scan import scan_bytes
from .timing_summary import summarise, summarise_sweep
from .workload import Workload

TIMING_VERSION = 2  # raise it when what is timed changes
ROUNDS = "rounds"  # folder of the raw files, apart from the summaries that make the table


@dataclass(frozen=True, kw_only=True)
class TimingRequest:
    """What to measure, and where to put it.

    Attributes:
        model: registered name.
        options: what `models.build` is given beside channels; not used with `weights`, which name theirs.
        in_channels: channels of the image.
        out_channels: number of foreground labels.
        size: slice size (H, W) in pixels.
        slices: slices of the timed volume.
        threads: threads within one operation.
        weights: a weights file; None builds the model fresh: times do not depend on the weights' values.
        out: folder of the results.
        label: names the files; None takes the model's name.
        plugins: files that register models.
        profile: how long and how often is timed, a name of `timing_profile`.
        engine: what answers, a name of `other_engines.TITLES`; another than PyTorch belongs to the sweep.
        sweep: measure what `efficiency-v2` does (end to end, cold starts, one slice's memory) instead of
            `efficiency-v1` (a volume's time and memory).
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    in_channels: int = 1
    out_channels: int = 1
    size: tuple[int, int]
    slices: int
    threads: int
    weights: Path | None = None
    out: Path
    label: str | None = None
    plugins: tuple[Path, ...] = ()
    profile: str = "quick"
    engine: str = PYTORCH
    sweep: bool = False

    def __post_init__(self) -> None:
        for what, value in (("slices", self.slices), ("threads", self.threads)):
            if value < 1:
                raise ValueError(f"{what} is {value}; it must be at least 1")

    @property
    def stem(self) -> str:
        """File name without ending: label, engine if not PyTorch, size and threads."""
        engine = "" if self.engine == PYTORCH else f"-{self.engine}"
        return f"{self.file_label}{engine}-{self.size[0]}x{self.size[1]}-t{self.threads}"

    @property
    def file_label(self) -> str:
        """The label, or the model's name, as it may stand in a file's name."""
        return re.sub(r"[^A-Za-z0-9._-]+", "_", self.label or self.model)

    def workload(self) -> Workload:
        """The work itself, with absolute paths and as many slices per pass as evaluation takes."""
        return Workload(
            model=self.model,
            options=dict(self.options),
            in_channels=self.in_channels,
            out_channels=self.out_channels,
            size=self.size,
            slices=self.slices,
            slices_per_pass=max(1, CELLS_PER_PASS // (self.size[0] * self.size[1])),
            threads=self.threads,
            weights=str(self.weights.resolve()) if self.weights else None,
            plugins=tuple(str(file.resolve()) for file in self.plugins),
            parts=("slice", "end_to_end") if self.sweep else ("slice", "volume"),
            profile=self.profile,
            engine=self.engine,
        )


def measure_efficiency(request: TimingRequest) -> dict[str, Any]:
    """Measure a model in fresh processes, or read what was measured before.

    Writes the summary to `<stem>.json` in `request.out`, and every round, as pytest-benchmark wrote it, to
    `rounds/<stem>.json` there. A summary is taken as it is if its `key` tells of the same request, weights, code of the
    models, libraries and machine; one that was taken on a busy machine too: delete it to measure again.

    Returns:
        The summary; docs/efficiency.md lists its fields.

    Raises:
        BenchError: a process failed; one line, its output is in the error's notes.
        OSError: `request.out` cannot be written.
    """
    target = request.out / f"{request.stem}.json"
    wanted = timing_key(request)
    known = _read_json(target)
    if known.get("key") == wanted:
        return known
    request.out.mkdir(parents=True, exist_ok=True)  # before the work, which is in vain if this fails
    with tempfile.TemporaryDirectory(prefix="mednca-timing-") as name:
        measured, raw = (_sweep if request.sweep else _volume)(request.workload(), Path(name))
    summary = {**measured, "key": wanted}
    write_bytes(request.out / ROUNDS / target.name, raw)
    write_text(target, json.dumps(summary, indent=1) + "\n")
    return summary


def _volume(work: Workload, folder: Path) -> tuple[dict[str, Any], bytes]:
    """What `efficiency-v1` measures, and the timer's file."""
    memory = measure_memory(work, folder)
    raw = measure_time(work, folder)
    return summarise(work, json.loads(raw), memory), raw


def _sweep(work: Workload, folder: Path) -> tuple[dict[str, Any], bytes]:
    """What `efficiency-v2` measures, and the timer's file."""
    scan = folder / "scan.nii.gz"
    scan.write_bytes(scan_bytes(channels=work.in_channels, size=work.size, slices=work.slices))
    work = replace(work, scan=str(scan))
    # An exported model's process holds PyTorch too and exports or compiles first: its memory and start are not its own.
    exported = work.engine != PYTORCH
    memory = {} if exported else measure_memory(replace(work, slices=1), folder)
    starts = 0 if exported else find_profile(work.profile).cold_starts
    cold = [measure_cold_start(work, folder) for _ in range(starts)]
    raw = measure_time(work, folder)
    return summarise_sweep(work, json.loads(raw), memory=memory, cold=cold), raw


def timing_key(request: TimingRequest) -> str:
    """The SHA-256 of everything that can change a time."""
    here = machine()
    models = Path(__file__).resolve().parents[1] / "models"
    return key(
        kind="timing",
        version=TIMING_VERSION,
        cells_per_pass=CELLS_PER_PASS,
        model=[request.model, dict(request.options), request.in_channels, request.out_channels],
        work=[*request.size, request.slices, request.threads, request.profile, request.sweep, request.engine],
        weights=_digest([request.weights] if request.weights else []),
        code=_digest(sorted(file for file in models.rglob("*") if file.suffix in (".py", ".in"))),
        plugins=_digest(request.plugins),
        machine=[here[name] for name in LASTING],
        versions=versions(),
    )


def _digest(files: Sequence[Path]) -> list[str]:
    try:
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    except OSError as error:
        raise BenchError(f"{error.filename}: cannot be read ({error.strerror}); give an existing file") from error


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object, empty if there is none: what cannot be read is measured again."""
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return words if isinstance(words, dict) else {}
