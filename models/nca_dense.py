"""Many steps of one NCA level on every cell, by convolutions: the path of CUDA, MPS and any device but the CPU.

Differentiable by autograd. Tested on the CPU only; untested on CUDA and MPS.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .fire import Bits
from .nca_rule import RuleShape, RuleWeights


def advance_dense(state: Tensor, weights: RuleWeights, shape: RuleShape, bits: Bits) -> Tensor:
    """Apply one step per mask; arguments and result as `nca_inference.advance`, on any device."""
    kernel, channels, width = shape.kernel, shape.channels, state.shape[2]
    look = weights.look.view(kernel, kernel, channels, 2 * channels).permute(3, 2, 0, 1)
    first = weights.first.t()[..., None, None]
    second = weights.second.t()[..., None, None]
    cells = state.movedim(-1, 1)
    for step in range(bits.shape[1]):
        mask = torch.from_numpy(np.unpackbits(bits[:, step], axis=-1, count=width, bitorder="little"))
        near = functional.pad(cells, (shape.reach,) * 4, mode="reflect")
        seen = functional.conv2d(near, look)
        hidden = functional.conv2d(torch.cat((cells, seen), 1), first, weights.bias).relu()
        update = functional.conv2d(hidden, second)
        cells = cells + update * mask[:, None].to(cells.device, cells.dtype)
    return cells.movedim(1, -1)
