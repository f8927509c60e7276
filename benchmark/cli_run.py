"""`run`, `train` and `report`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .cli_checks import (
    check_options,
    known_models,
    known_perturbations,
    known_recipe,
    known_timing,
    place_to_write,
    plugins_given,
    weights_given,
)
from .cli_own import own_data_options, settle
from .progress import say

Command = TypeVar("Command", bound=Callable[..., Any])


def _data_options(command: Command) -> Command:
    options = [
        click.option("--task", help="MSD task, e.g. hippocampus. Default: hippocampus if found, else the phantom."),
        click.option("--data", metavar="DIR", help="Folder of task folders. Default: $MEDNCA_DATA, user cache."),
        click.option("--channel", help="Modality, name or number. Default: the first (prostate: T2)."),
        click.option(
            "--recipe", default="quick", show_default=True, help="How models are trained: `list recipes`, or FILE.toml."
        ),
        click.option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
                     help="Python file that registers a model or a perturbation."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return own_data_options(command)


@click.command()
@click.option("--suite", required=True, help="See `list suites`. A bare name is its newest version.")
@_data_options
@click.option(
    "--split",
    "part",
    type=click.Choice(["train", "val", "test"]),
    default="test",
    show_default=True,
    help="Which part of the split is scored.",
)
@click.option("--model", "models", multiple=True, help="Model to run; repeatable. Default: med-nca and unet-small.")
@click.option(
    "--weights",
    multiple=True,
    metavar="train|NAME|FILE",
    help="Weights instead of training, see `list weights`; repeatable.",
)
@click.option("--perturbation", "perturbations", multiple=True, help="Only this family; repeatable.")
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), help="Training seed; repeatable. Default: 0.")
@click.option("--draws", default=1, show_default=True, type=click.IntRange(1), help="Random draws per severity.")
@click.option(
    "--fire-seeds", default=1, show_default=True, type=click.IntRange(1), help="Answers of stochastic models."
)
@click.option(
    "--passes", type=click.IntRange(1), help="Passes averaged into one such answer. Default: as the suite says."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder. Default: runs/SUITE-TASK-SPLIT."
)
@click.option("--jobs", type=click.IntRange(1), help="Worker processes. Default: one per core, at most 8.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads per worker.")
@click.option("--limit", type=click.IntRange(1), help="Score only the first N cases.")
@click.option("--allow-train-cases", is_flag=True, help="Score cases a model was trained on (marked in the results).")
@click.option("--profile", default="quick", show_default=True, help="How long is timed: quick or conformant.")
@click.option("--side", "sides", multiple=True, type=click.IntRange(8), help="Image side to time; repeatable.")
@click.option("--engine", "engines", multiple=True, help="Engine to time: pytorch (default), onnx, onnx-unrolled or c.")
@click.option("--dry-run", is_flag=True, help="Print the units, what is done and an estimate; compute nothing.")
def run(suite: str, dry_run: bool, **given: Any) -> int:
    """Run a suite and write records, tables, plots and report.html into a run folder.

    A run can be stopped at any moment; the same command goes on from there. Exit code 1 if a unit failed.
    """
    from .machine import usable_cores
    from .suite import find_suite

    given = settle(given)
    found = find_suite(suite)
    engines = known_timing(found, given["profile"], given["sides"], given["engines"])
    plugins = plugins_given(given["plugins"])
    known_perturbations(given["perturbations"])
    from .request import Request

    models = known_models(given["models"]) or Request.models
    weights = weights_given(given["weights"])
    check_options(found, given, weights=bool(weights))
    known_recipe(given["recipe"], () if weights else models)
    request = Request(
        suite=found,
        models=models,
        weights=weights,
        seeds=tuple(dict.fromkeys(given["seeds"])) or (0,),
        jobs=given["jobs"] or min(8, usable_cores()),
        plugins=plugins,
        channel=given["channel"],
        engines=engines,
        **{name: given[name] for name in (
            "task", "data", "own", "part", "recipe", "perturbations", "labels", "draws", "fire_seeds", "passes", "out",
            "threads", "limit", "allow_train_cases", "profile", "sides",
        )},
    )  # fmt: skip
    if dry_run:
        from .estimate import describe_plan

        click.echo(describe_plan(request))
        return 0
    from .run import run as run_request

    outcome = run_request(request)
    show_results(outcome.folder)
    total = outcome.computed + outcome.failed + outcome.found
    say(f"{outcome.computed} units computed in {outcome.seconds:.0f} s, {outcome.found} of {total} were done before")
    if outcome.failed:
        say(f"{outcome.failed} units failed: see {outcome.folder / 'failures.jsonl'}; the next run tries them again")
    return 1 if outcome.failed else 0


@click.command()
@_data_options
@click.option("--model", default="med-nca", show_default=True, help="Model to train.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Training seed.")
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads; other numbers, other weights."
)
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), help="Stop after so long; the same command goes on."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Copy the weights here.")
def train(model: str, seed: int, threads: int, minutes: float | None, out: Path | None, **given: Any) -> None:
    """Train one model on the train part of a task; killed and run again, it goes on from its last checkpoint."""
    given = settle(given)
    plugins_given(given["plugins"])
    known_models((model,))
    known_recipe(given["recipe"], (model,))
    if out is not None:
        place_to_write(out, file=True)
    from dataclasses import replace

    import torch

    from ..results.atomic import write_bytes
    from .request import Request, task_of, trainings
    from .suite import find_suite
    from .train import PausedError
    from .trained import trained

    torch.set_num_threads(threads)
    names = ("task", "data", "own", "channel", "labels", "recipe")
    request = Request(
        suite=find_suite("accuracy"), models=(model,), seeds=(seed,), **{name: given[name] for name in names}
    )
    task = task_of(request)
    try:
        contestant = trained(replace(trainings(request, task)[0], minutes=minutes))
    except PausedError as paused:
        say(str(paused))
        return
    if out is not None:
        write_bytes(out, contestant.path.read_bytes())
    click.echo(str(out or contestant.path))


@click.command()
@click.argument("run_folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--reference", metavar="MODEL", help="Whom others are tested against. Default: med-nca, if scored.")
@click.option("--baseline", metavar="NAME", help="Shipped weights that CE and mCE are relative to, see `list weights`.")
def report(run_folder: Path, reference: str | None, baseline: str | None) -> None:
    """Write tables, plots and report.html of a run folder again, from its records."""
    from ..results.run_info import require_run

    require_run(run_folder)
    show_results(run_folder, reference=reference, baseline=baseline)


def show_results(folder: Path, *, reference: str | None = None, baseline: str | None = None) -> None:
    """Write a run folder's tables, plots and report and print the headline tables."""
    from ..results import leftovers, plots, report, tables
    from ..results.run_info import read_run_info

    built = tables.build(folder, reference=reference, baseline=baseline)
    written = [*tables.write(folder, tables=built), *plots.write(folder, tables=built)]
    leftovers.clear(folder, written=written)
    page = report.write(folder, tables=built)
    quality = ("quality",) if read_run_info(folder).suite.startswith("quality") else ()
    for name in (
        "accuracy", "robustness_summary", *quality, "efficiency", "efficiency_end_to_end", "memory_ladder",
    ):  # fmt: skip
        path = folder / "tables" / f"{name}.md"
        if path in written:
            click.echo(path.read_text(encoding="utf-8"))
    say(f"{len(written)} files of tables and plots in {folder}; to read: {page}")
