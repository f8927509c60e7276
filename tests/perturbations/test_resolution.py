"""Gibbs ringing, blur and thick slices: against k-space, MONAI, TorchIO, scipy and numbers worked out by hand."""

from types import ModuleType

import numpy as np
import pytest

from mednca_bench.perturbations.anisotropy import Anisotropy, thick_slices
from mednca_bench.perturbations.blur import Blur
from mednca_bench.perturbations.gibbs import Gibbs


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_gibbs_truncates_the_k_space_of_the_mirrored_volume() -> None:
    image = _random(2, 10, 8, 3)
    expected = image.astype(np.float64)
    for axis, length, lines in ((1, 10, 5), (2, 8, 4)):
        spectrum = np.fft.fft(np.concatenate([expected, np.flip(expected, axis)], axis), axis=axis)
        line = np.abs(np.fft.fftfreq(2 * length, 1 / (2 * length)))
        spectrum *= (line < lines).reshape([-1 if a == axis else 1 for a in range(4)])
        expected = np.fft.ifft(spectrum, axis=axis).real.take(np.arange(length), axis=axis)
    np.testing.assert_allclose(Gibbs().apply(image, params={"kept": 0.5}), np.abs(expected), atol=1e-6)


def test_gibbs_overshoots_an_edge_by_nine_percent() -> None:
    # The overshoot of a truncated step is 8.95 % of the jump, however many lines are kept (Wilbraham, Gibbs).
    image = np.zeros((1, 400, 2, 1), dtype=np.float32)
    image[0, 200:] = 1
    for kept in (0.1, 0.2):
        assert Gibbs().apply(image, params={"kept": kept}).max() == pytest.approx(1.0895, abs=0.01)


def test_gibbs_equals_monais_where_both_define_it() -> None:
    # MONAI zeroes outside a ball of the periodic k-space; along one axis of a mirrored volume, a ball is our window.
    from monai.transforms.intensity.array import GibbsNoise

    image = np.broadcast_to(_random(1, 16, 1, 1), (1, 16, 3, 1)).copy()
    mirrored = np.concatenate([image, np.flip(image, 1)], 1)[0, :, 0, 0]
    # MONAI's centre lies between lines -1 and 0.
    radius = 5.6
    theirs = GibbsNoise(alpha=1 - radius / (32 * np.sqrt(2) / 2))(mirrored[None])
    spectrum = np.fft.fftshift(np.fft.fft(mirrored))
    spectrum[np.abs(np.arange(32) - 15.5) > radius] = 0
    np.testing.assert_allclose(np.asarray(theirs)[0], np.fft.ifft(np.fft.ifftshift(spectrum)).real, atol=1e-5)
    # On purpose different: its mask is not symmetric about frequency 0 (it keeps lines -6 to 5), ours is, and where the
    # sum falls below zero a magnitude image shows its absolute value.
    ours = Gibbs().apply(image, params={"kept": 6 / 16})[0, :, 0, 0]
    symmetric = np.fft.fftshift(np.fft.fft(mirrored))
    symmetric[np.abs(np.arange(32) - 16) > 5] = 0
    np.testing.assert_allclose(ours, np.abs(np.fft.ifft(np.fft.ifftshift(symmetric)).real[:16]), atol=1e-5)


def test_gibbs_keeps_a_constant_image_and_its_mean() -> None:
    image = np.full((1, 9, 7, 2), 5, dtype=np.float32)
    np.testing.assert_allclose(Gibbs().apply(image, params={"kept": 0.05}), image, rtol=1e-6)


def test_blur_is_torchios(torchio: ModuleType) -> None:
    from torchio.transforms.augmentation.intensity.random_blur import blur

    image = _random(1, 14, 11, 6)
    spacing = (0.6, 0.6, 4.0)
    theirs = blur(image[0], spacing, (1.3, 1.3, 1.3)).numpy()
    ours = Blur().apply(image, params={"sigma": 1.3, "spacing": list(spacing)})
    np.testing.assert_array_equal(ours[0], theirs)


