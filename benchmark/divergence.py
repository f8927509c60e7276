"""When a training run counts as diverged.

At once: a loss or gradient norm that is not finite. Besides, where the recipe sets a factor: the median of the last
`spike_window` losses (or gradient norms) is above the factor times the median of the ten times as many before them. A
single hard batch does not move a median of five; a collapse, which stays, does. Where losses of batches vary tenfold,
three hard ones of five are a matter of time: a window of 25 waits until most of 25 are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from .checkpoint import Position
from .errors import BenchError
from .recipe_type import Recipe

BEFORE = 10  # windows before the last one, which it is compared with


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


def kept(recipe: Recipe) -> int:
    """Updates whose losses and norms the rule needs."""
    return (1 + BEFORE) * recipe.spike_window


def divergence(recipe: Recipe, *, losses: Sequence[float], norms: Sequence[float]) -> str | None:
    """The reason in words, or None; of spikes none before `kept` updates were seen.

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
        if factor is None or len(values) < kept(recipe):
            continue
        now, usual = (median(part) for part in _windows(recipe, values))
        if now > factor * usual:
            recent = recipe.spike_window
            before = BEFORE * recent
            return f"the median {what} of {recent} updates is {now / usual:.1f} times that of the {before} before"
    return None


def calm(recipe: Recipe, *, losses: Sequence[float], norms: Sequence[float]) -> bool:
    """Whether the last losses and norms do not look like the beginning of a divergence: the state is worth keeping.

    At most a sixth of the window may be above the factor: none of 5, 4 of 25. Where the rule has not seen enough yet to
    judge, it is not.
    """
    for values, factor in ((losses, recipe.loss_spike), (norms, recipe.norm_spike)):
        if factor is None:
            continue
        if len(values) < kept(recipe):
            return False
        now, before = _windows(recipe, values)
        if sum(value > factor * median(before) for value in now) > recipe.spike_window // 6:
            return False
    return True


def _windows(recipe: Recipe, values: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """The last window, and what it is compared with."""
    return values[-recipe.spike_window :], values[-kept(recipe) : -recipe.spike_window]
