"""Read one case: NIfTI image and label to arrays, with everything checked that would spoil a score silently.

Conventions: image float32 (C, X, Y, Z), label uint8 (X, Y, Z), in the axis order of the file; spacing in mm in the same
order, from the header's pixdim; affine as nibabel gives it. NIfTI scaling (slope, intercept) is applied.
"""

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BenchError, UsageProblem, nearest
from .task import CaseFiles, Task

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
LabelArray = npt.NDArray[np.uint8]

AFFINE_TOLERANCE = 1e-3  # mm; headers of one pair differ by float32 rounding at most
_REPLACE = "replace the file or remove the case from dataset.json"


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


@dataclass(frozen=True, eq=False)
class Volume:
    """One NIfTI file as read, before it is paired."""

    array: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    affine: Float64Array


def _check_header(path: Path) -> None:
    """Refuse what is not NIfTI, and spacings nibabel would repair in silence."""
    import nibabel as nib

    with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
        start = file.read(540)
    sizes = {struct.unpack(order + "i", start[:4])[0]: order for order in "<>"} if len(start) >= 4 else {}
    kind, length = (nib.Nifti1Header, 348) if 348 in sizes else (nib.Nifti2Header, 540)
    if not {348, 540} & set(sizes) or len(start) < length:
        raise BenchError(f"{path}: not a NIfTI file; {_REPLACE}")
    pixdim = np.asarray(kind(start[:length], check=False)["pixdim"][1:4], dtype=np.float64)
    if not (np.isfinite(pixdim).all() and (pixdim > 0).all()):
        raise BenchError(f"{path}: voxel spacing in the header is {pixdim.tolist()} mm; correct pixdim, or {_REPLACE}")


def read_volume(path: Path) -> Volume:
    """Read one NIfTI file (`.nii` or `.nii.gz`), 3-D or with channels on the fourth axis, in the file's axis order.

    Raises:
        BenchError: missing, truncated, not NIfTI, other than 3 or 4 axes, an empty axis, a spacing not above zero.
    """
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    if not path.is_file():
        raise BenchError(f"{path}: no such file; restore it or remove the case from dataset.json")
    try:
        _check_header(path)
        image = nib.load(path)
        shape = image.shape
        if len(shape) not in (3, 4) or 0 in shape:
            raise BenchError(f"{path}: shape {shape}; an image has 3 axes, or 4 with channels last; {_REPLACE}")
        array = np.asanyarray(image.dataobj)
        zooms = image.header.get_zooms()[:3]
        affine = np.asarray(image.affine, dtype=np.float64)
    except (OSError, EOFError, zlib.error, ValueError, MemoryError, ImageFileError, HeaderDataError) as error:
        reason = str(error) or type(error).__name__
        raise BenchError(f"{path}: cannot be read, truncated or not NIfTI ({reason}); {_REPLACE}") from error
    return Volume(array, (float(zooms[0]), float(zooms[1]), float(zooms[2])), affine)


def _image(volume: Volume, path: Path, *, task: Task) -> Float32Array:
    """The image as float32 (C, X, Y, Z), checked against the task's modalities and for finite voxels."""
    array = volume.array if volume.array.ndim == 4 else volume.array[..., np.newaxis]
    if array.dtype.kind not in "iufb":
        raise BenchError(f"{path}: voxels of type {array.dtype} are not numbers of one value each; {_REPLACE}")
    if array.shape[3] != len(task.modalities):
        raise BenchError(
            f"{path}: {array.shape[3]} channels where dataset.json names {len(task.modalities)} "
            f"({', '.join(task.modalities.values())}); correct 'modality', or {_REPLACE}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow becomes infinite and is refused below
        image = np.ascontiguousarray(np.moveaxis(array, 3, 0), dtype=np.float32)
    bad = image.size - int(np.count_nonzero(np.isfinite(image)))
    if bad:
        raise BenchError(f"{path}: {bad} voxels are NaN or infinite in float32; {_REPLACE}")
    return image


def _label(volume: Volume, path: Path, *, task: Task) -> LabelArray:
    """The label as uint8 (X, Y, Z); values must be integers of the task's label map, whatever type stores them."""
    array = volume.array[..., 0] if volume.array.ndim == 4 and volume.array.shape[3] == 1 else volume.array
    if array.ndim != 3 or array.dtype.kind not in "iufb":
        raise BenchError(f"{path}: a label has 3 axes and whole numbers, not {array.shape} {array.dtype}; {_REPLACE}")
    values = np.unique(array)
    outside = [float(value) for value in values if float(value) not in {0.0, *map(float, task.labels)}]
    if outside:
        raise BenchError(
            f"{path}: label values {outside[:5]} are not in the label map {sorted({0, *task.labels})}; "
            f"correct 'labels' in dataset.json, or {_REPLACE}"
        )
    return np.ascontiguousarray(array, dtype=np.uint8)


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
        BenchError: a file missing, truncated or not NIfTI; image and label of different shape or affine; voxels NaN or
            infinite; label values outside the map; spacing not above zero. One line: what, which file, what to do.
        UsageProblem: no such channel.
    """
    index = None if channel is None else channel_index(channel, task=task)
    volume, mask = read_volume(files.image), read_volume(files.label)
    image, label = _image(volume, files.image, task=task), _label(mask, files.label, task=task)
    if image.shape[1:] != label.shape:
        raise BenchError(
            f"{files.label}: shape {label.shape} differs from its image's {image.shape[1:]} ({files.image}); {_REPLACE}"
        )
    if not np.allclose(volume.affine, mask.affine, rtol=0.0, atol=AFFINE_TOLERANCE):
        off = float(np.abs(volume.affine - mask.affine).max())
        raise BenchError(
            f"{files.label}: affine differs from its image's by up to {off:.3g} ({files.image}); {_REPLACE}"
        )
    if index is not None:
        image = np.ascontiguousarray(image[index : index + 1])
    group = task.split.group.get(files.id, files.id)
    sha256 = content_sha256(image, label, volume.spacing)
    return Case(files.id, group, image, label, volume.spacing, volume.affine, sha256)
