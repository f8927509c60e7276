"""Many steps of one NCA level, computing only the cells that fire, in pieces that stay in cache.

Cells are (B, H, W, C) float32. Per step and piece of firing cells: gather their neighbourhoods, multiply matrices, keep
the new values aside; when all pieces have read the old state, write. The sums are those of the rule in nca_rule.
"""

import torch
from torch import Tensor

from .fire import Bits, fired
from .nca_grid import Grid, row_offsets, runs
from .nca_rule import RuleShape, RuleWeights

PIECE = 1024  # firing cells at a time


def advance(state: Tensor, weights: RuleWeights, shape: RuleShape, bits: Bits) -> Tensor:
    """Apply one step per mask without recording gradients.

    Args:
        state: (B, H, W, C).
        weights: laid out by `Rule.weights`.
        shape: sizes of the rule.
        bits: (B, steps, H, ceil(W / 8)) fire masks.

    Returns:
        (B, H, W, C), the state after all steps.
    """
    batch, height, width, channels = state.shape
    grid = Grid(batch, height, width, shape.reach)
    padded = grid.pad(state)
    cells = padded.view(-1, channels)
    inner = torch.from_numpy(grid.flat_index())
    offsets = row_offsets(grid)
    for step in range(bits.shape[1]):
        index = inner[torch.from_numpy(fired(bits[:, step], width=width))]
        fresh = state.new_empty(len(index), channels)
        for start in range(0, len(index), PIECE):
            piece = index[start : start + PIECE]
            near = runs(padded, kernel=shape.kernel).index_select(0, (piece[:, None] + offsets).view(-1))
            near = near.view(len(piece), -1)
            middle = (shape.kernel**2 // 2) * channels
            centre = near[:, middle : middle + channels]
            seen = torch.addmm(weights.look_bias, near, weights.look)
            hidden = torch.addmm(weights.first_bias, centre, weights.first[:channels])
            hidden.addmm_(seen, weights.first[channels:]).relu_()
            torch.addmm(centre, hidden, weights.second, out=fresh[start : start + PIECE])
        cells[index] = fresh
        grid.reflect(padded)
    return grid.crop(padded).clone()
