"""The way forward in training: a state after some steps, and what it takes to walk back.

Kept per step are the numbers its firing cells had before it, and while a budget lasts their perception, then their
hidden layer, which backward would else compute again. Per byte the perceptions save twice as much, so they come first.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from .fire import Bits
from .nca_grid import Cells, Grid
from .nca_rule import RuleShape, RuleWeights
from .nca_step import Pieces, Schedule, take_step

SPARED_BYTES = 3 * 2**27  # of perceptions and hidden layers kept by one level


@dataclass(frozen=True)
class Kept:
    """What is kept of one step, for its n firing cells.

    Attributes:
        old: (n, C) numbers before the step.
        seen: (n, 3C) perception, or None.
        thought: (n, hidden) hidden layer after its ReLU, or None.
    """

    old: Tensor
    seen: Tensor | None
    thought: Tensor | None


class Tape:
    """A walk of some steps.

    Attributes:
        cells: the state, after all steps at first.
        schedule: which cells fire when.
        kept: one entry per step; empty if nothing is kept.
    """

    def __init__(self, state: Tensor, weights: RuleWeights, shape: RuleShape, bits: Bits, *, keep: bool) -> None:
        batch, height, width, channels = state.shape
        grid = Grid(batch, height, width, shape.reach)
        self.schedule = Schedule(grid, bits)
        self.cells = Cells(grid, channels, dtype=state.dtype)
        self.cells.inner.copy_(state)
        self.cells.reflect()
        self.kept: list[Kept] = []
        pieces = Pieces(shape, dtype=state.dtype)
        perceptions = int(np.bitwise_count(bits).sum()) * 3 * channels * state.element_size()
        for_seen = min(perceptions, SPARED_BYTES) if keep else 0
        for_thought = SPARED_BYTES - perceptions if keep else 0
        for step in range(self.schedule.steps):
            _, index = self.schedule.firing(step)
            old = self.cells.flat.index_select(0, index)
            seen = _room(old, width=3 * channels, budget=for_seen)
            thought = _room(old, width=shape.hidden, budget=for_thought)
            for_seen -= 0 if seen is None else seen.nbytes
            for_thought -= 0 if thought is None else thought.nbytes
            fresh = old.new_empty(old.shape)
            take_step(self.cells, index, weights, pieces, old=old, fresh=fresh, seen=seen, thought=thought)
            if keep:
                self.kept.append(Kept(old if seen is None else seen[:, :channels], seen, thought))

    def undo(self, index: Tensor) -> Kept:
        """Put the state back before its last step, in which the cells `index` fired; give what was kept of them."""
        kept = self.kept.pop()
        self.cells.flat.index_copy_(0, index, kept.old)
        self.cells.reflect()
        return kept


def _room(old: Tensor, *, width: int, budget: int) -> Tensor | None:
    """Give memory for `width` numbers a cell, or None where the budget has not enough."""
    needed = len(old) * width * old.element_size()
    return old.new_empty(len(old), width) if 0 < needed <= budget else None
