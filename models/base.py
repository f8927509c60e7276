"""What every segmenter is: images in, one logit per pixel and foreground label out.

Images are (B, C, H, W) float32 in [0, 1]; logits are (B, K, H, W): a pixel belongs to label k where its logit is
above 0. Models that need H and W to be multiples of something pad at the bottom and right with the edge value and crop
back, so that pixel (y, x) keeps its coordinates.
"""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .keys import FireKey, TrainKey

__all__ = ["FireKey", "Segmenter", "TrainKey", "device_of", "parameter_count"]

MINIMUM_SIDE = 8  # pixels; below this the smallest level of a network has nothing left to look at


class Segmenter(nn.Module, abc.ABC):
    """A network with a name, made again from (`name`, `in_channels`, `out_channels`, `options`).

    Subclasses set `multiple` (H and W they work on) and implement `segment` and `macs`.

    Attributes:
        steps: of a recurrent model, per level; 0 for others. It may be changed between calls.
        foreground: of a model that trains on patches, the probability that a sample's patch is one that holds
            foreground; 0: any patch. It may be changed between calls.
        watch: called in training after each level of a recurrent model with its state, (B, H, W, channels), and the
            logits in it, (B, K, H, W), to look at them or to make them part of a loss.
    """

    stochastic: bool = False
    multiple: int = 1
    minimum: int = MINIMUM_SIDE
    steps: int = 0
    foreground: float = 0.0
    watch: Callable[[Tensor, Tensor], object] | None = None

    def __init__(self, name: str, *, in_channels: int, out_channels: int, options: dict[str, Any]) -> None:
        super().__init__()
        for what, value in (("in_channels", in_channels), ("out_channels", out_channels)):
            if value < 1:
                raise ValueError(f"model {name!r}: {what} is {value}; it must be at least 1")
        self.name = name
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.options = options

    @abc.abstractmethod
    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        """Give the logits of a batch whose H and W are multiples of `multiple` and at least `minimum`."""

    @abc.abstractmethod
    def macs(self, height: int, width: int) -> int:
        """Count the multiply-accumulates of one slice of `height` x `width` pixels."""

    def training_macs(self, height: int, width: int) -> int:
        """Count the multiply-accumulates of one slice's way forward in training; of the whole slice here."""
        return self.macs(height, width)

    def forward(self, image: Tensor, *, keys: Sequence[FireKey] | None = None) -> Tensor:
        """Segment a batch.

        Args:
            image: (B, C, H, W) float, values in [0, 1], H and W at least 8.
            keys: one per image; needed by stochastic models, ignored by others.

        Returns:
            Logits (B, K, H, W).

        Raises:
            ValueError: on a wrong shape, number of channels, size or dtype, or on missing keys.
        """
        self.check(image)
        if self.stochastic and keys is None:
            raise ValueError(f"model {self.name!r} draws random numbers: pass keys, one FireKey per image")
        if self.stochastic and keys is not None and len(keys) != image.shape[0]:
            raise ValueError(f"model {self.name!r}: {len(keys)} keys for a batch of {image.shape[0]} images")
        height, width = image.shape[-2:]
        image = image.to(next((each.dtype for each in self.parameters()), image.dtype))
        logits = self.segment(self.padded(image), keys=keys or ())
        return logits[..., :height, :width]

    def training_logits(self, image: Tensor, target: Tensor, *, key: TrainKey) -> tuple[Tensor, Tensor]:
        """Give what the loss compares: logits and the target they belong to, both (B, K, h, w).

        Args:
            image: (B, C, H, W) float.
            target: (B, K, H, W).
            key: fixes all random choices of this update.

        Returns:
            The whole image here; a model may train on a part of it.

        Raises:
            ValueError: as `forward`, or if image and target differ in B, H or W.
        """
        self.check_target(image, target)
        return self(image), target

    def check(self, image: Tensor) -> None:
        """Raise ValueError unless `image` is a float batch (B, in_channels, H >= 8, W >= 8)."""
        shape = tuple(image.shape)
        if image.ndim != 4:
            raise ValueError(f"model {self.name!r}: image has shape {shape}; expected (B, C, H, W)")
        if shape[1] != self.in_channels:
            raise ValueError(f"model {self.name!r}: image has {shape[1]} channels; expected {self.in_channels}")
        if min(shape[2:]) < MINIMUM_SIDE:
            raise ValueError(f"model {self.name!r}: image is {shape[2]} x {shape[3]}; at least {MINIMUM_SIDE} a side")
        if not image.is_floating_point():
            raise ValueError(f"model {self.name!r}: image has dtype {image.dtype}; expected a float type")

    def check_target(self, image: Tensor, target: Tensor) -> None:
        """Raise ValueError unless `image` passes `check` and `target` is (B, out_channels, H, W)."""
        self.check(image)
        expected = (image.shape[0], self.out_channels, *image.shape[2:])
        if tuple(target.shape) != expected:
            raise ValueError(f"model {self.name!r}: target has shape {tuple(target.shape)}; expected {expected}")

    def padded(self, image: Tensor) -> Tensor:
        """Extend H and W at the bottom and right by the edge value to what `segment` accepts."""
        bottom, right = (self.padded_side(side) - side for side in image.shape[-2:])
        return functional.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image

    def padded_side(self, side: int) -> int:
        """Smallest multiple of `multiple` that is at least `side` and `minimum`."""
        return -(-max(side, self.minimum) // self.multiple) * self.multiple


def parameter_count(model: nn.Module) -> int:
    """Count the trainable numbers of a network."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def device_of(model: nn.Module) -> torch.device:
    """Give the device of a network's parameters; the CPU for one without any."""
    return next((each.device for each in model.parameters()), torch.device("cpu"))
