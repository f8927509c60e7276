"""`run`: from a suite's name to records, tables and plots.

The steps: find the data, get the weights, plan the units, compute what is not in the store, time the models, draw.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..results.record import UNIT_SCHEMA
from ..results.store import Store, write_units
from .cache import CaseCache
from .condition import Condition, conditions
from .errors import BenchError, UsageProblem
from .evaluate import Job
from .example_cases import case_arrays
from .examples import write_examples
from .execute import Intake, execute, executor, make_jobs
from .locations import cache_root
from .orientation import axes_found
from .plan import Contestant, Context, PlannedCase, Unit, units
from .preprocess import label_names
from .progress import progress, say
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


def run_folder(request: Request, task: Task) -> Path:
    """Where the run's files go: `--out`, or a folder named after suite, task and part."""
    return request.out or Path("runs") / f"{request.suite.name}-{task.name}-{request.part}"


def planned_cases(request: Request, task: Task) -> list[PlannedCase]:
    """The part's cases that are on disk, read once so that their data can be hashed."""
    wanted = set(task.split.cases(request.part))
    files = [case for case in task.cases if case.id in wanted][: request.limit]
    if not files:
        raise BenchError(
            f"{task.root}: no case of the {request.part} part is on disk ({task.split.used(task.ids)[request.part]}); "
            "fetch the data or choose another --split"
        )
    cache = CaseCache(cache_root() / "volumes")
    planned = []
    with progress("reading cases", total=len(files)) as meter:
        for case in files:
            read = cache.get(case, task=task, channel=channel_of(request, task))
            planned.append(PlannedCase(files=case, group=read.group, sha256=read.sha256))
            meter.advance()
    return planned


def check_unseen(contestants: Sequence[Contestant], cases: Sequence[PlannedCase], *, allow: bool) -> bool:
    """Whether a model is scored on cases it was trained on; refused unless allowed."""
    seen = [(c.model, case.files.id) for c in contestants for case in cases if case.sha256 in c.train_cases]
    if seen and not allow:
        more = f" and {len(seen) - 1} more" if len(seen) > 1 else ""
        raise UsageProblem(
            f"model {seen[0][0]} was trained on {seen[0][1]}{more} of the cases to score; "
            "choose another --split, or --allow-train-cases to score them all the same"
        )
    return bool(seen)


def tell_axes(contestants: Sequence[Contestant], cases: Sequence[PlannedCase]) -> None:
    """Say where images lie another way than those a model was trained on; they are scored as they lie."""
    found = axes_found(case.files.image for case in cases)
    for each in contestants:
        if each.axes and (others := found - {each.axes}):
            lie = f"was trained on {each.axes} images, and is scored on {', '.join(sorted(others))} as they lie"
            say(f"{each.path}: {lie}; store the images as {each.axes}")


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
    seeds = {
        "train": list(request.seeds),
        "draws": request.draws,
        "fire": request.fire_seeds,
        "passes": passes_of(request),
    }
    description = describe(
        suite=request.suite,
        task=task,
        part=request.part,
        cases=cases,
        contestants=contestants,
        chosen=chosen,
        seeds=seeds,
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


def plan_units(
    request: Request,
    task: Task,
    cases: Sequence[PlannedCase],
    contestants: Sequence[Contestant],
    chosen: Sequence[Condition],
) -> tuple[Unit, ...]:
    """All units of the request."""
    context = Context(task=task.name, split=task.split.sha256, part=request.part, channel=channel_of(request, task))
    return units(context, cases, contestants, chosen, fire_seeds=request.fire_seeds, passes=passes_of(request))


def unit_rows(plan: Sequence[Unit], *, task: Task, part: str) -> list[dict[str, object]]:
    """The intended units as rows of units.parquet, one per label."""
    rows = [
        {**unit.row(task, part=part), "label": label, "parameters": "{}"}
        for unit in plan
        for label in label_names(task.labels, unit.contestant.preprocess)
    ]
    return [{name: row[name] for name in UNIT_SCHEMA.names} for row in rows]


def announce(task: Task, part: str) -> None:
    """Say what data is used, and loudly if it is not real."""
    if task.phantom:
        built_in = task.root.is_relative_to(cache_root())
        why = "no real data was found, so a generated phantom is used" if built_in else "this task is generated"
        say(f"PHANTOM DATA: {why}; its scores say nothing about MRI.")
    used = task.split.used(task.ids)
    say(f"{task.name} in {task.root}: {', '.join(f'{name} {count}' for name, count in used.items())}; scoring {part}")
    if part == "test" and not task.phantom:
        say("test is the part to score once, when nothing will be changed any more; decide on --split val")
    unassigned = task.split.unassigned(task.ids)
    if unassigned:
        say(
            f"{len(unassigned)} cases on disk are in no part of the split and are not used: {', '.join(unassigned[:5])}"
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
