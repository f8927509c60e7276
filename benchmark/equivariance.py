"""Equivariance: does the model's answer move as the image moves? Counts between f(T x) and T f(x) on the model's grid.

T f(x) is the clean answer, thresholded, moved by the image's map as a label is: its indicator interpolated linearly,
true above 1/2. Predictions of other people's models, of which there is nothing but masks, are so treated alike. Only
pixels whose pull-back lies inside the image count: outside, f(T x) answers on replicated edge and T f(x) does not know.

Both answers use the same fire seed, but fire masks belong to pixels and do not move with the image, so a stochastic
model differs from itself. Its floor, f(x; a) against f(x; b) for two fire seeds, says by how much; it is stored with
the clean unit on the model's grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..perturbations.base import GridMap
from .resample import warp

FLOOR_SEED = 2**31
"""Added to the fire seed of a clean unit for its second pass: no unit's own seed is as large."""

HALF = 0.5 + 1e-6
"""Above rounding: a pixel half-way between two is background, as where labels are carried."""

Logits = NDArray[np.float32]


def counts(logits: Logits, clean: Logits, grid_map: GridMap) -> list[dict[str, int]]:
    """Pixels in which the answer on the moved image and the moved answer agree and differ, per label.

    Args:
        logits: (K, H, W, Z), the model's answer f(T x).
        clean: (K, H, W, Z), its answer f(x).
        grid_map: the pull-back of T; the identity compares two answers on the same image.

    Returns:
        Per label `eq_tp` (in both), `eq_fp` (in f(T x) alone) and `eq_fn` (in T f(x) alone).
    """
    size = (logits.shape[1], logits.shape[2])
    inside = in_image(grid_map, size)[..., None]
    rows = []
    for ours, theirs in zip(logits, clean, strict=True):
        indicator = warp((theirs > 0).astype(np.float32), grid_map, size)
        moved, expected = (ours > 0) & inside, (indicator > HALF) & inside
        both = int(np.count_nonzero(moved & expected))
        only_moved, only_expected = int(np.count_nonzero(moved)) - both, int(np.count_nonzero(expected)) - both
        rows.append({"eq_tp": both, "eq_fp": only_moved, "eq_fn": only_expected})
    return rows


def in_image(grid_map: GridMap, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which output pixels (H, W) show a place inside the input image, [-0.5, n - 0.5] on both axes.

    >>> in_image(GridMap.translation((0, 2)), (1, 4)).tolist()
    [[False, False, True, True]]
    """
    at = grid_map(np.moveaxis(np.indices(size, dtype=np.float64), 0, -1))
    slack = 1e-9  # rounding must not push a pixel on the border out
    return np.asarray(((at >= -0.5 - slack) & (at <= np.array(size) - 0.5 + slack)).all(axis=-1))
