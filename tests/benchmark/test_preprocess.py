"""Preprocessing: percentiles by numpy in float64, hand-worked slices, and the laws of intensities and targets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark.preprocess import (
    Preprocess,
    label_masks,
    label_names,
    model_input,
    model_target,
    normalise,
)
from mednca_bench.benchmark.resample import resize_map, warp, warp_masks

LABELS = {2: "Posterior", 1: "Anterior"}


def volume(seed: int = 0, shape: tuple[int, ...] = (1, 9, 8, 5)) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 50.0, size=shape).astype(np.float32)


def test_percentiles_of_the_volume_become_0_and_1():
    image = volume()
    low, high = np.percentile(image.astype(np.float64), [0.5, 99.5])
    expected = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    scaled = normalise(image)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, atol=1e-6)
    assert (scaled == 0).any() and (scaled == 1).any()  # both ends are clipped


def test_each_channel_has_percentiles_of_its_own():
    image = np.concatenate([volume(1), 1000 * volume(2) + 7])
    np.testing.assert_array_equal(normalise(image)[1:], normalise(image[1:]))


def test_each_slice_has_percentiles_of_its_own_if_asked_for():
    image = volume(3) * np.array([1, 10, 100, 1000, 0], dtype=np.float32)  # the last slice is constant
    by_slice = normalise(image, intensity="slice")
    for z in range(5):
        np.testing.assert_array_equal(by_slice[..., z : z + 1], normalise(image[..., z : z + 1]))
    assert not by_slice[..., 4].any()
    assert not np.allclose(by_slice, normalise(image))


@pytest.mark.parametrize("intensity", ["volume", "slice"])
@pytest.mark.parametrize("value", [0.0, -3.5, 1.7e6])
def test_a_constant_volume_becomes_0(intensity, value):
    assert not normalise(np.full((2, 4, 4, 3), value, dtype=np.float32), intensity=intensity).any()


def test_a_volume_with_one_bright_voxel_has_an_empty_range():
    image = np.zeros((1, 10, 10, 10), dtype=np.float32)
    image[0, 0, 0, 0] = 1e6  # 0.1 % of the voxels: above the 99.5th percentile, which is 0
    assert not normalise(image).any()


def test_intensities_of_a_scanner_with_large_numbers_keep_their_digits():
    image = (1.6e6 + 1e5 * np.linspace(0, 1, 1000)).astype(np.float32).reshape(1, 10, 10, 10)
    low, high = np.percentile(image.astype(np.float64), [0.5, 99.5])
    expected = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    np.testing.assert_allclose(normalise(image), expected, atol=2e-6)  # float32 resolves 0.125 there, of 1e5


@given(st.floats(0.01, 1e4), st.floats(-1e5, 1e5))
def test_brightness_and_contrast_do_not_matter(gain, offset):
    image = volume(4)
    changed = (gain * image.astype(np.float64) + offset).astype(np.float32)
    tolerance = 4 * np.finfo(np.float32).eps * (1 + abs(offset) / (gain * float(np.ptp(image)))) + 1e-6
    np.testing.assert_allclose(normalise(changed), normalise(image), atol=tolerance)


def test_the_models_input_is_slices_of_one_size():
    image, recipe = volume(5, (2, 9, 8, 5)), Preprocess(size=(16, 12))
    slices = model_input(image, recipe)
    assert slices.shape == (5, 2, 16, 12) and slices.dtype == np.float32 and slices.flags.c_contiguous
    assert slices.min() >= 0 and slices.max() <= 1
    expected = warp(normalise(image)[1], resize_map((9, 8), (16, 12)), (16, 12))
    np.testing.assert_array_equal(slices[3, 1], expected[:, :, 3])


def test_the_intensity_option_reaches_the_models_input():
    image = volume(6) * np.array([1, 2, 3, 4, 5], dtype=np.float32)
    whole, single = (model_input(image, Preprocess(size=(9, 8), intensity=how)) for how in ("volume", "slice"))
    np.testing.assert_array_equal(single[:, 0].transpose(1, 2, 0), normalise(image, intensity="slice")[0])
    assert not np.allclose(whole, single)


def test_merged_labels_are_one_foreground():
    label = np.array([[[0, 1, 2]]], dtype=np.uint8)
    recipe = Preprocess(size=(8, 8))
    assert label_names(LABELS, recipe) == ("foreground",)
    assert label_masks(label, LABELS, recipe).tolist() == [[[[False, True, True]]]]


def test_labels_per_class_come_in_the_order_of_their_values():
    label = np.array([[[0, 1, 2]]], dtype=np.uint8)
    recipe = Preprocess(size=(8, 8), labels="classes")
    assert label_names(LABELS, recipe) == ("Anterior", "Posterior")
    assert label_masks(label, LABELS, recipe).tolist() == [[[[False, True, False]]], [[[False, False, True]]]]


def test_targets_are_the_carried_masks_slice_by_slice():
    label = np.random.default_rng(7).integers(0, 3, size=(9, 8, 4)).astype(np.uint8)
    recipe = Preprocess(size=(16, 12), labels="classes")
    masks = label_masks(label, LABELS, recipe)
    target = model_target(masks, recipe)
    assert target.shape == (4, 2, 16, 12) and target.dtype == np.uint8 and set(np.unique(target)) == {0, 1}
    carried = warp_masks(masks, resize_map((9, 8), (16, 12)), (16, 12))
    np.testing.assert_array_equal(target[2, 1], carried[1, :, :, 2])


def test_the_official_form_is_a_cubic_resize_then_percentiles_of_each_slice():
    """Keys' cubic kernel with a = -0.75 written down for an axis, as OpenCV has it, then TorchIO's rescaling."""
    import torch
    import torchio

    from mednca_bench.benchmark.preprocess import official_input

    def axis(old: int, new: int) -> np.ndarray:
        a, matrix = -0.75, np.zeros((new, old))
        for row, centre in enumerate((np.arange(new) + 0.5) * old / new - 0.5):
            for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
                t = abs(centre - tap)
                near = (a + 2) * t**3 - (a + 3) * t**2 + 1
                far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
                matrix[row, min(max(tap, 0), old - 1)] += near if t <= 1 else far
        return matrix

    image = np.random.default_rng(5).normal(500, 200, (1, 11, 13, 3)).astype(np.float32)
    found = official_input(image, (16, 16))
    assert found.shape == (3, 1, 16, 16) and found.dtype == np.float32
    rescale = torchio.RescaleIntensity((0, 1), percentiles=(0.5, 99.5))
    for z in range(3):
        resized = axis(11, 16) @ image[0, :, :, z] @ axis(13, 16).T
        spread = (resized - resized.mean()) / resized.std()
        with torch.random.fork_rng():
            expected = rescale(torch.from_numpy(spread)[None, :, :, None].float())[0, :, :, 0]
        np.testing.assert_allclose(found[z, 0], expected, atol=2e-3)
    assert not official_input(np.full((1, 8, 8, 1), 7.0, np.float32), (16, 16)).any()
