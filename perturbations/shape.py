"""Change of shape: the image is squeezed along one drawn in-plane axis and left alone along the other.

Parameter: the factor by which lengths along that axis shrink, about the image centre; the edge is replicated beside
it. Squeezing and stretching are two directions and so would be two families; this one only squeezes, which keeps all
of the image in view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import GridMap, GridPerturbation, Magnitude, Params
from .params import choice, number


@dataclass(frozen=True, kw_only=True)
class Shape(GridPerturbation):
    """Structures become thinner along the image's first (x) or second (y) axis."""

    name = "shape"
    version = 1
    summary = "squeezed along one drawn in-plane axis"
    source = "shape change as claimed harmless by Kalkhof et al. 2023 (arXiv 2302.03473), here one axis"
    parameter = "factor"
    unit = "times the original length"
    neutral = 1.0
    drawn = ("axis",)

    severities: tuple[Magnitude, ...] = (0.9, 0.8, 0.7, 0.6, 0.5)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the axis, either with probability 1/2: "x" is H, "y" is W."""
        return {"axis": "xy"[int(rng.integers(2))]}

    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        """Spread output coordinates away from the centre along the drawn axis."""
        factor = number(params, "factor", low=0.1, high=1.0)
        along_x = choice(params, "axis", allowed=("x", "y")) == "x"
        return GridMap.zoom((factor, 1.0) if along_x else (1.0, factor), shape=shape)
