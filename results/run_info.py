"""What run.json says about a run, as far as tables and plots show it. Every key may be missing."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .course import Course, read_course

PHANTOM: Final = "PHANTOM DATA – not real MRI"
TRAINING_CASES: Final = "SCORED ON TRAINING CASES – not a measure of generalisation"


@dataclass(frozen=True)
class RunInfo:
    """The keys of run.json that the results room reads.

    Attributes:
        suite: name with version; "" when unknown, as for the other words.
        task: task name.
        split: part that was scored.
        command: as typed.
        phantom: whether the data was generated; None when unknown (then the records say).
        scored_train_cases: a model was scored on cases it was trained on.
        cases_on_disk: "n of n" per part of the split.
        parameters: trainable parameters per model, where known.
        courses: how each model's weights were come by, where they tell it; by their SHA-256.
        severities: per perturbation the physical values of severities 1 to 5, with `parameter` and `unit`.
    """

    suite: str = ""
    task: str = ""
    split: str = ""
    command: str = ""
    phantom: bool | None = None
    scored_train_cases: bool = False
    cases_on_disk: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    courses: dict[str, Course] = field(default_factory=dict)
    severities: dict[str, dict[str, Any]] = field(default_factory=dict)

    def marks(self, *, phantom: bool, of_training: bool = False) -> tuple[str, ...]:
        """The warnings every table and plot carries, loudest first.

        Args:
            phantom: its numbers are of generated data.
            of_training: it tells of how weights were come by, and nothing of what was scored.
        """
        seen = self.scored_train_cases and not of_training
        return ((PHANTOM,) if phantom else ()) + ((TRAINING_CASES,) if seen else ())


def require_run(folder: Path) -> None:
    """Refuse a folder that holds nothing of a run.

    Raises:
        ValueError: there are neither provenance nor records nor timings in it.
    """
    if not any((folder / name).exists() for name in ("run.json", "records", "efficiency", "stability")):
        raise ValueError(f"{folder}: holds nothing of a run; name a folder that `mednca-bench run` wrote")


def read_run_info(folder: Path) -> RunInfo:
    """Read RUN/run.json; a missing file or key gives the defaults.

    Raises:
        ValueError: the file is not a JSON object; names it.
    """
    path = folder / "run.json"
    if not path.exists():
        return RunInfo()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): delete it, the records are not touched") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a JSON object: delete it, the records are not touched")
    phantom = content.get("phantom")
    return RunInfo(
        **{name: str(content.get(name) or "") for name in ("suite", "task", "split", "command")},
        phantom=phantom if isinstance(phantom, bool) else None,
        scored_train_cases=content.get("scored_train_cases") is True,
        cases_on_disk={str(part): str(count) for part, count in _mapping(content.get("cases_on_disk")).items()},
        parameters=_parameters(content.get("models")),
        courses=_courses(content.get("models")),
        severities={
            str(name): table
            for name, table in _mapping(content.get("perturbations")).items()
            if isinstance(table, dict) and isinstance(table.get("severities"), list)
        },
    )


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _entries(models: Any) -> list[dict[Any, Any]]:
    return [entry for entry in models if isinstance(entry, dict)] if isinstance(models, list) else []


def _parameters(models: Any) -> dict[str, int]:
    entries = _entries(models)
    return {str(e["model"]): e["parameters"] for e in entries if "model" in e and isinstance(e.get("parameters"), int)}


def _courses(models: Any) -> dict[str, Course]:
    told = {
        str(entry["weights"]): read_course(entry.get("training")) for entry in _entries(models) if "weights" in entry
    }
    return {weights: course for weights, course in told.items() if course is not None}
