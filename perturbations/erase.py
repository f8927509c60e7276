"""Erase: a box of the volume is blanked, as by the signal void of an implant; the label stays.

    corrupted = floor + s (1 - w_x w_y w_z),    s = image - floor

w is how much of a voxel lies inside the box along an axis, so borders are partial voxels. Parameter: the box's side as
a fraction of the volume's, along each of the three axes, at most 1/2. Drawn: the centre, in the middle half of each
axis, so that the box is always wholly inside; boxes of rising severity contain each other. Cellular automata are said
to regrow what is missing (Mordvintsev et al., Growing neural cellular automata, Distill 2020): the score over the
unchanged label says whether a segmentation does. `floor`: see `signal.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import number, numbers
from .signal import floor

LARGEST = 0.5
"""Largest side: with a centre between 1/4 and 3/4 the box stays inside."""


@dataclass(frozen=True, kw_only=True)
class Erase(AcquisitionPerturbation):
    """A hole in the image."""

    name = "erase"
    version = 1
    summary = "a box without signal"
    source = "signal void; regrowth as claimed for NCAs by Mordvintsev et al. 2020 (Distill)"
    parameter = "side"
    unit = "fraction of the volume's side, per axis"
    neutral = 0.0
    drawn = ("centre",)

    severities: tuple[Magnitude, ...] = (0.134, 0.193, 0.257, 0.312, 0.357)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the centre as a fraction of each axis."""
        return {"centre": [float(place) for place in rng.uniform(0.25, 0.75, size=3)]}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Blank the box."""
        side = number(params, "side", low=0.0, high=LARGEST)
        centre = numbers(params, "centre", count=3)
        along = [_inside(n, centre=place, side=side) for n, place in zip(image.shape[1:], centre, strict=True)]
        box = (slice(None), *(slice(*np.flatnonzero(weights)[[0, -1]] + [0, 1]) for weights in along))
        x, y, z = (weights[weights > 0] for weights in along)
        kept = (1 - x[:, None, None] * y[:, None] * z).astype(np.float32)
        base = floor(image)
        out: Image = np.array(image, order="C")
        out[box] = base + (image[box] - base) * kept
        return out


def _inside(length: int, *, centre: float, side: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How much of each voxel of an axis, 0 to 1, lies within the box; at least one voxel more than nothing."""
    low, high = (centre - side / 2) * length, (centre + side / 2) * length
    voxels = np.arange(length)
    weights: np.ndarray[tuple[int], np.dtype[np.float64]] = np.minimum(high, voxels + 1) - np.maximum(low, voxels)
    return np.clip(weights, 0, 1)
