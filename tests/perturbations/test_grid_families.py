"""Scale, shape and shift against scipy, PyTorch's sampler and pixels worked out by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from mednca_bench import perturbations
from mednca_bench.perturbations.base import GridMap, GridPerturbation, generator
from mednca_bench.perturbations.scale_down import ScaleDown
from mednca_bench.perturbations.scale_up import ScaleUp
from mednca_bench.perturbations.shape import Shape
from mednca_bench.perturbations.shift import DIRECTIONS, Shift

IMAGES = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=4, max_side=19), elements=st.floats(0, 1, width=32)
)
CONDITIONS: list[tuple[GridPerturbation, dict[str, Any]]] = [
    (ScaleUp(), {"factor": 1.4}),
    (ScaleDown(), {"factor": 0.7}),
    (Shape(), {"factor": 0.5, "axis": "x"}),
    (Shape(), {"factor": 0.8, "axis": "y"}),
    (Shift(), {"pixels": 3, "direction": "-y"}),
]


@pytest.mark.parametrize(("family", "params"), CONDITIONS)
@given(image=IMAGES)
def test_equals_scipy_at_the_pulled_back_coordinates(
    family: GridPerturbation, params: dict[str, Any], image: np.ndarray
) -> None:
    shape = image.shape[-2:]
    at = np.moveaxis(family.pull_back(params, shape=shape)(np.moveaxis(np.indices(shape), 0, -1)), -1, 0)
    planes = [
        ndimage.map_coordinates(plane.astype(np.float64), at, order=1, mode="nearest")
        for plane in image.reshape(-1, *shape)
    ]
    np.testing.assert_allclose(family.apply(image, params=params), np.reshape(planes, image.shape), atol=1e-6)


@pytest.mark.parametrize(("family", "params"), CONDITIONS[:4])
@pytest.mark.parametrize("shape", [(64, 64), (17, 30)])
def test_equals_torch_grid_sample(family: GridPerturbation, params: dict[str, Any], shape: tuple[int, int]) -> None:
    import torch

    image = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    down = params["factor"] if params.get("axis", "x") == "x" else 1.0
    across = params["factor"] if params.get("axis", "y") == "y" else 1.0
    # torch orders coordinates (width, height) and measures them in half images.
    theta = torch.tensor([[1 / across, 0.0, 0.0], [0.0, 1 / down, 0.0]], dtype=torch.float64)[None]
    grid = torch.nn.functional.affine_grid(theta, [1, 2, *shape], align_corners=False)
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(image)[None].double(), grid, padding_mode="border", align_corners=False
    )
    np.testing.assert_allclose(family.apply(image, params=params), expected[0].numpy(), atol=1e-5)


def test_scale_up_by_hand() -> None:
    # Centre 1.5; output pixels 0..3 show the input at 0.75, 1.25, 1.75, 2.25.
    row = np.array([[0.0, 10.0, 20.0, 40.0]], dtype=np.float32)
    np.testing.assert_allclose(ScaleUp().apply(row, params={"factor": 2.0}), [[7.5, 12.5, 17.5, 25.0]])


def test_scale_down_by_hand() -> None:
    # Output pixels 0..3 show the input at -1.5, 0.5, 2.5, 4.5: the edge is replicated.
    row = np.array([[0.0, 10.0, 20.0, 40.0]], dtype=np.float32)
    np.testing.assert_allclose(ScaleDown().apply(row, params={"factor": 0.5}), [[0.0, 5.0, 30.0, 40.0]])


@pytest.mark.parametrize("axis", ["x", "y"])
def test_shape_squeezes_one_axis_only(axis: str) -> None:
    image = np.zeros((40, 40), dtype=np.float32)
    image[10:30, 10:30] = 1
    squeezed = Shape().apply(image, params={"factor": 0.5, "axis": axis})
    tall, wide = np.ptp(np.argwhere(squeezed > 0.5), axis=0) + 1
    assert (tall, wide) == ((10, 20) if axis == "x" else (20, 10))
    assert Shape().pull_back({"factor": 0.5, "axis": axis}, shape=(40, 40)).local_scale == (
        (0.5, 1.0) if axis == "x" else (1.0, 0.5)
    )


@given(image=IMAGES, pixels=st.integers(0, 25), direction=st.sampled_from(sorted(DIRECTIONS)))
def test_shift_is_exact(image: np.ndarray, pixels: int, direction: str) -> None:
    down, across = (step * pixels for step in DIRECTIONS[direction])
    rows = np.clip(np.arange(image.shape[-2]) - down, 0, image.shape[-2] - 1)
    columns = np.clip(np.arange(image.shape[-1]) - across, 0, image.shape[-1] - 1)
    moved = Shift().apply(image, params={"pixels": pixels, "direction": direction})
    assert moved.tobytes() == image[..., rows[:, None], columns].tobytes()


def test_shifts_reach_every_remainder_modulo_4() -> None:
    assert [int(pixels) % 4 for pixels in Shift().severities] == [1, 3, 0, 0, 2]  # type: ignore[arg-type]


def test_shift_by_part_of_a_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="'pixels' must be a whole number"):
        Shift().apply(np.zeros((8, 8), dtype=np.float32), params={"pixels": 1.5, "direction": "+x"})


@pytest.mark.parametrize(
    ("family", "params", "says"),
    [
        (ScaleUp(), {"factor": 0.9}, r"outside \[1.0"),
        (ScaleDown(), {"factor": 1.1}, r"outside \[0.1, 1.0\]"),
        (Shape(), {"factor": 1.1, "axis": "x"}, r"outside \[0.1, 1.0\]"),
        (Shape(), {"factor": 0.9, "axis": "z"}, "must be one of x, y"),
        (Shift(), {"pixels": 2, "direction": "x"}, r"must be one of \+x, -x, \+y, -y"),
    ],
)
def test_a_family_goes_one_way(family: GridPerturbation, params: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        family.apply(np.zeros((8, 8), dtype=np.float32), params=params)


@pytest.mark.parametrize(("name", "directions"), [("shape", 2), ("shift", 4)])
def test_directions_are_drawn_evenly(name: str, directions: int) -> None:
    family = perturbations.get(name)
    draws = [
        family.draw(1, rng=generator(seed, "case", name), shape=(3, 64, 64), spacing=(1.0, 1.0))[family.drawn[0]]
        for seed in range(400)
    ]
    _, counts = np.unique(draws, return_counts=True)
    assert len(counts) == directions
    # Six standard deviations of a binomial count.
    assert np.abs(counts - 400 / directions).max() < 6 * np.sqrt(400 / directions)


def test_a_label_moves_with_its_image() -> None:
    image = np.random.default_rng(0).random((30, 40), dtype=np.float32)
    for name in perturbations.names():
        family = perturbations.get(name)
        if not isinstance(family, GridPerturbation):
            continue
        params = family.draw(5, rng=generator(0, "case", name), shape=image.shape, spacing=(1.0, 1.0))
        pull_back: GridMap = family.pull_back(params, shape=(30, 40))
        label = (image > 0.5).astype(np.float32)
        both = family.apply(np.stack([image, label]), params=params)
        by_hand = ndimage.affine_transform(label, pull_back.matrix, pull_back.offset, order=1, mode="nearest")
        np.testing.assert_allclose(both[1], by_hand, atol=1e-6)
