"""From a NIfTI image to a NIfTI label of the same grid: read, preprocess, segment, back to the native grid, write.

The way is that of a clean native score: logits are interpolated linearly to the native grid and thresholded at 0. Where
several labels are above it, the largest logit wins, so that a voxel has one label; scores take each label for itself.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..results.atomic import write_bytes
from .errors import DataProblem, UsageProblem
from .evaluate import segment
from .nifti import read_volume
from .preprocess import Preprocess, model_input
from .resample import resize_map, warp
from .volume import Float32Array, Float64Array, LabelArray, content_sha256

if TYPE_CHECKING:
    from ..models.base import Segmenter

_GZIP_LEVEL = 4  # labels shrink by a hundred at any level


@dataclass(frozen=True, eq=False)
class Scan:
    """An image without a label.

    Attributes:
        image: (C, X, Y, Z) float32, finite.
        spacing: voxel size in mm, (x, y, z).
        affine: (4, 4) voxel index to scanner mm.
        sha256: of image, shape and spacing; keys the fire masks. A labelled case of the same image has another hash.
    """

    image: Float32Array
    spacing: tuple[float, float, float]
    affine: Float64Array
    sha256: str


def read_scan(path: Path, *, channel: int | None = None) -> Scan:
    """Read an image.

    Args:
        path: `.nii` or `.nii.gz`, 3-D or with channels last.
        channel: take only this one; None takes all.

    Raises:
        DataProblem: not a readable NIfTI file, or voxels that are NaN, infinite or no plain numbers.
        UsageProblem: no such channel.
    """
    volume = read_volume(path)
    array = volume.array if volume.array.ndim == 4 else volume.array[..., np.newaxis]
    if array.dtype.kind not in "iufb":
        raise DataProblem(path, f"voxels of type {array.dtype} are not plain numbers", "convert the file")
    if channel is not None:
        if not 0 <= channel < array.shape[3]:
            raise UsageProblem(f"{path}: no channel {channel}; the file has {array.shape[3]}, counted from 0")
        array = array[..., channel : channel + 1]
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow becomes infinite and is refused below
        image = np.ascontiguousarray(np.moveaxis(array, 3, 0), dtype=np.float32)
    bad = image.size - int(np.count_nonzero(np.isfinite(image)))
    if bad:
        raise DataProblem(path, f"{bad} voxels are NaN or infinite as float32", "correct the file")
    no_label = np.zeros((0, 0, 0), dtype=np.uint8)
    sha256 = content_sha256(image, no_label, volume.spacing)
    return Scan(image, volume.spacing, volume.affine, sha256)


def predict(
    model: Segmenter, scan: Scan, *, prepare: Preprocess, values: Sequence[int] = (), fire_seed: int = 0
) -> LabelArray:
    """Segment a scan on its own grid.

    Args:
        model: in evaluation mode.
        scan: with as many channels as the model takes.
        prepare: the preprocessing that the model was trained with.
        values: label value of each of the model's outputs; by default 1, 2, …
        fire_seed: of the fire masks; any value for a deterministic model.

    Returns:
        (X, Y, Z), 0 where no logit is above 0.

    Raises:
        UsageProblem: the scan has other channels than the model takes, or `values` are not one per output.
    """
    if scan.image.shape[0] != model.in_channels:
        raise UsageProblem(
            f"model '{model.name}' takes {model.in_channels} channels, the image has {scan.image.shape[0]}; name one"
        )
    names = tuple(values) or tuple(range(1, model.out_channels + 1))
    if len(names) != model.out_channels:
        raise UsageProblem(f"model '{model.name}' has {model.out_channels} outputs, but {len(names)} label values")
    logits = segment(model, model_input(scan.image, prepare), case=scan, fire_seed=fire_seed)
    return label_map(logits, names, native=(scan.image.shape[1], scan.image.shape[2]))


def label_map(logits: NDArray[np.float32], values: Sequence[int], *, native: tuple[int, int]) -> LabelArray:
    """Carry logits (K, H, W, Z) to the native plane and give each voxel its label: (X, Y, Z) uint8."""
    to_native = resize_map((logits.shape[1], logits.shape[2]), native)
    carried = np.stack([warp(channel, to_native, native) for channel in logits])
    label: LabelArray = np.asarray(values, dtype=np.uint8)[carried.argmax(axis=0)]
    label[carried.max(axis=0) <= 0] = 0
    return label


def nifti_like(array: NDArray[np.uint8] | NDArray[np.float32], source: Path, scan: Scan) -> bytes:
    """A gzipped NIfTI of an array on the grid of its image, of its version and with its codes of orientation."""
    import nibabel as nib

    original = nib.load(source)
    kind = nib.Nifti2Image if isinstance(original, nib.Nifti2Image) else nib.Nifti1Image
    image = kind(array, scan.affine, header=original.header.copy(), dtype=array.dtype)
    image.header["cal_min"], image.header["cal_max"] = 0, 0  # the image's display window
    image.header["descrip"], image.header["intent_code"] = b"", 0
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), _GZIP_LEVEL, mtime=0)


def write_label(path: Path, label: LabelArray, scan: Scan) -> None:
    """Write a label as NIfTI on the grid of its scan, gzipped if the name ends in .gz. The write is atomic."""
    import nibabel as nib

    image = nib.Nifti1Image(label, scan.affine)
    image.header.set_zooms(scan.spacing)
    image.header.set_xyzt_units("mm")
    data: bytes = image.to_bytes()
    write_bytes(path, gzip.compress(data, _GZIP_LEVEL, mtime=0) if path.name.endswith(".gz") else data)


def predict_file(
    model: Segmenter,
    source: Path,
    target: Path,
    *,
    prepare: Preprocess,
    values: Sequence[int] = (),
    channel: int | None = None,
    fire_seed: int = 0,
) -> None:
    """Read an image, segment it and write its label; arguments and errors as `read_scan` and `predict`."""
    scan = read_scan(source, channel=channel)
    write_label(target, predict(model, scan, prepare=prepare, values=values, fire_seed=fire_seed), scan)
