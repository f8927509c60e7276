"""The figure of example slices: what each model sees and answers, clean and perturbed.

One case, its slice with the most foreground, on the model's grid, at severity 3. Written as `examples.npz` in the run
folder; results/plots.py draws it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..perturbations.base import GridMap
from ..results.atomic import write_bytes
from .condition import Condition
from .evaluate import Shown, load_model, segment, show
from .plan import Contestant
from .preprocess import Preprocess, label_masks
from .resample import resize_map, warp_masks
from .task import Task
from .volume import Case

SEVERITY = 3
Mask = NDArray[np.bool_]


def write_examples(
    folder: Path, case: Case, contestants: Sequence[Contestant], conditions: Sequence[Condition], *, task: Task
) -> None:
    """Segment one case under the clean and all severity-3 conditions and write what the figure needs.

    Models whose preprocessing differs from the first one's see another image and are left out of the figure.
    """
    recipe = contestants[0].preprocess
    shown_models = [contestant for contestant in contestants if contestant.preprocess == recipe]
    chosen = [Condition(grid="model"), *(c for c in conditions if c.severity == SEVERITY and c.draw == 0)]
    masks: Mask = np.any(label_masks(np.asarray(case.label), task.labels, recipe), axis=0, keepdims=True)
    index = int(masks.sum(axis=(0, 1, 2)).argmax())
    views = [show(case, condition, recipe) for condition in chosen]
    images = np.stack([view.slices[index, 0] for view in views])
    truth = np.stack([_truth(masks, view, recipe)[:, :, index] for view in views])
    answers = np.stack([_answers(contestant, views, case, index) for contestant in shown_models])
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        image=images,
        truth=truth,
        titles=np.array(["clean", *(f"{c.perturbation} {c.severity}" for c in chosen[1:])]),
        models=np.array([_name(contestant, shown_models) for contestant in shown_models]),
        prediction=answers,
        case=np.array(case.id),
    )
    write_bytes(folder / "examples.npz", buffer.getvalue())


def _truth(masks: Mask, view: Shown, recipe: Preprocess) -> Mask:
    to_model: GridMap = resize_map((masks.shape[1], masks.shape[2]), recipe.size)
    carried: Mask = warp_masks(masks, to_model.after(view.grid_map), recipe.size)[0]
    return carried


def _answers(contestant: Contestant, views: Sequence[Shown], case: Case, index: int) -> Mask:
    model = load_model(contestant.path, contestant.weights)
    answers: list[Mask] = []
    for view in views:
        logits = segment(model, view.slices[index : index + 1], case=case, fire_seed=0, first=index)
        answers.append(np.any(logits[..., 0] > 0, axis=0))
    return np.stack(answers)


def _name(contestant: Contestant, among: Sequence[Contestant]) -> str:
    same = sum(other.model == contestant.model for other in among)
    return contestant.model if same == 1 else f"{contestant.model} (seed {contestant.train_seed})"