def test_blur_of_a_point_is_a_gaussian_of_that_width_in_mm() -> None:
    image = np.zeros((1, 41, 41, 1), dtype=np.float32)
    image[0, 20, 20] = 1
    spread = Blur().apply(image, params={"sigma": 2.0, "spacing": [1.0, 0.5, 1.0]})[0, :, :, 0].astype(np.float64)
    at = np.arange(41) - 20
    assert spread.sum() == pytest.approx(1, abs=1e-3)
    assert np.sqrt((spread.sum(axis=1) * at**2).sum()) == pytest.approx(2.0, rel=0.02)
    assert np.sqrt((spread.sum(axis=0) * (0.5 * at) ** 2).sum()) == pytest.approx(2.0, rel=0.02)


def test_thick_slices_by_hand() -> None:
    # Four slices in pairs: means at 0.5 and 2.5; back at 0, 1, 2, 3 with the outermost repeated.
    np.testing.assert_allclose(thick_slices(4, factor=2.0) @ [0, 2, 10, 20], [1, 1 + 3.5, 1 + 10.5, 15])
    # Three halves: [0, 1.5) holds slice 0 and half of slice 1.
    means = np.array([(0 + 0.5 * 3) / 1.5, (0.5 * 3 + 6) / 1.5])
    np.testing.assert_allclose(thick_slices(3, factor=1.5) @ [0, 3, 6], np.interp([0.5, 1.5, 2.5], [0.75, 2.25], means))


@pytest.mark.parametrize("factor", [1.0, 1.25, 2.0, 3.7, 7.0, 50.0])
@pytest.mark.parametrize("length", [1, 2, 5, 36])
def test_thick_slices_keep_a_constant(length: int, factor: float) -> None:
    matrix = thick_slices(length, factor=factor)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert (matrix >= 0).all()
    if factor == 1:
        np.testing.assert_allclose(matrix, np.eye(length), atol=1e-12)
    if factor >= length:
        np.testing.assert_allclose(matrix, 1 / length)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_only_the_drawn_axis_is_thickened(axis: str) -> None:
    image = _random(2, 6, 5, 4)
    out = Anisotropy().apply(image, params={"factor": 2.0, "axis": axis})
    along = "xyz".index(axis) + 1
    expected = np.moveaxis(np.tensordot(thick_slices(image.shape[along], factor=2.0), image, (1, along)), 0, along)
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_on_purpose_slices_are_thickened_where_torchio_thins_them_out(torchio: ModuleType) -> None:
    # TorchIO 1.2 takes the nearest slice of the coarse grid: a bright slice between its samples vanishes. A thick slice
    # of a scanner holds all of its signal.
    image = np.zeros((1, 4, 4, 9), dtype=np.float32)
    image[..., 3] = 9
    subject = torchio.Subject(t1=torchio.ScalarImage(tensor=image))
    thin = torchio.Resample((1, 1, 3), image_interpolation="nearest").apply_transform(subject).t1.data.numpy()
    assert set(np.unique(thin)) <= {0.0, 9.0}
    thick = Anisotropy().apply(image, params={"factor": 3.0, "axis": "z"})
    assert 0 < thick.max() <= 3


def test_the_axis_is_drawn_among_those_with_slices() -> None:
    from mednca_bench.perturbations.base import generator

    def axes(shape: tuple[int, ...]) -> set[str]:
        family = Anisotropy()
        return {
            family.draw(1, rng=generator(seed, "c", "anisotropy"), shape=shape, spacing=(1.0, 1.0, 1.0))["axis"]
            for seed in range(40)
        }

    assert axes((1, 9, 9, 9)) == {"x", "y", "z"}
    assert axes((1, 9, 9, 1)) == {"x", "y"}
    assert axes((1, 1, 1, 1)) == {"z"}
