"""What the contract is checked on: a plain specimen per kind, awkward images that files really contain, a draw."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .base import Params, Perturbation, generator
from .family import Image


def specimen(kind: Literal["acquisition", "grid"]) -> Image:
    """A bright body with soft blobs: (2, 33, 40, 4) with values in [0, 1000], or (3, 48, 56) in [0, 1].

    Blobs are wide, so that moving them further away changes the image more.
    """
    if kind == "grid":
        return np.stack([_plane(48, 56) * weight for weight in (0.6, 0.8, 1.0)]).astype(np.float32)
    planes = [[_plane(33, 40) * weight * 1000 for weight in (0.7, 0.8, 0.9, 1.0)], [1000 - 900 * _plane(33, 40)] * 4]
    return np.moveaxis(np.array(planes, dtype=np.float32), 1, 3).copy()


def awkward_images(kind: Literal["acquisition", "grid"]) -> list[Image]:
    """Odd sizes, a single slice, constants, zeros, negative values, intensities of 1.7 million, Fortran order."""
    smallest, odd = ((1, 8, 9, 1), (3, 17, 11, 5)) if kind == "acquisition" else ((1, 8, 9), (5, 17, 11))
    rng = np.random.Generator(np.random.PCG64(0))
    values = rng.uniform(0, 1, odd).astype(np.float32)
    return [
        rng.uniform(0, 1, smallest).astype(np.float32),
        values,
        values * np.float32(1.7e6),
        values * np.float32(200) - np.float32(100),
        np.asfortranarray(values),
        np.zeros(odd, dtype=np.float32),
        np.full(odd, 1.7e6, dtype=np.float32),
        np.full(odd, -3, dtype=np.float32),
    ]


def draw(perturbation: Perturbation, image: Image, severity: int, seed: int) -> Params:
    """Parameters for an image of 1 mm voxels, as a fresh generator of that draw seed gives them."""
    rng = generator(seed, "case", perturbation.name)
    return perturbation.draw(severity, rng=rng, shape=image.shape, spacing=(1.0, 1.0, 1.0))


def corrupt(perturbation: Perturbation, image: Image, severity: int, seed: int) -> Image:
    """The image at that severity and draw seed."""
    return perturbation.apply(image, params=draw(perturbation, image, severity, seed))


def _plane(rows: int, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """One plane in [0, 1]: an ellipse with a soft border, three darker blobs in it and a bright one."""
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)
    plane = 0.7 / (1 + np.exp(12 * (np.hypot(y / 0.8, x / 0.7) - 1)))
    for height, centre_y, centre_x, width in ((-0.3, 0.2, 0.3, 0.2), (-0.2, -0.4, 0.1, 0.15), (0.3, -0.1, -0.3, 0.2)):
        plane = plane + height * np.exp(-((y - centre_y) ** 2 + (x - centre_x) ** 2) / (2 * width**2))
    return np.asarray(np.clip(plane, 0, 1))
