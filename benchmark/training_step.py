"""One update of a training run: loss, gradient, Adam; and the largest state on the way.

The loss is the official code's: soft Dice over the whole batch, per output, smoothed by 1, plus the mean binary
cross-entropy. Every random choice is a function of (seed, update).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F

from ..models.base import Segmenter, TrainKey
from .augment import augmented
from .checkpoint import LogLine
from .recipe import Recipe
from .slices import SliceSet, batch_indices

_JITTER_STREAM = 0x57  # separates the number of steps from every other use of the training seed
_SMOOTH = 1.0


def dice_bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Soft Dice loss per output over the batch, plus binary cross-entropy: scalar, >= 0."""
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum(dim=(0, 2, 3))
    total = (probability + target).sum(dim=(0, 2, 3))
    dice = (2.0 * overlap + _SMOOTH) / (total + _SMOOTH)
    return (1.0 - dice).mean() + F.binary_cross_entropy_with_logits(logits, target)


def learning_rate(recipe: Recipe, *, update: int, total: int) -> float:
    """Adam's step size at an update."""
    rise = min(1.0, (update + 1) / recipe.warm_up) if recipe.warm_up else 1.0
    if recipe.schedule == "cosine":
        return rise * recipe.learning_rate * 0.5 * (1.0 + math.cos(math.pi * update / total))
    return float(rise * recipe.learning_rate * recipe.decay**update)


def one_update(
    model: Segmenter,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    train: SliceSet,
    *,
    seed: int,
    update: int,
    total: int,
    rate_factor: float = 1.0,
) -> tuple[LogLine, float]:
    """One update, not taken where loss or gradient is not finite.

    Args:
        model: changed in place.
        optimiser: of its parameters; its step size is set.
        recipe: how.
        train: the slices.
        seed: of the run.
        update: counted from 0.
        total: updates in all, for the schedule.
        rate_factor: of the step size, below 1 after a rollback.

    Returns:
        Its line, and the largest |state| of a recurrent model (0 for others, infinite where it is not finite).
    """
    model.train()
    indices = batch_indices(slices=len(train), batch=recipe.batch, update=update, seed=seed)
    images, targets = train.batch(indices)
    images, targets = augmented(images, targets, strength=recipe.augment, seed=seed, update=update)
    rate = rate_factor * learning_rate(recipe, update=update, total=total)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    with _watched(model, recipe, seed=seed, update=update) as states:
        logits, target = model.training_logits(images, targets, key=TrainKey(seed=seed, update=update))
    loss = dice_bce(logits, target)
    if recipe.state_penalty:
        for state in states:
            loss = loss + recipe.state_penalty * (state.abs() - recipe.state_bound).relu().square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm or math.inf)
    if torch.isfinite(loss) and torch.isfinite(norm):
        optimiser.step()
    largest = max((float(state.detach().abs().max()) for state in states), default=0.0)
    line = LogLine(
        update=update + 1, loss=float(loss.detach()), gradient_norm=float(norm), learning_rate=rate, val_dice=None
    )
    return line, largest if math.isfinite(largest) else math.inf


@contextmanager
def _watched(model: Segmenter, recipe: Recipe, *, seed: int, update: int) -> Iterator[list[torch.Tensor]]:
    """Collect a recurrent model's states, and let it take the number of steps drawn for this update."""
    states: list[torch.Tensor] = []
    steps = model.steps
    if recipe.step_jitter and steps:
        random = np.random.default_rng([_JITTER_STREAM, seed, update])
        model.steps = int(random.integers(steps - recipe.step_jitter, steps + recipe.step_jitter, endpoint=True))
    model.watch = states.append
    try:
        yield states
    finally:
        model.watch = None
        model.steps = steps
