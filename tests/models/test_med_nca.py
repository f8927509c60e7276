"""Med-NCA as a whole: its size, its levels' hand-over and its training patches."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from mednca_bench.models import build, fire
from mednca_bench.models.base import TrainKey, parameter_count
from mednca_bench.models.contract import awakened
from mednca_bench.models.med_nca import MedNCA
from mednca_bench.models.nca_rule import Rule
from tests.models.literal_rule import literal_steps, masks
from tests.models.made import keys, made


def nca(name: str = "med-nca-16", **options: object) -> MedNCA:
    model = awakened(build(name, **options))
    assert isinstance(model, MedNCA)
    return model


def test_published_parameter_counts() -> None:
    assert parameter_count(build("med-nca")) == 70_016
    assert parameter_count(build("med-nca-16")) == 25_920
    assert [parameter_count(level) for level in nca("med-nca").levels] == [35_008, 35_008]


def test_a_level_has_the_authors_checkpoint_names_and_shapes() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in nca("med-nca").levels[0].state_dict().items()}
    assert shapes == {
        "fc0.weight": (128, 96),
        "fc0.bias": (128,),
        "fc1.weight": (32, 128),
        "p0.weight": (32, 32, 3, 3),
        "p0.bias": (32,),
        "p1.weight": (32, 32, 3, 3),
        "p1.bias": (32,),
    }


def test_a_fresh_model_does_nothing() -> None:
    """The last layer starts at 0, as in the authors' code."""
    with torch.no_grad():
        assert not build("med-nca", steps=3)(made(1, 1, 16, 16), keys=keys(1)).any()


def test_dense_work_of_a_slice() -> None:
    """4.46 M cell-steps of 34,816 multiply-accumulates for 256 x 256 pixels and 64 steps."""
    cell_steps = (256**2 + 64**2) * 64
    assert cell_steps == 4_456_448
    assert build("med-nca").macs(256, 256) == cell_steps * 34_816
    assert 34_816 == 2 * 9 * 32 * 32 + 96 * 128 + 128 * 32  # two convolutions, two linear layers
    assert build("med-nca").macs(255, 253) == cell_steps * 34_816


def test_options_rebuild_the_model() -> None:
    model = nca("med-nca-16", steps=3, fire_rate=0.25, hidden=7, kernel_size=5, scale=2, precision="bfloat16")
    again = build(model.name, **model.options)
    assert again.options == model.options
    assert [tensor.shape for tensor in again.parameters()] == [tensor.shape for tensor in model.parameters()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"scale": 0}, "scale is 0"),
        ({"fire_rate": 0.0}, "fire rate 0.0"),
        ({"fire_rate": 1.1}, "fire rate 1.1"),
        ({"kernel_size": 4}, "kernel_size is 4"),
        ({"kernel_size": 1}, "kernel_size is 1"),
        ({"channels": 1}, "channels is 1"),
        ({"hidden": 0}, "hidden is 0"),
        ({"precision": "float16"}, "precision is 'float16'; allowed: float32, bfloat16"),
        ({"in_channels": 0}, "in_channels is 0"),
        ({"out_channels": 0}, "out_channels is 0"),
    ],
)
def test_options_out_of_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("med-nca", **options)


def test_a_pixel_keeps_its_masks_when_the_image_is_extended() -> None:
    """Padding is at the bottom and right only: an image padded by hand gives the same logits."""
    model = nca(steps=6)
    image = made(1, 1, 14, 19)
    with torch.no_grad():
        logits = model(image, keys=keys(1))
        by_hand = model(functional.pad(image, (0, 1, 0, 2), mode="replicate"), keys=keys(1))
    assert torch.equal(logits, by_hand[..., :14, :19])


