"""Magnification about the image centre, in plane and isotropic on the model grid.

Parameter: the factor by which lengths grow. The same map as PyTorch's `affine_grid` and `grid_sample` with
`align_corners=False`. The table ends where 95 % of the train foreground is still in view (see `in_view.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .base import GridMap, GridPerturbation, Magnitude
from .params import number


@dataclass(frozen=True, kw_only=True)
class ScaleUp(GridPerturbation):
    """Everything looks larger; what is pushed over the border is lost."""

    name = "scale-up"
    version = 1
    summary = "magnified about the image centre"
    source = "scaling as claimed harmless by Kalkhof et al. 2023 (arXiv 2302.03473)"
    parameter = "factor"
    unit = "times larger"
    neutral = 1.0

    severities: tuple[Magnitude, ...] = (1.08, 1.16, 1.24, 1.32, 1.4)

    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        """Shrink output coordinates towards the centre."""
        factor = number(params, "factor", low=1.0, high=10.0)
        return GridMap.zoom((factor, factor), shape=shape)
