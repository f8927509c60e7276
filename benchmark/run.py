"""`run`: from a suite's name to records, tables and plots.

The steps: find the data, get the weights, plan the units, compute what is not in the store, time the models, draw.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..results.store import Store, write_units
from .cache import CaseCache
from .condition import Condition, conditions
from .errors import BenchError, UsageProblem
from .evaluate import Job
from .example_cases import case_arrays
from .examples import write_examples
from .execute import Intake, execute, executor, make_jobs
from .locations import cache_root
from .plan import Contestant, PlannedCase, Unit
from .planned import announce, check_unseen, plan_units, planned_cases, run_folder, tell_axes, unit_rows
from .progress import say
from .provenance import check_same_data, claim, describe, write_run
from .request import Request, channel_of, passes_of, task_of, trainings
from .task import Task
from .timing_suite import time_models
from .trained import contestant
from .training_pool import HeadStart, trained_all
from .volume import Case


@dataclass(frozen=True)
class Outcome:
    """What a run did: its folder, units computed, failed and found done, and the seconds scoring took."""

    folder: Path
    computed: int
    failed: int
    found: int
    seconds: float


def run(request: Request) -> Outcome:
    """Do what was asked; see the module's first lines.

    Raises:
        BenchError: with one line; whatever was computed before is stored.
        KeyboardInterrupt: after storing what is done.
    """
    task = task_of(request)
    folder = run_folder(request, task)
    check_same_data(folder, task=task, part=request.part)
    _require_writable(folder)
    announce(task, request.part)
    cases = planned_cases(request, task)
    if request.part == "train" and not (request.weights or request.allow_train_cases):
        raise UsageProblem(
            "--split train scores the cases the models are trained on; choose another --split, or --allow-train-cases "
            "to score them all the same"
        )
    chosen = conditions(request.suite, only=request.perturbations, draws=request.draws)
    claim(folder, task=task, part=request.part)
    early = Intake(Store(folder))
    contestants = (
        _contestants(request, task, HeadStart(_ready(request, task, folder, cases, chosen), early))
        if chosen
        else [contestant(path) for path in request.weights]
    )
    watermark = check_unseen(contestants, cases, allow=request.allow_train_cases)
    tell_axes(contestants, cases)
    plan = plan_units(request, task, cases, contestants, chosen)
    description = describe(
        suite=request.suite,
        task=task,
        part=request.part,
        cases=cases,
        contestants=contestants,
        chosen=chosen,
        seeds=_seeds(request),
    )
    description["scored_train_cases"] = watermark
    write_run(folder, description)
    write_units(folder, unit_rows(plan, task=task, part=request.part))
    outcome = _score(request, task, folder, plan, early=early.computed)
    read = _reader(request, task, cases)
    first = read(cases[0].files.id)
    if request.suite.efficiency:
        time_models(request, folder, task=task, case=first, contestants=contestants)
    if chosen:
        ids = [case.files.id for case in cases]
        extremes = case_arrays(folder, contestants, ids, read, task=task)
        write_examples(folder, first, contestants, chosen, task=task, cases=extremes)
    write_run(
        folder,
        description,
        outcome={"computed": outcome.computed, "failed": outcome.failed, "seconds": round(outcome.seconds, 1)},
    )
    return outcome


def _seeds(request: Request) -> dict[str, object]:
    return {
        "train": list(request.seeds),
        "draws": request.draws,
        "fire": request.fire_seeds,
        "passes": passes_of(request),
    }


def _reader(request: Request, task: Task, cases: Sequence[PlannedCase]) -> Callable[[str], Case]:
    """What gives the volume of one of the run's cases, by its id."""
    cache, files = CaseCache(cache_root() / "volumes"), {case.files.id: case.files for case in cases}
    return lambda name: cache.get(files[name], task=task, channel=channel_of(request, task))


def _contestants(request: Request, task: Task, head_start: HeadStart) -> list[Contestant]:
    import torch

    if request.weights:
        return [contestant(path) for path in request.weights]
    torch.set_num_threads(request.threads)
    return trained_all(
        trainings(request, task),
        jobs=request.jobs,
        threads=request.threads,
        plugins=request.plugins,
        head_start=head_start,
    )


def _ready(
    request: Request, task: Task, folder: Path, cases: Sequence[PlannedCase], chosen: Sequence[Condition]
) -> Callable[[Contestant], list[Job]]:
    """What gives the jobs of a model as soon as it is trained; none for one that may not be scored on these cases."""

    def jobs(trained: Contestant) -> list[Job]:
        if not request.allow_train_cases and any(case.sha256 in trained.train_cases for case in cases):
            return []
        done = Store(folder).keys()
        todo = [unit for unit in plan_units(request, task, cases, [trained], chosen) if unit.key not in done]
        return _jobs(request, task, todo)

    return jobs


def _jobs(request: Request, task: Task, todo: Sequence[Unit]) -> list[Job]:
    return make_jobs(
        todo, task=task, part=request.part, channel=channel_of(request, task), cache=cache_root() / "volumes"
    )


def _score(request: Request, task: Task, folder: Path, plan: Sequence[Unit], *, early: int) -> Outcome:
    store = Store(folder)
    keys = store.keys()
    todo = [unit for unit in plan if unit.key not in keys]
    found = len(plan) - len(todo) - early
    say(f"{len(plan)} units, {found} of them done before" + (f", {early} while models trained" if early else ""))
    started = time.monotonic()
    computed = failed = 0
    if todo:
        with executor(jobs=request.jobs, threads=request.threads, plugins=request.plugins) as pool:
            jobs = _jobs(request, task, todo)
            computed, failed = execute(jobs, pool, store, width=request.jobs, done=found + early)
    return Outcome(folder, early + computed, failed, found, time.monotonic() - started)


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"{folder}: cannot be made ({error.strerror}); give another --out") from error
    if not os.access(folder, os.W_OK):
        raise BenchError(f"{folder}: is not writable; give another --out")