def literal_patch(model: MedNCA, image: Tensor, top: list[int], left: list[int], key: TrainKey) -> Tensor:
    """Training logits by the literal rule in float64, for known patch corners."""
    scale, shape = model.scale, model.rule_shape
    state = functional.interpolate(image, scale_factor=1 / scale, mode="bilinear", align_corners=False)
    height, width = state.shape[2:]
    state = torch.cat((state, state.new_zeros(len(image), shape.channels - 1, height, width)), 1).permute(0, 2, 3, 1)
    for level, rule in enumerate(model.levels):
        assert isinstance(rule, Rule)
        if level:
            large = functional.interpolate(state.permute(0, 3, 1, 2), scale_factor=scale, mode="nearest")
            large = torch.cat((image, large[:, 1:]), 1).permute(0, 2, 3, 1)
            corners = zip(large, top, left, strict=True)
            state = torch.stack([one[y : y + height, x : x + width] for one, y, x in corners])
        streams = [fire.training_stream(key, sample=sample, level=level) for sample in range(len(image))]
        fires = masks(streams, steps=model.steps, height=height, width=width, limit=model.limit)
        state = literal_steps(rule, state, fires)
    return state[..., 1:2].permute(0, 3, 1, 2)


@settings(max_examples=10)
@given(update=st.integers(0, 1000), scale=st.sampled_from([2, 4]))
def test_training_step_against_the_literal_rule(update: int, scale: int) -> None:
    """Logits, target patch and all gradients, through the hand-over from level to level."""
    model = nca(steps=4, scale=scale, hidden=16).double()
    image = made(3, 1, 16, 24, seed=update, dtype=torch.float64)
    place = torch.arange(16 * 24, dtype=torch.float64).view(1, 1, 16, 24).repeat(3, 1, 1, 1)
    key = TrainKey(seed=9, update=update)
    logits, target = model.training_logits(image, place, key=key)
    assert tuple(logits.shape) == tuple(target.shape) == (3, 1, 16 // scale, 24 // scale)
    top, left = (target[:, 0, 0, 0] // 24).int().tolist(), (target[:, 0, 0, 0] % 24).int().tolist()
    for patch, y, x in zip(target, top, left, strict=True):
        assert torch.equal(patch, place[0, :, y : y + 16 // scale, x : x + 24 // scale])
    oracle = literal_patch(model, image, top, left, key)
    torch.testing.assert_close(logits, oracle)
    parameters = list(model.parameters())
    ours = torch.autograd.grad(logits.square().sum(), parameters)
    theirs = torch.autograd.grad(oracle.square().sum(), parameters)
    torch.testing.assert_close(ours, theirs)


def test_patches_reach_every_corner() -> None:
    """Any offset is drawn, the last ones too; samples and updates differ."""
    model = nca(steps=1)
    place = torch.arange(12 * 16, dtype=torch.float32).view(1, 1, 12, 16).repeat(8, 1, 1, 1)
    tops: set[int] = set()
    lefts: set[int] = set()
    for update in range(40):
        _, target = model.training_logits(place / 192, place, key=TrainKey(seed=0, update=update))
        corner = target[:, 0, 0, 0].numpy().astype(int)
        assert len(np.unique(corner)) > 1
        tops |= set(corner // 16)
        lefts |= set(corner % 16)
    assert tops == set(range(12 - 3 + 1))
    assert lefts == set(range(16 - 4 + 1))


def test_training_pads_image_and_target_alike() -> None:
    model = nca(steps=1)
    image = made(1, 1, 9, 10)
    logits, target = model.training_logits(image, image, key=TrainKey(seed=0, update=0))
    assert tuple(logits.shape) == tuple(target.shape) == (1, 1, 3, 3)


def test_whole_images_can_be_trained_on() -> None:
    """`forward` is differentiable and gives what it gives without gradients."""
    model = nca(steps=5)
    image = made(2, 1, 16, 12)
    trained = model(image, keys=keys(2))
    with torch.no_grad():
        torch.testing.assert_close(trained, model(image, keys=keys(2)))
    gradients = torch.autograd.grad(trained.sum(), list(model.parameters()))
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert any(bool(gradient.any()) for gradient in gradients)


def test_a_target_of_another_size() -> None:
    with pytest.raises(ValueError, match="target has shape"):
        nca(steps=1).training_logits(made(1, 1, 8, 8), made(1, 1, 8, 9), key=TrainKey(seed=0, update=0))
