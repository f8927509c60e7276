"""Training: Dice + binary cross-entropy, Adam, seeded and resumable.

The loss is the official code's: soft Dice over the whole batch, per output, smoothed by 1, plus the mean binary
cross-entropy. Every random choice is a function of (seed, update), so a run that was killed and resumed ends with the
same weights as one that was not (one machine, one thread count), across a rollback too: the state to go back to is part
of the checkpoint. What counts as divergence: `divergence.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..models.base import FireKey, Segmenter, TrainKey
from .augment import augmented
from .average import averaged, blend
from .checkpoint import (
    LogLine,
    Position,
    Rollback,
    Tensors,
    capture,
    load_checkpoint,
    own_tensors,
    restore,
    save_checkpoint,
)
from .divergence import KEPT, DivergedError, calm, divergence
from .errors import BenchError
from .interrupt import deferred_interrupt
from .recipe import Recipe
from .slices import PreparedCase, SliceSet, batch_indices

CHECKPOINT_SECONDS = 60.0
VALIDATION_CASES = 4  # enough to see a trend, cheap enough not to count
GOOD_UPDATES = 100  # between the states that a rollback can go back to
GOAL_DICE = 0.85  # soft Dice on val; the time to it is noted
_JITTER_STREAM = 0x57  # separates the number of steps from every other use of the training seed
_SMOOTH = 1.0


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One run's fixed part: its key, seed, recipe, slices, the file it can go on from, and how long it may take now."""

    key: str
    seed: int
    recipe: Recipe
    train: SliceSet
    val: tuple[PreparedCase, ...]
    checkpoint: Path
    minutes: float | None = None

    @property
    def total(self) -> int:
        """Updates in all."""
        return self.recipe.total_updates(len(self.train))


class PausedError(BenchError):
    """The minutes are over; the checkpoint is written and the same command goes on."""

    exit_code = 0


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


