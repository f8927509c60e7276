"""Contrast: intensities between no signal and the brightest voxel follow a power law, so that midtones darken.

    corrupted = floor + m (s / m)^gamma,    s = image - floor,    m = the channel's largest s

Black and the brightest voxel stay. Parameter: gamma, above 1; brightening would be a second family. A monotone map, as
another echo or repetition time is one within a tissue: it keeps edges and their order, not their heights. TorchIO 1.2
`Gamma` takes the power of the intensities as they are, so that its effect depends on their unit; on images in [0, 1] it
is the same (tested). `floor`: see `signal.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import AcquisitionPerturbation, Magnitude
from .family import Image
from .params import number
from .signal import floor


@dataclass(frozen=True, kw_only=True)
class Contrast(AcquisitionPerturbation):
    """Dark tissue becomes darker, bright tissue stays."""

    name = "contrast"
    version = 1
    summary = "intensities raised to a power, midtones darkened"
    source = "TorchIO 1.2 Gamma (Pérez-García et al. 2021), relative to the brightest voxel"
    parameter = "gamma"
    unit = "exponent of the relative intensity"
    neutral = 1.0

    severities: tuple[Magnitude, ...] = (1.108, 1.22, 1.34, 1.47, 1.6)

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Raise what lies above the floor to the power, relative to its maximum."""
        gamma = np.float32(number(params, "gamma", low=1.0))
        base = floor(image)
        signal: Image = image - base
        most = signal.max(axis=(1, 2, 3), keepdims=True)
        most[most == 0] = 1
        signal /= most
        with np.errstate(divide="ignore"):  # the power of 0 is the exponential of -infinity, 0
            np.log(signal, out=signal)
        signal *= gamma
        np.exp(signal, out=signal)  # as a power, and several times faster in float32
        signal *= most
        signal += base
        return signal
