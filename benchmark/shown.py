"""A case as a condition shows it to the model, and the millimetres that the shown grid covers.

Acquisition perturbations change the native volume before preprocessing, grid perturbations the preprocessed slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..perturbations.base import GridMap, GridPerturbation, generator
from .condition import Condition
from .preprocess import Preprocess, model_input
from .resample import resize_map
from .volume import Case


@dataclass(frozen=True)
class Shown:
    """A case as a condition shows it to the model.

    Attributes:
        slices: (Z, C, H, W) float32, the model's input.
        grid_map: the pull-back of the grid perturbation, identity otherwise.
        parameters: what was drawn and applied.
    """

    slices: NDArray[np.float32]
    grid_map: GridMap
    parameters: dict[str, Any]


def show(case: Case, condition: Condition, recipe: Preprocess) -> Shown:
    """The case under a condition, preprocessed."""
    image = np.asarray(case.image)
    if not condition.severity:
        return Shown(model_input(image, recipe), GridMap.identity(), {})
    family = condition.family
    rng = generator(condition.draw, case.id, family.name)
    if isinstance(family, GridPerturbation):
        slices = model_input(image, recipe)
        params = family.draw(condition.severity, rng=rng, shape=recipe.size, spacing=model_spacing(case, recipe)[:2])
        return Shown(family.apply(slices, params=params), family.pull_back(params, shape=recipe.size), params)
    params = family.draw(condition.severity, rng=rng, shape=image.shape, spacing=case.spacing)
    return Shown(model_input(family.apply(image, params=params), recipe), GridMap.identity(), params)


def scored_spacing(case: Case, size: tuple[int, int], grid_map: GridMap) -> tuple[float, float, float]:
    """Millimetres of anatomy that one step along each axis of the perturbed model grid of `size` covers.

    The columns of the map to the native grid, each as long as it is in mm: the size of a pixel divided by the local
    scale, also where pixels are not square and the map turns.
    """
    native = resize_map((case.image.shape[1], case.image.shape[2]), size).after(grid_map).matrix
    along_h, along_w = np.linalg.norm(np.asarray(case.spacing[:2])[:, None] * native, axis=0)
    return float(along_h), float(along_w), case.spacing[2]


def model_spacing(case: Case, recipe: Preprocess) -> tuple[float, float, float]:
    """The size in mm of a voxel of the model's grid."""
    return scored_spacing(case, recipe.size, GridMap.identity())
