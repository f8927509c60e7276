"""Affine maps of a pixel grid, in pull-back form: output pixel index -> input pixel index.

Index i has its centre at coordinate i; an axis of n pixels spans [-0.5, n - 0.5] (PyTorch's `align_corners=False`).
Axis order is (H, W). The warped image is `output(x) = input(map(x))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class GridMap:
    """The map x -> matrix @ x + offset from output to input pixel indices.

    Attributes:
        matrix: (2, 2) float64, invertible; read-only.
        offset: (2,) float64, in input pixels; read-only.

    Raises:
        ValueError: A shape is wrong, a value is not finite, or the matrix is singular.
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Own read-only copies: a frozen map must not change through an array somebody else holds."""
        for field, shape in (("matrix", (2, 2)), ("offset", (2,))):
            array = np.array(getattr(self, field), dtype=np.float64)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{field} of a grid map must be finite and of shape {shape}, not {array!r}")
            array.flags.writeable = False
            object.__setattr__(self, field, array)
        if np.linalg.det(self.matrix) == 0:
            raise ValueError(f"the matrix of a grid map must be invertible, not {self.matrix.tolist()}")

    @classmethod
    def identity(cls) -> GridMap:
        """The map that moves nothing."""
        return cls(np.eye(2), np.zeros(2))

    @classmethod
    def zoom(cls, factors: Sequence[float], *, shape: tuple[int, int]) -> GridMap:
        """Magnify about the image centre: one input pixel becomes `factors` output pixels along (H, W).

        >>> GridMap.zoom((2.0, 1.0), shape=(5, 5))([4.0, 4.0]).tolist()
        [3.0, 4.0]
        """
        centre = (np.asarray(shape, dtype=np.float64) - 1) / 2
        inverse = 1 / np.asarray(factors, dtype=np.float64)
        return cls(np.diag(inverse), centre - inverse * centre)

    @classmethod
    def translation(cls, pixels: Sequence[float]) -> GridMap:
        """Move the content by `pixels` towards larger (H, W) indices."""
        return cls(np.eye(2), -np.asarray(pixels, dtype=np.float64))

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Input pixel indices (..., 2) of the output pixel indices `points` (..., 2)."""
        # A written-out sum, since a BLAS product may round differently from one thread count to another.
        at = np.asarray(points, dtype=np.float64)
        moved: NDArray[np.float64] = (self.matrix * at[..., None, :]).sum(axis=-1) + self.offset
        return moved

    def after(self, first: GridMap) -> GridMap:
        """The composed coordinate map x -> self(first(x)).

        Coordinates pass through `first` first, images through `self` first: an image warped by `self` and the result
        warped by `first` is the image warped once by `self.after(first)`. So a resize R from the native grid followed
        by a perturbation P of the model grid is `R.after(P)`.
        """
        return GridMap(self.matrix @ first.matrix, self(first.offset))

    @property
    def local_scale(self) -> tuple[float, float]:
        """How many output pixels one input pixel becomes along each output axis (H, W).

        A step of one pixel along output axis i covers `norm(matrix[:, i])` input pixels; the scale is its inverse.
        Distances measured on the output grid are divided by it. A rotation has (1, 1).
        """
        across, down = 1 / np.linalg.norm(self.matrix, axis=0)
        return float(across), float(down)
