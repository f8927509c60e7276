"""Blur: convolution with an isotropic Gaussian point spread, in millimetres, all three axes.

    corrupted = image * Gaussian(sigma),    sigma in mm, divided by the voxel size along each axis

The volume is mirrored beyond its borders (half-sample) and the kernel cut at 4 sigma, both as scipy does by default.
Parameter: sigma. The voxel size is noted with the parameters. Source: TorchIO 1.2 `Blur`, which is the same (tested).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import number, numbers


@dataclass(frozen=True, kw_only=True)
class Blur(AcquisitionPerturbation):
    """Everything loses sharpness."""

    name = "blur"
    version = 1
    summary = "a Gaussian point spread"
    source = "TorchIO 1.2 Blur (Pérez-García et al. 2021)"
    parameter = "sigma"
    unit = "mm"
    neutral = 0.0
    drawn = ("spacing",)

    severities: tuple[Magnitude, ...] = (0.48, 0.71, 1.04, 1.52, 2.13)

    @property
    def random(self) -> bool:
        """Nothing is drawn: the voxel size is the file's."""
        return False

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Note the voxel size in mm."""
        return {"spacing": [float(step) for step in spacing]}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Convolve each channel."""
        sigma = number(params, "sigma", low=0.0)
        steps = numbers(params, "spacing", count=3)
        out = np.empty(image.shape, dtype=np.float32)
        for channel, blurred in zip(image, out, strict=True):
            ndimage.gaussian_filter(channel, [sigma / step for step in steps], output=blurred)
        return out
