"""What a phantom task folder is made of: its settings, volumes, `dataset.json` and `split.json`, in MSD's form."""

import gzip
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import phantom_hippocampus, phantom_prostate
from .progress import progress
from .split import Split

VERSION = 3  # raise when a seed gives other bytes than before
NAMES: dict[str, str] = {"hippocampus": "Phantom04_Hippocampus", "prostate": "Phantom05_Prostate"}
DEFAULT_SUBJECTS: dict[str, int] = {"hippocampus": 24, "prostate": 9}
_SIDES = {"hippocampus": 2, "prostate": 1}
_TEST, _VAL = 1 / 6, 1 / 12  # of the subjects; 24 give 18 train, 2 val, 4 test


@dataclass(frozen=True)
class Settings:
    """What a phantom folder is generated from; equal settings, equal data."""

    kind: str
    version: int
    seed: int
    subjects: int
    shape: tuple[int, int, int] | None

    @property
    def ids(self) -> tuple[str, ...]:
        """The case ids, the sides of a subject next to each other."""
        return tuple(f"phantom_{number:03d}" for number in range(1, self.subjects * _SIDES[self.kind] + 1))

    def subject_and_side(self, index: int) -> tuple[int, int]:
        """Subject (from 1) and side (from 0) of the case at `index` in `ids`."""
        return index // _SIDES[self.kind] + 1, index % _SIDES[self.kind]


def _volume(
    settings: Settings, index: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8], tuple[float, float, float]]:
    """Image, label and spacing of one case."""
    subject, side = settings.subject_and_side(index)
    if settings.kind == "hippocampus":
        image, label = phantom_hippocampus.volume(settings.seed, subject=subject, side=side)
        return image, label, phantom_hippocampus.SPACING
    shape = settings.shape or phantom_prostate.SHAPE
    scan, zones = phantom_prostate.volume(settings.seed, subject=subject, shape=shape)
    return scan, zones, phantom_prostate.spacing(shape)


def write(folder: Path, settings: Settings) -> None:
    """Write the whole task folder."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    with progress(f"generating {NAMES[settings.kind]}", total=len(settings.ids)) as meter:
        for index, case in enumerate(settings.ids):
            image, label, spacing = _volume(settings, index)
            (folder / "imagesTr" / f"{case}.nii.gz").write_bytes(nifti_bytes(image, spacing=spacing))
            (folder / "labelsTr" / f"{case}.nii.gz").write_bytes(nifti_bytes(label, spacing=spacing))
            meter.advance()
    (folder / "split.json").write_text(_split(settings).to_json(), encoding="utf-8")
    (folder / "dataset.json").write_text(json.dumps(_dataset(settings), indent=1) + "\n", encoding="utf-8")


def nifti_bytes(array: npt.NDArray[Any], *, spacing: tuple[float, ...]) -> bytes:
    """A gzipped NIfTI-1 file of an array (X, Y, Z[, C]), with a diagonal affine and no time stamp."""
    import nibabel as nib

    image = nib.Nifti1Image(array, np.diag([*spacing, 1.0]))
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), compresslevel=4, mtime=0)


def _split(settings: Settings) -> Split:
    """Subjects are independent draws, so the first go to train, the next to val, the last to test."""
    n_test, n_val = max(1, round(_TEST * settings.subjects)), max(1, round(_VAL * settings.subjects))
    n_train = settings.subjects - n_test - n_val
    group = {case: str(settings.subject_and_side(index)[0]) for index, case in enumerate(settings.ids)}
    train = tuple(case for case, subject in group.items() if int(subject) <= n_train)
    val = tuple(case for case, subject in group.items() if n_train < int(subject) <= n_train + n_val)
    test = tuple(case for case, subject in group.items() if int(subject) > n_train + n_val)
    rule = f"subjects are independent draws: the first {n_train} train, the next {n_val} val, the last {n_test} test"
    group_rule = f"{_SIDES[settings.kind]} consecutive ids per subject"
    return Split(NAMES[settings.kind], VERSION, rule, group_rule, train, val, test, group)


def _dataset(settings: Settings) -> dict[str, Any]:
    """The content of `dataset.json`, in MSD's form."""
    anatomy = phantom_hippocampus if settings.kind == "hippocampus" else phantom_prostate
    return {
        "name": NAMES[settings.kind],
        "description": f"Phantom in the format of MSD's {settings.kind} task; generated, not measured",
        "reference": "mednca-bench",
        "phantom": True,
        "generator": asdict(settings),
        "tensorImageSize": "3D" if settings.kind == "hippocampus" else "4D",
        "modality": {str(number): name for number, name in anatomy.MODALITIES.items()},
        "labels": {"0": "background"} | {str(value): name for value, name in anatomy.LABELS.items()},
        "numTraining": len(settings.ids),
        "numTest": 0,
        "training": [
            {"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"} for case in settings.ids
        ],
        "test": [],
    }
