"""Open every pair of a task and list what is wrong, instead of stopping at the first problem.

Errors would stop or falsify a run: unreadable files, image and label on different grids, voxels that are not finite,
labels outside the map, the same image under two ids, a subject on both sides of the split. Warnings are to be known:
empty labels, constant images, files nobody reads, cases no part of the split names.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from .dataset_json import CaseFiles, Listing, case_id, read_listing
from .errors import BenchError, DataProblem
from .nifti import read_volume
from .progress import progress
from .split import Split
from .task import find_split
from .volume import Float32Array, LabelArray, check_pair, image_array, label_array

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        severity: "error" spoils a run, "warning" is to be known.
        case: the case's id, or "" for the task as a whole.
        file: the file, relative to the task folder where it lies inside.
        problem: what is wrong.
        remedy: what to do.
    """

    severity: Literal["error", "warning"]
    case: str
    file: str
    problem: str
    remedy: str


def verify(folder: Path) -> list[Finding]:
    """Open every image and label of a task folder.

    Args:
        folder: holds `dataset.json`.

    Returns:
        Everything found, the task's own findings first, then case by case; empty if all is well.

    Raises:
        BenchError: there is no folder or no readable `dataset.json`.
    """
    listing = read_listing(folder)
    findings = [*_split_findings(listing), *_stray_files(listing)]
    seen: dict[str, str] = {}
    with progress(f"verifying {listing.name}", total=len(listing.cases)) as meter:
        for case in listing.cases:
            findings += _case_findings(case, listing=listing, seen=seen)
            meter.advance()
    return findings


def _relative(file: Path, folder: Path) -> str:
    """A file as shown: relative to the task folder where it lies inside."""
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _split_findings(listing: Listing) -> Iterator[Finding]:
    """Groups that cross, cases without a part."""
    own = listing.root / "split.json"
    try:
        split: Split = find_split(listing)
    except BenchError as error:
        yield Finding("error", "", own.name, str(error), "correct the split")
        return
    if split.origin == "published" and own.is_file():
        problem = f"not used: {listing.name} has a published split"
        yield Finding("warning", "", own.name, problem, "rename the task folder if this is another data set")
    unassigned = split.unassigned(case.id for case in listing.cases)
    if len(unassigned) == len(listing.cases):
        problem = f"the {split.origin} split of {split.task} names none of the {len(unassigned)} cases"
        yield Finding("error", "", "dataset.json", problem, "rename the folder or its split.json")
        return
    for case in unassigned:
        yield Finding("warning", case, "", f"no part of the {split.origin} split names it", "it is never used")


def _stray_files(listing: Listing) -> Iterator[Finding]:
    """NIfTI files beside the cases that `dataset.json` does not name; "._…" files are macOS's own and skipped."""
    named = {path.resolve() for case in listing.cases for path in (case.image, case.label)}
    folders = {path.parent for case in listing.cases for path in (case.image, case.label)}
    for folder in sorted(folders):
        for path in sorted([*folder.glob("*.nii"), *folder.glob("*.nii.gz")]):
            if path.resolve() not in named and not path.name.startswith("._"):
                shown = _relative(path, listing.root)
                yield Finding("warning", case_id(path), shown, "dataset.json does not name it", "it is never used")


def _case_findings(case: CaseFiles, *, listing: Listing, seen: dict[str, str]) -> list[Finding]:
    """Everything about one case; `seen` collects image digests -> case id."""
    findings: list[Finding] = []

    def tried(step: Callable[[], _Read]) -> _Read | None:
        try:
            return step()
        except DataProblem as error:
            file = _relative(error.file, listing.root)
            findings.append(Finding("error", case.id, file, error.problem, error.remedy))
            return None

    def warn(file: Path, problem: str, remedy: str) -> None:
        findings.append(Finding("warning", case.id, _relative(file, listing.root), problem, remedy))

    scan, mask = tried(partial(read_volume, case.image)), tried(partial(read_volume, case.label))
    image = tried(partial(image_array, scan, task=listing)) if scan else None
    label = tried(partial(label_array, mask, task=listing)) if mask else None
    if scan and mask:
        tried(partial(check_pair, scan, mask))
    if image is not None:
        for problem in _constant(image, listing.modalities):
            warn(case.image, problem, "check the image; it is scored as it is")
        twin = seen.setdefault(_digest(image), case.id)
        if twin != case.id:
            file = _relative(case.image, listing.root)
            findings.append(Finding("error", case.id, file, f"same voxels as case {twin}", "remove one of the two"))
    if label is not None:
        for problem in _absent(label, listing.labels):
            warn(case.label, problem, "check the label; the case is scored as it is")
    return findings


def _digest(image: Float32Array) -> str:
    """SHA-256 of an image's shape and voxels."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(image.data)
    return digest.hexdigest()


def _constant(image: Float32Array, modalities: dict[int, str]) -> Iterator[str]:
    """Channels with one value only."""
    for number, channel in enumerate(image):
        if channel.min() == channel.max():
            yield f"constant image: every voxel of {modalities[number]} is {float(channel.flat[0]):g}"


def _absent(label: LabelArray, labels: dict[int, str]) -> Iterator[str]:
    """An empty label, or one class without voxels."""
    present = set(np.unique(label).tolist())
    missing = [f"{value} {name}" for value, name in labels.items() if value not in present]
    if len(missing) == len(labels):
        yield "empty label: no voxel is foreground"
    elif missing:
        yield f"no voxel has label {', '.join(missing)}"
