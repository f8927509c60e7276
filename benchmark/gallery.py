"""The gallery: one slice under every perturbation at every severity, as a model sees it.

The slice with the most foreground. Rows are families, columns severities, clean in front. The outline is the truth,
which moves with grid perturbations and stays under the others.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..results.atomic import write_bytes
from ..results.run_info import PHANTOM
from ..results.style import new_figure, styled
from .condition import Condition
from .preprocess import Preprocess, label_masks
from .resample import resize_map, warp_masks
from .shown import show
from .task import Task
from .volume import Case

PANEL = 0.95
"""Inches."""

DOTS = 110
"""Per inch: a panel of 64 pixels is not enlarged much beyond them."""


def draw(case: Case, conditions: Sequence[Condition], recipe: Preprocess, file: Path, *, task: Task) -> Path:
    """Draw the figure as PNG.

    Args:
        case: gives the slice.
        conditions: perturbed ones; families in their order, severities as columns. Of several draws that one is shown
            which changes the slice most: a box may well miss it.
        recipe: the preprocessing.
        file: where to.
        task: its name and licence stand under the figure.
    """
    families = list(dict.fromkeys(condition.perturbation for condition in conditions))
    severities = sorted({condition.severity for condition in conditions})
    masks = np.any(label_masks(np.asarray(case.label), task.labels, recipe), axis=0, keepdims=True)
    index = int(masks.sum(axis=(0, 1, 2)).argmax())
    to_model = resize_map((masks.shape[1], masks.shape[2]), recipe.size)
    with styled():
        figure = new_figure(PANEL * (len(severities) + 1) + 0.9, PANEL * len(families) + 0.6)
        grid = figure.subplots(len(families), len(severities) + 1, squeeze=False)
        for row, family in zip(grid, families, strict=True):
            mine = _most_visible([c for c in conditions if c.perturbation == family], case, recipe, index)
            for ax, severity in zip(row, (0, *severities), strict=True):
                view = show(case, mine.get(severity, Condition(grid="model")), recipe)
                truth = warp_masks(masks, to_model.after(view.grid_map), recipe.size)[0, :, :, index]
                # H runs along x, which radiologists draw from left to right.
                ax.imshow(view.slices[index, 0].T, cmap="gray", vmin=0, vmax=1, origin="lower")
                ax.contour(truth.T, levels=[0.5], colors=["tab:orange"], linewidths=0.5)
                ax.set(xticks=[], yticks=[])
                ax.grid(visible=False)
                if family == families[0]:
                    ax.set_title(f"severity {severity}" if severity else "clean", fontsize=8)
            row[0].set_ylabel(family, fontsize=8)
        figure.supxlabel(_caption(case, index, task), fontsize=6)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DOTS, metadata={"Software": None})
    return write_bytes(file, buffer.getvalue())


def _most_visible(conditions: Sequence[Condition], case: Case, recipe: Preprocess, index: int) -> dict[int, Condition]:
    """The conditions of one draw by severity."""
    clean = show(case, Condition(grid="model"), recipe).slices[index]
    hardest = max(condition.severity for condition in conditions)
    change = {
        condition.draw: float(np.abs(show(case, condition, recipe).slices[index] - clean).mean())
        for condition in conditions
        if condition.severity == hardest
    }
    draw = max(change, key=lambda seed: (change[seed], -seed))
    return {condition.severity: condition for condition in conditions if condition.draw == draw}


def _caption(case: Case, index: int, task: Task) -> str:
    if task.phantom:
        return PHANTOM
    where = f"{task.name}, {case.id}, slice {index}"
    if not task.name.startswith("Task"):
        return where
    return f"{where}. Medical Segmentation Decathlon (Antonelli et al. 2022), CC-BY-SA 4.0; resized and corrupted"
