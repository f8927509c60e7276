"""The efficiency part of a suite: every model of the run timed on this machine, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .plan import Contestant
from .preprocess import Preprocess, label_names
from .progress import progress
from .recipe import recipe_for
from .request import Request
from .task import Task
from .timing import TimingRequest, measure_efficiency
from .volume import Case


def time_models(request: Request, folder: Path, *, task: Task, case: Case, contestants: Sequence[Contestant]) -> None:
    """Write `efficiency/*.json` into the run folder.

    Args:
        request: the run's; its models are built fresh where there are no contestants, since no time depends on the
            values of the weights.
        folder: the run folder.
        task: gives the number of outputs.
        case: gives channels and number of slices of the timed volume.
        contestants: the trained models of the run, if it has any.
    """
    wanted = [_trained(found) for found in contestants] or [_fresh(request, model) for model in request.models]
    channels, _, _, slices = case.image.shape
    with progress("timing", total=len(wanted)) as meter:
        for prepare, given in wanted:
            measure_efficiency(
                TimingRequest(
                    **given,
                    in_channels=channels,
                    out_channels=len(label_names(task.labels, prepare)),
                    size=prepare.size,
                    slices=slices,
                    threads=request.jobs * request.threads,
                    out=folder / "efficiency",
                    plugins=request.plugins,
                )
            )
            meter.advance(note=str(given["label"]))


def _trained(found: Contestant) -> tuple[Preprocess, dict[str, Any]]:
    label = f"{found.model}-{found.recipe}-s{found.train_seed}"
    return found.preprocess, {"model": found.model, "weights": found.path, "label": label}


def _fresh(request: Request, model: str) -> tuple[Preprocess, dict[str, Any]]:
    recipe = recipe_for(request.recipe, model)
    given = {"model": model, "options": dict(recipe.options), "label": f"{model}-{recipe.name}"}
    return recipe.preprocess(request.labels), given
