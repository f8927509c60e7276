"""Training, seeded and resumable: updates, validation, checkpoints, rollback.

Every random choice is a function of (seed, update), so a run that was killed and resumed ends with the
same weights as one that was not (one machine, one thread count), across a rollback too: the state to go back to is part
of the checkpoint. What counts as divergence: `divergence.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..models.base import Segmenter
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
from .divergence import DivergedError, calm, divergence, kept
from .errors import BenchError
from .interrupt import deferred_interrupt
from .optimiser import optimiser_for
from .recipe import Recipe
from .slices import PreparedCase, SliceSet
from .training_step import one_update
from .validation import validation_scores

CHECKPOINT_SECONDS = 60.0
GOOD_UPDATES = 100  # between the states that a rollback can go back to
GOAL_DICE = 0.85  # soft Dice on val; the time to it is noted


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One run's fixed part.

    Attributes:
        key: of the weights.
        seed: of training.
        recipe: how.
        train: the slices.
        val: cases of the learning curve.
        checkpoint: the file it can go on from.
        minutes: how long it may take now.
        largest_state: |state| of a recurrent model above which nothing can save it: it ends there, without rollback.
    """

    key: str
    seed: int
    recipe: Recipe
    train: SliceSet
    val: tuple[PreparedCase, ...]
    checkpoint: Path
    minutes: float | None = None
    largest_state: float = math.inf

    @property
    def total(self) -> int:
        """Updates in all."""
        return self.recipe.total_updates(len(self.train))


class PausedError(BenchError):
    """The minutes are over; the checkpoint is written and the same command goes on."""

    exit_code = 0


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
        DivergedError: the run diverged, and its recipe has no rollback (left); or its state came above the limit.
        PausedError: the run's minutes are over.
        BenchError: its checkpoint was begun with another number of threads.
    """
    optimiser = optimiser_for(model, run.recipe)
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
                position = _as_good(position)
            line, position = _attempt(model, optimiser, run, position)
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
            with averaged(model, average if line.val_dice is not None else {}):  # pictures are of what is validated
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
    return position.good is None or calm(run.recipe, losses=position.losses, norms=position.norms)


def _as_good(position: Position) -> Position:
    """The position as that of the state to go back to, with what the divergence rule has seen until then."""
    return replace(position, good=position.updates, good_losses=position.losses, good_norms=position.norms)


def _attempt(
    model: Segmenter, optimiser: torch.optim.Optimizer, run: TrainingRun, position: Position
) -> tuple[LogLine, Position]:
    """One update, which may have to be undone, and the position that has seen it; ends a run with too large a state."""
    line, largest = one_update(
        model,
        optimiser,
        run.recipe,
        run.train,
        seed=run.seed,
        update=position.updates,
        total=run.total,
        rate_factor=0.5 ** len(position.rollbacks),
    )
    seen = kept(run.recipe)
    position = replace(
        position,
        computed=position.computed + 1,
        losses=(*position.losses, line.loss)[-seen:],
        norms=(*position.norms, line.gradient_norm)[-seen:],
        largest_state=max(position.largest_state, largest),
    )
    if position.largest_state > run.largest_state:
        raise DivergedError(
            f"training of {run.recipe.model} (recipe {run.recipe.name}, seed {run.seed}) ended at update "
            f"{line.update}: |state| {position.largest_state:,.5g}, above {run.largest_state:g}",
            position,
        )
    return line, position


def _rollback(position: Position, line: LogLine, run: TrainingRun, reason: str) -> Rollback:
    done = len(position.rollbacks)
    if done >= run.recipe.rollbacks or position.good is None:
        tried = f" after {done} rollbacks" if done else ""
        raise DivergedError(
            f"training of {run.recipe.model} (recipe {run.recipe.name}, seed {run.seed}) diverged at update "
            f"{line.update}{tried}: loss {line.loss:.4g}, gradient norm {line.gradient_norm:.4g}; use another --seed, "
            f"or a recipe with {'a lower learning_rate' if run.recipe.clip_norm else 'clip_norm'}",
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
    """The position of the state gone back to, with the losses seen until then; what was spent stays counted."""
    return replace(
        position,
        updates=rollback.back_to,
        log=tuple(line for line in position.log if line.update <= rollback.back_to),
        rollbacks=(*position.rollbacks, rollback),
        losses=position.good_losses,
        norms=position.good_norms,
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
