"""Convolutional baselines: the paper's UNet and two small networks of MONAI.

None mixes the images of a batch: the UNet has no normalisation, the MONAI networks normalise each image by itself.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .base import FireKey, Segmenter, device_of

SMALL_CHANNELS = (20, 40, 80, 120)
SEGRESNET_GROUPS = 8


class ConvolutionalSegmenter(Segmenter):
    """A deterministic network that maps (B, C, H, W) to (B, K, H, W) for H and W that are multiples of its stride."""

    def __init__(
        self,
        name: str,
        network: nn.Module,
        *,
        in_channels: int,
        out_channels: int,
        multiple: int,
        minimum: int,
        options: dict[str, int],
    ) -> None:
        super().__init__(name, in_channels=in_channels, out_channels=out_channels, options=options)
        self.network = network
        self.multiple = multiple
        self.minimum = minimum

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        """Run the network; `keys` are not used."""
        logits: Tensor = self.network(image)
        return logits

    def macs(self, height: int, width: int) -> int:
        """Count the multiply-accumulates of convolutions and matrix products, padding included, by running it once."""
        shape = (1, self.in_channels, self.padded_side(height), self.padded_side(width))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.network(torch.zeros(shape, device=device_of(self)))
        return int(counter.get_total_flops()) // 2


def classic_unet(name: str, *, in_channels: int, out_channels: int) -> Segmenter:
    """Make the paper's baseline: 36,950,273 parameters for one channel and one label, four poolings by 2."""
    from unet import UNet2D

    network = UNet2D(in_channels=in_channels, out_classes=out_channels, padding=1)
    return ConvolutionalSegmenter(
        name, network, in_channels=in_channels, out_channels=out_channels, multiple=16, minimum=16, options={}
    )


def small_unet(name: str, *, in_channels: int, out_channels: int) -> Segmenter:
    """Make a residual UNet of 479,244 parameters with instance normalisation, three strides of 2."""
    from monai.networks.nets.unet import UNet

    network = UNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=SMALL_CHANNELS,
        strides=(2, 2, 2),
        num_res_units=2,
        norm="INSTANCE",
    )
    return ConvolutionalSegmenter(
        name, network, in_channels=in_channels, out_channels=out_channels, multiple=8, minimum=16, options={}
    )


def segresnet(name: str, *, in_channels: int, out_channels: int, init_filters: int = 8) -> Segmenter:
    """Make a SegResNet (group normalisation, three strides of 2): 394,977 parameters with 8 initial filters.

    Raises:
        ValueError: if `init_filters` is not a positive multiple of 8, the number of groups.
    """
    if init_filters < 1 or init_filters % SEGRESNET_GROUPS:
        raise ValueError(
            f"model {name!r}: init_filters is {init_filters}; it must be a positive multiple of {SEGRESNET_GROUPS}"
        )
    from monai.networks.nets.segresnet import SegResNet

    network = SegResNet(spatial_dims=2, init_filters=init_filters, in_channels=in_channels, out_channels=out_channels)
    options = {"init_filters": init_filters}
    return ConvolutionalSegmenter(
        name, network, in_channels=in_channels, out_channels=out_channels, multiple=8, minimum=16, options=options
    )
