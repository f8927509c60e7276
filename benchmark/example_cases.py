"""The worst, the median and the best clean case of each model, as results/plot_cases.py draws them.

Cases are ranked by the Dice of their records: clean, on the native grid, the mean over labels and passes; the median is
the lower one of two. They are shown on the model's grid, in the slice with the most foreground.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..results.metrics import derive
from ..results.store import Store
from .condition import Condition
from .examples import Mask, answers, foreground, fullest_slice, shown_models, truth
from .plan import Contestant
from .shown import show
from .task import Task
from .volume import Case

Array = NDArray[np.generic]
_COLUMNS = ("case", "weights", "grid", "severity", "tp", "fp", "fn")


def case_arrays(
    folder: Path, contestants: Sequence[Contestant], ids: Collection[str], read: Callable[[str], Case], *, task: Task
) -> dict[str, Array]:
    """The arrays `case_…` of examples.npz; none unless every model shown has a score of some case.

    Args:
        folder: the run folder, with its records.
        contestants: the run's models; those that `examples.shown_models` leaves out are left out here too.
        ids: the cases to choose from.
        read: gives the volume of one of them.
        task: names the labels.
    """
    models = shown_models(contestants)
    chosen = [_worst_median_best(folder, contestant, ids) for contestant in models]
    if not all(chosen):
        return {}
    volumes = {case: read(case) for case in sorted({case for row in chosen for case, _ in row})}
    pictures = [
        [_picture(volumes[case], contestant, task) for case, _ in row]
        for contestant, row in zip(models, chosen, strict=True)
    ]
    return {
        "case_ids": np.array([[case for case, _ in row] for row in chosen]),
        "case_dice": np.array([[dice for _, dice in row] for row in chosen]),
        **{
            name: np.stack([np.stack([picture[place] for picture in row]) for row in pictures])
            for place, name in enumerate(("case_image", "case_truth", "case_prediction"))
        },
    }


def _worst_median_best(folder: Path, contestant: Contestant, ids: Collection[str]) -> list[tuple[str, float]]:
    frame = derive(Store(folder).load(_COLUMNS))
    mine = (frame["weights"] == contestant.weights) & (frame["severity"] == 0) & (frame["grid"] == "native")
    rows = frame[mine & frame["case"].isin(list(ids))].dropna(subset=["dice"])
    if rows.empty:
        return []
    means = rows.groupby("case")["dice"].mean().reset_index().sort_values(["dice", "case"])
    places = (0, (len(means) - 1) // 2, len(means) - 1)
    return [(str(means["case"].iloc[place]), float(means["dice"].iloc[place])) for place in places]


def _picture(case: Case, contestant: Contestant, task: Task) -> tuple[NDArray[np.float32], Mask, Mask]:
    """Image, truth and answer in the slice with the most foreground."""
    recipe = contestant.preprocess
    masks = foreground(case, task, recipe)
    index = fullest_slice(masks)
    view = show(case, Condition(grid="model"), recipe)
    answer = answers(contestant, [view], case, index)[0]
    return view.slices[index, 0], truth(masks, view, recipe)[:, :, index], answer
