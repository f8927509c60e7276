"""Read one case: image and label to arrays, with everything checked that would spoil a score silently.

Conventions: image float32 (C, X, Y, Z), label uint8 (X, Y, Z), in the axis order of the file; spacing in mm in the same
order. On disk a 4-D image has its channels last.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import DataProblem, UsageProblem, nearest
from .nifti import REPLACE, Volume, read_volume
from .task import CaseFiles, Listing, Task

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
LabelArray = npt.NDArray[np.uint8]

AFFINE_TOLERANCE = 1e-3  # mm; headers of one pair differ by float32 rounding at most


@dataclass(frozen=True, eq=False)
class Case:
    """One labelled volume.

    Attributes:
        id: the case's id within its task.
        group: its subject.
        image: (C, X, Y, Z) float32, finite.
        label: (X, Y, Z) uint8, 0 and values of the task's label map.
        spacing: voxel size in mm, (x, y, z).
        affine: (4, 4) voxel index to scanner mm.
        sha256: hex digest of image, label, shapes and spacing; the file's compression and header do not enter.
    """

    id: str
    group: str
    image: Float32Array
    label: LabelArray
    spacing: tuple[float, float, float]
    affine: Float64Array
    sha256: str


def image_array(volume: Volume, *, task: Task | Listing) -> Float32Array:
    """A volume as image (C, X, Y, Z) float32.

    Raises:
        DataProblem: channels other than the task's modalities, or voxels NaN, infinite or complex.
    """
    array = volume.array if volume.array.ndim == 4 else volume.array[..., np.newaxis]
    if array.dtype.kind not in "iufb":
        raise DataProblem(volume.file, f"voxels of type {array.dtype} are not plain numbers", REPLACE)
    if array.shape[3] != len(task.modalities):
        names = ", ".join(task.modalities.values())
        problem = f"{array.shape[3]} channels where the task has {len(task.modalities)} ({names})"
        raise DataProblem(volume.file, problem, f"correct 'modality', or {REPLACE}")
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow becomes infinite and is refused below
        image = np.ascontiguousarray(np.moveaxis(array, 3, 0), dtype=np.float32)
    bad = image.size - int(np.count_nonzero(np.isfinite(image)))
    if bad:
        raise DataProblem(volume.file, f"{bad} voxels are NaN or infinite as float32", REPLACE)
    return image


def label_array(volume: Volume, *, task: Task | Listing) -> LabelArray:
    """A volume as label (X, Y, Z) uint8, whatever type stores the values.

    Raises:
        DataProblem: more than 3 axes, or values that are not in the task's label map, fractions among them.
    """
    array = volume.array[..., 0] if volume.array.ndim == 4 and volume.array.shape[3] == 1 else volume.array
    if array.ndim != 3 or array.dtype.kind not in "iufb":
        problem = f"shape {array.shape}, type {array.dtype} where a label has 3 axes and whole numbers"
        raise DataProblem(volume.file, problem, REPLACE)
    allowed = {0, *task.labels}
    outside = [value for value in np.unique(array).tolist() if value not in allowed]
    if outside:
        problem = f"label values {outside[:5]} are not in the label map {sorted(allowed)}"
        raise DataProblem(volume.file, problem, f"correct 'labels' in dataset.json, or {REPLACE}")
    return np.ascontiguousarray(array, dtype=np.uint8)


def check_pair(image: Volume, label: Volume) -> None:
    """Image and label must lie on one grid.

    Raises:
        DataProblem: shapes differ, or affines by more than `AFFINE_TOLERANCE`; the file named is the label.
    """
    if image.array.shape[:3] != label.array.shape[:3]:
        problem = f"shape {label.array.shape[:3]} differs from its image's {image.array.shape[:3]} ({image.file})"
        raise DataProblem(label.file, problem, REPLACE)
    off = float(np.abs(image.affine - label.affine).max())
    if not off <= AFFINE_TOLERANCE:
        raise DataProblem(label.file, f"affine differs from its image's by up to {off:.3g} ({image.file})", REPLACE)


def channel_index(channel: str | int, *, task: Task) -> int:
    """The channel meant by a modality's name (any case) or its number.

    Raises:
        UsageProblem: no such channel; the nearest name is offered.
    """
    names = {name.casefold(): number for number, name in task.modalities.items()}
    text = str(channel)
    if text.casefold() in names:
        return names[text.casefold()]
    if text.isdecimal() and int(text) in task.modalities:
        return int(text)
    close = nearest(text, task.modalities.values())
    hint = f"; did you mean {close!r}?" if close else ";"
    allowed = ", ".join(f"{number} {name}" for number, name in task.modalities.items())
    raise UsageProblem(f"{task.name}: no channel {text!r}{hint} allowed: {allowed}")


def content_sha256(image: Float32Array, label: LabelArray, spacing: tuple[float, float, float]) -> str:
    """Hex digest of a case's data: shapes, spacing (float64), image (float32) and label (uint8), little-endian."""
    digest = hashlib.sha256(repr((image.shape, label.shape)).encode())
    digest.update(np.asarray(spacing, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(image, dtype="<f4").data)
    digest.update(np.ascontiguousarray(label, dtype=np.uint8).data)
    return digest.hexdigest()


def read_case(files: CaseFiles, *, task: Task, channel: str | int | None = None) -> Case:
    """Read and check one case.

    Args:
        files: where its image and label are.
        task: gives the label map, the modalities and the case's group.
        channel: a modality's name or number, or None for all channels.

    Returns:
        The case; a constant image or an empty label is allowed (`verify` reports them).

    Raises:
        DataProblem: a file missing, truncated or not NIfTI; image and label of different shape or affine; voxels NaN or
            infinite; label values outside the map; spacing not above zero. One line: what, which file, what to do.
        UsageProblem: no such channel.
    """
    index = None if channel is None else channel_index(channel, task=task)
    volume, mask = read_volume(files.image), read_volume(files.label)
    check_pair(volume, mask)
    image, label = image_array(volume, task=task), label_array(mask, task=task)
    if index is not None:
        image = np.ascontiguousarray(image[index : index + 1])
    group = task.split.group.get(files.id, files.id)
    sha256 = content_sha256(image, label, volume.spacing)
    return Case(files.id, group, image, label, volume.spacing, volume.affine, sha256)
