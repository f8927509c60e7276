"""Augmentation: seeded by seed, update and sample; image and target move together."""

import pytest
import torch

from mednca_bench.benchmark.augment import augmented

ALL = {"flip": 0.5, "scale": 0.2, "shift": 0.1, "gamma": 0.3}


def batch(count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    return images, (images > 0.5).float()


def test_no_strength_changes_nothing():
    images, targets = batch()
    for strength in ({}, {"flip": 0.0}):
        same, same_target = augmented(images, targets, strength=strength, seed=0, update=0)
        assert same is images and same_target is targets


def test_draws_belong_to_seed_update_and_sample():
    images, targets = batch()

    def changed(count: int = 3, **key: int) -> torch.Tensor:
        return augmented(images[:count], targets[:count], strength=ALL, **key)[0]

    first = changed(seed=1, update=2)
    assert torch.equal(first, changed(seed=1, update=2))
    assert torch.equal(first[:1], changed(1, seed=1, update=2))
    assert not torch.equal(first, changed(seed=1, update=3)) and not torch.equal(first, changed(seed=2, update=2))
    alike = augmented(images[:1].repeat(2, 1, 1, 1), targets[:1].repeat(2, 1, 1, 1), strength=ALL, seed=1, update=2)[0]
    assert not torch.equal(alike[0], alike[1])


def test_flips_mirror_image_and_target_exactly_enough():
    images, targets = batch(1)
    seen = set()
    for update in range(40):
        image, target = augmented(images, targets, strength={"flip": 0.5}, seed=0, update=update)
        for axes in ([], [2], [3], [2, 3]):
            if torch.equal(target, targets.flip(axes)):
                assert torch.allclose(image, images.flip(axes), atol=1e-5)
                seen.add(tuple(axes))
    assert len(seen) == 4


@pytest.mark.parametrize("name", ["scale", "shift", "gamma"])
def test_each_changes_the_image_and_stays_in_range(name):
    images, targets = batch()
    image, target = augmented(images, targets, strength={name: ALL[name]}, seed=0, update=0)
    assert not torch.allclose(image, images, atol=1e-3) and float(image.min()) >= 0 and float(image.max()) <= 1
    assert set(target.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(target, targets) == (name == "gamma")
