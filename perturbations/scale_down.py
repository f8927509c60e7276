"""Reduction about the image centre, in plane and isotropic on the model grid; the edge is replicated around it.

Parameter: the factor by which lengths shrink. The same map as PyTorch's `affine_grid` and `grid_sample` with
`align_corners=False` and `padding_mode="border"`; no smoothing before it. Nothing leaves the view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .base import GridMap, GridPerturbation, Magnitude
from .params import number


@dataclass(frozen=True, kw_only=True)
class ScaleDown(GridPerturbation):
    """Everything looks smaller."""

    name = "scale-down"
    version = 1
    summary = "reduced about the image centre"
    source = "scaling as claimed harmless by Kalkhof et al. 2023 (arXiv 2302.03473)"
    parameter = "factor"
    unit = "times the original length"
    neutral = 1.0

    severities: tuple[Magnitude, ...] = (0.9, 0.8, 0.7, 0.6, 0.5)

    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        """Spread output coordinates away from the centre."""
        factor = number(params, "factor", low=0.1, high=1.0)
        return GridMap.zoom((factor, factor), shape=shape)
