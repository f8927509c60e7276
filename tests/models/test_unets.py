"""The convolutional baselines: sizes, cost and independence of the images of a batch."""

import pytest
import torch
from torch import nn

from mednca_bench.models import build
from mednca_bench.models.base import parameter_count
from mednca_bench.models.unets import ConvolutionalSegmenter
from tests.models.made import made


@pytest.mark.parametrize(("name", "count"), [("unet", 36_950_273), ("unet-small", 479_244), ("segresnet", 394_977)])
def test_parameter_counts(name: str, count: int) -> None:
    assert parameter_count(build(name)) == count


def test_segresnet_grows_with_its_filters() -> None:
    model = build("segresnet", init_filters=16)
    assert model.options == {"init_filters": 16}
    assert parameter_count(model) > 3 * 394_977


@pytest.mark.parametrize("filters", [0, 7, 12, -8])
def test_segresnet_filters_come_in_eights(filters: int) -> None:
    with pytest.raises(ValueError, match=f"init_filters is {filters}; it must be a positive multiple of 8"):
        build("segresnet", init_filters=filters)


def test_work_of_a_small_network_counted_by_hand() -> None:
    """3 x 3 and 1 x 1 convolutions at full size, padding to multiples of 4 included."""
    with torch.random.fork_rng(devices=[]):
        network = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 3, 1))
    model = ConvolutionalSegmenter(
        "two convolutions", network, in_channels=2, out_channels=3, multiple=4, minimum=8, options={}
    )
    assert model.macs(8, 12) == 8 * 12 * (2 * 5 * 9 + 5 * 3)
    assert model.macs(9, 10) == 12 * 12 * (2 * 5 * 9 + 5 * 3)


def test_work_of_the_classic_unet() -> None:
    """7.5 GFLOP forward for a slice of 64 x 64, a third of a training step's 22; it grows with the area."""
    macs = build("unet").macs(64, 64)
    assert macs == 3_743_940_608
    assert macs == 16 * build("unet").macs(16, 16)


@pytest.mark.parametrize("name", ["unet-small", "segresnet"])
def test_training_mode_looks_at_each_image_by_itself(name: str) -> None:
    """Normalisation by instance or group: no statistics of the batch, in training as little as in evaluation."""
    model = build(name, in_channels=2, out_channels=3).train()
    image = made(2, 2, 16, 24)
    with torch.no_grad():
        together, alone = model(image), model(image[:1])
        evaluated = model.eval()(image)
    torch.testing.assert_close(together[:1], alone)
    torch.testing.assert_close(together, evaluated)
