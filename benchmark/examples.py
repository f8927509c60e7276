"""The figures of example slices: what each model sees and answers, clean and perturbed.

One case, its slice with the most foreground, on the model's grid, at severity 3. Written as `examples.npz` in the run
folder, together with the cases of `example_cases.py`; results/plots.py draws both.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..perturbations.base import GridMap
from ..results.atomic import write_bytes
from .condition import Condition
from .evaluate import load_model, segment
from .plan import Contestant
from .preprocess import Preprocess, label_masks
from .resample import resize_map, warp_masks
from .shown import Shown, show
from .task import Task
from .volume import Case

SEVERITY = 3
Mask = NDArray[np.bool_]


def write_examples(
    folder: Path,
    case: Case,
    contestants: Sequence[Contestant],
    conditions: Sequence[Condition],
    *,
    task: Task,
    cases: Mapping[str, NDArray[np.generic]] | None = None,
) -> None:
    """Segment one case under the clean and all severity-3 conditions and write what the figures need.

    Args:
        folder: the run folder.
        case: the case shown.
        contestants: the run's models.
        conditions: those of the suite.
        task: names the labels.
        cases: from `example_cases.case_arrays`, written beside the rest.
    """
    recipe = contestants[0].preprocess
    models = shown_models(contestants)
    chosen = [Condition(grid="model"), *(c for c in conditions if c.severity == SEVERITY and c.draw == 0)]
    extremes: dict[str, Any] = dict(cases or {})
    masks = foreground(case, task, recipe)
    index = fullest_slice(masks)
    views = [show(case, condition, recipe) for condition in chosen]
    images = np.stack([view.slices[index, 0] for view in views])
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        image=images,
        truth=np.stack([truth(masks, view, recipe)[:, :, index] for view in views]),
        titles=np.array(["clean", *(f"{c.perturbation} {c.severity}" for c in chosen[1:])]),
        models=np.array([_name(contestant, models) for contestant in models]),
        prediction=np.stack([answers(contestant, views, case, index) for contestant in models]),
        case=np.array(case.id),
        **extremes,
    )
    write_bytes(folder / "examples.npz", buffer.getvalue())


def shown_models(contestants: Sequence[Contestant]) -> list[Contestant]:
    """The models of the first one's preprocessing; others see another image and are left out of the figures."""
    return [contestant for contestant in contestants if contestant.preprocess == contestants[0].preprocess]


def foreground(case: Case, task: Task, recipe: Preprocess) -> Mask:
    """All labels as one mask (1, X, Y, Z)."""
    masks: Mask = np.any(label_masks(np.asarray(case.label), task.labels, recipe), axis=0, keepdims=True)
    return masks


def fullest_slice(masks: Mask) -> int:
    """The axial slice with the most foreground of masks (1, X, Y, Z)."""
    return int(masks.sum(axis=(0, 1, 2)).argmax())


def truth(masks: Mask, view: Shown, recipe: Preprocess) -> Mask:
    """The masks as a view shows them, (H, W, slices)."""
    to_model: GridMap = resize_map((masks.shape[1], masks.shape[2]), recipe.size)
    carried: Mask = warp_masks(masks, to_model.after(view.grid_map), recipe.size)[0]
    return carried


def answers(contestant: Contestant, views: Sequence[Shown], case: Case, index: int) -> Mask:
    """A model's answer to one slice of every view, all labels as one, (views, H, W)."""
    model = load_model(contestant.path, contestant.weights)
    found: list[Mask] = []
    for view in views:
        logits = segment(model, view.slices[index : index + 1], case=case, fire_seed=0, first=index)
        found.append(np.any(logits[..., 0] > 0, axis=0))
    return np.stack(found)


def _name(contestant: Contestant, among: Sequence[Contestant]) -> str:
    same = sum(other.model == contestant.model for other in among)
    return contestant.model if same == 1 else f"{contestant.model} (seed {contestant.train_seed})"
