"""Split files: JSON with `task`, `version`, `group_rule`, `rule`, `train`, `val`, `test` (case ids) and `group`.

`group` maps each case id to its subject, a number or a string. The published ones are `splits/<task>.json` in this
package; a task folder may hold its own, `split.json`.
"""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from .errors import BenchError
from .split import PARTS, Split


def _ids(content: Mapping[str, Any], part: str, path: Path) -> tuple[str, ...]:
    ids = content.get(part)
    if not isinstance(ids, list) or not all(isinstance(case, str) for case in ids):
        raise BenchError(f"{path}: '{part}' is not a list of case ids; a split needs train, val, test and group")
    return tuple(sorted(ids))


def load(path: Path, *, origin: Literal["published", "folder"] = "folder") -> Split:
    """Read a split file.

    Raises:
        BenchError: not JSON, a key missing, a case named twice or without group, or a group that crosses parts.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot read the split ({error}); restore the file or delete it") from error
    if not isinstance(content, dict):
        raise BenchError(f"{path}: a split is a JSON object with train, val, test and group; restore the file")
    train, val, test = (_ids(content, part, path) for part in PARTS)
    groups = content.get("group")
    if not isinstance(groups, dict):
        raise BenchError(f"{path}: 'group' is missing; it maps each case id to its subject")
    version = content.get("version", 1)
    if not isinstance(version, int):
        raise BenchError(f"{path}: 'version' is {version!r}; it must be an integer")
    words = {key: str(content.get(key, "")) for key in ("rule", "group_rule")}
    group = {case: str(subject) for case, subject in groups.items()}
    task = str(content.get("task", path.parent.name))
    return Split(task, version, words["rule"], words["group_rule"], train, val, test, group, origin)


def published(task: str) -> Split | None:
    """The split shipped with this package for an MSD task ("Task04_Hippocampus"), or None."""
    with resources.as_file(resources.files("mednca_bench.benchmark.splits")) as folder:
        path = folder / f"{task}.json"
        return load(path, origin="published") if path.is_file() else None
