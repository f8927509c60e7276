"""run.json: what a reader needs to trace a number: code, data, seeds, machine, and the exact commands."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..models import weights
from ..models.base import parameter_count
from ..perturbations.base import Perturbation
from ..results.atomic import write_text
from .bookkeeping import COURSE
from .condition import Condition
from .errors import BenchError
from .evaluate import load_model
from .identity import key
from .machine import machine, versions
from .plan import Contestant, PlannedCase
from .suite import Suite
from .task import Task

FILE = "run.json"


def git_revision() -> str | None:
    """The commit of the checkout this package runs from, "+changes" if it has any; None outside a checkout."""
    here = Path(__file__).resolve().parents[1]
    try:
        revision = _git("rev-parse", "HEAD", at=here)
        return revision + ("+changes" if _git("status", "--porcelain", at=here) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str, at: Path) -> str:
    if not (at / ".git").exists():  # an installed package inside somebody else's checkout is not that checkout
        raise FileNotFoundError(at / ".git")
    return subprocess.run(["git", "-C", str(at), *arguments], capture_output=True, text=True, check=True).stdout.strip()


def command_line() -> str:
    """The command as it was typed, ready to be pasted."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def read_run(folder: Path) -> dict[str, Any]:
    """The run.json of a folder, empty where there is none. Raises BenchError if it is damaged."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read ({error}); delete it, its records are not touched") from error
    if not isinstance(content, dict):
        raise BenchError(f"{path}: is not a JSON object; delete it, its records are not touched")
    return content


def check_same_data(folder: Path, *, task: Task, part: str) -> None:
    """Refuse to mix tasks or parts, phantom and real data above all, in one run folder."""
    before = read_run(folder)
    for name, now in (("task", task.name), ("split", part)):
        if before.get(name, now) != now:
            raise BenchError(f"{folder}: holds results for {name} {before[name]}, not {now}; give another --out")


def claim(folder: Path, *, task: Task, part: str) -> None:
    """Name the data of a run folder before records are in it, so that a run stopped early is not mixed with another."""
    if not read_run(folder):
        write_text(folder / FILE, json.dumps({"task": task.name, "phantom": task.phantom, "split": part}) + "\n")


def describe(
    *,
    suite: Suite,
    task: Task,
    part: str,
    cases: list[PlannedCase],
    contestants: list[Contestant],
    chosen: Sequence[Condition],
    seeds: dict[str, Any],
) -> dict[str, Any]:
    """Everything about a run that is known before it starts."""
    return {
        "mednca_bench": __version__,
        "git_revision": git_revision(),
        "suite": suite.name,
        "task": task.name,
        "data": str(task.root),
        "phantom": task.phantom,
        "split": part,
        "split_sha256": task.split.sha256,
        "split_rule": task.split.rule,
        "cases_on_disk": {name: str(used) for name, used in task.split.used(task.ids).items()},
        "cases": [case.files.id for case in cases],
        "data_sha256": key(cases=[[case.files.id, case.sha256] for case in cases]),
        "models": [
            {
                **asdict(contestant),
                "path": str(contestant.path),
                "parameters": _parameters(contestant),
                "train_cases": len(contestant.train_cases),
                "training": _training(contestant.path),
            }
            for contestant in contestants
        ],
        "perturbations": {
            family.name: family_table(family)
            for family in sorted({c.family for c in chosen if c.severity}, key=lambda family: family.name)
        },
        "seeds": seeds,
        "versions": versions(),
        "machine": machine(),
    }


def _parameters(contestant: Contestant) -> int:
    return parameter_count(load_model(contestant.path, contestant.weights))


def _training(path: Path) -> dict[str, Any] | None:
    """How weights were come by, as far as they tell, with the minutes if what was noted of them lies beside them."""
    metadata = weights.read_metadata(path)
    course = metadata.get("training")
    if not isinstance(course, dict):
        return None
    told = {name: course.get(name) for name in COURSE}
    told |= {name: metadata.get(name) for name in ("task", "phantom", "updates", "threads")}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        noted = json.loads((path.parent / "training.json").read_text(encoding="utf-8"))
        if noted["key"] == metadata["key"]:
            told |= {name: noted[name] for name in ("minutes", "minutes_to_soft_dice_0.85")}
    return told


def family_table(family: Perturbation) -> dict[str, Any]:
    """What a family's severities mean."""
    return {
        "version": family.version,
        "kind": family.kind,
        "parameter": family.parameter,
        "unit": family.unit,
        "severities": list(family.severities),
    }


def write_run(folder: Path, description: dict[str, Any], *, outcome: dict[str, Any] | None = None) -> None:
    """Write run.json; the commands of earlier invocations are kept, newest last.

    Args:
        folder: the run folder.
        description: from `describe`.
        outcome: counts and seconds when the work is done; None when it starts.
    """
    before = read_run(folder)
    commands = before.get("commands", [])
    if outcome is None:
        commands.append({"command": command_line(), "started": _now(), "finished": None})
    else:
        commands[-1] = {**commands[-1], "finished": _now(), **outcome}
    content = {**description, "command": command_line(), "commands": commands}
    if "merged" in before:  # a run that goes on in the folder of a merge keeps what that was made of
        content["merged"] = before["merged"]
    write_text(folder / FILE, json.dumps(content, indent=1) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
