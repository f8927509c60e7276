"""A segmentation task on disk: an MSD folder (`dataset.json`, `imagesTr/`, `labelsTr/`) or a phantom of one.

MSD ships labels for its training cases only; those are the benchmark's cases, and the folder's test images are never
read.
"""

from dataclasses import dataclass, field
from pathlib import Path

from . import split_file
from .dataset_json import CaseFiles, Listing, read_listing
from .errors import BenchError
from .split import Split, make

__all__ = ["CaseFiles", "Listing", "Task", "find_split", "open_task"]


@dataclass(frozen=True)
class Task:
    """A task's cases, label map and split.

    Attributes:
        name: "Task04_Hippocampus" for an MSD task, "Phantom04_Hippocampus" for its phantom, else the folder's name.
        root: the task folder.
        phantom: made by `phantom.make`, not real data.
        cases: sorted by id; both files existed when the task was opened.
        labels: label value -> name, without background.
        modalities: channel -> name.
        split: see `split`; it may name cases that are not in `cases`, and miss some that are.
    """

    name: str
    root: Path
    phantom: bool
    cases: tuple[CaseFiles, ...]
    labels: dict[int, str] = field(hash=False)
    modalities: dict[int, str] = field(hash=False)
    split: Split

    @property
    def ids(self) -> tuple[str, ...]:
        """The case ids, sorted."""
        return tuple(case.id for case in self.cases)


def find_split(listing: Listing) -> Split:
    """The task's split: the published one, else the folder's `split.json`, else one made by the published rule.

    In a made split each case is its own subject, which holds for the MSD tasks without a published split as far as
    their file names tell.
    """
    if not listing.phantom and (published := split_file.published(listing.name)):
        return published
    path = listing.root / "split.json"
    if path.is_file():
        return split_file.load(path)
    return make((case.id for case in listing.cases), lambda case: case, task=listing.name)


def open_task(folder: Path) -> Task:
    """Open a task folder.

    Args:
        folder: holds `dataset.json`; every image and label under its `training` key must exist.

    Raises:
        BenchError: whatever is wrong with the folder, with the file and the remedy.
    """
    listing = read_listing(folder)
    for case in listing.cases:
        for kind, path in (("image", case.image), ("label", case.label)):
            if not path.is_file():
                raise BenchError(
                    f"{path}: {kind} of case {case.id} is missing; restore the file or remove the case from "
                    f"{folder / 'dataset.json'}"
                )
    split = find_split(listing)
    if len(split.unassigned(case.id for case in listing.cases)) == len(listing.cases):
        raise BenchError(
            f"{folder}: the {split.origin} split of {split.task} names none of its {len(listing.cases)} cases "
            f"({listing.cases[0].id}, ...); rename the folder or its split.json if this is another data set"
        )
    return Task(listing.name, listing.root, listing.phantom, listing.cases, listing.labels, listing.modalities, split)
