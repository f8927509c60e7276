"""Ghosting: copies of the image displaced along an in-plane phase-encode axis.

Pulsation, breathing or an unstable receiver modulate the lines of k-space periodically. A modulation by
1 + 2 g cos(2 pi j / k) of line j, of period k lines, adds two ghosts of brightness g, N / k voxels away on either side:

    corrupted(x) = floor + s(x) + g s(x - d) + g s(x + d),    s = image - floor,    d = N / k in whole voxels

N is the length of the file's field of view along the phase-encode axis. The files of some tasks are crops of it, whose
opposite borders do not belong together, so s is mirrored beyond them: the modulation is that of the k-space of the
mirrored field of view of 2 N voxels. Written as shifts of whole voxels it is exact and needs no transform. All slices
and channels share axis and period; values are not clipped. `floor`: see `signal.py`.

Parameter: g, the ghost-to-signal ratio, which alone sets the strength. TorchIO 1.2 `Ghosting` blanks every n-th line
instead; that is a sum of n - 1 such modulations with dark ghosts of strength intensity / n, so that there more ghosts
mean a weaker artefact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import choice, integer, number
from .signal import floor

PERIODS = (2, 3, 4, 5)
"""Lines per period of the modulation, drawn with equal probability: ghosts 1/2 to 1/5 of the field of view away."""


@dataclass(frozen=True, kw_only=True)
class Ghosting(AcquisitionPerturbation):
    """Bright displaced copies of the image along one axis, on either side."""

    name = "ghosting"
    version = 1
    summary = "displaced copies along an in-plane phase-encode axis"
    source = "Wood & Henkelman 1985, Med. Phys. 12:143-151 (periodic modulation); compare TorchIO 1.2 Ghosting"
    parameter = "intensity"
    unit = "brightness of each ghost relative to the image"
    neutral = 0.0
    drawn = ("phase_axis", "period")

    severities: tuple[Magnitude, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the phase-encode axis ("x" or "y") and the period in k-space lines."""
        return {"phase_axis": "xy"[int(rng.integers(2))], "period": PERIODS[int(rng.integers(len(PERIODS)))]}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Add the two ghosts."""
        intensity = np.float32(number(params, "intensity", low=0.0))
        axis = 1 if choice(params, "phase_axis", allowed=("x", "y")) == "x" else 2
        length = image.shape[axis]
        distance = max(1, round(length / integer(params, "period", low=1)))
        base = floor(image)
        signal = image - base
        ghosts = signal.take(_mirrored(length, moved=distance), axis=axis)
        ghosts += signal.take(_mirrored(length, moved=-distance), axis=axis)
        ghosts *= intensity
        signal += ghosts
        signal += base
        return signal


def _mirrored(length: int, *, moved: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices that move an axis by `moved` voxels, with the axis mirrored (half-sample) beyond both ends."""
    around = (np.arange(length) - moved) % (2 * length)
    return np.minimum(around, 2 * length - 1 - around)


@dataclass(frozen=True, kw_only=True)
class Ghosting2(Ghosting):
    """The same ghosts with calibrated severities (docs/calibration.md)."""

    version = 2

    severities: tuple[Magnitude, ...] = (0.07, 0.145, 0.23, 0.335, 0.455)
