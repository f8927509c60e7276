"""What a request comes to before anything is computed: its folder, its cases, who may be scored on them, its units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..results.record import UNIT_SCHEMA
from .cache import CaseCache
from .condition import Condition
from .errors import BenchError, UsageProblem
from .locations import cache_root
from .orientation import axes_found
from .plan import Contestant, Context, PlannedCase, Unit, units
from .preprocess import label_names
from .progress import progress, say
from .request import Request, channel_of, passes_of
from .task import Task


def run_folder(request: Request, task: Task) -> Path:
    """Where the run's files go: `--out`, or a folder named after suite, task and part."""
    return request.out or Path("runs") / f"{request.suite.name}-{task.name}-{request.part}"


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
