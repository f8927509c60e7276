"""The efficiency part of a suite: every model of the run timed on this machine, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .evaluate import CELLS_PER_PASS
from .plan import Contestant
from .preprocess import Preprocess, label_names
from .progress import progress, say
from .recipe import recipe_for
from .request import Request
from .task import Task
from .timing import TimingRequest, measure_efficiency
from .timing_profile import find_profile
from .volume import Case


@dataclass(frozen=True)
class Timed:
    """A model of a run: how its input looks, and what names it in a `TimingRequest`."""

    prepare: Preprocess
    given: dict[str, Any]


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
    channels, _, _, slices = case.image.shape
    wanted = [
        TimingRequest(
            **model.given,
            **how,
            in_channels=channels,
            out_channels=len(label_names(task.labels, model.prepare)),
            out=folder / "efficiency",
            plugins=request.plugins,
        )
        for model in timed_models(request, contestants)
        for how in (_sweep(request, slices) if request.suite.sweep else _as_used(request, model.prepare, slices))
    ]
    wanted = [each for each in wanted if _takes(each)]
    with progress("timing", total=len(wanted)) as meter:
        for each in wanted:
            measure_efficiency(each)
            meter.advance(note=each.stem)


def _takes(each: TimingRequest) -> bool:
    """Whether the engine takes the model: C source is written for Med-NCA only. Says so where it does not."""
    if each.engine != "c":
        return True
    from ..models import build
    from ..models.med_nca import MedNCA

    if isinstance(build(each.model, **each.options), MedNCA):
        return True
    say(f"{each.file_label}: not timed as C, which is written for Med-NCA only")
    return False


def timed_models(request: Request, contestants: Sequence[Contestant]) -> list[Timed]:
    """The models to time: the trained ones if there are any, else those of the request, built fresh."""
    return [_trained(found) for found in contestants] or [_fresh(request, model) for model in request.models]


def _as_used(request: Request, prepare: Preprocess, slices: int) -> Iterator[dict[str, Any]]:
    """`efficiency-v1`: the size and the threads that the model is used with."""
    yield {"size": prepare.size, "slices": slices, "threads": request.jobs * request.threads}


def _sweep(request: Request, slices: int) -> Iterator[dict[str, Any]]:
    """`efficiency-v2`: the profile's sides and threads; end to end a volume that is one pass of the model."""
    profile = find_profile(request.profile)
    threads = request.jobs * request.threads
    counts = sorted({1, threads} if profile.single_thread else {threads})
    for engine in request.engines:
        for count in (1,) if engine == "c" else counts:  # exported C has one thread
            for side in request.sides or profile.sides:
                at_once = max(1, min(slices, CELLS_PER_PASS // side**2))
                yield {
                    "size": (side, side),
                    "slices": at_once,
                    "threads": count,
                    "profile": profile.name,
                    "engine": engine,
                    "sweep": True,
                }


def _trained(found: Contestant) -> Timed:
    label = f"{found.model}-{found.recipe}-s{found.train_seed}"
    return Timed(found.preprocess, {"model": found.model, "weights": found.path, "label": label})


def _fresh(request: Request, model: str) -> Timed:
    recipe = recipe_for(request.recipe, model)
    given = {"model": model, "options": dict(recipe.options), "label": f"{model}-{recipe.name}"}
    return Timed(recipe.preprocess(request.labels), given)
