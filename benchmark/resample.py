"""Linear maps between the native grid (X, Y, Z) and the model's grid (slices of H x W, H along X, W along Y).

Convention: index i is the centre of pixel i and an axis of n pixels spans [-0.5, n - 0.5] (`align_corners=False`), so
resizing keeps the field of view. Outside the field of view the edge is replicated. Interpolation is linear, by scipy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..perturbations.base import GridMap

Float = NDArray[np.float32]


def resize_map(source: tuple[int, int], target: tuple[int, int]) -> GridMap:
    """The pull-back that resizes a slice of `source` pixels to `target` pixels over the same field of view."""
    step = np.array(source, dtype=np.float64) / np.array(target, dtype=np.float64)
    return GridMap(np.diag(step), 0.5 * step - 0.5)


def warp(volume: Float, plane_map: GridMap, target: tuple[int, int]) -> Float:
    """Resample every axial slice of a volume by one in-plane map.

    Args:
        volume: (X, Y, Z) float32.
        plane_map: pull-back from target pixels to (x, y).
        target: the output's in-plane size (H, W).

    Returns:
        (H, W, Z) float32; the slice axis is untouched.
    """
    from scipy.ndimage import affine_transform

    matrix = np.eye(3)
    matrix[:2, :2] = plane_map.matrix
    diagonal = np.array_equal(matrix, np.diag(np.diag(matrix)))  # scipy has a faster path for a pure zoom and shift
    warped: Float = affine_transform(
        volume,
        np.diag(matrix) if diagonal else matrix,
        offset=(*plane_map.offset, 0.0),
        output_shape=(*target, volume.shape[2]),
        output=np.float32,
        order=1,
        mode="nearest",
        prefilter=False,
    )
    return warped


def warp_masks(masks: NDArray[np.bool_], plane_map: GridMap, target: tuple[int, int]) -> NDArray[np.bool_]:
    """Carry exclusive label masks by one linear map of their one-hot form.

    Each label's occupancy is interpolated linearly; a voxel takes the label of largest occupancy, background (one
    minus the rest) included and preferred at a tie.

    Args:
        masks: (K, X, Y, Z) bool, at most one true per voxel.
        plane_map: pull-back from target pixels to (x, y).
        target: the output's in-plane size (H, W).

    Returns:
        (K, H, W, Z) bool, at most one true per voxel.
    """
    occupancy = np.stack([warp(mask.astype(np.float32), plane_map, target) for mask in masks])
    background = 1.0 - occupancy.sum(axis=0, keepdims=True)
    winner = np.concatenate([background, occupancy]).argmax(axis=0)
    carried: NDArray[np.bool_] = winner[None] == np.arange(1, len(masks) + 1)[:, None, None, None]
    return carried


def nearest_masks(masks: NDArray[np.bool_], target: tuple[int, int]) -> NDArray[np.bool_]:
    """Resize label masks (K, X, Y, Z) to (K, H, W, Z) by the nearest voxel, as the paper's evaluation does."""
    plane_map = resize_map((masks.shape[1], masks.shape[2]), target)
    rows, columns = (
        np.clip(np.rint(plane_map.matrix[axis, axis] * np.arange(size) + plane_map.offset[axis]), 0, limit - 1)
        for axis, (size, limit) in enumerate(zip(target, masks.shape[1:3], strict=True))
    )
    return masks[:, rows.astype(int)][:, :, columns.astype(int)]