def train(
    model: Segmenter,
    run: TrainingRun,
    *,
    on_start: Callable[[Position], object] = lambda start: None,
    on_update: Callable[[LogLine], object] = lambda line: None,
    on_rollback: Callable[[Rollback], object] = lambda rollback: None,
) -> Position:
    """Train a model in place, from its checkpoint where there is one.

    Args:
        model: freshly built from the run's seed.
        run: what to train on and how.
        on_start: called once with the position the run goes on from.
        on_update: called after each update, e.g. to move a progress bar.
        on_rollback: called when the run goes back to an earlier state.

    Returns:
        The final position with the learning curve.

    Raises:
        DivergedError: the run diverged, and its recipe has no rollback (left).
        PausedError: the run's minutes are over.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=run.recipe.learning_rate, betas=run.recipe.betas)
    average: Tensors = {name: each.clone() for name, each in own_tensors(model).items()} if run.recipe.average else {}
    good: Tensors = {}
    position = load_checkpoint(run.checkpoint, model, optimiser, key=run.key, average=average, good=good)
    on_start(position)
    begun = started = saved = time.monotonic()

    def keep() -> None:
        save_checkpoint(run.checkpoint, model, optimiser, key=run.key, position=position, average=average, good=good)

    with deferred_interrupt() as interrupted:
        while position.updates < run.total:
            if run.recipe.rollbacks and position.updates % GOOD_UPDATES == 0 and _calm(position, run):
                good = capture(model, optimiser, average)
                position = replace(position, good=position.updates)
            line, largest = _update(
                model, optimiser, run, update=position.updates, rate_factor=0.5 ** len(position.rollbacks)
            )
            position = _noted(position, line, largest)
            reason = divergence(run.recipe, losses=position.losses, norms=position.norms)
            if reason is not None:
                rollback = _rollback(position, line, run, reason)
                restore(good, model, optimiser, average)
                position = _back(position, rollback)
                on_rollback(rollback)
                continue
            if run.recipe.average is not None:
                blend(average, model, update=position.updates, factor=run.recipe.average)
            now = time.monotonic()
            position = replace(position, updates=line.update, seconds=position.seconds + now - started)
            started = now
            line, position = _curve(position, line, model, average, run)
            on_update(line)
            over = run.minutes is not None and now - begun > 60.0 * run.minutes and position.updates < run.total
            if now - saved > CHECKPOINT_SECONDS or interrupted() or over:
                keep()
                saved = now
            if interrupted():
                raise KeyboardInterrupt
            if over:
                raise PausedError(
                    f"stopped after {run.minutes:g} minutes at update {position.updates} of {run.total}; the same "
                    "command goes on from there"
                )
    if average:
        model.load_state_dict(average, strict=False)
    model.eval()
    return position


def _calm(position: Position, run: TrainingRun) -> bool:
    return position.good is None or calm(run.recipe, losses=position.losses)


def _noted(position: Position, line: LogLine, largest: float) -> Position:
    return replace(
        position,
        computed=position.computed + 1,
        losses=(*position.losses, line.loss)[-KEPT:],
        norms=(*position.norms, line.gradient_norm)[-KEPT:],
        largest_state=max(position.largest_state, largest),
    )


def _rollback(position: Position, line: LogLine, run: TrainingRun, reason: str) -> Rollback:
    done = len(position.rollbacks)
    if done >= run.recipe.rollbacks or position.good is None:
        tried = f" after {done} rollbacks" if done else ""
        raise DivergedError(
            f"training of {run.recipe.model} (recipe {run.recipe.name}, seed {run.seed}) diverged at update "
            f"{line.update - 1}{tried}: loss {line.loss:.4g}, gradient norm {line.gradient_norm:.4g}; use another "
            "--seed or a recipe with clipping",
            position,
        )
    return Rollback(
        update=line.update,
        loss=line.loss,
        gradient_norm=line.gradient_norm,
        reason=reason,
        back_to=position.good,
        rate_factor=0.5 ** (done + 1),
    )


def _back(position: Position, rollback: Rollback) -> Position:
    """The position of the state gone back to; what was spent and seen stays counted."""
    return replace(
        position,
        updates=rollback.back_to,
        log=tuple(line for line in position.log if line.update <= rollback.back_to),
        rollbacks=(*position.rollbacks, rollback),
        losses=(),
        norms=(),
    )


def _curve(
    position: Position, line: LogLine, model: Segmenter, average: Tensors, run: TrainingRun
) -> tuple[LogLine, Position]:
    """Validate where it is time to, and keep the line where it belongs to the curve."""
    done, total = position.updates, run.total
    if done % max(1, total // run.recipe.validations) == 0 or done == total:
        with averaged(model, average):
            hard, soft = validation_scores(model, run.val, count=run.recipe.validation_cases)
        line = replace(line, val_dice=hard, val_soft_dice=soft)
        if soft is not None and soft >= GOAL_DICE and position.seconds_to_dice is None:
            position = replace(position, seconds_to_dice=position.seconds)
    if done % max(1, total // 200) == 0 or line.val_dice is not None:
        position = replace(position, log=(*position.log, line))
    return line, position


def _update(
    model: Segmenter, optimiser: torch.optim.Optimizer, run: TrainingRun, *, update: int, rate_factor: float = 1.0
) -> tuple[LogLine, float]:
    """One update, not taken where loss or gradient is not finite; its line and the largest |state|."""
    recipe = run.recipe
    model.train()
    indices = batch_indices(slices=len(run.train), batch=recipe.batch, update=update, seed=run.seed)
    images, targets = run.train.batch(indices)
    images, targets = augmented(images, targets, strength=recipe.augment, seed=run.seed, update=update)
    rate = rate_factor * learning_rate(recipe, update=update, total=run.total)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    with _watched(model, recipe, seed=run.seed, update=update) as states:
        logits, target = model.training_logits(images, targets, key=TrainKey(seed=run.seed, update=update))
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


@torch.no_grad()
def validation_scores(
    model: Segmenter, cases: tuple[PreparedCase, ...], *, count: int = VALIDATION_CASES
) -> tuple[float | None, float | None]:
    """Mean hard and soft Dice of a few validation cases on the model's grid, foreground of all outputs.

    Soft is the paper's: probabilities as they are, no smoothing, cases without foreground left out. None without cases.
    """
    model.eval()
    hard: list[float] = []
    soft: list[float] = []
    step = max(1, len(cases) // count)
    for case in cases[::step][:count]:
        keys = [FireKey(seed=0, case=case.sha256, slice=z) for z in range(len(case.image))]
        logits = model(torch.from_numpy(np.array(case.image)), keys=keys)
        predicted, truth = logits.numpy() > 0, case.target > 0
        size = predicted.sum() + truth.sum()
        hard.append(2.0 * float((predicted & truth).sum()) / float(size) if size else 1.0)
        if truth.any():
            share = torch.sigmoid(logits).double().numpy()
            soft.append(2.0 * float((share * truth).sum()) / float(share.sum() + truth.sum()))
    return (sum(hard) / len(hard) if hard else None), (sum(soft) / len(soft) if soft else None)


def validation_dice(
    model: Segmenter, cases: tuple[PreparedCase, ...], *, count: int = VALIDATION_CASES
) -> float | None:
    """Mean hard Dice of `validation_scores`."""
    return validation_scores(model, cases, count=count)[0]
