"""What a command was asked for, and the data and training runs that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import BenchError
from .locations import cache_root, data_root, find_task_folder, task_folder, task_folders
from .msd import find_task as find_msd_task
from .own_data import OwnData, own_task
from .phantom import default_phantom
from .recipe import recipe_for
from .suite import Suite
from .task import Task, open_task
from .trained import Training
from .volume import channel_index

Part = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What `run` was asked for; see `mednca-bench run --help` for each field."""

    suite: Suite
    task: str | None = None
    data: str | None = None
    own: OwnData | None = None
    part: Part = "test"
    models: tuple[str, ...] = ("med-nca", "unet-small")
    recipe: str = "quick"
    weights: tuple[Path, ...] = ()
    perturbations: tuple[str, ...] = ()
    labels: Literal["merged", "classes"] = "merged"
    channel: str | int | None = None
    seeds: tuple[int, ...] = (0,)
    draws: int = 1
    fire_seeds: int = 1
    passes: int | None = None
    out: Path | None = None
    jobs: int = 1
    threads: int = 1
    limit: int | None = None
    plugins: tuple[Path, ...] = ()
    allow_train_cases: bool = False
    profile: str = "quick"
    sides: tuple[int, ...] = ()
    engines: tuple[str, ...] = ("pytorch",)


def find_task(name: str | None, data: str | None) -> Task:
    """The task asked for: by name, else the only one in `data`, else hippocampus, else the built-in phantom.

    Raises:
        BenchError: a task or a folder was named and there is no data for it.
        UsageProblem: there is no task of that name.
    """
    root = data_root(data)
    if root is None:
        if name is None:
            return open_task(default_phantom(cache_root()))
        known = find_msd_task(name)
        raise BenchError(
            f"no data for task '{known.alias}': --data and MEDNCA_DATA are not set and nothing was fetched; "
            "name the folder with --data, or leave --task away to use the built-in phantom"
        )
    if name is None:
        folders = task_folders(root)
        if data is not None and len(folders) == 1:
            return open_task(folders[0])
        name = "hippocampus"
        if data is None and find_task_folder(name, root) is None:
            return open_task(default_phantom(cache_root()))
    return open_task(task_folder(name, root))


def task_of(request: Request) -> Task:
    """The request's task: its own two folders, else as `find_task`."""
    return own_task(request.own) if request.own else find_task(request.task, request.data)


def trainings(request: Request, task: Task) -> list[Training]:
    """The training runs whose weights the request needs, one per model and seed."""
    if request.weights:
        return []
    return [
        Training(
            task=task,
            channel=channel_of(request, task),
            labels=request.labels,
            recipe=recipe_for(request.recipe, model),
            seed=seed,
            cache=cache_root(),
        )
        for model in request.models
        for seed in request.seeds
    ]


def passes_of(request: Request) -> int:
    """Passes of a stochastic model whose mean is one answer: those asked for, else the suite's."""
    return request.passes or request.suite.passes


def channel_of(request: Request, task: Task) -> int | None:
    """The number of the modality used, None where there is but one, so that every spelling gives the same keys.

    The one asked for, else the first, which for MSD prostate is T2 as in the paper.

    Raises:
        UsageProblem: the task has no such modality.
    """
    number = min(task.modalities) if request.channel is None else channel_index(request.channel, task=task)
    return number if len(task.modalities) > 1 else None
