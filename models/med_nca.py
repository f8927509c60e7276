"""Med-NCA: a coarse NCA on the image downscaled by 4, then a second NCA that refines its state at full resolution.

State of a cell: [image | output | hidden]. Coarse level: zeros with the downscaled image in front. Hand-over: the
coarse state, each cell repeated 4 x 4, with the full-resolution image put in front. The logits are the output channels
after the fine level. In training the fine level sees one random patch per sample, as large as the coarse level.
Source: Kalkhof et al., Med-NCA, IPMI 2023, arXiv 2302.03473.
"""

import functools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from . import fire
from .base import FireKey, Segmenter, TrainKey
from .nca_dense import advance_dense
from .nca_rule import HIDDEN, KERNEL, Rule, RuleShape
from .nca_sparse import advance

LEVELS = 2


class Draw(Protocol):
    """How masks are drawn: afresh, or through the cache."""

    def __call__(self, streams: Sequence[int], *, steps: int, height: int, width: int, limit: int) -> fire.Bits:
        """See `fire.draw`."""
        ...


class MedNCA(Segmenter):
    """Two NCA levels with weights of their own."""

    stochastic = True

    def __init__(
        self,
        name: str,
        *,
        in_channels: int,
        out_channels: int,
        channels: int,
        steps: int,
        fire_rate: float,
        hidden: int,
        kernel_size: int,
        scale: int,
    ) -> None:
        options = {
            "channels": channels,
            "steps": steps,
            "fire_rate": fire_rate,
            "hidden": hidden,
            "kernel_size": kernel_size,
            "scale": scale,
        }
        super().__init__(name, in_channels=in_channels, out_channels=out_channels, options=options)
        if channels <= in_channels + out_channels - 1:
            raise ValueError(f"channels is {channels}; image and output need {in_channels + out_channels}")
        for what, value in (("steps", steps), ("scale", scale)):
            if value < 1:
                raise ValueError(f"{what} is {value}; it must be at least 1")
        self.limit = fire.threshold(fire_rate)
        self.steps = steps
        self.scale = scale
        self.rule_shape = RuleShape(channels=channels, hidden=hidden, kernel=kernel_size, image=in_channels)
        self.multiple = scale
        self.minimum = max(self.minimum, scale * (self.rule_shape.reach + 1))  # reflection needs reach + 1 cells
        self.levels = nn.ModuleList(Rule(self.rule_shape) for _ in range(LEVELS))

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        """Run both levels on whole images."""
        coarse = self._coarse(image, [fire.inference_stream(key, level=0) for key in keys], fire.recent.draw)
        fine = coarse.repeat_interleave(self.scale, 1).repeat_interleave(self.scale, 2)
        fine = torch.cat((image.movedim(1, -1), fine[..., self.in_channels :]), -1)
        fine = self._advance(fine, 1, [fire.inference_stream(key, level=1) for key in keys], fire.recent.draw)
        return self._logits(fine)

    def training_logits(self, image: Tensor, target: Tensor, *, key: TrainKey) -> tuple[Tensor, Tensor]:
        """Run the coarse level on whole images and the fine level on one random patch of each.

        Patches have the coarse level's size and start at any pixel, as in the authors' code.

        Returns:
            Logits and target, both (B, K, ceil(H / 4), ceil(W / 4)), of the patches.
        """
        self.check_target(image, target)
        image, target = self.padded(image), self.padded(target)
        samples = range(len(image))
        coarse = self._coarse(
            image, [fire.training_stream(key, sample=sample, level=0) for sample in samples], fire.draw
        )
        height, width = coarse.shape[1:3]
        random = np.random.default_rng([key.seed, key.update])
        top = random.integers(image.shape[2] - height + 1, size=len(samples))
        left = random.integers(image.shape[3] - width + 1, size=len(samples))
        at = torch.arange(len(samples))[:, None, None]
        row = torch.from_numpy(top)[:, None, None] + torch.arange(height)[:, None]
        column = torch.from_numpy(left)[:, None, None] + torch.arange(width)
        seen = image.movedim(1, -1)[at, row, column]
        patch = coarse[at, row // self.scale, column // self.scale]
        patch = torch.cat((seen, patch[..., self.in_channels :]), -1)
        patch = self._advance(
            patch, 1, [fire.training_stream(key, sample=sample, level=1) for sample in samples], fire.draw
        )
        return self._logits(patch), target.movedim(1, -1)[at, row, column].movedim(-1, 1)

    def macs(self, height: int, width: int) -> int:
        """Count both levels, every cell at every step, padding included."""
        cells = self.padded_side(height) * self.padded_side(width)
        return (cells + cells // self.scale**2) * self.steps * self.rule_shape.macs_per_cell

    def _coarse(self, image: Tensor, streams: Sequence[int], draw: Draw) -> Tensor:
        small = functional.interpolate(image, scale_factor=1 / self.scale, mode="bilinear", align_corners=False)
        hidden = small.new_zeros(len(small), self.rule_shape.channels - self.in_channels, *small.shape[2:])
        return self._advance(torch.cat((small, hidden), 1).movedim(1, -1), 0, streams, draw)

    def _advance(self, state: Tensor, level: int, streams: Sequence[int], draw: Draw) -> Tensor:
        bits = draw(streams, steps=self.steps, height=state.shape[1], width=state.shape[2], limit=self.limit)
        rule = self.levels[level]
        assert isinstance(rule, Rule)
        if state.device.type != "cpu" or torch.is_grad_enabled():
            return advance_dense(state, rule.weights(), self.rule_shape, bits)
        return advance(state, rule.weights(), self.rule_shape, bits)

    def _logits(self, state: Tensor) -> Tensor:
        return state[..., self.in_channels : self.in_channels + self.out_channels].movedim(-1, 1)


def med_nca(
    name: str,
    *,
    in_channels: int,
    out_channels: int,
    channels: int = 32,
    steps: int = 64,
    fire_rate: float = 0.5,
    hidden: int = HIDDEN,
    kernel_size: int = KERNEL,
    scale: int = 4,
) -> MedNCA:
    """Make Med-NCA: 70,016 parameters with 32 channels, 25,920 with 16, for kernel 3 and 128 hidden units."""
    return MedNCA(
        name,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=channels,
        steps=steps,
        fire_rate=fire_rate,
        hidden=hidden,
        kernel_size=kernel_size,
        scale=scale,
    )


med_nca_16 = functools.partial(med_nca, channels=16)
