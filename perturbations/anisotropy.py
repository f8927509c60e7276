"""Anisotropy: the volume is acquired in thick slices and interpolated back to the file's slices.

A thick slice is the mean of `factor` slices (a box profile; slices cut in two count by their part); the first begins at
the volume's first border, the last may reach beyond the other one and is the mean of what is inside. Between the
centres of thick slices the volume is interpolated linearly, outside them the nearest is repeated. Both steps are linear
maps along one axis and become one sparse matrix.

Parameter: the thickness in slices of the file. Drawn: the axis the scan was sliced along, x, y or z, each with
probability 1/3 (axes of a single slice aside): files of axial slices are often reformatted from sagittal or coronal
scans. Source: TorchIO 1.2 `RandomAnisotropy`, which takes the nearest slice instead of the mean and so thins out a
volume rather than thickening its slices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .base import AcquisitionPerturbation, Magnitude, Params
from .family import Image
from .params import choice, number


@dataclass(frozen=True, kw_only=True)
class Anisotropy(AcquisitionPerturbation):
    """Neighbouring slices of one axis run into each other."""

    name = "anisotropy"
    version = 1
    summary = "thick slices along a drawn axis"
    source = "partial volume of a box slice profile; compare TorchIO 1.2 RandomAnisotropy"
    parameter = "factor"
    unit = "slices of the file per thick slice"
    neutral = 1.0
    drawn = ("axis",)

    severities: tuple[Magnitude, ...] = (1.15, 2.1, 3.4, 5.0, 6.8)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the axis among those that have slices to merge."""
        axes = [name for name, length in zip("xyz", shape[-3:], strict=True) if length > 1] or ["z"]
        return {"axis": axes[int(rng.integers(len(axes)))]}

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Average and interpolate along the axis."""
        factor = number(params, "factor", low=1.0)
        axis = 1 + "xyz".index(choice(params, "axis", allowed=("x", "y", "z")))
        length = image.shape[axis]
        thick = sparse.csr_array(thick_slices(length, factor=factor).astype(np.float32))
        slices = np.moveaxis(image, axis, 0)
        merged: Image = (thick @ slices.reshape(length, -1)).reshape(slices.shape)
        return np.ascontiguousarray(np.moveaxis(merged, 0, axis))


def thick_slices(length: int, *, factor: float) -> NDArray[np.float64]:
    """The map of an axis of `length` slices onto itself, (length, length); rows sum to 1."""
    count = math.ceil(length / factor - 1e-9)
    edges = np.minimum(np.arange(count + 1) * factor, length)
    slices = np.arange(length)
    inside = np.minimum(edges[1:, None], slices + 1) - np.maximum(edges[:-1, None], slices)
    means = np.clip(inside, 0, None) / np.diff(edges)[:, None]
    centres = (edges[1:] + edges[:-1]) / 2
    back = np.stack([np.interp(slices + 0.5, centres, row) for row in np.eye(count)], axis=1)
    # A written-out sum: a BLAS product may round differently from one thread count to another.
    composed: NDArray[np.float64] = (back[:, :, None] * means[None]).sum(axis=1)
    return composed
