"""Trained weights, keyed by everything that decides them: made once, then used by every suite.

Layout: `<cache>/weights/<model>-<recipe>-s<seed>-<key>/` with `weights.safetensors`, `training.json` (the learning
curve), `tensorboard/` and, while training, `checkpoint.safetensors`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from .. import models
from ..models import weights
from ..models.base import Segmenter
from ..results.atomic import write_bytes, write_text
from .bookkeeping import bookkeeping, course, summary_line
from .checkpoint import LogLine, Position, Rollback
from .curves import Curves
from .errors import BenchError
from .identity import key
from .msd import known_task
from .orientation import axes_found
from .plan import Contestant
from .prepared import PreparedCache
from .preprocess import label_names
from .progress import progress, say
from .recipe import Recipe
from .recipe_type import check
from .slices import PreparedCase, SliceSet
from .task import Task
from .train import TrainingRun, train

CHECKPOINT = "checkpoint.safetensors"
TRAINING_VERSION = 1  # raise it when training changes what it would end with


@dataclass(frozen=True, kw_only=True)
class Training:
    """A request for trained weights.

    Attributes:
        task: whose train part is used.
        channel: which modality, or None for all.
        labels: merged foreground or one output per label.
        recipe: the model and how it is trained.
        seed: of the training run.
        cache: the cache folder.
        limit: use only the first cases of the train part; None for all.
        minutes: after which this call stops, with its checkpoint; None for no limit.
    """

    task: Task
    channel: str | int | None
    labels: Literal["merged", "classes"]
    recipe: Recipe
    seed: int
    cache: Path
    limit: int | None = None
    minutes: float | None = None

    def prepared(self, part: Literal["train", "val"]) -> tuple[PreparedCase, ...]:
        """The cases of a part that are on disk, on the model's grid."""
        source = PreparedCache(
            self.cache, task=self.task, channel=self.channel, recipe=self.recipe.preprocess(self.labels)
        )
        wanted = set(self.task.split.cases(part))
        files = [case for case in self.task.cases if case.id in wanted]
        return tuple(source.get(case) for case in files[: self.limit])

    def key(self, train_cases: tuple[PreparedCase, ...]) -> str:
        """Hash of everything that decides the weights, on one machine and thread count."""
        return key(
            kind="training",
            version=TRAINING_VERSION,
            recipe=self.recipe.as_dict(),
            labels=[self.labels, sorted(self.task.labels)],
            cases=[[case.id, case.sha256] for case in train_cases],
            seed=self.seed,
        )


def trained(training: Training) -> Contestant:
    """The trained model asked for: from the cache, or trained now (going on from a checkpoint where there is one)."""
    cases = training.prepared("train")
    if not cases:
        raise BenchError(f"{training.task.name}: no training case of the split is on disk; give --weights, or the data")
    identity = training.key(cases)
    folder = training.cache / "weights" / f"{_stem(training)}-{identity[:12]}"
    path = folder / "weights.safetensors"
    if path.is_file():
        (folder / CHECKPOINT).unlink(missing_ok=True)  # of a run that was killed right after it had ended
    else:
        _train_into(folder, training, cases, identity)
    return contestant(path)


def existing(training: Training) -> Contestant | None:
    """The trained model asked for if it is there already, else None."""
    identity = training.key(training.prepared("train"))
    path = training.cache / "weights" / f"{_stem(training)}-{identity[:12]}" / "weights.safetensors"
    return contestant(path) if path.is_file() else None


