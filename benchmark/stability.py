"""The survival experiment: does training under a recipe last, over several seeds, on the prostate phantom?

A run survived if all its updates were done, the NCA's state was finite and |state| <= `STATE_BOUND` at the end of both
levels in every update, and the final hard Dice on val is at least `LEAST_DICE`: a learning rate of nothing does not
count. A run whose state has come above the bound is lost and ends there. One JSON file per recipe and seed appears when
its run has ended, in a folder of the setting's own; until then a checkpoint is beside it.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import models
from ..results.atomic import write_text
from .checkpoint import LogLine, Position, Rollback
from .divergence import DivergedError
from .identity import key
from .locations import cache_root
from .phantom import make
from .phantom_folder import DEFAULT_SUBJECTS, VERSION
from .progress import Meter, Silent
from .recipe import Recipe, recipe_for
from .recipe_type import check
from .slices import SliceSet
from .task import Task, open_task
from .train import TrainingRun, train
from .trained import Training

STATE_BOUND = 1000.0  # a thousand times the range of an image
LEAST_DICE = 0.60
FOLDER = "stability"  # in the run folder


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Which runs are made; the same for all recipes but what they set about training itself."""

    recipes: tuple[str, ...]
    seeds: int
    updates: int
    out: Path
    first_seed: int = 0
    model: str = "med-nca"
    side: int = 256
    steps: int = 64
    batch: int = 4
    subjects: int = DEFAULT_SUBJECTS["prostate"]
    shape: tuple[int, int, int] | None = None

    def recipe(self, name: str) -> Recipe:
        """A recipe with the experiment's size, steps, batch and length, validated once, at the end.

        Raises:
            UsageProblem: it does not go with them.
        """
        found = recipe_for(name, self.model)
        changed = replace(
            found,
            options={**found.options, "steps": self.steps},
            size=(self.side, self.side),
            batch=self.batch,
            updates=self.updates,
            epochs=None,
            validations=1,
            validation_cases=4,
        )
        return check(changed, source=f"{name} with {self.steps} steps")

    def task(self) -> Task:
        """The prostate phantom, generated once."""
        shape = "" if self.shape is None else "-" + "x".join(map(str, self.shape))
        name = f"prostate-version-{VERSION}-seed-0-subjects-{self.subjects}{shape}"
        folder = make(
            cache_root() / "phantoms" / name, kind="prostate", seed=0, subjects=self.subjects, shape=self.shape
        )
        return open_task(folder)

    def folder(self) -> Path:
        """Where the rows of this size, model and length lie, so that those of another stay beside them."""
        network = f"{self.model}-side-{self.side}-steps-{self.steps}"
        return self.out / FOLDER / f"{network}-batch-{self.batch}-subjects-{self.subjects}-updates-{self.updates}"

    def runs(self) -> list[tuple[str, int]]:
        """Recipe and seed of each run; all recipes of a seed first, so that a stopped experiment can be compared."""
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return [(name, seed) for seed in seeds for name in self.recipes]


def survives(experiment: Experiment, *, meter: Meter | None = None) -> Iterator[dict[str, Any]]:
    """Make the runs that are missing, one after the other, and give the row of each.

    Args:
        experiment: which runs.
        meter: told of updates; those of known runs, and of lost ones after their end, need no work.
    """
    task = experiment.task()
    for name, seed in experiment.runs():
        training = Training(
            task=task,
            channel=min(task.modalities),
            labels="merged",
            recipe=experiment.recipe(name),
            seed=seed,
            cache=cache_root(),
        )
        yield _row(experiment, name, training, meter or Silent())


def _row(experiment: Experiment, name: str, training: Training, meter: Meter) -> dict[str, Any]:
    folder, recipe, cases = experiment.folder(), training.recipe, training.prepared("train")
    identity = training.key(cases)
    stem = f"{recipe.name}-s{training.seed}"
    target = folder / f"{stem}.json"
    with contextlib.suppress(OSError, ValueError):
        known: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
        if known.get("key") == identity:
            meter.skip(experiment.updates)
            return known
    run = TrainingRun(
        key=identity,
        seed=training.seed,
        recipe=recipe,
        train=SliceSet(cases),
        val=training.prepared("val"),
        checkpoint=folder / f"{stem}.safetensors",
        largest_state=STATE_BOUND,
    )
    model = models.build(recipe.model, in_channels=cases[0].image.shape[1], seed=training.seed, **recipe.options)

    def tell(line: LogLine) -> None:
        meter.advance(note=f"{stem}: update {line.update} of {run.total}, loss {line.loss:.3f}")

    def tell_rollback(rollback: Rollback) -> None:
        meter.advance(rollback.back_to - rollback.update + 1, note=f"{stem}: back to update {rollback.back_to}")

    problem = ""
    try:
        position = train(
            model,
            run,
            on_start=lambda start: meter.skip(start.updates),
            on_update=tell,
            on_rollback=tell_rollback,
        )
    except DivergedError as error:
        position, problem = error.position, str(error)
        meter.skip(run.total - position.updates)
    row = _judged(position, run, problem) | {
        "key": identity,
        "recipe": recipe.name,
        "recipe_sha256": key(**recipe_for(name, recipe.model).as_dict()),
        "version": recipe.version,
        "model": recipe.model,
        "seed": training.seed,
        "side": recipe.size[0],
        "steps": recipe.options["steps"],
        "batch": recipe.batch,
        "subjects": experiment.subjects,
        "task": training.task.name,
        "split": "val",
        "phantom": training.task.phantom,
    }
    write_text(target, json.dumps(row, indent=1, allow_nan=False) + "\n")
    run.checkpoint.unlink(missing_ok=True)
    return row


def _judged(position: Position, run: TrainingRun, problem: str) -> dict[str, Any]:
    dice = position.log[-1].val_dice if position.log and not problem else None
    bounded = position.largest_state <= STATE_BOUND
    if not problem and not bounded:
        problem = f"|state| above {STATE_BOUND:g}"
    if not problem and (dice is None or dice < LEAST_DICE):
        problem = f"final Dice below {LEAST_DICE:g}"
    finite = math.isfinite(position.largest_state)
    return {
        "survived": not problem,
        "problem": problem,
        "updates": position.updates,
        "asked": run.total,
        "final_dice": dice,
        "largest_state": position.largest_state if finite else None,
        "rollbacks": [
            {"update": each.update, "back_to": each.back_to, "reason": each.reason} for each in position.rollbacks
        ],
        "minutes": position.seconds / 60.0,
    }
