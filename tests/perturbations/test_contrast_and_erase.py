"""Contrast against TorchIO's gamma, erase against boxes worked out by hand."""

from types import ModuleType

import numpy as np
import pytest

from mednca_bench.perturbations.base import generator
from mednca_bench.perturbations.contrast import Contrast
from mednca_bench.perturbations.erase import LARGEST, Erase


def _random(*shape: int) -> np.ndarray:
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    image[:, 0, 0, 0], image[:, -1, -1, -1] = 0, 1
    return image


def test_contrast_is_torchios_gamma_on_images_from_0_to_1(torchio: ModuleType) -> None:
    image = _random(1, 9, 8, 5)
    subject = torchio.Subject(t1=torchio.ScalarImage(tensor=image.copy()))
    theirs = torchio.Gamma(gamma=1.7).apply_transform(subject).t1.data.numpy()
    np.testing.assert_allclose(Contrast().apply(image, params={"gamma": 1.7}), theirs, rtol=1e-5, atol=1e-7)


def test_on_purpose_contrast_does_not_depend_on_the_unit_unlike_torchios(torchio: ModuleType) -> None:
    image = _random(1, 9, 8, 5)
    subject = torchio.Subject(t1=torchio.ScalarImage(tensor=1000 * image))
    theirs = torchio.Gamma(gamma=2.0).apply_transform(subject).t1.data.numpy()
    assert theirs.max() == pytest.approx(1e6)
    assert Contrast().apply(1000 * image, params={"gamma": 2.0}).max() == pytest.approx(1000)


def test_contrast_by_hand_black_and_the_brightest_stay() -> None:
    image = np.array([0, 25, 50, 100], dtype=np.float32).reshape(1, 4, 1, 1)
    np.testing.assert_allclose(Contrast().apply(image, params={"gamma": 2.0}).ravel(), [0, 6.25, 25, 100], rtol=1e-6)


def test_contrast_keeps_the_order_of_intensities() -> None:
    image = _random(1, 9, 8, 5)
    out = Contrast().apply(image, params={"gamma": 1.65})
    assert (np.argsort(image, axis=None) == np.argsort(out, axis=None)).all()


def _erase(image: np.ndarray, *, side: float, centre: tuple[float, float, float]) -> np.ndarray:
    return Erase().apply(image, params={"side": side, "centre": list(centre)})


def test_erase_by_hand() -> None:
    image = np.full((1, 8, 10, 4), 3, dtype=np.float32)
    hole = _erase(image, side=0.5, centre=(0.5, 0.4, 0.5)) == 0
    expected = np.zeros(image.shape, dtype=bool)
    expected[:, 2:6, 2:6, 1:3] = True  # y: 4 - 2.5 to 4 + 2.5, half of voxels 1 and 6
    assert (hole == expected).all()
    partial = _erase(image, side=0.5, centre=(0.5, 0.4, 0.5))[0, 3, :, 1]
    np.testing.assert_allclose(partial, [3, 1.5, 0, 0, 0, 0, 1.5, 3, 3, 3])


def test_erase_blanks_to_the_floor_of_a_channel_below_zero() -> None:
    image = _random(1, 8, 8, 8) - np.float32(0.5)
    out = _erase(image, side=0.5, centre=(0.5, 0.5, 0.5))
    assert (out[0, 2:6, 2:6, 2:6] == image.min()).all()
    assert (out[0, :2] == image[0, :2]).all()


@pytest.mark.parametrize("shape", [(1, 35, 51, 35), (2, 7, 9, 1)])
def test_erased_signal_is_the_volume_of_the_box(shape: tuple[int, ...]) -> None:
    image = np.ones(shape, dtype=np.float32)
    for seed in range(20):
        family = Erase()
        rng = generator(seed, "case", "erase")
        params = family.draw(5, rng=rng, shape=shape, spacing=(1.0, 1.0, 1.0))
        lost = 1 - family.apply(image, params=params).mean()
        assert lost == pytest.approx(params["side"] ** 3, rel=1e-4)


def test_a_box_never_reaches_out_of_the_volume() -> None:
    with pytest.raises(ValueError, match=r"'side' is 0.6, outside \[0.0, 0.5\]"):
        _erase(np.ones((1, 8, 8, 8), np.float32), side=0.6, centre=(0.5, 0.5, 0.5))
    assert max(Erase().severities) <= LARGEST  # type: ignore[type-var]


def test_boxes_of_rising_severity_contain_each_other() -> None:
    image = _random(1, 20, 20, 20) + np.float32(1)
    before = np.zeros(image.shape, dtype=bool)
    for severity in range(1, 6):
        rng = generator(3, "case", "erase")
        params = Erase().draw(severity, rng=rng, shape=image.shape, spacing=(1.0, 1.0, 1.0))
        changed = Erase().apply(image, params=params) != image
        assert (changed | ~before).all()
        before = changed
