"""Figure: the worst, the median and the best clean case of every model, with the contours of truth and prediction.

RUN/examples.npz holds, beside the arrays of `plot_examples.py` and for its M models: `case_ids` (M, 3) str, of the
worst, the median and the best case, `case_dice` (M, 3) float, each case's clean Dice in its volume, `case_image`
(M, 3, H, W) float32 in [0, 1], `case_truth` and `case_prediction` (M, 3, H, W) bool.
"""

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from .plot_examples import TRUTH, contour, contour_legend
from .style import PAGE_WIDTH, Look, new_figure, plain
from .surface import Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANKS: Final = ("worst", "median", "best")
_ID_LENGTH: Final = 21
"""Characters of a case id that fit above a panel."""


@dataclass(frozen=True)
class Cases:
    """One slice of three cases per model; shapes as in the module's first lines."""

    models: tuple[str, ...]
    ids: tuple[tuple[str, ...], ...]
    dice: npt.NDArray[np.float64]
    image: npt.NDArray[np.float32]
    truth: Mask
    prediction: Mask


def read_cases(folder: Path) -> Cases | None:
    """Read the cases in RUN/examples.npz; None when there is no file or it has no cases.

    Raises:
        ValueError: damaged, or shapes that do not fit; names the file and the remedy.
    """
    path = folder / "examples.npz"
    if not path.exists():
        return None
    names = ("models", "case_ids", "case_dice", "case_image", "case_truth", "case_prediction")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if "case_ids" not in file:
                return None
            arrays = {name: file[name] for name in names}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it; the next run makes it again") from error
    shape = (len(arrays["models"]), len(RANKS))
    pictures = [arrays[name].shape for name in names[3:]]
    if arrays["case_ids"].shape != shape or any(s != pictures[0] or s[:2] != shape or len(s) != 4 for s in pictures):
        raise ValueError(f"{path}: shapes of the cases do not fit: delete it; the next run makes it again")
    return Cases(
        models=tuple(map(str, arrays["models"])),
        ids=tuple(tuple(map(str, row)) for row in arrays["case_ids"]),
        dice=arrays["case_dice"].astype(np.float64),
        image=arrays["case_image"].astype(np.float32),
        truth=arrays["case_truth"].astype(bool),
        prediction=arrays["case_prediction"].astype(bool),
    )


def worst_median_best(cases: Cases, *, looks: Mapping[str, Look]) -> "Figure":
    """Draw three panels per model, one model a row; more than four models take two a row."""
    beside = 1 if len(cases.models) <= 4 else 2
    rows = math.ceil(len(cases.models) / beside)
    side = (PAGE_WIDTH - 0.4) / (3 * beside) if beside > 1 else 1.7
    figure = new_figure(0.4 + 3 * beside * side, (side + 0.36) * rows + 0.9)
    axes = figure.subplots(rows, 3 * beside, squeeze=False)
    for ax in axes.ravel()[3 * len(cases.models) :]:
        ax.remove()
    for place, model in enumerate(cases.models):
        for rank, name in enumerate(RANKS):
            ax = axes[place // beside, 3 * (place % beside) + rank]
            _panel(ax, cases, place, rank, looks[model])
            ax.set_title(
                f"{name}, Dice {cases.dice[place, rank]:.2f}\n{plain(cases.ids[place][rank], limit=_ID_LENGTH)}",
                fontsize=7,
            )
        axes[place // beside, 3 * (place % beside)].set_ylabel(model, fontsize=8)
    contour_legend(figure, cases.models, looks)
    return figure


def _panel(ax: "Axes", cases: Cases, place: int, rank: int, look: Look) -> None:
    image = cases.image[place, rank]
    ax.imshow(image.T, cmap="gray", vmin=0, vmax=1, origin="lower", interpolation="nearest")
    contour(ax, cases.prediction[place, rank], colour=look.colour, line="-", edge="white")
    contour(ax, cases.truth[place, rank], colour=TRUTH, line="--", edge="black")
    ax.set(xticks=[], yticks=[])
