"""Inference of one NCA level on the CPU, computing only the cells that fire.

In bfloat16 the neighbourhoods and matrix products are bfloat16, the state stays float32. A processor without bfloat16
arithmetic multiplies the same rounded numbers in float32: emulated products would take forty times as long.
"""

import dataclasses

import torch
from torch import Tensor

from .fire import Bits
from .nca_grid import Cells, Grid, run_numbers
from .nca_rule import RuleShape, RuleWeights
from .nca_step import Pieces, Schedule, spans, take_step

PIECE_BFLOAT16 = 4096  # cells; half the bytes of float32, and a higher fixed cost of a matrix product


def advance(state: Tensor, weights: RuleWeights, shape: RuleShape, bits: Bits, *, bfloat16: bool = False) -> Tensor:
    """Apply one step per mask, without a gradient.

    Args:
        state: (B, H, W, C) on the CPU.
        weights: of the level.
        shape: sizes of the level.
        bits: (B, steps, H, ceil(W / 8)) fire masks.
        bfloat16: compute updates in bfloat16.

    Returns:
        (B, H, W, C), the state after all steps.
    """
    batch, height, width, channels = state.shape
    grid = Grid(batch, height, width, shape.reach)
    cells = Cells(grid, channels, dtype=state.dtype)
    cells.inner.copy_(state)
    cells.reflect()
    walk = _walk_bfloat16 if bfloat16 else _walk
    walk(cells, Schedule(grid, bits), weights, shape)
    return cells.inner


def _walk(cells: Cells, schedule: Schedule, weights: RuleWeights, shape: RuleShape) -> None:
    pieces = Pieces(shape, dtype=cells.flat.dtype)
    space = torch.empty(cells.inner.shape, dtype=cells.flat.dtype).view(-1, shape.channels)
    for step in range(schedule.steps):
        _, index = schedule.firing(step)
        own = space[: len(index)]
        torch.index_select(cells.flat, 0, index, out=own)
        take_step(cells, index, weights, pieces, old=own, fresh=own)


def multiplies_bfloat16() -> bool:
    """Tell whether torch has fast bfloat16 products on this processor (on x86: AVX-512, AMX)."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _walk_bfloat16(cells: Cells, schedule: Schedule, weights: RuleWeights, shape: RuleShape) -> None:
    short = torch.bfloat16
    factors, size = (short, PIECE_BFLOAT16) if multiplies_bfloat16() else (torch.float32, None)
    fields = (field.name for field in dataclasses.fields(weights))
    weights = RuleWeights(**{name: getattr(weights, name).to(short).to(factors) for name in fields})
    shadow = Cells(cells.grid, shape.channels, dtype=factors)
    shadow.bordered.copy_(cells.bordered.to(short))
    pieces = Pieces(shape, dtype=factors, size=size)
    for step in range(schedule.steps):
        _, index = schedule.firing(step)
        runs = run_numbers(cells.grid, index)
        old = shadow.flat.index_select(0, index)
        update = torch.empty_like(old)
        for part in spans(len(index), size=pieces.size):
            perception = pieces.look(shadow, runs[part], old[part], weights)
            torch.mm(pieces.think(perception, weights), weights.second, out=update[part])
        fresh = cells.flat.index_select(0, index).add_(update)
        cells.flat.index_copy_(0, index, fresh)
        shadow.flat.index_copy_(0, index, fresh.to(short).to(factors))
        shadow.reflect()
