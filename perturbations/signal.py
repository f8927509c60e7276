"""Which intensity means "no signal": the convention that multiplicative and magnitude artefacts share.

MRI magnitude images are not negative and have their zero at no signal. A channel with negative intensities (normalised
beforehand, or not MRI) has lost that zero; its darkest voxel is taken for it. So the floor of a channel is
`min(0, its minimum)`, and an artefact acts on `image - floor`, which is never negative.
"""

from __future__ import annotations

import numpy as np

from .family import Image


def floor(image: Image) -> Image:
    """The intensity of no signal per channel of a (C, X, Y, Z) volume: (C, 1, 1, 1) float32, never positive."""
    lowest: Image = np.minimum(image.min(axis=(1, 2, 3), keepdims=True), np.float32(0))
    return lowest
