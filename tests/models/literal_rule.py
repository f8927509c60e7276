"""The update rule of Med-NCA written down literally: oracle of the engine and yardstick of its speed.

As the authors' code goes about it: channels-last states, at every step a transpose to channels-first, reflect-padded
convolutions, concatenation, transpose back, two linear layers on all cells, mask, addition, and the image channels put in
front again. Any float type, any device, differentiable by autograd.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mednca_bench.models import fire
from mednca_bench.models.base import FireKey
from mednca_bench.models.med_nca import MedNCA
from mednca_bench.models.nca_rule import Rule


def masks(streams: Sequence[int], *, steps: int, height: int, width: int, limit: int) -> Tensor:
    """Fire masks as (steps, B, H, W, 1) booleans."""
    bits = torch.from_numpy(fire.draw(streams, steps=steps, height=height, width=width, limit=limit))
    lanes = (bits[..., None] >> torch.arange(8, dtype=torch.uint8)) & 1
    return lanes.flatten(-2)[..., :width].movedim(1, 0)[..., None].bool()


def literal_steps(rule: Rule, state: Tensor, fires: Tensor) -> Tensor:
    """Apply one step per mask to (B, H, W, C)."""
    image = rule.shape.image
    reach = (rule.shape.reach,) * 4
    for mask in fires:
        first = state.permute(0, 3, 1, 2)
        padded = functional.pad(first, reach, mode="reflect")
        seen_a = functional.conv2d(padded, rule.p0.weight, rule.p0.bias)
        seen_b = functional.conv2d(padded, rule.p1.weight, rule.p1.bias)
        perception = torch.cat((first, seen_a, seen_b), 1).permute(0, 2, 3, 1)
        update = rule.fc1(functional.relu(rule.fc0(perception))) * mask.to(state.dtype)
        fresh = (first + update.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        state = torch.cat((state[..., :image], fresh[..., image:]), -1)
    return state


def literal_logits(model: MedNCA, image: Tensor, keys: Sequence[FireKey]) -> Tensor:
    """Both levels for an image whose sides are multiples of the scale; runs in the type of model and image."""
    scale, shape = model.scale, model.rule_shape
    small = functional.interpolate(image, scale_factor=1 / scale, mode="bilinear", align_corners=False)
    state = torch.cat((small, small.new_zeros(len(small), shape.channels - shape.image, *small.shape[2:])), 1)
    for level, rule in enumerate(model.levels):
        assert isinstance(rule, Rule)
        if level:
            state = functional.interpolate(state, scale_factor=scale, mode="nearest")
            state = torch.cat((image, state[:, shape.image :]), 1)
        streams = [fire.inference_stream(key, level=level) for key in keys]
        fires = masks(streams, steps=model.steps, height=state.shape[2], width=state.shape[3], limit=model.limit)
        state = literal_steps(rule, state.permute(0, 2, 3, 1).contiguous(), fires).permute(0, 3, 1, 2)
    return state[:, shape.image : shape.image + model.out_channels]
