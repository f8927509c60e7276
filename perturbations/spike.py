"""Spike: one stray sample in k-space lays a plane wave over the whole volume (herringbone, corduroy).

    corrupted = image + intensity * mean(image - floor) * cos(2 pi (u x / X + v y / Y) + phase)

A spike of `intensity` times the largest k-space magnitude at the in-plane frequency (u, v), at frequency 0 along z. The
largest sample of a signal that is not negative is the central one, its sum; spread over all voxels the spike has the
amplitude intensity * mean, so no transform is needed. The image is kept real (the real part is taken), stripes are the
same in all slices, and each channel gets the amplitude of its own mean. `floor`: see `signal.py`.

Parameter: the intensity. Drawn: a direction uniform in [0, pi), a spatial frequency uniform in `FREQUENCY`, rounded to
the k-space grid of the file's field of view (for a crop, the crop's), and the phase. Source: TorchIO 1.2 `Spike`, which
draws a position in the whole 3-D k-space, without phase; most of those vary along z faster than anatomy does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import integer, number
from .signal import floor

FREQUENCY = (0.05, 0.25)
"""Cycles per pixel: stripes 20 to 4 pixels wide from crest to crest."""


@dataclass(frozen=True, kw_only=True)
class Spike(AcquisitionPerturbation):
    """Stripes over the whole image."""

    name = "spike"
    version = 1
    summary = "a plane wave from one stray k-space sample"
    source = "TorchIO 1.2 Spike (Pérez-García et al. 2021), restricted to in-plane frequencies"
    parameter = "intensity"
    unit = "fraction of the k-space maximum"
    neutral = 0.0
    drawn = ("u", "v", "phase")

    severities: tuple[Magnitude, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the frequency in cycles per field of view along x and y, and the phase in radians."""
        angle, frequency, phase = rng.uniform((0.0, FREQUENCY[0], 0.0), (math.pi, FREQUENCY[1], 2 * math.pi))
        u = _whole_cycles(frequency * math.cos(angle), length=shape[-3])
        v = _whole_cycles(frequency * math.sin(angle), length=shape[-2])
        if u == v == 0:  # the centre of k-space is no spike
            u, v = (1, 0) if shape[-3] >= shape[-2] else (0, 1)
        return {"u": u, "v": v, "phase": float(phase)}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Add the plane wave."""
        intensity = number(params, "intensity", low=0.0)
        rows, columns = image.shape[1:3]
        u, v, phase = integer(params, "u"), integer(params, "v"), number(params, "phase")
        along_x = u * np.arange(rows, dtype=np.float64)[:, None] / rows
        along_y = v * np.arange(columns, dtype=np.float64) / columns
        wave = np.cos(2 * math.pi * (along_x + along_y) + phase)[None, :, :, None]
        mean = image.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64) - floor(image)
        out: Image = image + (intensity * mean * wave).astype(np.float32)
        return out


def _whole_cycles(frequency: float, *, length: int) -> int:
    """The nearest k-space line below Nyquist, where a sine could vanish on every pixel."""
    most = (length - 1) // 2
    return max(-most, min(most, round(frequency * length)))


@dataclass(frozen=True, kw_only=True)
class Spike2(Spike):
    """The same stripes with calibrated severities (docs/calibration.md)."""

    version = 2

    severities: tuple[Magnitude, ...] = (0.064, 0.128, 0.196, 0.273, 0.361)
