"""Gibbs ringing: k-space is sampled up to a lower frequency than the image's, so edges ring and fine detail is lost.

    corrupted = floor + |truncated s|,    s = image - floor

Along both in-plane axes the frequencies above `kept` times the Nyquist frequency are zeroed, all slices and channels
alike. The file's field of view is mirrored beyond its borders first (half-sample), since the opposite borders of a crop
do not belong together and would ring against each other; the discrete Fourier transform of the mirrored volume is the
cosine transform (DCT-II) of the volume, so no padding is computed. The highest line is weighted by the fraction of it
that is kept, which makes the family continuous. `floor`: see `signal.py`.

Parameter: the fraction of the frequencies that is kept. Source: J. Veraart et al., Gibbs ringing in diffusion MRI,
Magn. Reson. Med. 76 (2016) 301-314, for the artefact. MONAI's `GibbsNoise` zeroes outside a ball of the 3-D k-space
instead, of the field of view as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import fft

from .base import AcquisitionPerturbation, Magnitude
from .family import Image
from .params import number
from .signal import floor


@dataclass(frozen=True, kw_only=True)
class Gibbs(AcquisitionPerturbation):
    """Ripples beside edges, and a loss of resolution."""

    name = "gibbs"
    version = 1
    summary = "truncated k-space: ringing beside edges"
    source = "Veraart et al. 2016, Magn. Reson. Med. 76:301-314; compare MONAI GibbsNoise"
    parameter = "kept"
    unit = "fraction of the in-plane frequencies, per axis"
    neutral = 1.0

    severities: tuple[Magnitude, ...] = (0.61, 0.4, 0.29, 0.22, 0.2)

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Zero the high frequencies."""
        kept = number(params, "kept", low=0.0, high=1.0)
        base = floor(image)
        signal: Image = image - base
        for axis in (1, 2):
            spectrum = fft.dct(signal, axis=axis, overwrite_x=True, workers=1)
            spectrum *= _window(image.shape[axis], kept=kept).reshape([-1 if a == axis else 1 for a in range(4)])
            signal = fft.idct(spectrum, axis=axis, overwrite_x=True, workers=1)
        np.abs(signal, out=signal)
        signal += base
        return signal


def _window(length: int, *, kept: float) -> Image:
    """Weights of the lines: 1 below the cut, 0 above it, and in between for the line that it divides.

    The central line stays whole, or the image would be gone.
    """
    weights: Image = np.clip(kept * length - np.arange(length), 0, 1).astype(np.float32)
    weights[0] = 1
    return weights
