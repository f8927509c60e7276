"""run.json of a merge: the run.json of every run it was made of, whole, and above them what tables and plots read."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_SAME: Final = ("task", "split", "phantom", "split_sha256")
"""What the runs must agree on, where they say it."""


def read_description(folder: Path) -> dict[str, Any]:
    """RUN/run.json as it is; empty where there is none.

    Raises:
        ValueError: it is not a JSON object; names it.
    """
    path = folder / "run.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): delete it, the records are not touched") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a JSON object: delete it, the records are not touched")
    return content


def merged_description(runs: Sequence[dict[str, Any]], *, command: str) -> dict[str, Any]:
    """One run.json from several.

    Args:
        runs: their contents, each with the `folder` it came from; copies are dropped.
        command: of the merge.

    Returns:
        A pure function of the arguments whatever the order of `runs`: the runs under `merged`, sorted by their content,
        and for tables and plots `suite`, `task`, `split`, `phantom`, `models`, `perturbations` and so on.

    Raises:
        ValueError: the runs are of different tasks, parts, splits or kinds of data; names them.
    """
    unique = {_digest(run): run for run in runs}
    ordered = [unique[digest] for digest in sorted(unique)]
    shared = {name: _agreed(name, ordered) for name in _SAME}
    return {
        "command": command,
        "suite": " + ".join(sorted({str(run["suite"]) for run in ordered if run.get("suite")})),
        **{name: value for name, value in shared.items() if value is not None},
        "scored_train_cases": any(run.get("scored_train_cases") is True for run in ordered),
        "cases_on_disk": _cases_on_disk(ordered),
        "cases": sorted({str(case) for run in ordered for case in _listed(run, "cases")}),
        "models": _models(ordered),
        "perturbations": _tables(ordered),
        "commands": [entry for run in ordered for entry in _listed(run, "commands")],
        "merged": ordered,
    }


def _digest(run: dict[str, Any]) -> str:
    """Of a run's content, not of where it lay: the same run copied elsewhere is the same run."""
    plain = {name: value for name, value in run.items() if name != "folder"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _agreed(name: str, runs: Sequence[dict[str, Any]]) -> Any:
    said = [(run[name], str(run.get("folder"))) for run in runs if run.get(name) is not None]
    for value, folder in said[1:]:
        if value != said[0][0]:
            raise ValueError(
                f"{said[0][1]} has {name} {said[0][0]}, {folder} has {name} {value}: these are never put into one run"
            )
    return said[0][0] if said else None


def _listed(run: dict[str, Any], name: str) -> list[Any]:
    found = run.get(name)
    return found if isinstance(found, list) else []


def _cases_on_disk(runs: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Per part what the runs found; where they found different numbers, all of them."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for part, count in (run.get("cases_on_disk") or {}).items():
            found.setdefault(str(part), set()).add(str(count))
    return {part: " / ".join(sorted(counts)) for part, counts in sorted(found.items())}


def _models(runs: Sequence[dict[str, Any]]) -> list[Any]:
    """Each model and weights once, of the first run that has them and tells most of their training."""
    models: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in (entry for run in runs for entry in _listed(run, "models") if isinstance(entry, dict)):
        name = (str(entry.get("model")), str(entry.get("weights")))
        if name not in models or _told(entry) > _told(models[name]):
            models[name] = entry
    return [models[name] for name in sorted(models)]


def _told(entry: dict[str, Any]) -> int:
    """How much a model's entry tells of its training: nothing, its course, the minutes it took too."""
    training = entry.get("training")
    return 1 + ("minutes" in training) if isinstance(training, dict) else 0


def _tables(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for run in runs:
        tables |= run.get("perturbations") or {}
    return dict(sorted(tables.items()))
