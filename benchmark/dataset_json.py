"""`dataset.json`, the table of contents of an MSD task folder: its cases, label map and modalities.

Nothing is looked for on disk here beyond the file itself. A case's id is its image's file name without `.nii.gz`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from .errors import BenchError
from .msd import known_task


@dataclass(frozen=True)
class CaseFiles:
    """One labelled case on disk."""

    id: str
    image: Path
    label: Path


@dataclass(frozen=True)
class Listing:
    """What a task folder's `dataset.json` says, before any file is looked for."""

    name: str
    root: Path
    phantom: bool
    cases: tuple[CaseFiles, ...]
    labels: dict[int, str] = field(hash=False)
    modalities: dict[int, str] = field(hash=False)


def case_id(file: Path) -> str:
    """The case id of a NIfTI file.

    >>> case_id(Path("imagesTr/hippocampus_001.nii.gz"))
    'hippocampus_001'
    """
    name = file.name
    for ending in (".gz", ".nii"):
        name = name[: -len(ending)] if name.casefold().endswith(ending) else name
    return name


def _content(folder: Path) -> dict[str, Any]:
    """`dataset.json` as a dict."""
    if not folder.is_dir():
        raise BenchError(f"{folder}: no such folder; give a task folder that holds dataset.json, imagesTr and labelsTr")
    path = folder / "dataset.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(f"{folder}: no dataset.json; give the task folder itself, or restore the file") from None
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read ({error}); restore it from the task's archive") from error
    if not isinstance(content, dict):
        raise BenchError(f"{path}: not a JSON object; restore it from the task's archive")
    return content


def _numbered(content: Mapping[str, Any], key: str, path: Path) -> dict[int, str]:
    """A table of number -> name, such as labels or modalities, sorted by number."""
    table = content.get(key)
    try:
        return {number: str(table[text]) for number, text in sorted((int(text), text) for text in table)}  # type: ignore[index,union-attr]
    except (TypeError, ValueError, KeyError) as error:
        raise BenchError(f'{path}: {key!r} must map numbers to names, like {{"1": "Anterior"}}') from error


def _case_files(entry: object, *, folder: Path) -> CaseFiles:
    """One entry of the `training` list."""
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("image", "label")):
        raise BenchError(f"{folder / 'dataset.json'}: a training entry is {entry!r}; it needs 'image' and 'label'")
    image, label = folder / entry["image"], folder / entry["label"]
    return CaseFiles(case_id(image), image, label)


def _name(content: Mapping[str, Any], folder: Path) -> str:
    """The MSD name if the folder or the file carries it, the phantom's own, else the folder's."""
    title = str(content.get("name", ""))
    if content.get("phantom"):
        return title or folder.name
    msd = known_task(folder.resolve().name) or known_task(title)
    return msd.name if msd else folder.resolve().name


def read_listing(folder: Path) -> Listing:
    """Read `dataset.json` without looking for the files it names.

    Raises:
        BenchError: no folder, no or broken `dataset.json`, a label map without foreground, an id listed twice.
    """
    content, path = _content(folder), folder / "dataset.json"
    labels = {value: name for value, name in _numbered(content, "labels", path).items() if value != 0}
    if not labels or not all(0 < value < 256 for value in labels):
        raise BenchError(f"{path}: 'labels' needs foreground values between 1 and 255; it has {sorted(labels)}")
    training = content.get("training")
    if not isinstance(training, list) or not training:
        raise BenchError(f"{path}: 'training' lists no cases; labelled cases are what is scored")
    cases = tuple(sorted((_case_files(entry, folder=folder) for entry in training), key=lambda case: case.id))
    for one, other in pairwise(cases):
        if one.id == other.id:
            raise BenchError(f"{path}: case id {one.id} is listed twice; keep one entry")
    modalities = _numbered(content, "modality", path)
    if not modalities or list(modalities) != list(range(len(modalities))):
        raise BenchError(f"{path}: 'modality' must number the channels 0, 1, ...; it has {sorted(modalities)}")
    return Listing(_name(content, folder), folder, bool(content.get("phantom")), cases, labels, modalities)
