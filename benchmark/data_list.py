"""What a data root holds: the rows of `data list`."""

from pathlib import Path
from typing import Any

from .errors import BenchError
from .locations import task_folders
from .msd import TASKS, MsdTask, known_task
from .split import PARTS
from .task import Task, open_task


def task_rows(root: Path | None, *, missing_root: Path) -> list[dict[str, Any]]:
    """A row per MSD task, found or not, then one per other task folder (phantoms, own data).

    Args:
        root: the data root, or None if there is none.
        missing_root: where tasks would be looked for if `root` is None.

    Returns:
        Plain data: task, alias, modalities, labels, spacing (mm), folder, found, phantom, cases, split (part ->
        [cases on disk, cases named]), split_origin, unassigned (cases no part names), problem.
    """
    found: dict[str, Path] = {}
    own: list[Path] = []
    for folder in task_folders(root) if root else ():
        msd = known_task(folder.resolve().name)
        if msd and msd.name not in found:
            found[msd.name] = folder
        else:
            own.append(folder)
    rows = [_row(found.get(msd.name), msd=msd, expected=(root or missing_root) / msd.name) for msd in TASKS]
    return [*rows, *(_row(folder, msd=None, expected=folder) for folder in own)]


def _row(folder: Path | None, *, msd: MsdTask | None, expected: Path) -> dict[str, Any]:
    """One task's row."""
    task: Task | None = None
    problem = ""
    if folder:
        try:
            task = open_task(folder)
        except BenchError as error:
            problem = str(error)
    modalities = list(task.modalities.values()) if task else list(msd.modalities) if msd else []
    labels = list(task.labels.values()) if task else list(msd.labels) if msd else []
    return {
        "task": task.name if task else msd.name if msd else expected.name,
        "alias": msd.alias if msd else "",
        "modalities": modalities,
        "labels": labels,
        "spacing": list(msd.spacing) if msd else None,
        "folder": str(folder or expected),
        "found": folder is not None,
        "phantom": bool(task and task.phantom),
        "cases": len(task.cases) if task else 0,
        "split": {part: list(task.split.used(task.ids)[part]) for part in PARTS} if task else None,
        "split_origin": task.split.origin if task else None,
        "unassigned": list(task.split.unassigned(task.ids)) if task else [],
        "problem": problem,
    }
