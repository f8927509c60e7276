"""Where training patches are: any place, or around foreground."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.models.base import TrainKey
from mednca_bench.models.training_patch import corners


def with_pixel(row: int, column: int, *, samples: int, sides: tuple[int, int]) -> torch.Tensor:
    target = torch.zeros(samples, *sides, 2)
    target[:, row, column, 1] = 1.0
    return target


def test_without_foreground_patches_are_where_they_always_were():
    """Weights trained before there was a choice can be trained again."""
    target = with_pixel(3, 3, samples=5, sides=(16, 24))
    random = np.random.default_rng([7, 11])
    rows, columns = random.integers(13, size=5), random.integers(19, size=5)
    top, left = corners(target, height=4, width=6, key=TrainKey(seed=7, update=11), foreground=0.0)
    assert top.tolist() == rows.tolist() and left.tolist() == columns.tolist()


@given(row=st.integers(0, 15), column=st.integers(0, 23), update=st.integers(0, 1000))
def test_a_patch_holds_the_foreground_and_stays_inside(row, column, update):
    target = with_pixel(row, column, samples=3, sides=(16, 24))
    top, left = corners(target, height=4, width=6, key=TrainKey(seed=0, update=update), foreground=1.0)
    assert ((top >= 0) & (top <= 12) & (left >= 0) & (left <= 18)).all()
    assert ((top <= row) & (row < top + 4) & (left <= column) & (column < left + 6)).all()


@pytest.mark.parametrize(("row", "starts"), [(0, {0}), (2, {0, 1, 2}), (8, {5, 6, 7, 8}), (15, {12})])
def test_every_patch_around_the_pixel_is_drawn(row, starts):
    target = with_pixel(row, 5, samples=4, sides=(16, 24))
    drawn = [corners(target, height=4, width=6, key=TrainKey(seed=0, update=n), foreground=1.0) for n in range(60)]
    assert {int(each) for top, _ in drawn for each in top} == starts
    assert {int(each) for _, left in drawn for each in left} == set(range(6))


def test_every_pixel_of_the_foreground_is_drawn_around():
    target = torch.zeros(1, 16, 16, 1)
    target[0, 0, 0], target[0, 15, 15] = 1.0, 1.0
    found = {
        int(corners(target, height=4, width=4, key=TrainKey(seed=0, update=n), foreground=1.0)[0][0]) for n in range(20)
    }
    assert found == {0, 12}


def test_a_sample_without_foreground_keeps_its_patch():
    target = with_pixel(3, 3, samples=3, sides=(16, 24))
    target[1] = 0.0
    key = TrainKey(seed=1, update=2)
    anywhere = corners(target, height=4, width=6, key=key, foreground=0.0)
    around = corners(target, height=4, width=6, key=key, foreground=1.0)
    assert [each[1] for each in around] == [each[1] for each in anywhere]


def test_the_share_of_patches_around_foreground():
    """A pixel in the corner is held by 1 of 13 x 19 patches: the others come from `foreground`."""
    target = with_pixel(0, 0, samples=8, sides=(16, 24))
    held = 0
    for update in range(250):
        top, left = corners(target, height=4, width=6, key=TrainKey(seed=0, update=update), foreground=0.3)
        held += int(((top == 0) & (left == 0)).sum())
    expected = 0.3 + 0.7 / (13 * 19)
    assert abs(held / 2000 - expected) < 4 * (expected * (1 - expected) / 2000) ** 0.5
