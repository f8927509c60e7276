"""Smaller field of view: a window of the image, at a drawn position, fills the whole model grid.

Parameter: the window's side as a fraction of the image's, along both axes. Drawn: where the window lies, (0, 0) at the
image's first corner and (1, 1) at its last. Everything looks larger by the inverse of the fraction and what lies beside
the window is lost: a scan planned tightly, or off centre. `scale-up` is the window at the centre. The table ends where
95 % of the train foreground is still in view wherever the window lies (see `in_view.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import GridMap, GridPerturbation, Magnitude, Params
from .params import number, numbers


@dataclass(frozen=True, kw_only=True)
class Crop(GridPerturbation):
    """The field of view shrinks and is not centred."""

    name = "crop"
    version = 1
    summary = "a smaller field of view at a drawn position"
    source = "off-centre scan planning; the map of a crop followed by a resize"
    parameter = "fraction"
    unit = "of the field of view's side"
    neutral = 1.0
    drawn = ("position",)

    severities: tuple[Magnitude, ...] = (0.97, 0.94, 0.91, 0.88, 0.85)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the position along (H, W), uniform."""
        return {"position": [float(place) for place in rng.uniform(0.0, 1.0, size=2)]}

    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        """From the whole output into the window: borders lie half a pixel outside the outermost centres."""
        fraction = number(params, "fraction", low=0.05, high=1.0)
        place = np.clip(numbers(params, "position", count=2), 0.0, 1.0)
        start = place * (1 - fraction) * np.asarray(shape, dtype=np.float64)
        return GridMap(np.eye(2) * fraction, start + 0.5 * fraction - 0.5)
