"""One step of one NCA level, computing only the cells that fire: the arithmetic shared by inference and training.

Firing cells are handled in pieces, small enough for their neighbourhoods and hidden layer to stay in cache. New numbers
are kept aside until all pieces have read the old state. The convolutions' bias is part of the first layer's (nca_rule).
"""

import torch
from torch import Tensor

from .fire import Bits, fired
from .nca_grid import Cells, Grid, run_numbers
from .nca_rule import RuleShape, RuleWeights

PIECE = 1024  # cells: neighbourhoods 1.2 MB and hidden layer 0.5 MB for C 32 and hidden 128 in float32


class Schedule:
    """Which cells fire when.

    Attributes:
        grid: geometry of the batch.
        steps: number of steps.
    """

    def __init__(self, grid: Grid, bits: Bits) -> None:
        self.grid = grid
        self.steps = bits.shape[1]
        self._bits = bits
        self._numbers = grid.inner(grid.numbers()).reshape(-1)

    def firing(self, step: int) -> tuple[Tensor, Tensor]:
        """List the firing cells of a step, ascending: as indices into the flat (B, H, W) and as numbers of the grid."""
        index = torch.from_numpy(fired(self._bits[:, step], width=self.grid.width))
        return index, self._numbers[index]


def spans(count: int, *, size: int) -> list[slice]:
    """Cut `count` rows into as few pieces of at most `size` as needed, of nearly equal length."""
    pieces = -(-count // size)
    return [slice(count * piece // pieces, count * (piece + 1) // pieces) for piece in range(pieces)]


class Pieces:
    """Working space for pieces of up to `size` cells, by default `PIECE`."""

    def __init__(self, shape: RuleShape, *, dtype: torch.dtype, size: int | None = None) -> None:
        channels = shape.channels
        size = size or PIECE
        self.size = size
        self.channels = channels
        self.near = torch.empty(size * shape.kernel, shape.kernel * channels, dtype=dtype)
        self.perception = torch.empty(size, 3 * channels, dtype=dtype)
        self.hidden = torch.empty(size, shape.hidden, dtype=dtype)

    def look(
        self, state: Cells, runs: Tensor, old: Tensor, weights: RuleWeights, *, out: Tensor | None = None
    ) -> Tensor:
        """Perceive.

        Args:
            state: the cells before the step.
            runs: (n, kernel) `run_numbers` of the cells of this piece.
            old: their (n, C) numbers before the step.
            weights: of the level.
            out: where to write, (n, 3C); by default working space that the next call uses again.

        Returns:
            Perception (n, 3C).
        """
        near = state.gather(runs, out=self.near)
        perception = self.perception[: len(near)] if out is None else out
        perception[:, : self.channels] = old
        torch.mm(near, weights.look, out=perception[:, self.channels :])
        return perception

    def think(self, perception: Tensor, weights: RuleWeights, *, out: Tensor | None = None) -> Tensor:
        """Give the hidden layer (n, hidden) after its ReLU, in `out` or else valid until the next call."""
        hidden = self.hidden[: len(perception)] if out is None else out
        return torch.addmm(weights.bias, perception, weights.first, out=hidden).relu_()


def take_step(
    state: Cells,
    index: Tensor,
    weights: RuleWeights,
    pieces: Pieces,
    *,
    old: Tensor,
    fresh: Tensor,
    seen: Tensor | None = None,
    thought: Tensor | None = None,
) -> None:
    """Move the state on by one step, in place.

    Args:
        state: the cells before and after.
        index: numbers of the n firing cells.
        weights: of the level.
        pieces: working space.
        old: their (n, C) numbers before the step.
        fresh: (n, C), receives their numbers after the step; may be `old` itself.
        seen: (n, 3C), receives their perception.
        thought: (n, hidden), receives their hidden layer.
    """
    runs = run_numbers(state.grid, index)
    for part in spans(len(index), size=pieces.size):
        perception = pieces.look(state, runs[part], old[part], weights, out=None if seen is None else seen[part])
        hidden = pieces.think(perception, weights, out=None if thought is None else thought[part])
        torch.addmm(old[part], hidden, weights.second, out=fresh[part])
    state.flat.index_copy_(0, index, fresh)
    state.reflect()
