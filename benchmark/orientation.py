"""Orientation of volumes: which way the axes of a file run, and turning a scan to the way a model was trained on.

Axes are named as in nibabel: "RAS" has its first axis towards the right, the second to the front, the third upwards. A
turn permutes and flips axes; nothing is interpolated. PNG slices, and NIfTI files without a code of orientation, say
nothing of their axes and are taken as they lie.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .nifti import read_volume
from .png import is_png
from .volume import content_sha256

if TYPE_CHECKING:
    from .predict import Scan


def stored_axes(path: Path) -> str:
    """The axes of an image from its header, "RAS"; empty where it does not tell.

    Raises:
        DataProblem: as `read_volume`.
    """
    import nibabel as nib
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    if is_png(path):
        return ""
    try:
        image = nib.load(path)
    except (OSError, ImageFileError, HeaderDataError):
        read_volume(path)  # says what is wrong
        raise
    if image.header["sform_code"] == 0 and image.header["qform_code"] == 0:
        return ""
    codes = nib.aff2axcodes(image.affine)
    return "" if None in codes else "".join(codes)


def axes_found(files: Iterable[Path]) -> set[str]:
    """The axes that images say they have."""
    return {stored_axes(path) for path in files} - {""}


@dataclass(frozen=True, eq=False)
class Turn:
    """A scan turned to other axes, and the way back.

    Attributes:
        scan: the turned one; its hash is that of a file stored so.
    """

    scan: Scan
    _back: NDArray[Any] | None = None

    def back(self, array: NDArray[Any]) -> NDArray[Any]:
        """Turn (X, Y, Z, ...) of the turned scan back to the order of the file."""
        from nibabel.orientations import apply_orientation

        return array if self._back is None else np.ascontiguousarray(apply_orientation(array, self._back))


def turned(scan: Scan, *, stored: str, axes: str) -> Turn:
    """Turn a scan from the axes it is stored in to `axes`; it stays as it is where either is not known."""
    from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

    if not axes or not stored or axes == stored:
        return Turn(scan)
    own, wanted = axcodes2ornt(tuple(stored)), axcodes2ornt(tuple(axes))
    there = ornt_transform(own, wanted)
    image = np.stack([apply_orientation(channel, there) for channel in scan.image])
    x, y, z = (scan.spacing[axis] for axis in np.argsort(there[:, 0]))
    sha256 = content_sha256(image, np.zeros((0, 0, 0), dtype=np.uint8), (x, y, z))
    affine = scan.affine @ inv_ornt_aff(there, scan.image.shape[1:])
    moved = replace(scan, image=image, spacing=(x, y, z), affine=affine, sha256=sha256)
    return Turn(moved, ornt_transform(wanted, own))
