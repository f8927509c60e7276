"""A volume like those of MSD's hippocampus task: about 35 × 50 × 36 mm around a small bent body.

The body is grey matter (label 1 its head, 2 the rest) on a bent, tapering centre line, beside a dark cleft, between a
bright stem and white matter. Other grey matter of the same intensity, some of it just as tubular, lies around it, so
that intensity alone does not find it: it is recognised by place, shape and neighbours. The crops of the two sides of a
subject are stored in one orientation, as in the real task, and are alike but not equal.

Sizes in mm follow the real task's 31-43 × 40-59 × 24-47 and intensity scales its 100 to 1.7 million. Its voxels are
1 mm in all directions; here slices are 2 mm thick: half the slices to train on and to score, all else equal.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import phantom_tissue as tissue
from .phantom_tissue import Array

Image = npt.NDArray[np.float32] | npt.NDArray[np.uint8]
Label = npt.NDArray[np.uint8]

SPACING = (1.0, 1.0, 2.0)
LABELS = {1: "Anterior", 2: "Posterior"}
MODALITIES = {0: "MRI"}

# Relative intensities of T1-weighted tissue.
_WHITE, _GREY, _FLUID, _STEM = 0.78, 0.44, 0.12, 0.88
_HEAD_END = 0.42  # of the way along the centre line

# Centre line in mm from the middle of the crop, head first, and the radius there in mm.
_LINE = np.array(
    [(4.0, 13.0, -7.0), (2.5, 9.0, -3.5), (-3.0, 3.0, -2.0), (-4.5, -3.5, 2.0), (-1.0, -8.0, 7.5), (4.0, -9.5, 13.0)]
)
_RADIUS = np.array([3.8, 5.5, 5.3, 4.8, 3.7, 2.3])
_SIZE_MEAN, _SIZE_SD = (35.3, 49.8, 35.7), (1.8, 2.6, 3.4)  # of the crop, in mm
_SIZE_MIN, _SIZE_MAX = (31, 40, 24), (43, 59, 47)


@dataclass(frozen=True)
class Subject:
    """What both sides of a subject share.

    Attributes:
        line: control points of the body's centre line, (6, 3) mm.
        radius: radii at these points, (6,) mm.
        others: control points (4, 3) mm and radius (mm) of look-alike tubes.
        stem: centre (3,) mm of the bright stem.
    """

    line: Array
    radius: Array
    others: tuple[tuple[Array, float], ...]
    stem: Array


def _rotation(angles: Array) -> Array:
    """Rotation by small angles (radians) about the three axes."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z, dtype=np.float64)


def draw_subject(rng: np.random.Generator) -> Subject:
    """Draw a subject's anatomy."""
    size = np.exp(rng.normal(0.0, 0.07))
    turn = _rotation(rng.normal(0.0, np.deg2rad(4.0), 3))
    place = rng.normal(0.0, (0.8, 1.0, 0.8))
    line = (_LINE * size + rng.normal(0.0, 0.5, _LINE.shape)) @ turn.T + place
    radius = _RADIUS * size * np.exp(rng.normal(0.0, 0.06, _RADIUS.shape))
    others = []
    for _ in range(5):
        start = rng.uniform((-17, -25, -17), (17, 25, 17))
        steps = rng.normal(0.0, 1.0, 3) + rng.normal(0.0, 0.5, (3, 3))
        steps *= rng.uniform(6.0, 9.0) / np.linalg.norm(steps, axis=1, keepdims=True)
        others.append((np.vstack([start, start + np.cumsum(steps, axis=0)]), float(rng.uniform(2.5, 4.8))))
    stem = np.array([17.0, 1.0, 6.0]) + rng.normal(0.0, 1.5, 3)
    return Subject(line, radius, tuple(others), stem)


def _field(shape: tuple[int, ...], *, width: float, rng: np.random.Generator) -> Array:
    """Random field of mean 0 and sd 1 that varies over `width` mm in every direction."""
    return tissue.smooth_field(shape, width=tuple(width / step for step in SPACING), rng=rng)


def _anatomy(subject: Subject, where: Array, *, rng: np.random.Generator) -> tuple[Array, Label]:
    """Relative intensities of the tissues without artefacts, and the label."""
    shape = where.shape[:3]
    line = tissue.curve(subject.line + rng.normal(0.0, 0.35, subject.line.shape))
    radius = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(subject.radius)), subject.radius)
    bumps = 0.6 * _field(shape, width=2.5, rng=rng)
    body, along = tissue.tube(where, line, radius)
    body = body + bumps

    folds = _field(shape, width=3.0, rng=rng)
    image = np.full(shape, _WHITE) + 0.03 * _field(shape, width=6.0, rng=rng)
    image = tissue.paint(image, tissue.membership(0.55 - folds, edge=0.12), _GREY)
    image = tissue.paint(image, tissue.membership(1.75 - folds, edge=0.12), _FLUID)
    for points, thickness in subject.others:
        other, _ = tissue.tube(where, tissue.curve(points), np.full(48, thickness))
        image = tissue.paint(image, tissue.membership(other + 0.5 * bumps), _GREY)
    stem = tissue.ellipsoid(where, subject.stem, np.array([9.0, 11.0, 26.0]))
    image = tissue.paint(image, tissue.membership(stem - 2.0), _FLUID)
    image = tissue.paint(image, tissue.membership(stem), _STEM)

    # A white rim all around, then the cleft of fluid over the side away from the stem, then the body itself.
    image = tissue.paint(image, 0.95 * tissue.membership(body - 1.5), _WHITE)
    cleft, _ = tissue.tube(where, line + np.array([-1.6, 1.2, 0.6]), radius + 0.2)
    image = tissue.paint(image, tissue.membership(cleft), _FLUID)
    image = tissue.paint(image, tissue.membership(body), _GREY)
    label = np.where(body < 0, np.where(along < _HEAD_END, 1, 2), 0).astype(np.uint8)
    return image, label


def volume(seed: int, *, subject: int, side: int) -> tuple[Image, Label]:
    """One side of one subject.

    Args:
        seed: of the data set.
        subject: number from 1.
        side: 0 or 1.

    Returns:
        Image (X, Y, Z), uint8 or float32 with whole numbers, and label (X, Y, Z) uint8.
    """
    shared = draw_subject(tissue.generator(seed, subject))
    rng = tissue.generator(seed, subject, side)
    size = np.clip(rng.normal(_SIZE_MEAN, _SIZE_SD), _SIZE_MIN, _SIZE_MAX)
    nx, ny, nz = (round(mm / step) for mm, step in zip(size.tolist(), SPACING, strict=True))
    where = tissue.coordinates((nx, ny, nz), SPACING)
    image, label = _anatomy(shared, where, rng=rng)
    image = image * tissue.bias((nx, ny, nz), strength=0.10, rng=rng)
    image = tissue.rician(image, sigma=0.045, rng=rng)
    return _stored(image, rng=rng), label


def _stored(image: Array, *, rng: np.random.Generator) -> Image:
    """Scale to whole numbers as scanners and exports do: a fifth in uint8, the rest float32 up to 10^3 … 10^6."""
    relative = image / image.max()
    if rng.random() < 0.2:
        return np.asarray(np.rint(relative * rng.uniform(110.0, 255.0)), dtype=np.uint8)
    exponent = rng.uniform(3.0, 3.6) if rng.random() < 0.7 else rng.uniform(5.0, 6.2)
    return np.asarray(np.rint(relative * 10.0**exponent), dtype=np.float32)
