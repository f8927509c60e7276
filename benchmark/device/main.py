"""Time the models of this bundle on this machine: `python3 run.py`, see `--help`. Writes one JSON file.

Every runner first answers a slice whose logits are known; one that answers wrong is not timed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any, Sequence

from . import facts
from .files import Model
from .nca import macs
from .runners import RUNNERS, TOLERANCE, Wrong

FORMAT = "mednca-device-result"
VERSION = 1
SLOWER = 0.9  # share of the frequency at the start


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time Med-NCA on this machine and write a JSON file for mednca-bench.")
    parser.add_argument("--runner", choices=sorted(RUNNERS), action="append", help="default: all that work here")
    parser.add_argument("--side", type=int, action="append", help="image side; default: by runner, small ones first")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a measurement; default 10")
    parser.add_argument("--limit", type=float, default=900.0, help="leave out what would take longer; default 900 s")
    parser.add_argument("--out", type=Path, default=Path("device-result.json"), help="file to write")
    return parser.parse_args(words)


def main(folder: Path, words: Sequence[str] | None = None) -> int:
    """Check, time and write; exit code 1 if a runner gave a wrong answer or nothing could be timed."""
    given = _arguments(words)
    about = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = []
    wrong = False
    for place in about["models"]:
        model = Model(folder / "models" / place)
        for name in given.runner or sorted(RUNNERS):
            try:
                rows += _rows(model, name, given)
            except Wrong as error:
                wrong = wrong or bool(given.runner) or "wrong answer" in str(error)
                _say("{}, {}: {}".format(model.about["label"], name, error))
    if not rows:
        _say("error: nothing was timed")
        return 1
    result = {
        "format": FORMAT,
        "version": VERSION,
        "bundle": about["sha256"],
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": facts.machine(),
        "rows": rows,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _say(f"{len(rows)} row{'s' * (len(rows) != 1)} in {given.out}; mednca-bench import-device RUN {given.out}")
    return 1 if wrong else 0


def _rows(model: Model, name: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    runner = RUNNERS[name](model)
    error = runner.check()
    if not error <= TOLERANCE:
        raise Wrong(f"wrong answer: logits differ by up to {error:.3g}, allowed are {TOLERANCE:g}; not timed")
    rows: list[dict[str, Any]] = []
    before = None  # seconds per pixel at the last side
    for side in given.side or runner.sides:
        if before is not None and before * side * side * 4 > given.limit:
            _say(
                f"{model.about['label']}, {name}: sides from {side} would take over {given.limit:g} s and are left out"
            )
            break
        row = _row(model, name, side, given.seconds, runner, error)
        rows.append(row)
        median = sorted(row["seconds"])[len(row["seconds"]) // 2]
        before = median / (side * side)
        _say(f"{model.about['label']}, {name}, {side} x {side}: {median:.6g} s")
    return rows


def _row(model: Model, name: str, side: int, seconds: float, runner: Any, error: float) -> dict[str, Any]:
    clock, frequency = facts.clocks(), facts.frequency_mhz()
    timed = runner.time(side, seconds)
    others, after = facts.other_cores(clock, facts.clocks()), facts.frequency_mhz()
    throttled = bool(frequency and after and after < SLOWER * frequency)
    about = model.about
    return {
        "model": about["model"],
        "label": about["label"],
        "weights": about["weights"],
        "parameters": about["parameters"],
        "weight_bytes": about["weight_bytes"],
        "macs": macs(side, side, about["shape"]),
        "steps": about["shape"]["steps"],
        "runner": name,
        "compiler": runner.compiler,
        "size": [side, side],
        "threads": 1,
        "seconds": timed["seconds"],
        "peak_memory_mb": timed["peak_memory_mb"],
        "check_error": error,
        "other_cores": others,
        "throttled": throttled,
        "frequency_mhz": after,
        "temperature_c": facts.temperature_c(),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr)
    sys.stderr.flush()
