"""A task made from two folders, images and labels, without a dataset.json.

Files are NIfTI (`.nii.gz`, `.nii`) or PNG slices. A label has its image's name; an image may end in nnU-Net's `_0000`.
The label map is what the labels hold: whole numbers 0 … n, or 0 and 255. The split follows the published rule (see
`split`), by case, or by subject where a CSV with the columns `case` and `subject` names them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .dataset_json import CaseFiles, case_id
from .errors import BenchError, DataProblem, UsageProblem
from .msd import known_task
from .nifti import REPLACE, Volume, read_volume
from .orientation import axes_found
from .progress import progress, say
from .split import make
from .task import Task

ENDINGS = (".nii.gz", ".nii", ".png")
CHANNEL = "_0000"  # nnU-Net's suffix of the first channel
MOST_LABELS = 16  # values above this are of a picture, not of a mask
BINARY = 255  # what masks of 0 and 255 hold


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """Two folders to make a task of.

    Attributes:
        images: folder of images.
        labels: folder of labels.
        name: the task's name; None takes the folder's.
        subjects: CSV with the columns `case` and `subject`; None takes each case for a subject of its own.
    """

    images: Path
    labels: Path
    name: str | None = None
    subjects: Path | None = None


def file_id(path: Path) -> str:
    """A file's name without its ending.

    >>> file_id(Path("a/case_01.nii.gz")), file_id(Path("b.PNG"))
    ('case_01', 'b')
    """
    return path.stem if path.suffix.casefold() == ".png" else case_id(path)


def own_task(own: OwnData) -> Task:
    """Pair the files, read the label map and the number of channels, and split.

    Raises:
        BenchError: a folder missing or empty, a file without its partner, two files of one name, labels that are no
            masks, subjects that do not fit; each in one line.
        UsageProblem: the name is that of an MSD task, which has its own split.
    """
    name = own.name or _folder_name(own)
    if known_task(name):
        raise UsageProblem(f"'{name}' is a task of the MSD with a published split; use --data, or give another --name")
    cases = _pairs(own)
    ids = tuple(case.id for case in cases)
    subjects = {case: case for case in ids} if own.subjects is None else _subjects(own.subjects, ids)
    if own.subjects is None:
        say(f"{name}: each file is taken for a subject of its own; if some share one, name them with --subjects CSV")
    if len(axes := axes_found(case.image for case in cases)) > 1:
        told = ", ".join(sorted(axes))
        say(f"{name}: the images' axes run different ways ({told}), and models see them as they lie; store all alike")
    labels = _label_map(cases)
    return Task(name, own.images, False, cases, labels, _modalities(cases[0]), make(ids, subjects, task=name))


def _folder_name(own: OwnData) -> str:
    """The folder that holds both, else that of the images."""
    images, labels = own.images.resolve(), own.labels.resolve()
    return images.parent.name if images.parent == labels.parent and images.parent.name else images.name


def _files(folder: Path, option: str) -> dict[str, Path]:
    """The images or labels in a folder by id."""
    if not folder.is_dir():
        raise BenchError(f"{folder}: no such folder, given by {option}; name the one that holds the files")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.name.casefold().endswith(ENDINGS):
            continue
        other = found.setdefault(file_id(path), path)
        if other != path:
            raise BenchError(f"{path}: has the name of {other.name} but for its ending; keep one of the two")
    if not found:
        raise BenchError(f"{folder}: holds no file ending in {', '.join(ENDINGS)}; convert the files, or name another")
    return found


def _pairs(own: OwnData) -> tuple[CaseFiles, ...]:
    """Each image with its label, sorted by id."""
    labels = _files(own.labels, "--labels")
    images: dict[str, Path] = {}
    for name, path in _files(own.images, "--images").items():
        short = name.removesuffix(CHANNEL)
        case = name if name in labels else short
        if case[-5:-1] == "_000" and case[:-5] in labels:
            raise BenchError(f"{path}: is a further channel (nnU-Net); put the one to use in a folder of its own")
        if case in images:
            raise BenchError(f"{path}: is a second image of {case}, beside {images[case].name}; keep one of the two")
        images[case] = path
    alone = [(own.images, "images without a label", images.keys() - labels.keys(), own.labels)]
    alone += [(own.labels, "labels without an image", labels.keys() - images.keys(), own.images)]
    for folder, what, names, other in alone:
        if names:
            raise BenchError(f"{folder}: {what} in {other}: {_listed(names)}; add the partners or remove these files")
    return tuple(CaseFiles(case, images[case], labels[case]) for case in sorted(images))


def _listed(names: Iterable[str], *, most: int = 5) -> str:
    every = sorted(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")


def _label_map(cases: tuple[CaseFiles, ...]) -> dict[int, str]:
    """Value to name of everything the labels hold beside 0."""
    values: set[int] = set()
    with progress("reading labels", total=len(cases)) as meter:
        for case in cases:
            values |= _values(read_volume(case.label))
            meter.advance()
    values.discard(0)
    if not values:
        raise BenchError(f"{cases[0].label.parent}: no label holds anything but 0; there is nothing to learn")
    if BINARY in values and len(values) > 1:
        raise BenchError(
            f"{cases[0].label.parent}: 255 beside {_listed(map(str, values - {BINARY}))}; smoothed masks and pixels to "
            "ignore are not supported, save 0 and 255, or 0 to n"
        )
    if len(values) == 1:
        return dict.fromkeys(values, "foreground")
    return {value: f"label {value}" for value in sorted(values)}


def _values(label: Volume) -> set[int]:
    """The values of one label file. Raises DataProblem where they are not those of a mask."""
    values = np.unique(label.array)
    if label.array.dtype.kind not in "iufb" or not np.isfinite(values).all():
        raise DataProblem(label.file, "holds values that are no whole numbers", REPLACE)
    wrong = [value for value in values.tolist() if value != int(value) or not 0 <= value <= BINARY]
    if wrong:
        raise DataProblem(label.file, f"label values {wrong[:5]} are not whole numbers from 0 to 255", REPLACE)
    high = [int(value) for value in values if MOST_LABELS < value < BINARY]
    if high:
        problem = f"label values {high[:5]} are above {MOST_LABELS} (a smoothed mask, or the image itself?)"
        raise DataProblem(label.file, problem, "save 0 and 255, or 0 to n")
    return {int(value) for value in values}


def _modalities(case: CaseFiles) -> dict[int, str]:
    shape = read_volume(case.image).array.shape
    return {0: "image"} if len(shape) == 3 else {number: f"channel {number}" for number in range(shape[3])}


def _subjects(path: Path, ids: tuple[str, ...]) -> Mapping[str, str]:
    """The subject of each case."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise BenchError(f"{path}: cannot be read as CSV ({error}); it needs the columns case and subject") from error
    found: dict[str, str] = {}
    for row in rows:
        case, subject = row.get("case"), row.get("subject")
        if not case or not subject:
            raise BenchError(f"{path}: line {len(found) + 2} lacks a case or a subject; the columns are case,subject")
        name = file_id(Path(case.strip()))
        if found.setdefault(name, subject.strip()) != subject.strip():
            raise BenchError(f"{path}: case {name} has two subjects ({found[name]}, {subject.strip()}); keep one")
    missing = set(ids) - found.keys()
    if missing:
        raise BenchError(f"{path}: no subject for {_listed(missing)}; add a line for each")
    return {case: found[case] for case in ids}
