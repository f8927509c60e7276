"""Translation by whole pixels of the model grid along one of the four axis directions.

Parameter: the distance in pixels. Whole pixels make the shift exact (no interpolation) and its remainder modulo 4
defined, which matters to networks whose coarse level is a quarter of the resolution: the table holds the remainders
1, 3, 0, 0 and 2. The replicated edge fills what is uncovered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import GridMap, GridPerturbation, Magnitude, Params
from .params import choice, integer

DIRECTIONS = {"+x": (1, 0), "-x": (-1, 0), "+y": (0, 1), "-y": (0, -1)}
"""Where the content moves, as steps along (H, W)."""


@dataclass(frozen=True, kw_only=True)
class Shift(GridPerturbation):
    """The content moves along an axis; the other axis stays, so the shift modulo 4 is that of one number."""

    name = "shift"
    version = 1
    summary = "moved by whole pixels along one drawn axis direction"
    source = "translation as claimed harmless by Kalkhof et al. 2023 (arXiv 2302.03473), here in whole pixels"
    parameter = "pixels"
    unit = "pixels of the model grid"
    neutral = 0
    drawn = ("direction",)

    severities: tuple[Magnitude, ...] = (1, 3, 4, 8, 10)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw one of the four directions, each with probability 1/4."""
        return {"direction": tuple(DIRECTIONS)[int(rng.integers(len(DIRECTIONS)))]}

    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        """Step back against the direction the content moves in."""
        pixels = integer(params, "pixels", low=0)
        down, across = DIRECTIONS[choice(params, "direction", allowed=tuple(DIRECTIONS))]
        return GridMap.translation((pixels * down, pixels * across))
