"""MSD-format phantom task folders, generated from a seed: the data when there is none, and the data of the tests.

`Phantom04_Hippocampus` (two volumes, the two sides, per subject) and `Phantom05_Prostate` (one per subject, 4-D). Every
volume has generators of its own, derived from (seed, subject, side); the same seed and `VERSION` give the same bytes
under one numpy and zlib. `dataset.json` carries `"phantom": true` and what the folder was generated from.

A folder appears under its name only when complete. One generated from the same settings is used again.
"""

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BenchError, UsageProblem, unknown_name
from .split import Split

VERSION = 1  # raise when a seed gives other bytes than before
NAMES: dict[str, str] = {"hippocampus": "Phantom04_Hippocampus", "prostate": "Phantom05_Prostate"}
DEFAULT_SUBJECTS: dict[str, int] = {"hippocampus": 18, "prostate": 9}
_SIDES = {"hippocampus": 2, "prostate": 1}
_TEST, _VAL = 2 / 9, 1 / 9  # of the subjects; 18 give 12 train, 2 val, 4 test


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


def make(
    folder: Path,
    *,
    kind: str,
    seed: int = 0,
    subjects: int | None = None,
    shape: tuple[int, int, int] | None = None,
) -> Path:
    """Generate a phantom task, or find the one already there.

    Args:
        folder: a data root, made if needed; the task folder is made inside.
        kind: "hippocampus" or "prostate".
        seed: 0 or above; of the whole data set. Its first n subjects do not depend on how many there are.
        subjects: at least 3; by default 18 (36 volumes) for the hippocampus and 9 for the prostate.
        shape: voxels of each prostate volume; by default 320×320×20. The hippocampus draws its own shapes.

    Returns:
        The task folder, `folder / "Phantom04_Hippocampus"` or `folder / "Phantom05_Prostate"`.

    Raises:
        UsageProblem: unknown kind, a negative seed, too few subjects, a shape where none can be given.
        BenchError: the folder holds a phantom of other settings, or cannot be written.
    """
    if kind not in NAMES:
        raise unknown_name("phantom kind", kind, NAMES)
    settings = Settings(kind, VERSION, seed, DEFAULT_SUBJECTS[kind] if subjects is None else subjects, shape)
    if seed < 0 or settings.subjects < 3:
        raise UsageProblem(f"a phantom needs a seed from 0 and at least 3 subjects; given {seed}, {settings.subjects}")
    if shape is not None and (kind == "hippocampus" or min(shape) < 2):
        raise UsageProblem(f"shape {shape} does not fit: give three numbers from 2, for the prostate phantom only")
    target = folder / NAMES[kind]
    if _complete(target, settings):
        return target
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
            fresh = Path(scratch) / "fresh"
            _write(fresh, settings)
            if target.exists():  # same settings, but files are missing
                os.replace(target, Path(scratch) / "incomplete")  # noqa: PTH105
            try:
                os.rename(fresh, target)  # noqa: PTH104
            except OSError:
                if not _complete(target, settings):  # else another process was first
                    raise
    return target


def default_phantom(cache: Path) -> Path:
    """The phantom `run` uses when there is no real data: hippocampus, seed 0, 36 volumes, kept in the cache folder.

    Args:
        cache: the cache folder (`locations.cache_root()`).
    """
    folder = cache / "phantoms" / f"hippocampus-version-{VERSION}-seed-0"
    return make(folder, kind="hippocampus", seed=0)


def _complete(target: Path, settings: Settings) -> bool:
    """Whether `target` is a phantom of these settings with all its files; one of other settings is an error."""
    if not target.exists():
        return False
    try:
        content = json.loads((target / "dataset.json").read_text(encoding="utf-8"))
        found = content["generator"]
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    wanted = json.loads(json.dumps(asdict(settings)))
    if found != wanted:
        raise BenchError(
            f"{target}: already there, and not generated from {wanted} but from {found or 'something else'}; "
            "delete it or choose another folder"
        )
    files = [target / part / f"{case}.nii.gz" for case in settings.ids for part in ("imagesTr", "labelsTr")]
    return all(file.is_file() for file in [*files, target / "split.json"])


def _volume(
    settings: Settings, index: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8], tuple[float, float, float]]:
    """Image, label and spacing of one case."""
    from . import phantom_hippocampus, phantom_prostate

    subject, side = settings.subject_and_side(index)
    if settings.kind == "hippocampus":
        image, label = phantom_hippocampus.volume(settings.seed, subject=subject, side=side)
        return image, label, phantom_hippocampus.SPACING
    shape = settings.shape or phantom_prostate.SHAPE
    scan, zones = phantom_prostate.volume(settings.seed, subject=subject, shape=shape)
    return scan, zones, phantom_prostate.spacing(shape)


def _write(folder: Path, settings: Settings) -> None:
    """Write the whole task folder."""
    from .progress import progress

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
    from . import phantom_hippocampus, phantom_prostate

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


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn a failed write into one line with the remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise BenchError(
            f"{folder}: cannot write the phantom ({reason}); free some space or choose another folder"
        ) from error
