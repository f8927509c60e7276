"""Bias field: a smooth multiplicative gain, the exponential of a cubic polynomial of the position.

    corrupted = floor + (image - floor) * gain,    log(gain) = log(peak) * (2 (p - min p) / (max p - min p) - 1)

p is the sum of c_ijk x^i y^j z^k over 1 <= i + j + k <= 3 with coordinates running from -1 to 1 over the voxel centres
of each axis and drawn coefficients in [-1, 1]. The gain so reaches from exactly 1/peak to exactly peak in every
draw. All channels share the field, as they share the coil. `floor`: see `signal.py`.

Parameter: the peak gain. Source: Van Leemput et al., Automated model-based bias field correction of MR images of the
brain, IEEE TMI 18 (1999), in the form of TorchIO 1.2 `BiasField` (same order, coordinates and basis). TorchIO leaves
the polynomial as drawn, so that its default reaches a gain of 90; here it is scaled to the stated range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import number, numbers
from .signal import floor

ORDER = 3

EXPONENTS = tuple(
    (i, j, k) for i in range(ORDER + 1) for j in range(ORDER + 1 - i) for k in range(ORDER + 1 - i - j) if i + j + k > 0
)
"""Exponents of x, y and z in the order of the coefficients; TorchIO's order without its constant term."""


@dataclass(frozen=True, kw_only=True)
class BiasField(AcquisitionPerturbation):
    """One side of the volume brighter, another darker."""

    name = "bias-field"
    version = 1
    summary = "a smooth multiplicative gain from receive coils"
    source = "Van Leemput et al. 1999, IEEE TMI 18:885-896; basis of TorchIO 1.2 BiasField"
    parameter = "peak_gain"
    unit = "times; gains span 1/peak to peak"
    neutral = 1.0
    drawn = ("coefficients",)

    severities: tuple[Magnitude, ...] = (1.2, 1.4, 1.7, 2.1, 2.5)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the coefficients, uniform in [-1, 1]."""
        return {"coefficients": [float(c) for c in rng.uniform(-1.0, 1.0, size=len(EXPONENTS))]}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Multiply what lies above the floor by the gain."""
        peak = number(params, "peak_gain", low=1.0)
        coefficients = numbers(params, "coefficients", count=len(EXPONENTS))
        base = floor(image)
        out: Image = image - base
        out *= gain(coefficients, peak=peak, shape=image.shape[1:])
        out += base
        return out


def gain(coefficients: tuple[float, ...], *, peak: float, shape: tuple[int, ...]) -> Image:
    """The field (X, Y, Z) float32 in [1/peak, peak]; 1 everywhere where the polynomial is constant."""
    field = _polynomial(coefficients, shape=shape)
    low, high = float(field.min()), float(field.max())
    if high <= low:
        return np.ones(shape, dtype=np.float32)
    field -= np.float32((low + high) / 2)
    field *= np.float32(2 * math.log(peak) / (high - low))
    return np.exp(field, out=field)


def _polynomial(coefficients: tuple[float, ...], *, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The polynomial on the voxel grid: powers of z by Horner's rule, whose factors are planes in x and y."""
    x, y, z = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape)
    planes = np.zeros((ORDER + 1, *shape[:2]))
    for (i, j, k), coefficient in zip(EXPONENTS, coefficients, strict=True):
        planes[k] += coefficient * (x**i)[:, None] * y**j
    layers = planes.astype(np.float32)[..., None]
    field = np.broadcast_to(layers[ORDER], shape).copy()
    for layer in layers[ORDER - 1 :: -1]:
        field *= z.astype(np.float32)
        field += layer
    return field


@dataclass(frozen=True, kw_only=True)
class BiasField2(BiasField):
    """The same field with calibrated severities (docs/calibration.md)."""

    version = 2

    severities: tuple[Magnitude, ...] = (1.15, 1.31, 1.47, 1.63, 1.81)
