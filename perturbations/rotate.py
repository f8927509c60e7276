"""Rotation about the image centre, in plane and rigid in the anatomy, whatever the shape of the model grid's pixels.

    input mm = R(angle) output mm,    mm = pixel index from the centre times the pixel's size along (H, W)

Parameter: the angle in degrees. Drawn: the sense; "+" turns the content from the first axis (H, x) towards the second
(W, y). `aspect` is the pixel's size along H divided by that along W, which resizing a crop to a square grid makes
unequal: the map is a rotation of millimetres, hence in pixels a rotation between two stretches. The table ends where
95 % of the train foreground is still in view (see `in_view.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import GridMap, GridPerturbation, Magnitude, Params
from .params import choice, number

SENSES = {"+": 1.0, "-": -1.0}


@dataclass(frozen=True, kw_only=True)
class Rotate(GridPerturbation):
    """The anatomy is tilted in the plane of the slice."""

    name = "rotate"
    version = 1
    summary = "turned about the image centre, rigid in mm"
    source = "in-plane head tilt; the map of scipy.ndimage.rotate where pixels are square"
    parameter = "angle"
    unit = "degrees"
    neutral = 0
    drawn = ("sense", "aspect")

    severities: tuple[Magnitude, ...] = (5, 10, 15, 20, 30)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the sense, either with probability 1/2, and note the aspect of the pixels."""
        return {"sense": "+-"[int(rng.integers(2))], "aspect": float(spacing[0] / spacing[1])}

    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        """Turn output coordinates back against the sense in which the content turns."""
        degrees = number(params, "angle", low=0.0, high=180.0)
        turn = math.radians(degrees) * SENSES[choice(params, "sense", allowed=tuple(SENSES))]
        aspect = number(params, "aspect", low=1e-3, high=1e3)
        cos, sin = math.cos(turn), math.sin(turn)
        matrix = np.array([[cos, sin / aspect], [-sin * aspect, cos]])
        centre = (np.asarray(shape, dtype=np.float64) - 1) / 2
        return GridMap(matrix, centre - (matrix * centre).sum(axis=1))
