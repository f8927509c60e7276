"""`data calibrate`, `data gallery` and `data corrupt`: what perturbations do to data, without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from .request import Request
    from .task import CaseFiles, Task
    from .volume import Case

Command = TypeVar("Command", bound=Callable[..., Any])
GALLERY_DRAWS = 4
"""The gallery shows the most visible of these."""

_OUT = click.Path(path_type=Path)


def _options(part: str) -> Callable[[Command], Command]:
    """What the three commands share; `part` is the split's part they read by default."""
    options = [
        click.option("--task", help="MSD task, e.g. hippocampus. Default: hippocampus if found, else the phantom."),
        click.option("--data", metavar="DIR", help="Folder of task folders. Default: $MEDNCA_DATA, user cache."),
        click.option("--channel", help="Modality, name or number. Default: the first (prostate: T2)."),
        click.option("--recipe", default="quick", show_default=True, help="Its preprocessing is what a model sees."),
        click.option("--model", default="med-nca", show_default=True, help="Whose form of the recipe."),
        click.option("--suite", default="robustness-v2", show_default=True, help="Whose perturbations, and versions."),
        click.option("--perturbation", "perturbations", multiple=True, help="Only this family; repeatable."),
        click.option("--split", "part", type=click.Choice(["train", "val", "test"]), default=part, show_default=True,
                     help="Which part of the split is read."),
        click.option("--plugin", "plugins", multiple=True, type=_OUT, metavar="FILE",
                     help="Python file that registers a perturbation."),
    ]  # fmt: skip

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _request(given: dict[str, Any], **more: Any) -> Request:
    from .cli_checks import known_models, known_perturbations, plugins_given
    from .request import Request
    from .suite import find_suite

    plugins = plugins_given(given["plugins"])
    known_perturbations(given["perturbations"])
    names = ("task", "data", "channel", "recipe", "perturbations", "part")
    return Request(
        suite=find_suite(given["suite"]),
        models=known_models((given["model"],)),
        plugins=plugins,
        **{name: given[name] for name in names},
        **more,
    )


def spread(files: Sequence[CaseFiles], limit: int | None) -> list[CaseFiles]:
    """At most `limit` cases, evenly spaced among all."""
    if limit is None or limit >= len(files):
        return list(files)
    return [files[place * len(files) // limit] for place in range(limit)]


def _cases(task: Task, request: Request, *, limit: int | None) -> list[Case]:
    from .cache import CaseCache
    from .errors import BenchError
    from .locations import cache_root
    from .progress import progress
    from .request import channel_of

    wanted = set(task.split.cases(request.part))
    files = spread([case for case in task.cases if case.id in wanted], limit)
    if not files:
        raise BenchError(f"{task.root}: no case of the {request.part} part is on disk; choose another --split")
    cache, read = CaseCache(cache_root() / "volumes"), []
    with progress("reading cases", total=len(files)) as meter:
        for case in files:
            read.append(cache.get(case, task=task, channel=channel_of(request, task)))
            meter.advance()
    return read


@click.command()
@_options("train")
@click.option("--draws", default=1, show_default=True, type=click.IntRange(1), help="Random draws per case.")
@click.option("--limit", type=click.IntRange(1), help="At most N cases, evenly spaced. Default: all of the part.")
@click.option("--out", type=_OUT, required=True, metavar="DIR", help="Folder of calibration.csv, .md, .png, .svg.")
def calibrate(draws: int, limit: int | None, out: Path, **given: Any) -> int:
    """Measure how far every severity takes an image from clean (NRMSE, SSIM), on what a model sees.

    Exit code 1 if an acquisition family misses a target by more than 25 % or a family does not grow with severity.
    """
    from .calibrate import calibrate as measure
    from .calibrate import problems
    from .calibrate_report import write
    from .cli_checks import place_to_write
    from .condition import conditions
    from .planned import announce
    from .progress import say
    from .provenance import command_line
    from .recipe import recipe_for
    from .request import find_task

    place_to_write(out)
    request = _request(given)
    task = find_task(request.task, request.data)
    announce(task, request.part)
    recipe = recipe_for(request.recipe, request.models[0]).preprocess("merged")
    chosen = conditions(request.suite, only=request.perturbations)
    families = list(dict.fromkeys(condition.family for condition in chosen if condition.severity))
    table = measure(_cases(task, request, limit=limit), families, recipe, draws=draws)
    for path in write(table, out, task=task, part=request.part, command=command_line()):
        click.echo(str(path))
    for problem in problems(table):
        say(problem)
    return 1 if problems(table) else 0


@click.command()
@_options("val")
@click.option(
    "--labels",
    type=click.Choice(["merged", "classes"]),
    default="merged",
    show_default=True,
    help="One foreground, as `run` scores by default, or the task's labels.",
)
@click.option("--draws", default=1, show_default=True, type=click.IntRange(1), help="Random draws per severity.")
@click.option("--limit", type=click.IntRange(1), help="At most N cases, evenly spaced. Default: all of the part.")
@click.option("--out", type=_OUT, required=True, metavar="DIR", help="New folder, or that of an earlier export.")
def corrupt(labels: str, draws: int, limit: int | None, out: Path, **given: Any) -> None:
    """Write the corrupted benchmark as NIfTI files with a manifest, for models that are not ours.

    Then predict imagesTs/ID_0000.nii.gz into PREDICTIONS/ID.nii.gz, and
    `mednca-bench score --predictions PREDICTIONS --manifest DIR/manifest.json`.
    """
    from .condition import conditions
    from .corrupt import FRESH, Source, write
    from .errors import UsageProblem
    from .planned import announce
    from .provenance import command_line
    from .recipe import recipe_for
    from .request import find_task

    request = _request(given, labels=labels)
    if out.exists() and (strange := sorted(path.name for path in out.iterdir() if path.name not in FRESH)):
        raise UsageProblem(f"--out {out}: holds {strange[0]}, which is no export; give a new folder")
    task = find_task(request.task, request.data)
    announce(task, request.part)
    recipe = recipe_for(request.recipe, request.models[0]).preprocess(request.labels)
    chosen = conditions(request.suite, only=request.perturbations, draws=draws)
    cases = _cases(task, request, limit=limit)
    source = Source(task=task, part=request.part, suite=request.suite, command=command_line())
    click.echo(str(write(out, cases, chosen, recipe, source=source)))


@click.command()
@_options("train")
@click.option("--case", "case_id", help="Case id. Default: the first of the part.")
@click.option("--out", type=_OUT, required=True, metavar="FILE", help="PNG file.")
def gallery(case_id: str | None, out: Path, **given: Any) -> None:
    """Draw every perturbation at every severity on one slice, as a model sees it."""
    from .condition import conditions
    from .errors import unknown_name
    from .gallery import draw
    from .planned import announce
    from .recipe import recipe_for
    from .request import find_task

    request = _request(given)
    task = find_task(request.task, request.data)
    announce(task, request.part)
    recipe = recipe_for(request.recipe, request.models[0]).preprocess("merged")
    chosen = [c for c in conditions(request.suite, only=request.perturbations, draws=GALLERY_DRAWS) if c.severity]
    cases = {case.id: case for case in _cases(task, request, limit=None if case_id else 1)}
    if case_id is not None and case_id not in cases:
        raise unknown_name("case", case_id, list(cases))
    click.echo(str(draw(cases[case_id] if case_id else next(iter(cases.values())), chosen, recipe, out, task=task)))
