"""The two kinds of perturbation, and the generator their directions are drawn from.

Acquisition perturbations corrupt the native volume (C, X, Y, Z), where a scanner would; grid perturbations move the
slices (..., H, W) of the model grid, H along X and W along Y, together with the label.
"""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from .family import Image, Perturbation
from .grid_map import GridMap
from .params import Magnitude, Params

__all__ = ["AcquisitionPerturbation", "GridMap", "GridPerturbation", "Magnitude", "Params", "Perturbation", "generator"]

LARGEST = 1e30
"""Intensities beyond this overflow in float32 sums over a volume; MRI files reach a few million."""


def generator(draw_seed: int, case: str, perturbation: str) -> np.random.Generator:
    """The generator of one case's draw: PCG64 seeded with the SHA-256 of the three arguments.

    The severity is not among them, so that a case's curve over severities is coupled.

    >>> int(generator(0, "hippocampus_001", "noise").integers(1000))
    809
    """
    text = json.dumps([int(draw_seed), str(case), str(perturbation)])
    entropy = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


class AcquisitionPerturbation(Perturbation):
    """A corruption of the native volume (C, X, Y, Z), before any preprocessing. The label stays as it is."""

    kind = "acquisition"

    def apply(self, image: Image, *, params: Mapping[str, Any]) -> Image:
        """Corrupt a native volume.

        Args:
            image: (C, X, Y, Z) float32, finite, absolute values up to 1e30; not modified.
            params: What `draw` returned, or the same read back from JSON.

        Returns:
            (C, X, Y, Z) float32, finite, a new array.

        Raises:
            ValueError: The image or a parameter is not as described.
        """
        if image.ndim != 4 or image.dtype != np.float32 or image.size == 0:
            raise ValueError(f"{self.name} takes a float32 (C, X, Y, Z) volume, not {image.dtype} {image.shape}")
        # NaN passes through min and max and fails the comparison, without a mask the size of the volume.
        if not max(-float(image.min()), float(image.max())) <= LARGEST:
            raise ValueError(f"{self.name} takes finite intensities up to {LARGEST:g}")
        return np.array(image) if self._is_identity(params) else self.corrupt(image, params)

    @abc.abstractmethod
    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """The corrupted copy of a checked volume, for parameters that are not neutral."""


class GridPerturbation(Perturbation):
    """A movement of the model grid's pixels, after preprocessing; image and label move by the same map."""

    kind = "grid"

    @abc.abstractmethod
    def pull_back(self, params: Mapping[str, Any], *, shape: tuple[int, int]) -> GridMap:
        """The map from output to input pixel indices on a grid of `shape` (H, W)."""

    def apply(self, image: Image, *, params: Mapping[str, Any]) -> Image:
        """Move slices by `pull_back`: linear interpolation, the edge replicated outside.

        Args:
            image: (..., H, W) float32; not modified.
            params: What `draw` returned, or the same read back from JSON.

        Returns:
            (..., H, W) float32, a new array.

        Raises:
            ValueError: The image or a parameter is not as described.
        """
        if image.ndim < 2 or image.dtype != np.float32:
            raise ValueError(f"{self.name} takes float32 (..., H, W) slices, not {image.dtype} {image.shape}")
        if self._is_identity(params):
            return np.array(image)
        height, width = image.shape[-2:]
        pull_back = self.pull_back(params, shape=(height, width))
        out = np.empty(image.shape, dtype=np.float32)
        slices = zip(image.reshape(-1, height, width), out.reshape(-1, height, width), strict=True)
        for source, target in slices:
            ndimage.affine_transform(
                source, pull_back.matrix, pull_back.offset, output=target, order=1, mode="nearest", prefilter=False
            )
        return out
