"""Figure: example slices, clean and perturbed, with the contours of truth and prediction.

RUN/examples.npz holds, for C conditions and M models: `image` (C, H, W) float32 in [0, 1], `truth` (C, H, W) bool,
`titles` (C,) str, `models` (M,) str, `prediction` (M, C, H, W) bool, `case` str. H runs along X, W along Y; it is shown
with X to the right and Y up. The arrays `case_…` in it are those of `plot_cases.py`.
"""

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from .style import PAGE_WIDTH, Look, new_figure
from .surface import Mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS: Final = 5
TRUTH: Final = "white"


@dataclass(frozen=True)
class Examples:
    """One slice of one case under several conditions; shapes as in the module's first lines."""

    case: str
    titles: tuple[str, ...]
    models: tuple[str, ...]
    image: npt.NDArray[np.float32]
    truth: Mask
    prediction: npt.NDArray[np.bool_]


def read_examples(folder: Path) -> Examples | None:
    """Read RUN/examples.npz; None when there is none.

    Raises:
        ValueError: damaged, or shapes that do not fit; names the file and the remedy.
    """
    path = folder / "examples.npz"
    if not path.exists():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("image", "truth", "titles", "models", "prediction", "case")}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it; the next run makes it again") from error
    examples = Examples(
        case=str(arrays["case"]),
        titles=tuple(map(str, arrays["titles"])),
        models=tuple(map(str, arrays["models"])),
        image=arrays["image"].astype(np.float32),
        truth=arrays["truth"].astype(bool),
        prediction=arrays["prediction"].astype(bool),
    )
    shape = (len(examples.titles), *examples.image.shape[1:])
    fits = examples.image.shape == examples.truth.shape == shape and len(shape) == 3
    if not fits or examples.prediction.shape != (len(examples.models), *shape):
        raise ValueError(
            f"{path}: shapes of image, truth and prediction do not fit: delete it; the next run makes it again"
        )
    return examples


def example_slices(examples: Examples, *, looks: Mapping[str, Look]) -> "Figure":
    """Draw a row per model and a column per condition; many conditions take several bands of rows."""
    columns = min(_COLUMNS, len(examples.titles))
    bands = math.ceil(len(examples.titles) / columns)
    models = len(examples.models)
    side = (PAGE_WIDTH - 0.5) / max(columns, 3)
    figure = new_figure(0.5 + side * columns, (side + 0.22) * bands * models + 0.9)
    axes = figure.subplots(bands * models, columns, squeeze=False)
    for place in range(bands * columns):
        band, column = divmod(place, columns)
        for row, model in enumerate(examples.models):
            ax = axes[band * models + row, column]
            if place >= len(examples.titles):
                ax.remove()
                continue
            _panel(ax, examples, place, row, looks[model])
            if column == 0:
                ax.set_ylabel(model)
    contour_legend(figure, examples.models, looks)
    return figure


def contour_legend(figure: "Figure", models: Sequence[str], looks: Mapping[str, Look]) -> None:
    """What the contours are, under the panels."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=TRUTH, linestyle="--", path_effects=halo("black"), label="truth")]
    handles += [Line2D([], [], color=looks[m].colour, path_effects=halo("white"), label=m) for m in models]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)), frameon=False)


def _panel(ax: "Axes", examples: Examples, place: int, row: int, look: Look) -> None:
    truth, prediction = examples.truth[place], examples.prediction[row, place]
    ax.imshow(examples.image[place].T, cmap="gray", vmin=0, vmax=1, origin="lower", interpolation="nearest")
    contour(ax, prediction, colour=look.colour, line="-", edge="white")
    contour(ax, truth, colour=TRUTH, line="--", edge="black")
    ax.set(xticks=[], yticks=[])
    sizes = truth.sum() + prediction.sum()
    score = f"Dice {2 * (truth & prediction).sum() / sizes:.2f}" if sizes else "both empty"
    ax.set_title(f"{examples.titles[place]}\n{score}" if row == 0 else score, fontsize=8, linespacing=1.1)


def contour(ax: "Axes", mask: Mask, *, colour: Any, line: str, edge: str) -> None:
    """Draw the border of a mask (H, W) as `line`, with an edge that keeps it visible on any ground."""
    if mask.any() and not mask.all():
        drawn = ax.contour(mask.T.astype(float), levels=[0.5], colors=[colour], linestyles=[line], linewidths=1.1)
        drawn.set_path_effects(halo(edge))


def halo(colour: str) -> list[Any]:
    """Path effects that put an edge of a colour around a line."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.0, foreground=colour, alpha=0.8)]
