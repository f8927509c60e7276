"""`--dry-run`: the units of a run, which are done, and how long the rest should take on this machine.

The estimate times one training update and one forward pass of each model here, multiplies, and divides by the workers.
What it leaves out (reading, corrupting, scoring) is some 30 milliseconds per small volume.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .. import models
from ..models.base import FireKey, Segmenter, TrainKey
from ..results.store import Store
from .condition import conditions
from .plan import Contestant, PlannedCase, Unit
from .planned import plan_units, planned_cases, run_folder
from .request import Request, passes_of, task_of, trainings
from .slices import SliceSet
from .task import Task
from .trained import Training, contestant, existing

SLICES = 16  # of the timed forward pass


def describe_plan(request: Request) -> str:
    """The plan of a run as text; nothing but the data cache is written."""
    task = task_of(request)
    folder = run_folder(request, task)
    cases = planned_cases(request, task)
    chosen = conditions(request.suite, only=request.perturbations, draws=request.draws)
    torch.set_num_threads(request.threads)
    ready = [contestant(path) for path in request.weights]
    wanted = [(training, existing(training)) for training in (trainings(request, task) if chosen else [])]
    ready += [found for _, found in wanted if found is not None]
    plan = plan_units(request, task, cases, ready, chosen)
    done = Store(folder).keys()
    lines = [
        f"suite {request.suite.name} on {task.name}{' (PHANTOM DATA)' if task.phantom else ''}, {request.part} part"
    ]
    lines += [f"{len(cases)} cases x {len(chosen)} conditions: {_families(chosen)}"]
    slices = _mean_slices(cases, request, task)
    scoring, training_costs = 0.0, [0.0]
    for found in ready:
        todo = [unit for unit in plan if unit.contestant == found and unit.key not in done]
        cost = _pass_seconds(found, slices) * sum(unit.passes for unit in todo) / request.jobs
        scoring += cost
        lines.append(_line(found.model, _count(plan, found), len(todo), f"weights {found.weights[:12]}", cost))
    for training, trained_before in wanted:
        if trained_before is None:
            stochastic = models.entry(training.recipe.model).stochastic
            count = len(cases) * len(chosen) * (request.fire_seeds if stochastic else 1)
            train_cost, pass_cost = _training_seconds(training, slices)
            cost = count * (passes_of(request) if stochastic else 1) * pass_cost / request.jobs
            scoring += cost
            training_costs.append(train_cost)
            note = f"to be trained first, {_clock(train_cost)}"
            lines.append(_line(training.recipe.model, count, count, note, cost))
    total = scoring + max(*training_costs, sum(training_costs) / request.jobs)  # trained beside each other
    what = "in all"
    if request.suite.efficiency:
        what = "to train and score"
        lines.append("  models are timed besides: how long that takes is not estimated")
    lines.append(f"about {_clock(total)} {what} on this machine, {request.jobs} at a time, into {folder}")
    return "\n".join(lines)


def _line(model: str, units: int, todo: int, note: str, seconds: float) -> str:
    return f"  {model}: {units} units, {units - todo} done, {todo} to do in {_clock(seconds)} ({note})"


def _families(chosen: Sequence[object]) -> str:
    counts = Counter(getattr(condition, "perturbation", "") for condition in chosen)
    return ", ".join(f"{name} x {count}" for name, count in counts.items()) or "none"


def _count(plan: Sequence[Unit], found: Contestant) -> int:
    return sum(unit.contestant == found for unit in plan)


def _mean_slices(cases: Sequence[PlannedCase], request: Request, task: Task) -> float:
    from .cache import CaseCache
    from .locations import cache_root
    from .request import channel_of

    cache = CaseCache(cache_root() / "volumes")
    counts = [int(cache.get(c.files, task=task, channel=channel_of(request, task)).image.shape[3]) for c in cases]
    return sum(counts) / len(counts)


def _pass_seconds(found: Contestant, slices: float) -> float:
    from .evaluate import load_model

    return _forward_seconds(load_model(Path(found.path), found.weights), found.preprocess.size) * slices


def _training_seconds(training: Training, slices: float) -> tuple[float, float]:
    """Seconds of the whole training and of one unit's pass, for a model that has no weights yet."""
    recipe = training.recipe
    train_set = SliceSet(training.prepared("train"))
    model = models.build(recipe.model, **recipe.options)
    image = torch.zeros(recipe.batch, 1, *recipe.size)

    def update() -> None:
        logits, target = model.training_logits(image, image, key=TrainKey(seed=0, update=0))
        torch.nn.functional.binary_cross_entropy_with_logits(logits, target).backward()  # type: ignore[no-untyped-call]

    total = _seconds(update) * recipe.total_updates(len(train_set))
    model.eval()
    return total, _forward_seconds(model, recipe.size) * slices


def _forward_seconds(model: Segmenter, size: tuple[int, int]) -> float:
    """Seconds per slice."""
    image = torch.zeros(SLICES, model.in_channels, *size)
    keys = [FireKey(seed=0, case="0" * 64, slice=z) for z in range(SLICES)]
    with torch.inference_mode():
        return _seconds(lambda: model(image, keys=keys)) / SLICES


def _seconds(work: Callable[[], object]) -> float:
    work()  # the first call allocates and chooses kernels
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
