"""How a segmentation grows: the logits of Med-NCA while its steps go on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from . import fire
from .base import FireKey
from .fire_cache import recent
from .med_nca import COARSE, FINE, MedNCA
from .nca_inference import advance
from .nca_rule import Rule


@dataclass(frozen=True)
class Stage:
    """The logits (B, K, H, W) after `step` steps of a level (0 coarse, 1 fine), on the grid of that level."""

    level: int
    step: int
    logits: Tensor


@torch.no_grad()
def growth(model: MedNCA, image: Tensor, *, keys: Sequence[FireKey], every: int = 1) -> Iterator[Stage]:
    """Give the logits after every few steps of both levels, on the CPU.

    Args:
        model: in evaluation mode.
        image: (B, C, H, W); H and W multiples of the model's scale.
        keys: one per image, as in `forward`.
        every: steps from one stage to the next.

    Yields:
        Stages in order; the last one's logits are those of `model(image, keys=keys)` in float32.

    Raises:
        ValueError: for an image that `forward` would refuse or would pad, or `every` below 1.
    """
    model.check(image)
    if every < 1 or model.padded(image) is not image:
        raise ValueError(f"every is {every}, image {tuple(image.shape)}: at least 1, and sides of {model.multiple} n")
    shape, first = model.rule_shape, model.in_channels
    small = functional.interpolate(image, scale_factor=1 / model.scale, mode="bilinear", align_corners=False)
    state = functional.pad(small.movedim(1, -1), (0, shape.channels - first))
    for level in (COARSE, FINE):
        if level == FINE:
            state = state.repeat_interleave(model.scale, 1).repeat_interleave(model.scale, 2)
            state = torch.cat((image.movedim(1, -1), state[..., first:]), -1)
        streams = [fire.inference_stream(key, level=level) for key in keys]
        height, width = state.shape[1:3]
        bits = recent.draw(streams, steps=model.steps, height=height, width=width, limit=model.limit)
        rule = model.levels[level]
        assert isinstance(rule, Rule)
        for start in range(0, model.steps, every):
            state = advance(state, rule.weights(), shape, bits[:, start : start + every])
            done = min(start + every, model.steps)
            yield Stage(level, done, state[..., first : first + model.out_channels].movedim(-1, 1).clone())
