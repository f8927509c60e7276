"""Med-NCA: a coarse NCA on the image downscaled by 4, then a second NCA that refines its state at full resolution.

State of a cell: [image | output | hidden]. Coarse level: zeros with the downscaled image in front. Hand-over: the
coarse state, each cell repeated 4 x 4, with the full-resolution image put in front. The logits are the output channels
after the fine level. In training the fine level sees one random patch per sample, as large as the coarse level.
Source: Kalkhof et al., Med-NCA, IPMI 2023, arXiv 2302.03473.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import fire
from .base import FireKey, Segmenter, TrainKey
from .fire_cache import Draw, recent
from .nca_dense import advance_dense
from .nca_inference import advance
from .nca_rule import HIDDEN, KERNEL, Rule, RuleShape
from .nca_training import advance_training
from .training_patch import corners

COARSE, FINE = range(2)
SPARSE_DEVICES = ("cpu",)  # where stepping only the firing cells pays; elsewhere dense convolutions
PRECISIONS = ("float32", "bfloat16")


class MedNCA(Segmenter):
    """Two NCA levels with weights of their own: 70,016 parameters with 32 channels, 25,920 with 16.

    Args:
        name: of the model.
        in_channels: image channels.
        out_channels: logits.
        channels: numbers per cell, at least image and output.
        steps: updates per level.
        fire_rate: share of the cells that update at a step, in (0, 1].
        hidden: width of the hidden layer.
        kernel_size: of the perception, odd, at least 3.
        scale: by how much the coarse level's image is smaller.
        precision: "float32", or "bfloat16" for faster, less exact inference on the CPU; training ignores it.

    Raises:
        ValueError: for a value out of range.
    """

    stochastic = True

    def __init__(
        self,
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
        precision: str = PRECISIONS[0],
    ) -> None:
        options = {
            "channels": channels,
            "steps": steps,
            "fire_rate": fire_rate,
            "hidden": hidden,
            "kernel_size": kernel_size,
            "scale": scale,
            "precision": precision,
        }
        super().__init__(name, in_channels=in_channels, out_channels=out_channels, options=options)
        if channels < in_channels + out_channels:
            raise ValueError(f"channels is {channels}; image and output alone need {in_channels + out_channels}")
        if steps < 1 or scale < 1:
            raise ValueError(f"steps is {steps} and scale is {scale}; both must be at least 1")
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; allowed: {', '.join(PRECISIONS)}")
        self.limit = fire.threshold(fire_rate)
        self.steps = steps
        self.scale = scale
        self.short = precision == "bfloat16"
        self.rule_shape = RuleShape(channels=channels, hidden=hidden, kernel=kernel_size, image=in_channels)
        self.multiple = scale
        self.minimum = max(self.minimum, scale * (self.rule_shape.reach + 1))  # reflection needs reach + 1 cells
        self.levels = nn.ModuleList(Rule(self.rule_shape) for _ in (COARSE, FINE))

    def segment(self, image: Tensor, *, keys: Sequence[FireKey]) -> Tensor:
        """Run both levels on whole images."""
        streams = [[fire.inference_stream(key, level=level) for key in keys] for level in (COARSE, FINE)]
        state = self._coarse(image, streams[COARSE], recent.draw)
        state = state.repeat_interleave(self.scale, 1).repeat_interleave(self.scale, 2)
        return self._fine(image.movedim(1, -1), state, streams[FINE], recent.draw)

    def training_logits(self, image: Tensor, target: Tensor, *, key: TrainKey) -> tuple[Tensor, Tensor]:
        """Run the coarse level on whole images and the fine level on one random patch of each.

        Patches are as large as the coarse level; which they are: `training_patch.py`. Their fire masks are addressed
        within the patch. A pure function of the arguments, the weights, `steps` and `foreground`.

        Returns:
            Logits and target of the patches, both (B, K, ceil(H / 4), ceil(W / 4)).
        """
        self.check_target(image, target)
        image, target = self.padded(image).movedim(1, -1), self.padded(target).movedim(1, -1)
        samples = range(len(image))
        streams = [[fire.training_stream(key, sample=n, level=level) for n in samples] for level in (COARSE, FINE)]
        coarse = self._coarse(image.movedim(-1, 1), streams[COARSE], fire.draw)
        height, width = coarse.shape[1:3]
        drawn = corners(target, height=height, width=width, key=key, foreground=self.foreground)
        top, left = (torch.from_numpy(each)[:, None, None].to(image.device) for each in drawn)
        at = torch.arange(len(samples), device=image.device)[:, None, None]
        row = top + torch.arange(height, device=image.device)[:, None]
        column = left + torch.arange(width, device=image.device)
        patch = coarse[at, row // self.scale, column // self.scale]
        logits = self._fine(image[at, row, column], patch, streams[FINE], fire.draw)
        return logits, target[at, row, column].movedim(-1, 1)

    def macs(self, height: int, width: int) -> int:
        """Count both levels, every cell at every step, padding included: 155 G for a 256 x 256 slice and 64 steps."""
        cells = self.padded_side(height) * self.padded_side(width)
        return (cells + cells // self.scale**2) * self.steps * self.rule_shape.macs_per_cell

    def training_macs(self, height: int, width: int) -> int:
        """Count both levels, the fine one on a patch as large as the coarse one."""
        cells = self.padded_side(height) * self.padded_side(width) // self.scale**2
        return 2 * cells * self.steps * self.rule_shape.macs_per_cell

    def _coarse(self, image: Tensor, streams: Sequence[int], draw: Draw) -> Tensor:
        """Downscale (B, C, H, W) and run the coarse level; (B, H / 4, W / 4, channels)."""
        small = functional.interpolate(image, scale_factor=1 / self.scale, mode="bilinear", align_corners=False)
        state = functional.pad(small.movedim(1, -1), (0, self.rule_shape.channels - self.in_channels))
        return self._advance(state, COARSE, streams, draw)

    def _fine(self, image: Tensor, state: Tensor, streams: Sequence[int], draw: Draw) -> Tensor:
        """Put the (B, H, W, C) image in front of the state and run the fine level; logits (B, K, H, W)."""
        state = self._advance(torch.cat((image, state[..., self.in_channels :]), -1), FINE, streams, draw)
        return self._logits(state)

    def _logits(self, state: Tensor) -> Tensor:
        """The output channels of a (B, H, W, C) state: (B, K, H, W)."""
        return state[..., self.in_channels : self.in_channels + self.out_channels].movedim(-1, 1)

    def _advance(self, state: Tensor, level: int, streams: Sequence[int], draw: Draw) -> Tensor:
        bits = draw(streams, steps=self.steps, height=state.shape[1], width=state.shape[2], limit=self.limit)
        rule = self.levels[level]
        assert isinstance(rule, Rule)
        weights = rule.weights()
        training = state.requires_grad or weights.look.requires_grad
        if state.device.type not in SPARSE_DEVICES:
            state = advance_dense(state, weights, self.rule_shape, bits)
        elif training:
            state = advance_training(state, weights, self.rule_shape, bits)
        else:
            state = advance(state, weights, self.rule_shape, bits, bfloat16=self.short)
        if training and self.watch is not None:
            self.watch(state, self._logits(state))
        return state


def med_nca_16(name: str, *, in_channels: int, out_channels: int, channels: int = 16, **options: Any) -> MedNCA:
    """Make Med-NCA with 16 channels."""
    return MedNCA(name, in_channels=in_channels, out_channels=out_channels, channels=channels, **options)
