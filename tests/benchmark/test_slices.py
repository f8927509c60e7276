"""The order of training slices: a pure function of seed and update, each slice once per pass."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark.slices import PreparedCase, SliceSet, batch_indices, towards_foreground


def indices(updates: int, *, slices: int, batch: int, seed: int = 0) -> list[int]:
    parts = [batch_indices(slices=slices, batch=batch, update=u, seed=seed) for u in range(updates)]
    return np.concatenate(parts).tolist()


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 5), st.integers(0, 100))
def test_every_pass_has_each_slice_once_whatever_the_batch(slices, batch, passes, seed):
    updates = -(-(passes + 1) * slices // batch)
    order = indices(updates, slices=slices, batch=batch, seed=seed)
    assert len(order) == updates * batch
    for start in range(0, (passes + 1) * slices, slices):
        assert sorted(order[start : start + slices]) == list(range(slices))


@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_a_pure_function_of_seed_and_update(update, seed):
    one, other = (batch_indices(slices=50, batch=8, update=update, seed=seed) for _ in range(2))
    assert one.dtype == np.int64 and one.tolist() == other.tolist()


def test_passes_and_seeds_differ():
    order = indices(20, slices=40, batch=4)
    assert order[:40] != order[40:]
    assert order != indices(20, slices=40, batch=4, seed=1)


def test_the_order_does_not_depend_on_the_batch():
    assert indices(12, slices=10, batch=5) == indices(20, slices=10, batch=3) == indices(4, slices=10, batch=15)


def test_a_set_of_slices_addresses_its_cases_one_after_the_other():
    cases = [
        PreparedCase(str(first), "0" * 64, *_arrays(first, count=count)) for first, count in ((0, 3), (3, 2), (5, 4))
    ]
    slices = SliceSet(cases)
    assert len(slices) == 9
    images, targets = slices.batch(np.array([8, 0, 3]))
    assert images.shape == (3, 2, 4, 5) and targets.shape == (3, 1, 4, 5)
    assert images.dtype == targets.dtype == torch.float32
    assert images[:, 0, 0, 0].tolist() == [8.0, 0.0, 3.0] and targets[:, 0, 0, 0].tolist() == [0.0, 0.0, 1.0]


def test_slices_with_foreground_are_found():
    cases = [PreparedCase(str(first), "0" * 64, *_arrays(first, count=count)) for first, count in ((0, 3), (3, 2))]
    assert SliceSet(cases).with_foreground.tolist() == [1, 3]


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_slices_without_foreground_give_way(update, seed):
    filled = np.array([2, 5, 7])
    indices = np.array([0, 2, 9, 7, 1])
    chosen = towards_foreground(indices, filled, probability=1.0, update=update, seed=seed)
    assert set(chosen.tolist()) <= {2, 5, 7} and chosen[1] == 2 and chosen[3] == 7
    assert indices.tolist() == [0, 2, 9, 7, 1]
    again = towards_foreground(indices, filled, probability=1.0, update=update, seed=seed)
    assert chosen.tolist() == again.tolist()
    for probability, known in ((0.0, filled), (1.0, filled[:0])):
        same = towards_foreground(indices, known, probability=probability, update=update, seed=seed)
        assert same.tolist() == indices.tolist()


def test_how_often_a_slice_gives_way_and_to_which():
    filled, empty = np.array([2, 5, 7]), np.zeros(10, dtype=np.int64)
    chosen = np.stack(
        [towards_foreground(empty, filled, probability=0.3, update=update, seed=0) for update in range(300)]
    )
    assert abs((chosen != 0).mean() - 0.3) < 4 * (0.3 * 0.7 / 3000) ** 0.5
    shares = [(chosen == index).sum() / (chosen != 0).sum() for index in filled]
    assert all(abs(share - 1 / 3) < 0.07 for share in shares)


def _arrays(first: int, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Slices filled with their number, targets with its parity."""
    number = np.arange(first, first + count)[:, None, None, None]
    return np.tile(number.astype(np.float32), (1, 2, 4, 5)), np.tile((number % 2).astype(np.uint8), (1, 1, 4, 5))
