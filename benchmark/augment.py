"""Augmentation of training slices on the model's grid: flips, scaling, shifts and gamma, none of the suites' artefacts.

Every draw comes from a generator seeded by (seed, update, sample), so a resumed run draws what an unbroken one would.

- flip: probability of a mirror image, for each of the two axes.
- scale: the zoom is e^u with u uniform within plus and minus this, about the centre.
- shift: uniform within plus and minus this, in parts of the side, along each axis.
- gamma: intensities, in [0, 1], to the power e^u.

Image and target move by the same map; the border is replicated. The target is interpolated linearly and thresholded.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

_STREAM = 0xA6  # separates these draws from every other use of the training seed


def augmented(
    images: torch.Tensor, targets: torch.Tensor, *, strength: Mapping[str, float], seed: int, update: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch, changed.

    Args:
        images: (B, C, H, W) float32 in [0, 1].
        targets: (B, K, H, W) float32, 0 or 1.
        strength: of each augmentation, 0 where it is not named; see the head of this module.
        seed: of the training run.
        update: its number.

    Returns:
        Both in the same form; as they were where no strength is above 0.
    """
    if not any(strength.values()):
        return images, targets
    draws = np.stack([_draw(strength, [_STREAM, seed, update, sample]) for sample in range(len(images))])
    maps = torch.from_numpy(draws[:, :6].reshape(-1, 2, 3).astype(np.float32))
    power = torch.from_numpy(draws[:, 6].astype(np.float32))[:, None, None, None]
    grid = F.affine_grid(maps, [len(images), 1, *images.shape[2:]], align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    target = F.grid_sample(targets, grid, padding_mode="border", align_corners=False)
    return moved.clamp(0.0, 1.0) ** power, (target > 0.5).to(targets.dtype)


def _draw(strength: Mapping[str, float], parts: list[int]) -> NDArray[np.float64]:
    """The 2 x 3 map from output to input in units of half a side (x first), and the power; always the same draws."""
    random = np.random.default_rng(parts)
    flips = np.where(random.random(2) < strength.get("flip", 0.0), -1.0, 1.0)
    zoom = np.exp(random.uniform(-1.0, 1.0) * strength.get("scale", 0.0))
    shifts = 2.0 * random.uniform(-1.0, 1.0, 2) * strength.get("shift", 0.0)
    power = np.exp(random.uniform(-1.0, 1.0) * strength.get("gamma", 0.0))
    x, y = flips / zoom
    return np.array([x, 0.0, shifts[0], 0.0, y, shifts[1], power])
