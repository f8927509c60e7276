"""Surfaces of binary volumes and the distances between them, millimetres.

- Surface: the voxels of a mask that its 6-connected erosion in 3-D removes. Voxels on the border of the volume belong
  to the surface, for nothing is known beyond it.
- Distance: Euclidean, voxel centre to voxel centre, by the exact Euclidean distance transform in float64, rounded to
  1e-4 mm. A histogram of the distinct distances is exact and small: a grid has few of them.

This is the voxel-based convention of MONAI; mesh-based ones weigh voxels by area and differ by fractions of a voxel.
"""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

RESOLUTION_MM: Final = 1e-4
"""Distances are kept to this resolution: far below any voxel, above float32's spacing up to 1 m."""

Mask: TypeAlias = npt.NDArray[np.bool_]
Reals: TypeAlias = npt.NDArray[np.float64]


def surface(mask: Mask) -> Mask:
    """Voxels of a 3-D mask that are not in its 6-connected erosion; outside the array counts as background."""
    padded = np.pad(mask, 1)
    inside = mask.copy()
    for axis in range(3):
        for offset in (0, 2):
            window = [slice(1, -1)] * 3
            window[axis] = slice(offset, offset + mask.shape[axis])
            inside &= padded[tuple(window)]
    return mask & ~inside


def distance_histogram(prediction: Mask, truth: Mask, *, steps: Reals) -> dict[str, Any]:
    """Distinct distances of both directions and how many surface voxels have each."""
    if not (prediction.any() and truth.any()):
        nothing = np.zeros(0, dtype=np.int32)
        return {
            "distance_mm": np.zeros(0, dtype=np.float32),
            "count_prediction": nothing,
            "count_reference": nothing,
        }
    # Every nearest surface voxel lies in the joint bounding box: cropping to it changes nothing but the time.
    box = _bounding_box(prediction | truth)
    surfaces = surface(prediction[box]), surface(truth[box])
    directed = _distances(*surfaces, steps=steps), _distances(*surfaces[::-1], steps=steps)
    ticks = [np.rint(distances / RESOLUTION_MM).astype(np.int64) for distances in directed]
    values, index = np.unique(np.concatenate(ticks), return_inverse=True)
    from_prediction, from_reference = np.split(index, [ticks[0].size])
    return {
        "distance_mm": (values * RESOLUTION_MM).astype(np.float32),
        "count_prediction": np.bincount(from_prediction, minlength=values.size).astype(np.int32),
        "count_reference": np.bincount(from_reference, minlength=values.size).astype(np.int32),
    }


def _distances(start: Mask, goal: Mask, *, steps: Reals) -> Reals:
    """Distance of every voxel of `start` to the nearest voxel of `goal`, mm, float64."""
    from scipy.ndimage import distance_transform_edt

    # The transform's own distances would be computed for the whole box; only those at `start` are needed.
    nearest = distance_transform_edt(~goal, sampling=steps, return_distances=False, return_indices=True)
    away = (nearest[:, start] - np.stack(np.nonzero(start))) * steps[:, None]
    distances: Reals = np.sqrt(np.einsum("ij,ij->j", away, away))
    return distances


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    spans = (np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)
