"""When a training run counts as diverged.

At once: a loss or gradient norm that is not finite. Besides, where the recipe sets a factor: the median of the last
`RECENT` losses (or gradient norms) is above the factor times the median of the `BEFORE` ones before them. A single hard
batch does not move a median of five; a collapse, which stays, does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from .checkpoint import Position
from .errors import BenchError
from .recipe_type import Recipe

RECENT = 5  # updates
BEFORE = 50  # updates
KEPT = RECENT + BEFORE


class DivergedError(BenchError):
    """A training run that cannot go on.

    Attributes:
        position: where it stood.
    """

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(message)
        self.position = position

    def __reduce__(self) -> tuple[type[BenchError], tuple[str, Position]]:
        return DivergedError, (str(self), self.position)


def divergence(recipe: Recipe, *, losses: Sequence[float], norms: Sequence[float]) -> str | None:
    """The reason in words, or None.

    Args:
        recipe: its `loss_spike` and `norm_spike` are used.
        losses: of the last updates, the newest last.
        norms: of their gradients, before clipping.

    >>> from .recipe import recipe_for
    >>> divergence(recipe_for("stable", "med-nca"), losses=[0.5] * 50 + [1.6] * 3 + [0.5] * 2, norms=[1.0] * 55)
    'the median loss of 5 updates is 3.2 times that of the 50 before'
    """
    if not math.isfinite(losses[-1]) or not math.isfinite(norms[-1]):
        return "loss or gradient is not finite"
    for what, values, factor in (("loss", losses, recipe.loss_spike), ("gradient norm", norms, recipe.norm_spike)):
        if factor is None or len(values) < KEPT:
            continue
        now, usual = median(values[-RECENT:]), median(values[-KEPT:-RECENT])
        if now > factor * usual:
            return f"the median {what} of {RECENT} updates is {now / usual:.1f} times that of the {BEFORE} before"
    return None


def calm(recipe: Recipe, *, losses: Sequence[float]) -> bool:
    """Whether none of the last losses looks like the beginning of a divergence, so that the state is worth keeping."""
    if recipe.loss_spike is None or len(losses) < KEPT:
        return True
    return max(losses[-RECENT:]) <= recipe.loss_spike * median(losses[-KEPT:-RECENT])
