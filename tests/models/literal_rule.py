"""The update rule of Med-NCA written down literally: oracle of the engine and yardstick of its speed.

As the authors' code goes about it: channels-last states, at every step a transpose to channels-first, reflect-padded
convolutions, concatenation, transpose back, two linear layers on all cells, mask, addition, and the image channels put
in front again. Any float type, differentiable by autograd. Masks are given, not drawn within.
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


def literal_steps(rule: Rule, state: Tensor, fires: Tensor, *, turned: bool = True) -> Tensor:
    """Apply one step per mask to (B, H, W, C).

    The authors swap axes 1 and 3 to get channels first, so their convolutions see a grid turned over its diagonal; the
    kernels are turned to match. `turned=False` only moves the channels, which torch's convolutions handle faster.
    """
    image = rule.shape.image
    axes = (0, 3, 2, 1) if turned else (0, 3, 1, 2)
    back = (0, 3, 2, 1) if turned else (0, 2, 3, 1)
    kernels = [weight.transpose(2, 3).contiguous() if turned else weight for weight in (rule.p0.weight, rule.p1.weight)]
    for mask in fires:
        first = state.permute(axes)
        seen_a = functional.conv2d(_reflected(first, rule), kernels[0], rule.p0.bias)
        seen_b = functional.conv2d(_reflected(first, rule), kernels[1], rule.p1.bias)
        perception = torch.cat((first, seen_a, seen_b), 1).permute(back)
        update = rule.fc1(functional.relu(rule.fc0(perception))) * mask.to(state.dtype)
        fresh = (first + update.permute(axes)).permute(back)
        state = torch.cat((state[..., :image], fresh[..., image:]), -1)
    return state


def _reflected(first: Tensor, rule: Rule) -> Tensor:
    return functional.pad(first, (rule.shape.reach,) * 4, mode="reflect")


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