def contestant(path: Path) -> Contestant:
    """A weights file written by `trained`, as a contestant.

    Raises:
        BenchError: not a weights file of this project, or without the recipe it was trained with.
    """
    try:
        model, metadata = weights.load(path)
        recipe = metadata["recipe"]
        made = Recipe(**{**recipe, "size": tuple(recipe["size"]), "betas": tuple(recipe["betas"])})
        task = known_task(str(metadata.get("task", "")))  # older weights do not tell their axes themselves
        if metadata["labels"] not in ("merged", "classes"):
            raise TypeError(f"labels are {metadata['labels']!r}")
        return Contestant(
            model=model.name,
            recipe=recipe["name"],
            preprocess=check(made, source=str(path)).preprocess(metadata["labels"]),
            weights=weights.digest(model),
            path=path,
            train_seed=int(metadata["seed"]),
            stochastic=model.stochastic,
            train_cases=tuple(metadata["train_cases"]),
            axes=str(metadata.get("axes", task.axes if task else "")),
        )
    except (OSError, ValueError) as error:
        raise BenchError(str(error)) from error
    except (KeyError, TypeError, AttributeError, RuntimeError, MemoryError) as error:
        raise BenchError(f"{path}: holds no recipe ({error}); use weights written by `mednca-bench train`") from error


def _stem(training: Training) -> str:
    return f"{training.recipe.model}-{training.recipe.name}-s{training.seed}"


def _build(training: Training, images: int) -> Segmenter:
    outputs = len(label_names(training.task.labels, training.recipe.preprocess(training.labels)))
    return models.build(
        training.recipe.model,
        in_channels=images,
        out_channels=outputs,
        seed=training.seed,
        **training.recipe.options,
    )


def _train_into(folder: Path, training: Training, cases: tuple[PreparedCase, ...], identity: str) -> None:
    run = TrainingRun(
        key=identity,
        seed=training.seed,
        recipe=training.recipe,
        train=SliceSet(cases),
        val=training.prepared("val"),
        checkpoint=folder / CHECKPOINT,
        minutes=training.minutes,
    )
    of_training = set(training.task.split.cases("train"))
    axes = axes_found(case.image for case in training.task.cases if case.id in of_training)
    model = _build(training, cases[0].image.shape[1])
    title = f"training {_stem(training)}"
    say(f"{title}: {len(cases)} cases, {len(run.train)} slices, {run.total} updates of {training.recipe.batch}")
    with progress(title, total=run.total) as meter, Curves(folder / "tensorboard") as curves:

        def note(line: LogLine) -> None:
            meter.advance(note=f"loss {line.loss:.3f}")
            curves.add(line)
            curves.overlays(line, model, run.val)

        def note_rollback(rollback: Rollback) -> None:
            meter.advance(rollback.back_to - rollback.update + 1)
            say(
                f"{title}: diverged at update {rollback.update} ({rollback.reason}; loss {rollback.loss:.4g}, gradient "
                f"norm {rollback.gradient_norm:.4g}); back to update {rollback.back_to} with the learning rate times "
                f"{rollback.rate_factor:g}"
            )

        position = train(
            model,
            run,
            on_start=lambda start: meter.skip(start.updates),
            on_update=note,
            on_rollback=note_rollback,
        )
    metadata = {
        "key": identity,
        "task": training.task.name,
        "phantom": training.task.phantom,
        "labels": training.labels,
        "label_map": {str(value): name for value, name in sorted(training.task.labels.items())},
        "channel": training.channel,
        "axes": axes.pop() if len(axes) == 1 else "",
        "recipe": training.recipe.as_dict(),
        "seed": training.seed,
        "threads": torch.get_num_threads(),
        "train_cases": [case.sha256 for case in cases],
        "updates": position.updates,
    }
    sheet = bookkeeping(position, training.recipe, model)
    write_text(folder / "training.json", json.dumps({**metadata, **_curve(position), **sheet}, indent=1))
    told = metadata | {"training": course(position, sheet, val_cases=min(len(run.val), run.recipe.validation_cases))}
    write_bytes(folder / "weights.safetensors", weights.to_bytes(model, metadata=told))
    run.checkpoint.unlink(missing_ok=True)
    say(f"{title}: {summary_line(sheet, rollbacks=len(position.rollbacks))}")


def _curve(position: Position) -> dict[str, object]:
    """The position without what only a run that goes on needs; JSON knows no numbers that are not finite."""
    content = {name: value for name, value in asdict(position).items() if name not in ("losses", "norms", "good")}
    rollbacks = [
        {what: None if isinstance(value, float) and not math.isfinite(value) else value for what, value in each.items()}
        for each in content["rollbacks"]
    ]
    return content | {"rollbacks": rollbacks}
