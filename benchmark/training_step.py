"""One update of a training run: loss, gradient, step; and the largest state on the way.

Every random choice is a function of (seed, update).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from ..models.base import Segmenter, TrainKey
from .augment import augmented
from .checkpoint import LogLine
from .losses import coarse_dice_bce, dice_bce
from .recipe import Recipe
from .slices import SliceSet, batch_indices, towards_foreground

_JITTER_STREAM = 0x57  # separates the number of steps from every other use of the training seed

Levels = list[tuple[torch.Tensor, torch.Tensor]]  # state and logits after each level of a recurrent model


def learning_rate(recipe: Recipe, *, update: int, total: int) -> float:
    """The optimiser's learning rate at an update."""
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
        optimiser: of its parameters; its learning rate is set.
        recipe: how.
        train: the slices.
        seed: of the run.
        update: counted from 0.
        total: updates in all, for the schedule.
        rate_factor: of the learning rate, below 1 after a rollback.

    Returns:
        Its line, and the largest |state| of a recurrent model (0 for others, infinite where it is not finite).
    """
    model.train()
    indices = batch_indices(slices=len(train), batch=recipe.batch, update=update, seed=seed)
    if recipe.foreground:
        indices = towards_foreground(
            indices, train.with_foreground, probability=recipe.foreground, update=update, seed=seed
        )
    images, targets = train.batch(indices)
    images, targets = augmented(images, targets, strength=recipe.augment, seed=seed, update=update)
    rate = rate_factor * learning_rate(recipe, update=update, total=total)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    with _watched(model, recipe, seed=seed, update=update) as levels:
        logits, target = model.training_logits(images, targets, key=TrainKey(seed=seed, update=update))
    loss = dice_bce(logits, target) + _on_the_way(levels, model.padded(targets), recipe)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm or math.inf)
    if torch.isfinite(loss) and torch.isfinite(norm):
        optimiser.step()
    largest = max((float(state.detach().abs().max()) for state, _ in levels), default=0.0)
    line = LogLine(
        update=update + 1, loss=float(loss.detach()), gradient_norm=float(norm), learning_rate=rate, val_dice=None
    )
    return line, largest if math.isfinite(largest) else math.inf


def _on_the_way(levels: Levels, targets: torch.Tensor, recipe: Recipe) -> torch.Tensor | float:
    """What the states and the coarse level's answer of a recurrent model add to the loss; 0 of others."""
    extra: torch.Tensor | float = 0.0
    if recipe.coarse_loss:
        for _, logits in levels[:-1]:
            extra = extra + recipe.coarse_loss * coarse_dice_bce(logits, targets)
    if recipe.state_penalty:
        for state, _ in levels:
            extra = extra + recipe.state_penalty * (state.abs() - recipe.state_bound).relu().square().mean()
    return extra


@contextmanager
def _watched(model: Segmenter, recipe: Recipe, *, seed: int, update: int) -> Iterator[Levels]:
    """Collect state and logits of each level; set the steps drawn for this update, and which patches are trained on."""
    levels: Levels = []
    steps, foreground = model.steps, model.foreground
    if recipe.step_jitter and steps:
        random = np.random.default_rng([_JITTER_STREAM, seed, update])
        model.steps = int(random.integers(steps - recipe.step_jitter, steps + recipe.step_jitter, endpoint=True))
    model.foreground = recipe.foreground
    model.watch = lambda state, logits: levels.append((state, logits))
    try:
        yield levels
    finally:
        model.watch = None
        model.steps, model.foreground = steps, foreground
