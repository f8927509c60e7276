"""The scan that is timed end to end: a generated head in noise, 12-bit values in int16, as scanners store them."""

from __future__ import annotations

import numpy as np

from .phantom_folder import nifti_bytes

WHITE = 4095  # largest 12-bit value
_NOISE = (40.0, 200.0)  # standard deviation outside and inside the head


def scan_bytes(*, channels: int, size: tuple[int, int], slices: int) -> bytes:
    """A gzipped NIfTI file of (H, W, slices) voxels of 1 mm, channels last where there are several; always the same."""
    rng = np.random.default_rng(0)
    y, x = (np.linspace(-1.25, 1.25, side) for side in size)
    head = (np.hypot(y[:, None], 1.2 * x) < 1.0)[..., None, None]
    shape = (*size, slices, channels)
    values = np.where(head, 1800.0, 60.0) + np.where(head, _NOISE[1], _NOISE[0]) * rng.standard_normal(shape)
    voxels = np.clip(np.rint(values), 0, WHITE).astype(np.int16)
    return nifti_bytes(voxels if channels > 1 else voxels[..., 0], spacing=(1.0, 1.0, 1.0))
