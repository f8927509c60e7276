"""How much of the foreground a grid map leaves in view: what bounds the tables of the grid families.

A foreground pixel is in view when the map puts its centre inside the image, [-0.5, n - 0.5] on both axes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .grid_map import GridMap


def fraction_in_view(foreground: ArrayLike, grid_map: GridMap) -> float:
    """The share of the foreground that is still inside the image after the map.

    Args:
        foreground: (..., H, W), weights that are not negative: a mask, or counts summed over cases.
        grid_map: Pull-back map on the same grid, (H, W) to (H, W).

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: There is no foreground.

    >>> fraction_in_view([[1, 1, 1, 1]], GridMap.translation((0, 1)))
    0.75
    """
    weights = np.asarray(foreground, dtype=np.float64)
    total = weights.sum()
    if not total > 0:
        raise ValueError("no foreground whose fraction in view could be told")
    height, width = weights.shape[-2:]
    inverse = np.linalg.inv(grid_map.matrix)
    pixels = np.moveaxis(np.indices((height, width), dtype=np.float64), 0, -1)
    moved = (inverse * (pixels - grid_map.offset)[..., None, :]).sum(axis=-1)
    slack = 1e-9  # rounding must not push a pixel on the border out
    inside = ((moved >= -0.5 - slack) & (moved <= np.array([height, width]) - 0.5 + slack)).all(axis=-1)
    return float((weights * inside).sum() / total)
