"""The way forward in training: a state after some steps, and what it takes to walk back.

Kept per step are the numbers its firing cells had before it, and while it fits a budget their whole perception.
"""

from torch import Tensor

from .fire import Bits
from .nca_grid import Cells, Grid
from .nca_rule import RuleShape, RuleWeights
from .nca_step import Pieces, Schedule, take_step

PERCEPTION_BYTES = 2**28  # perceptions kept by one level; each saves its step a seventh of the time


class Tape:
    """A walk of some steps.

    Attributes:
        cells: the state, after all steps at first.
        schedule: which cells fire when.
        kept: per step, the (n, C) numbers its firing cells had before, or their (n, 3C) perception, which starts with
            these numbers; empty if nothing is kept.
    """

    def __init__(self, state: Tensor, weights: RuleWeights, shape: RuleShape, bits: Bits, *, keep: bool) -> None:
        batch, height, width, channels = state.shape
        grid = Grid(batch, height, width, shape.reach)
        self.schedule = Schedule(grid, bits)
        self.cells = Cells(grid, channels, dtype=state.dtype)
        self.cells.inner.copy_(state)
        self.cells.reflect()
        self.kept: list[Tensor] = []
        pieces = Pieces(shape, dtype=state.dtype)
        budget = PERCEPTION_BYTES if keep else 0
        for step in range(self.schedule.steps):
            _, index = self.schedule.firing(step)
            old = self.cells.flat.index_select(0, index)
            seen = old.new_empty(len(index), 3 * channels) if budget >= 3 * old.nbytes > 0 else None
            budget -= 0 if seen is None else seen.nbytes
            fresh = old.new_empty(old.shape)
            take_step(self.cells, index, weights, pieces, old=old, fresh=fresh, seen=seen)
            if keep:
                self.kept.append(old if seen is None else seen)

    def undo(self, index: Tensor) -> Tensor:
        """Put the state back before its last step, in which the cells `index` fired; give what was kept of them."""
        kept = self.kept.pop()
        self.cells.flat.index_copy_(0, index, kept[:, : self.cells.flat.shape[1]])
        self.cells.reflect()
        return kept
