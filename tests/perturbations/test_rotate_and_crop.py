"""Rotation against scipy and in millimetres, crop against a cut-out and a resize."""

import numpy as np
import pytest
from scipy import ndimage

from mednca_bench.perturbations.base import generator
from mednca_bench.perturbations.crop import Crop
from mednca_bench.perturbations.rotate import Rotate
from mednca_bench.perturbations.scale_up import ScaleUp


def _rotate(image: np.ndarray, angle: float, *, sense: str = "+", aspect: float = 1.0) -> np.ndarray:
    return Rotate().apply(image, params={"angle": angle, "sense": sense, "aspect": aspect})


@pytest.mark.parametrize("shape", [(40, 40), (31, 48)])
@pytest.mark.parametrize("sense", ["+", "-"])
def test_rotation_of_square_pixels_is_scipys(shape: tuple[int, int], sense: str) -> None:
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    angle = 20.0 if sense == "+" else -20.0
    # scipy turns from its second axis to its first.
    theirs = ndimage.rotate(image, angle, axes=(1, 0), reshape=False, order=1, mode="nearest")
    np.testing.assert_allclose(_rotate(image, 20.0, sense=sense), theirs, atol=1e-5)


def test_a_quarter_turn_by_hand() -> None:
    image = np.arange(9, dtype=np.float32).reshape(3, 3)
    turned = _rotate(image, 90.0)
    # The first axis (down) turns towards the second (right): what was below the centre is right of it.
    assert turned[1, 2] == pytest.approx(image[2, 1], abs=1e-5)
    np.testing.assert_allclose(turned, np.rot90(image), atol=1e-4)


def test_rotation_is_rigid_in_mm() -> None:
    pull_back = Rotate().pull_back({"angle": 25.0, "sense": "-", "aspect": 0.7}, shape=(64, 64))
    size = np.array([0.7, 1.0])
    points = np.array([[3.0, 5.0], [60.0, 7.0], [20.0, 50.0]])
    ours, theirs = points * size, pull_back(points) * size
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(ours[a] - ours[b]) == pytest.approx(np.linalg.norm(theirs[a] - theirs[b]))
    assert np.linalg.det(pull_back.matrix) == pytest.approx(1)


def test_the_aspect_is_that_of_the_pixels() -> None:
    rng = generator(0, "case", "rotate")
    assert Rotate().draw(1, rng=rng, shape=(64, 64), spacing=(0.5, 0.8))["aspect"] == pytest.approx(0.625)


def test_crop_is_a_cut_out_that_is_resized() -> None:
    import torch

    image = np.random.default_rng(0).random((20, 40), dtype=np.float32)
    # A window of 15 x 30 pixels at a third and two thirds of the way: from row 5/3, which must be whole to cut out.
    params = {"fraction": 0.75, "position": [0.2, 0.5]}
    cut = torch.from_numpy(image[1:16, 5:35])[None, None]
    resized = torch.nn.functional.interpolate(cut, (20, 40), mode="bilinear", align_corners=False)[0, 0].numpy()
    ours = Crop().apply(image, params=params)
    np.testing.assert_allclose(ours[1:-1, 1:-1], resized[1:-1, 1:-1], atol=1e-5)
    # The outermost pixels see beyond the window by less than a pixel, where a cut-out has nothing.
    assert np.abs(ours - resized).max() < 0.2


def test_crop_at_the_centre_is_a_magnification() -> None:
    image = np.random.default_rng(0).random((30, 24), dtype=np.float32)
    cropped = Crop().apply(image, params={"fraction": 0.8, "position": [0.5, 0.5]})
    np.testing.assert_allclose(cropped, ScaleUp().apply(image, params={"factor": 1.25}), atol=1e-6)


def test_corners_of_the_window() -> None:
    for place in (0.0, 1.0):
        pull_back = Crop().pull_back({"fraction": 0.85, "position": [place, place]}, shape=(20, 40))
        edge = np.array([-0.5, -0.5]) if place == 0 else np.array([19.5, 39.5])
        np.testing.assert_allclose(pull_back(edge), edge)
    with pytest.raises(ValueError, match=r"'fraction' is 1\.1, outside"):
        Crop().pull_back({"fraction": 1.1, "position": [0.0, 0.0]}, shape=(8, 8))
