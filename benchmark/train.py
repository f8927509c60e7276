"""Training: Dice + binary cross-entropy, Adam, seeded and resumable.

The loss is the official code's: soft Dice over the whole batch, per output, smoothed by 1, plus the mean binary
cross-entropy. Every random choice is a function of (seed, update), so a run that was killed and resumed ends with the
same weights as one that was not (one machine, one thread count).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..models.base import FireKey, Segmenter, TrainKey
from .checkpoint import LogLine, Position, load_checkpoint, save_checkpoint
from .errors import BenchError
from .interrupt import deferred_interrupt
from .recipe import Recipe
from .slices import PreparedCase, SliceSet, batch_indices

CHECKPOINT_SECONDS = 60.0
VALIDATIONS = 10  # points of the learning curve with a validation score
VALIDATION_CASES = 4  # enough to see a trend, cheap enough not to count
_SMOOTH = 1.0


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One run's fixed part: its key, seed, recipe, slices and the file it can go on from."""

    key: str
    seed: int
    recipe: Recipe
    train: SliceSet
    val: tuple[PreparedCase, ...]
    checkpoint: Path

    @property
    def total(self) -> int:
        """Updates in all."""
        return self.recipe.total_updates(len(self.train))


def dice_bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Soft Dice loss per output over the batch, plus binary cross-entropy: scalar, >= 0."""
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum(dim=(0, 2, 3))
    total = (probability + target).sum(dim=(0, 2, 3))
    dice = (2.0 * overlap + _SMOOTH) / (total + _SMOOTH)
    return (1.0 - dice).mean() + F.binary_cross_entropy_with_logits(logits, target)


def learning_rate(recipe: Recipe, *, update: int, total: int) -> float:
    """Adam's step size at an update."""
    if recipe.schedule == "cosine":
        return recipe.learning_rate * 0.5 * (1.0 + math.cos(math.pi * update / total))
    return float(recipe.learning_rate * recipe.decay**update)


def train(
    model: Segmenter,
    run: TrainingRun,
    *,
    on_start: Callable[[Position], object] = lambda start: None,
    on_update: Callable[[LogLine], object] = lambda line: None,
) -> Position:
    """Train a model in place, from its checkpoint where there is one.

    Args:
        model: freshly built from the run's seed.
        run: what to train on and how.
        on_start: called once with the position the run goes on from.
        on_update: called after each update, e.g. to move a progress bar.

    Returns:
        The final position with the learning curve.

    Raises:
        BenchError: the loss or the gradient stopped being finite.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=run.recipe.learning_rate, betas=run.recipe.betas)
    position = load_checkpoint(run.checkpoint, model, optimiser, key=run.key)
    on_start(position)
    log_every = max(1, run.total // 200)
    validate_every = max(1, run.total // VALIDATIONS)
    started = saved = time.monotonic()
    with deferred_interrupt() as interrupted:
        while position.updates < run.total:
            line = _update(model, optimiser, run, update=position.updates)
            done = position.updates + 1
            if done % validate_every == 0 or done == run.total:
                line = replace(line, val_dice=validation_dice(model, run.val))
            log = (*position.log, line) if done % log_every == 0 or line.val_dice is not None else position.log
            now = time.monotonic()
            position = Position(updates=done, seconds=position.seconds + now - started, log=log)
            started = now
            on_update(line)
            if now - saved > CHECKPOINT_SECONDS or interrupted():
                save_checkpoint(run.checkpoint, model, optimiser, key=run.key, position=position)
                saved = now
            if interrupted():
                raise KeyboardInterrupt
    model.eval()
    return position


def _update(model: Segmenter, optimiser: torch.optim.Optimizer, run: TrainingRun, *, update: int) -> LogLine:
    recipe = run.recipe
    model.train()
    indices = batch_indices(slices=len(run.train), batch=recipe.batch, update=update, seed=run.seed)
    images, targets = run.train.batch(indices)
    rate = learning_rate(recipe, update=update, total=run.total)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    logits, target = model.training_logits(images, targets, key=TrainKey(seed=run.seed, update=update))
    loss = dice_bce(logits, target)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm or math.inf)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise BenchError(
            f"training of {recipe.model} (recipe {recipe.name}, seed {run.seed}) diverged at update {update}: "
            f"loss {loss.item():.4g}, gradient norm {norm.item():.4g}; use another --seed or a recipe with clipping"
        )
    optimiser.step()
    return LogLine(
        update=update + 1, loss=float(loss.detach()), gradient_norm=float(norm), learning_rate=rate, val_dice=None
    )


@torch.no_grad()
def validation_dice(model: Segmenter, cases: tuple[PreparedCase, ...]) -> float | None:
    """Mean hard Dice of a few validation cases on the model's grid, foreground of all outputs; None without cases."""
    if not cases:
        return None
    model.eval()
    scores = []
    step = max(1, len(cases) // VALIDATION_CASES)
    for case in cases[::step][:VALIDATION_CASES]:
        keys = [FireKey(seed=0, case=case.sha256, slice=z) for z in range(len(case.image))]
        predicted = model(torch.from_numpy(np.array(case.image)), keys=keys).numpy() > 0
        truth = case.target > 0
        size = predicted.sum() + truth.sum()
        scores.append(2.0 * float((predicted & truth).sum()) / float(size) if size else 1.0)
    return sum(scores) / len(scores)
