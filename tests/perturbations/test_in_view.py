"""The share of the foreground that stays in view, by hand and on real train labels."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mednca_bench import perturbations
from mednca_bench.perturbations.base import GridMap, GridPerturbation
from mednca_bench.perturbations.in_view import fraction_in_view
from mednca_bench.perturbations.shift import DIRECTIONS

LEAST = 0.95
"""Share of the train foreground that every severity keeps in view."""


def test_fractions_by_hand() -> None:
    mask = np.zeros((2, 8, 8))
    mask[0, 0:4, 0] = 1  # four pixels on the left border
    mask[1, 3:5, 3:5] = 1  # four in the centre
    assert fraction_in_view(mask, GridMap.identity()) == 1.0
    assert fraction_in_view(mask, GridMap.translation((0, -1))) == 0.5
    assert fraction_in_view(mask, GridMap.translation((-2, 0))) == 0.75
    # Twice as large: a centre at distance 1.5 of the image's comes to lie at distance 3, at most 4 is in view.
    assert fraction_in_view(mask, GridMap.zoom((2.0, 2.0), shape=(8, 8))) == 0.5
    assert fraction_in_view(mask, GridMap.zoom((2.0, 1.0), shape=(8, 8))) == 0.75
    assert fraction_in_view(mask, GridMap.zoom((0.5, 0.5), shape=(8, 8))) == 1.0


def test_a_pixel_on_the_border_is_in_view() -> None:
    assert fraction_in_view(np.eye(5), GridMap.zoom((1.25, 1.25), shape=(5, 5))) == 1.0


def test_no_foreground_is_an_error() -> None:
    with pytest.raises(ValueError, match="no foreground"):
        fraction_in_view(np.zeros((4, 4)), GridMap.identity())


@pytest.fixture(scope="module")
def foreground(real_data: Path) -> np.ndarray:
    """Merged labels of all real train cases on a 64 x 64 grid: how often each pixel is foreground, (64, 64)."""
    from mednca_bench.benchmark.resample import resize_map, warp
    from mednca_bench.benchmark.task import open_task
    from mednca_bench.benchmark.volume import read_case

    task = open_task(real_data / "Task04_Hippocampus")
    total = np.zeros((64, 64))
    for files in task.cases:
        if files.id in task.split.train:
            label = (read_case(files, task=task).label > 0).astype(np.float32)
            total += (warp(label, resize_map(label.shape[:2], (64, 64)), (64, 64)) > 0.5).sum(axis=2)
    return total


@pytest.mark.parametrize("name", ["scale-up", "scale-down", "shape", "shift", "rotate", "crop"])
def test_every_severity_keeps_the_train_foreground_in_view(name: str, foreground: np.ndarray) -> None:
    family = perturbations.get(name)
    assert isinstance(family, GridPerturbation)
    corners = [[x, y] for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0)]
    # The aspect of a pixel that was resized to the square grid, 5 % to 95 % of the train cases.
    values: dict[str, Iterable[object]] = {"axis": "xy", "direction": DIRECTIONS, "sense": "+-"}
    values |= {"aspect": (0.62, 0.71, 0.82), "position": corners}
    for severity in range(1, 6):
        for drawn in product(*(values[key] for key in family.drawn)):
            params = {family.parameter: family.magnitude(severity), **dict(zip(family.drawn, drawn, strict=True))}
            fraction = fraction_in_view(foreground, family.pull_back(params, shape=(64, 64)))
            assert fraction >= LEAST, f"{name} {params} leaves {fraction:.3f} of the foreground in view"
