"""Read one NIfTI file, refusing what nibabel would repair or guess in silence.

Arrays keep the file's axis order; NIfTI scaling (slope, intercept) is applied; spacing is the header's pixdim in mm, in
the order of the axes; the affine is nibabel's.
"""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import DataProblem

_OTHER_UNITS = {1: "m", 3: "micrometres"}  # than mm, of xyzt_units; 0 is unknown and taken for mm
REPLACE = "replace the file or remove the case"
RESTORE = "restore it or remove the case"


@dataclass(frozen=True, eq=False)
class Volume:
    """One NIfTI file as read.

    Attributes:
        file: where it was read from.
        array: (X, Y, Z) or (X, Y, Z, C), of the type the file stores, or float64 where it scales.
        spacing: (x, y, z) in mm, all above zero.
        affine: (4, 4) voxel index to scanner mm.
    """

    file: Path
    array: npt.NDArray[Any]
    spacing: tuple[float, float, float]
    affine: npt.NDArray[np.float64]


def _check_header(path: Path) -> None:
    """Refuse what is not NIfTI, and spacings nibabel would replace."""
    import nibabel as nib

    with gzip.open(path) if path.name.casefold().endswith(".gz") else path.open("rb") as file:
        start = file.read(540)
    sizes = {struct.unpack(order + "i", start[:4])[0] for order in "<>"} if len(start) >= 4 else set()
    header, length = (nib.Nifti1Header, 348) if 348 in sizes else (nib.Nifti2Header, 540)
    if not {348, 540} & sizes or len(start) < length:
        raise DataProblem(path, "not a NIfTI file", REPLACE)
    fields = header(start[:length], check=False)
    unit = _OTHER_UNITS.get(int(fields["xyzt_units"]) & 7)
    if unit is not None:
        raise DataProblem(path, f"voxel spacing in the header is in {unit}", "convert it to mm")
    pixdim = np.asarray(fields["pixdim"][1:4], dtype=np.float64)
    if not (np.isfinite(pixdim).all() and (pixdim > 0).all()):
        raise DataProblem(path, f"voxel spacing in the header is {pixdim.tolist()} mm", f"correct pixdim, or {REPLACE}")


def read_volume(path: Path) -> Volume:
    """Read a `.nii` or `.nii.gz` file, 3-D or with channels on the fourth axis, or a `.png` (see `png`).

    Raises:
        DataProblem: missing, truncated, not NIfTI, other than 3 or 4 axes, an empty axis, a spacing not above zero, or
            in another unit than mm.
    """
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    if not path.is_file():
        if path.is_dir():
            raise DataProblem(path, "is a folder", "name the files in it, e.g. FOLDER/*.nii.gz")
        raise DataProblem(path, "no such file", RESTORE)
    if path.suffix.casefold() == ".png":
        from .png import read_png

        return read_png(path)
    try:
        _check_header(path)
        image = nib.load(path)
        shape = tuple(image.shape)
        if len(shape) not in (3, 4) or 0 in shape:
            raise DataProblem(path, f"shape {shape} where 3 axes, or 4 with channels last, are needed", REPLACE)
        array = np.asanyarray(image.dataobj)
        zooms = image.header.get_zooms()[:3]
        affine = np.asarray(image.affine, dtype=np.float64)
    except (OSError, EOFError, zlib.error, ValueError, MemoryError, ImageFileError, HeaderDataError) as error:
        reason = str(error) or type(error).__name__
        raise DataProblem(path, f"cannot be read, truncated or not NIfTI ({reason})", REPLACE) from error
    return Volume(path, array, (float(zooms[0]), float(zooms[1]), float(zooms[2])), affine)
