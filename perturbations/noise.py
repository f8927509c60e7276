"""Rician noise: the magnitude of a signal whose real and imaginary part carry independent Gaussian noise.

    noisy = floor + sqrt((image - floor + n1)^2 + n2^2),    n1, n2 ~ N(0, sigma^2), independent per voxel and channel

Parameter: sigma as a fraction of the channel's native 0.5-99.5 percentile range, the range that preprocessing maps to
[0, 1]. `floor` is 0 for magnitude images and the minimum for a channel with negative values (see `signal.py`), so sigma
-> 0 is the identity. A constant channel has no range, hence no noise. Source: Gudbjartsson & Patz, The Rician
distribution of noisy MRI data, Magn. Reson. Med. 34 (1995) 910-914. TorchIO's `Noise` adds Gaussian noise instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import integer, number
from .signal import floor

PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, kw_only=True)
class Noise(AcquisitionPerturbation):
    """Grain everywhere, and a raised background where there was no signal."""

    name = "noise"
    version = 1
    summary = "Rician noise"
    source = "Gudbjartsson & Patz 1995, Magn. Reson. Med. 34:910-914"
    parameter = "sigma"
    unit = "fraction of the native 0.5-99.5 percentile range"
    neutral = 0.0
    drawn = ("noise_seed",)

    severities: tuple[Magnitude, ...] = (0.03, 0.06, 0.1, 0.15, 0.2)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the seed of the voxel noise, below 2**53 so that every JSON reader keeps it exact."""
        return {"noise_seed": int(rng.integers(2**53))}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Add the noise of `noise_seed`, scaled to each channel's sigma."""
        fraction = number(params, "sigma", low=0.0)
        rng = np.random.Generator(np.random.PCG64(integer(params, "noise_seed", low=0)))
        base = floor(image)
        out = np.empty(image.shape, dtype=np.float32)
        for channel, noisy in enumerate(out):
            low, high = np.percentile(image[channel], PERCENTILES)
            rician(image[channel] - base[channel], sigma=fraction * float(high - low), rng=rng, out=noisy)
        out += base
        return out


def rician(signal: Image, *, sigma: float, rng: np.random.Generator, out: Image) -> None:
    """Write |signal + n1 + i n2| into `out`; `signal` is not negative, n1 and n2 have standard deviation `sigma`."""
    imaginary = rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary *= np.float32(sigma)
    rng.standard_normal(out=out, dtype=np.float32)
    out *= np.float32(sigma)
    out += signal
    # hypot neither overflows nor underflows in the squares, whatever the unit of the intensities.
    np.hypot(out, imaginary, out=out)


@dataclass(frozen=True, kw_only=True)
class Noise2(Noise):
    """The same noise with calibrated severities (docs/calibration.md)."""

    version = 2

    severities: tuple[Magnitude, ...] = (0.034, 0.063, 0.089, 0.116, 0.145)
