"""Resampling: torch's `interpolate` as oracle, hand-worked maps, and the laws of carried label masks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mednca_bench.benchmark.resample import nearest_masks, resize_map, warp, warp_masks
from mednca_bench.perturbations.base import GridMap

SIZES = [((5, 7), (16, 16)), ((20, 12), (8, 9)), ((35, 50), (64, 64)), ((40, 33), (13, 66)), ((9, 9), (9, 9))]
MODEL = (16, 16)


def column(values: list[float]) -> np.ndarray:
    """A volume (X, 1, 1) of these values."""
    return np.array(values, dtype=np.float32)[:, None, None]


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_resizing_is_torch_bilinear_without_aligned_corners(source, target):
    volume = np.random.default_rng(0).normal(size=(*source, 3)).astype(np.float32)
    slices = torch.from_numpy(volume.transpose(2, 0, 1))[
        :, None
    ].double()  # torch's coordinates are of its input's type
    expected = torch.nn.functional.interpolate(slices, size=target, mode="bilinear", align_corners=False)
    resized = warp(volume, resize_map(source, target), target)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized, expected[:, 0].numpy().transpose(1, 2, 0), atol=2e-6)


def test_same_size_is_the_identity_bit_for_bit():
    volume = np.random.default_rng(1).normal(size=(7, 6, 2)).astype(np.float32)
    np.testing.assert_array_equal(warp(volume, resize_map((7, 6), (7, 6)), (7, 6)), volume)


def test_resizing_keeps_the_field_of_view():
    source, target = (20, 12), (8, 9)
    edges = resize_map(source, target)([[-0.5, -0.5], [target[0] - 0.5, target[1] - 0.5]])
    np.testing.assert_allclose(edges, [[-0.5, -0.5], [source[0] - 0.5, source[1] - 0.5]], atol=1e-12)


def test_a_shift_moves_content_to_larger_indices_and_repeats_the_edge():
    moved = warp(column([0, 1, 2, 3, 4]), GridMap.translation((2, 0)), (5, 1))
    assert moved[:, 0, 0].tolist() == [0, 0, 0, 1, 2]


def test_a_zoom_worked_by_hand():
    # output i shows input 1.5 + (i - 1.5) / 2; on a ramp the value is the coordinate
    zoomed = warp(column([0, 1, 2, 3]), GridMap.zoom((2.0, 1.0), shape=(4, 1)), (4, 1))
    np.testing.assert_allclose(zoomed[:, 0, 0], [0.75, 1.25, 1.75, 2.25], atol=1e-6)


def test_resize_then_shift_in_one_map_worked_by_hand():
    # 4 pixels to 8: output i shows (i + 0.5) / 2 - 0.5; after a shift by 2 it shows what i - 2 showed
    composed = resize_map((4, 1), (8, 1)).after(GridMap.translation((2, 0)))
    warped = warp(column([0, 1, 2, 3]), composed, (8, 1))
    np.testing.assert_allclose(warped[:, 0, 0], [0, 0, 0, 0.25, 0.75, 1.25, 1.75, 2.25], atol=1e-6)


def test_a_turn_takes_the_path_of_general_maps():
    volume = np.random.default_rng(2).normal(size=(5, 5, 2)).astype(np.float32)
    turn = GridMap(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([0.0, 4.0]))  # (x, y) shows (y, 4 - x)
    np.testing.assert_allclose(warp(volume, turn, (5, 5)), volume[:, ::-1].transpose(1, 0, 2), atol=1e-6)


@given(arrays(np.uint8, (6, 5, 2), elements=st.integers(0, 3)), st.integers(-3, 3), st.floats(0.6, 1.6))
def test_carried_masks_stay_exclusive(label, pixels, factor):
    masks = np.stack([label == value for value in (1, 2, 3)])
    moved = GridMap.zoom((factor, 1.0), shape=MODEL).after(GridMap.translation((pixels, 0)))
    carried = warp_masks(masks, resize_map((6, 5), MODEL).after(moved), MODEL)
    assert carried.dtype == np.bool_ and carried.shape == (3, *MODEL, 2)
    assert carried.sum(axis=0).max() <= 1
    for mask, after in zip(masks, carried, strict=True):
        assert mask.any() or not after.any()  # nothing appears that was not there


@given(arrays(np.bool_, (7, 5, 1)))
def test_one_mask_is_carried_as_its_occupancy_above_a_half(mask):
    to_model = resize_map((7, 5), MODEL)
    occupancy = warp(mask.astype(np.float32), to_model, MODEL)
    carried = warp_masks(mask[None], to_model, MODEL)[0]
    clear = np.abs(occupancy - 0.5) > 1e-6
    np.testing.assert_array_equal(carried[clear], (occupancy > 0.5)[clear])


def test_labels_carried_by_hand():
    # 4 pixels to 2: each output is the mean of two inputs; at a tie the background wins
    one, two = column([1, 1, 0, 0]) > 0, column([0, 0, 0, 1]) > 0
    carried = warp_masks(np.stack([one, two]), resize_map((4, 1), (2, 1)), (2, 1))
    assert carried[:, :, 0, 0].tolist() == [[True, False], [False, False]]


def test_the_largest_share_wins_even_below_a_half():
    # at (0.45, 0.2): 0.44 of label 2, 0.11 of background, 0.45 of label 1, so label 1, though 0.89 is foreground
    label = np.array([[2, 0], [1, 1]])[..., None]
    carried = warp_masks(np.stack([label == 1, label == 2]), GridMap(np.eye(2), np.array([0.45, 0.2])), (1, 1))
    assert carried[:, 0, 0, 0].tolist() == [True, False]


def test_a_whole_number_shift_of_labels_is_exact():
    label = np.random.default_rng(3).integers(0, 3, size=(8, 8, 2))
    masks = np.stack([label == 1, label == 2])
    carried = warp_masks(masks, GridMap.translation((0, 3)), (8, 8))
    np.testing.assert_array_equal(carried[:, :, 3:], masks[:, :, :-3])


@pytest.mark.parametrize(
    ("size", "target", "shows"),
    [
        (2, 4, [0, 0, 1, 1]),  # coordinates -0.25, 0.25, 0.75, 1.25
        (6, 4, [0, 2, 3, 5]),  # 0.25, 1.75, 3.25, 4.75
        (6, 2, [1, 4]),  # pixel centres
        (3, 3, [0, 1, 2]),
    ],
)
def test_nearest_voxels_by_hand(size, target, shows):
    masks = np.eye(size, dtype=bool)[:, :, None, None]  # mask k is true at voxel k alone
    resized = nearest_masks(masks, (target, 1))
    assert resized[:, :, 0, 0].argmax(axis=0).tolist() == shows
    assert (resized.sum(axis=0) == 1).all()


@given(st.integers(3, 40), st.integers(3, 40), st.integers(1, 3))
def test_nearest_voxels_are_torch_nearest_exact_except_at_ties(size, target, labels):
    label = np.random.default_rng(size).integers(0, labels + 1, size=(size, 4, 2))
    masks = np.stack([label == value for value in range(1, labels + 1)])
    oracle = torch.nn.functional.interpolate(
        torch.from_numpy(masks.transpose(3, 0, 1, 2).astype(np.float32)), size=(target, 4), mode="nearest-exact"
    )
    coordinate = (np.arange(target) + 0.5) * size / target - 0.5
    clear = np.abs(coordinate % 1 - 0.5) > 1e-6
    resized = nearest_masks(masks, (target, 4))
    np.testing.assert_array_equal(resized[:, clear], oracle.numpy().transpose(1, 2, 3, 0)[:, clear] > 0)
