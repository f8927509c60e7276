"""From a native volume to what a model sees: axial slices of one size with intensities in [0, 1].

Intensities are mapped by the 0.5 and 99.5 percentiles of the volume (per channel), clipped; a constant volume becomes
0. The map is fitted on the volume as given, corrupted or not, before any perturbation of the model's grid, and never
again: refitting per slice would turn padding into an intensity shift. The official code's form, percentiles per slice,
is the option `intensity="slice"`. Resizing is linear (see `resample`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .resample import resize_map, warp, warp_masks

PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How a volume becomes a model's input; part of every unit's key.

    Attributes:
        size: slice size (H, W) in pixels.
        intensity: percentiles over the whole "volume" or over each "slice"; "official" as the authors' code, over each
            slice after a cubic resize.
        labels: "merged" (one foreground, the paper's way) or "classes" (one output per label).
    """

    size: tuple[int, int]
    intensity: Literal["volume", "slice", "official"] = "volume"
    labels: Literal["merged", "classes"] = "merged"


def normalise(image: NDArray[np.float32], *, intensity: Literal["volume", "slice"] = "volume") -> NDArray[np.float32]:
    """Map intensities to [0, 1] by percentiles.

    Args:
        image: (C, X, Y, Z) float32, finite, any unit.
        intensity: what the percentiles are taken over.

    Returns:
        (C, X, Y, Z) float32 in [0, 1]; zero where the range is empty.
    """
    axes = (1, 2, 3) if intensity == "volume" else (1, 2)
    low, high = np.percentile(image, PERCENTILES, axis=axes, keepdims=True)
    span = high - low
    # float64 until the clip: a range of 1.7 million would cost float32 its last digits
    scaled = (image.astype(np.float64) - low) / np.where(span > 0, span, 1.0)
    return np.where(span > 0, np.clip(scaled, 0.0, 1.0), 0.0).astype(np.float32)


def model_input(image: NDArray[np.float32], recipe: Preprocess) -> NDArray[np.float32]:
    """A native image (C, X, Y, Z) as the model sees it: (Z, C, H, W) float32 in [0, 1]."""
    if recipe.intensity == "official":
        return official_input(image, recipe.size)
    scaled = normalise(image, intensity=recipe.intensity)
    to_model = resize_map((image.shape[1], image.shape[2]), recipe.size)
    resized = np.stack([warp(channel, to_model, recipe.size) for channel in scaled])
    return np.ascontiguousarray(resized.transpose(3, 0, 1, 2))


def official_input(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """As `model_input`, in the order of the authors' code: cubic resize, then percentiles of each resized slice.

    Their min-max and z-norm in between change nothing that the percentiles do not undo. torch's bicubic kernel (a =
    -0.75, pixel centres, no antialias) is that of OpenCV, which they use.
    """
    import torch
    from torch.nn.functional import interpolate

    slices = torch.from_numpy(np.ascontiguousarray(image.transpose(3, 0, 1, 2)))
    high, low = (slices.amax((2, 3), keepdim=True), slices.amin((2, 3), keepdim=True))
    resized = interpolate(slices, size=size, mode="bicubic", align_corners=False)
    resized = torch.where(high == low, high, resized)  # else a constant slice becomes its rounding errors, magnified
    scaled = normalise(resized.numpy().transpose(1, 2, 3, 0), intensity="slice")
    return np.ascontiguousarray(scaled.transpose(3, 0, 1, 2))


def label_names(labels: dict[int, str], recipe: Preprocess) -> tuple[str, ...]:
    """The names of the model's outputs, in channel order, for a task's label map (value to name, no background)."""
    return ("foreground",) if recipe.labels == "merged" else tuple(labels[value] for value in sorted(labels))


def label_masks(label: NDArray[np.uint8], labels: dict[int, str], recipe: Preprocess) -> NDArray[np.bool_]:
    """A native label (X, Y, Z) as one mask per output: (K, X, Y, Z) bool."""
    if recipe.labels == "merged":
        return np.asarray(label > 0)[None]
    return np.stack([label == value for value in sorted(labels)])


def model_target(masks: NDArray[np.bool_], recipe: Preprocess) -> NDArray[np.uint8]:
    """Native masks (K, X, Y, Z) on the model's grid, as training targets: (Z, K, H, W) uint8 of 0 and 1."""
    to_model = resize_map((masks.shape[1], masks.shape[2]), recipe.size)
    carried = warp_masks(masks, to_model, recipe.size)
    return np.ascontiguousarray(carried.transpose(3, 0, 1, 2)).astype(np.uint8)
