"""Ghosting: every n-th line of k-space is attenuated along an in-plane phase-encode axis.

Periodic modulation of the lines (pulsation, breathing, unstable gain) repeats the image along the phase-encode axis.
Lines whose distance from the central line is a multiple of `ghosts` are multiplied by 1 - intensity; the central line
itself is kept, so the mean stays. A point of brightness 1 leaves ghosts of -intensity / ghosts at distances
r * P / ghosts (r = 1 ... ghosts - 1) along the axis, P the padded field of view, and keeps 1 - intensity / ghosts.

Parameter: the intensity, at a drawn number of ghosts; 1 blanks the lines. The files of some tasks are crops, not full
fields of view: the volume is mirrored beyond its border before the transform, to P, the smallest multiple of
2 * ghosts that is at least twice its length, so that a ghost brings neither a seam nor ringing from the crop's border.

Source: TorchIO 1.2 `Ghosting`, which defines the attenuated lines; here they are counted from the centre of k-space and
not from its border, so that the spectrum stays that of a real image for every length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import choice, integer, number

GHOSTS = (2, 3, 4)
"""Drawn with equal probability."""


@dataclass(frozen=True, kw_only=True)
class Ghosting(AcquisitionPerturbation):
    """Dark displaced copies of the image along one axis."""

    name = "ghosting"
    version = 1
    summary = "displaced copies along an in-plane phase-encode axis"
    source = "TorchIO 1.2 Ghosting (Pérez-García et al. 2021), lines counted from the centre of k-space"
    parameter = "intensity"
    unit = "fraction removed of every n-th k-space line"
    neutral = 0.0
    drawn = ("phase_axis", "ghosts")

    severities: tuple[Magnitude, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the phase-encode axis ("x" or "y") and the number of ghosts."""
        return {"phase_axis": "xy"[int(rng.integers(2))], "ghosts": GHOSTS[int(rng.integers(len(GHOSTS)))]}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Attenuate the lines of the mirrored volume and cut the original field of view out again."""
        intensity = number(params, "intensity", low=0.0)
        ghosts = integer(params, "ghosts", low=2)
        axis = 1 if choice(params, "phase_axis", allowed=("x", "y")) == "x" else 2
        length = image.shape[axis]
        padded = -(-2 * length // (2 * ghosts)) * 2 * ghosts
        before = (padded - length) // 2
        widths = [(before, padded - length - before) if at == axis else (0, 0) for at in range(4)]
        spectrum = fft.rfft(np.pad(image, widths, mode="symmetric"), axis=axis, overwrite_x=True, workers=1)
        lines = [slice(None)] * 4
        lines[axis] = slice(ghosts, None, ghosts)
        spectrum[tuple(lines)] *= np.float32(1 - intensity)
        whole = fft.irfft(spectrum, n=padded, axis=axis, overwrite_x=True, workers=1)
        return np.ascontiguousarray(whole.take(np.arange(before, before + length), axis=axis), dtype=np.float32)
