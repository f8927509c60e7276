"""A volume in the format of MSD's prostate task: T2 and ADC on a fourth axis, 320×320×20 voxels of 0.6×0.6×4 mm.

The prostate is an ellipsoid; its transition zone (label 2) is a second one inside, pushed forward, and what remains
behind and around is the peripheral zone (label 1), a crescent. Around it: bladder, rectum, muscle on both sides, fat,
bone. All surfaces are warped by one smooth random displacement. y grows to the front of the body, z to the head.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import phantom_tissue as tissue
from .phantom_tissue import Array

SPACING = (0.6, 0.6, 4.0)
SHAPE = (320, 320, 20)
LABELS = {1: "PZ", 2: "TZ"}
MODALITIES = {0: "T2", 1: "ADC"}

# Relative intensities (T2, ADC) and the scale of each channel in scanner units.
_FAT, _MUSCLE, _BONE = (0.62, 0.06), (0.20, 0.30), (0.42, 0.12)
_BLADDER, _WALL, _AIR = (0.92, 0.85), (0.28, 0.34), (0.04, 0.03)
_PERIPHERAL, _TRANSITION = (0.62, 0.50), (0.40, 0.38)
_SCALE = ((500.0, 1500.0), (2000.0, 3000.0))
_NOISE = (0.035, 0.045)


@dataclass(frozen=True)
class Subject:
    """A subject's anatomy in mm: ellipsoid centres and radii (3,), and how far forward the transition zone lies."""

    centre: Array
    outer: Array
    inner: Array
    forward: float
    rectum: Array


def draw_subject(rng: np.random.Generator) -> Subject:
    """Draw a subject's anatomy."""
    centre = rng.normal(0.0, (3.0, 4.0, 3.0))
    outer = np.array([25.0, 19.0, 23.0]) * np.exp(rng.normal(0.0, 0.09, 3))
    inner = outer * np.array([0.76, 0.68, 0.80]) * np.exp(rng.normal(0.0, 0.06, 3))
    forward = float((outer[1] - inner[1]) * rng.uniform(0.55, 0.85))
    rectum = np.array([11.0, 10.0, 70.0]) * np.exp(rng.normal(0.0, 0.15, 3))
    return Subject(centre, outer, inner, forward, rectum)


def _structures(subject: Subject, where: Array) -> list[tuple[Array, tuple[float, float]]]:
    """Soft masks and intensities, in painting order."""
    at = subject.centre

    def blob(offset: tuple[float, float, float], radii: tuple[float, float, float]) -> Array:
        return tissue.membership(tissue.ellipsoid(where, at + np.array(offset), np.array(radii)), edge=0.5)

    behind = -float(subject.outer[1] + subject.rectum[1]) - 1.5
    wall = tissue.ellipsoid(where, at + np.array([0.0, behind, 0.0]), subject.rectum)
    parts = [(blob((side * 78.0, 5.0, 10.0), (26.0, 30.0, 40.0)), _BONE) for side in (-1.0, 1.0)]
    parts += [(blob((side * 42.0, 0.0, -5.0), (11.0, 30.0, 60.0)), _MUSCLE) for side in (-1.0, 1.0)]
    parts += [(blob((side * 22.0, -60.0, 0.0), (20.0, 13.0, 60.0)), _MUSCLE) for side in (-1.0, 1.0)]
    above = float(subject.outer[2]) + 20.0
    parts.append((blob((0.0, 6.0, above), (34.0, 26.0, 24.0)), _BLADDER))
    parts.append((tissue.membership(wall, edge=0.5), _WALL))
    parts.append((tissue.membership(wall + 3.0, edge=0.5), _AIR))
    return parts


def volume(
    seed: int, *, subject: int, shape: tuple[int, int, int] = SHAPE
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """One subject.

    Args:
        seed: of the data set.
        subject: number from 1.
        shape: voxels; the field of view stays that of 320×320×20, so the spacing grows as the shape shrinks.

    Returns:
        Image (X, Y, Z, 2) float32 with whole numbers, and label (X, Y, Z) uint8.
    """
    drawn = draw_subject(tissue.generator(seed, subject))
    rng = tissue.generator(seed, subject, 0)
    step = spacing(shape)
    where = tissue.coordinates(shape, step)
    width = (20.0 / step[0], 20.0 / step[1], 20.0 / step[2])
    warped = where + 2.5 * np.stack([tissue.smooth_field(shape, width=width, rng=rng) for _ in range(3)], axis=-1)

    outer = tissue.ellipsoid(warped, drawn.centre, drawn.outer)
    inner = tissue.ellipsoid(warped, drawn.centre + np.array([0.0, drawn.forward, 0.0]), drawn.inner)
    nodules = tissue.smooth_field(shape, width=(3.0 / step[0], 3.0 / step[1], 3.0 / step[2]), rng=rng)
    parts = _structures(drawn, warped)
    channels = []
    for channel in (0, 1):
        image = np.full(shape, _FAT[channel]) * (1.0 + 0.1 * nodules)
        for mask, intensity in parts:
            image = tissue.paint(image, mask, intensity[channel])
        image = tissue.paint(image, tissue.membership(outer - 0.8, edge=0.4), _WALL[channel])  # the dark capsule
        image = tissue.paint(image, tissue.membership(outer, edge=0.4), _PERIPHERAL[channel] * (1 + 0.06 * nodules))
        image = tissue.paint(image, tissue.membership(inner, edge=0.4), _TRANSITION[channel] * (1 + 0.22 * nodules))
        image = tissue.rician(image * tissue.bias(shape, strength=0.10, rng=rng), sigma=_NOISE[channel], rng=rng)
        channels.append(np.rint(image / image.max() * rng.uniform(*_SCALE[channel])).astype(np.float32))
    inside = outer < 0
    label = np.where(inside & (inner < 0), 2, np.where(inside, 1, 0)).astype(np.uint8)
    return np.stack(channels, axis=-1), label


def spacing(shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Voxel size in mm that keeps the field of view of 192 × 192 × 80 mm."""
    x, y, z = (size * full / n for size, full, n in zip(SPACING, SHAPE, shape, strict=True))
    return (x, y, z)
