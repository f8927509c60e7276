"""What the phantoms are made of: smooth random fields, tubes, ellipsoids, and what an MRI scanner adds.

Coordinates are voxel indices times spacing, in mm; a membership is a soft mask in [0, 1] whose edge is about a voxel
wide, as partial volume makes it. Everything is drawn from a generator passed in.
"""

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

Array = npt.NDArray[np.float64]
_REACH = 8.0  # mm from a tube's surface beyond which nobody asks for the distance


def generator(seed: int, *path: int) -> np.random.Generator:
    """The generator of one thing in a phantom data set: (seed, subject) or (seed, subject, side)."""
    return np.random.default_rng([seed, *path])


def coordinates(shape: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
    """Voxel centres in mm, (*shape, 3), with the origin in the middle of the volume."""
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def smooth_field(shape: tuple[int, ...], *, width: tuple[float, ...], rng: np.random.Generator) -> Array:
    """Random field of mean 0 and sd 1: normal weights on Gaussian bumps of sd `width` voxels, `width` apart."""
    kernels = []
    for n, w in zip(shape, width, strict=True):
        centres = np.arange(-3.0 * w, n - 1 + 3.0 * w + 1e-9, w)  # bumps centred up to three widths outside
        kernels.append(np.exp(-0.5 * ((np.arange(n)[:, np.newaxis] - centres) / w) ** 2))
    field = rng.standard_normal([kernel.shape[1] for kernel in kernels])
    for kernel in kernels:  # each pass contracts the first axis and appends the full one
        field = np.tensordot(field, kernel, axes=(0, 1))
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float64)


def curve(points: Array, *, samples: int = 48) -> Array:
    """`samples` points, (samples, 3), on a smooth curve through control points (n, 3)."""
    knots = np.linspace(0.0, 1.0, len(points))
    return np.asarray(CubicSpline(knots, points)(np.linspace(0.0, 1.0, samples)), dtype=np.float64)


def tube(where: Array, line: Array, radius: Array) -> tuple[Array, Array]:
    """Distance to the surface of a tube, and where along it.

    Args:
        where: points in mm, (..., 3).
        line: the centre line, (n, 3) mm.
        radius: its radius at each of these points, (n,) mm.

    Returns:
        Signed distance to the surface in mm, negative inside, infinite from `_REACH` mm on, and the position along the
        line in [0, 1], both (...).
    """
    points, reach = where.reshape(-1, 3), float(radius.max()) + _REACH
    near = np.logical_and(points > line.min(axis=0) - reach, points < line.max(axis=0) + reach).all(axis=1)
    distance, index = cKDTree(line).query(points[near], distance_upper_bound=reach)
    outside, along = np.full(len(points), np.inf), np.zeros(len(points))
    index = np.minimum(np.asarray(index), len(line) - 1)  # the tree answers len(line) where nothing is in reach
    outside[near], along[near] = distance - radius[index], index / (len(line) - 1)
    return outside.reshape(where.shape[:-1]), along.reshape(where.shape[:-1])


def ellipsoid(where: Array, centre: Array, radii: Array) -> Array:
    """Approximate signed distance (mm) to an axis-parallel ellipsoid, negative inside, exact on the surface."""
    scaled = np.linalg.norm((where - centre) / radii, axis=-1)
    return np.asarray((scaled - 1.0) * radii.min(), dtype=np.float64)


def membership(distance: Array, *, edge: float = 0.4) -> Array:
    """Soft mask of what lies inside a signed distance (mm); `edge` is the width of the transition in mm."""
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(distance / edge, -40.0, 40.0))), dtype=np.float64)


def paint(image: Array, mask: Array, intensity: float | Array) -> Array:
    """The image with a structure of the given intensity laid over it."""
    return image + mask * (intensity - image)


def bias(shape: tuple[int, ...], *, strength: float, rng: np.random.Generator) -> Array:
    """Smooth multiplicative field, exp of a quadratic polynomial; `strength` is the sd of its logarithm."""
    axes = np.meshgrid(*[np.linspace(-1.0, 1.0, n) for n in shape], indexing="ij")
    terms = [*axes, *(a * a for a in axes), axes[0] * axes[1], axes[1] * axes[2], axes[0] * axes[2]]
    field = np.tensordot(rng.standard_normal(len(terms)), np.stack(terms), axes=1)
    return np.asarray(np.exp(strength * (field - field.mean()) / field.std()), dtype=np.float64)


def rician(image: Array, *, sigma: float, rng: np.random.Generator) -> Array:
    """Magnitude of the image with complex Gaussian noise of standard deviation `sigma` per component."""
    real, imaginary = rng.normal(0.0, sigma, (2, *image.shape))
    return np.asarray(np.hypot(image + real, imaginary), dtype=np.float64)
