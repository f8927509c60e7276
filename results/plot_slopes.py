"""Figure: every subject's Dice clean and perturbed, joined by a line, a panel per model; the mean is drawn heavier."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS: Final = 4


def paired_slopes(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw the slopes of one scope.

    Args:
        table: rows of `subjects`.
        looks: of every model.
    """
    models, kinds = sorted(table["model"].unique()), sorted(table["kind"].unique())
    columns = min(_COLUMNS if len(models) > 3 else 3, len(models))
    rows = math.ceil(len(models) / columns)
    figure = new_figure(max(3.4, PAGE_WIDTH * columns / (4 if columns == 4 else 3.2)), 2.5 * rows + 0.7)
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for ax in axes.ravel()[len(models) :]:
        ax.remove()
    for place, model in enumerate(models):
        ax = axes.ravel()[place]
        for number, kind in enumerate(kinds):
            mine = table[(table["model"] == model) & (table["kind"] == kind)]
            _slopes(ax, mine, looks[model], start=2.0 * number)
        ax.set_title(model)
        _ticks(ax, kinds)
        if place % columns == 0:
            ax.set_ylabel("Dice")
    return figure


def _slopes(ax: "Axes", rows: "pd.DataFrame", look: Look, *, start: float) -> None:
    ends = [start, start + 1]
    faint = max(0.12, min(0.6, 12 / max(1, len(rows))))
    for clean, dice in zip(rows["clean"], rows["dice"], strict=True):
        ax.plot(ends, [clean, dice], color=look.colour, alpha=faint, linewidth=0.8)
    mean = [rows["clean"].mean(), rows["dice"].mean()]
    ax.plot(ends, mean, color="black", linewidth=2.4, solid_capstyle="round")
    ax.plot(ends, mean, color=look.colour, marker=look.marker, markeredgecolor="black", markersize=5, linewidth=1.3)


def _ticks(ax: "Axes", kinds: list[str]) -> None:
    places = [2.0 * number + end for number in range(len(kinds)) for end in (0, 1)]
    ax.set_xticks(places, [words for _ in kinds for words in ("clean", "pert.")], fontsize=7)
    ax.set_xlim(-0.4, places[-1] + 0.4)
    for number, kind in enumerate(kinds):
        ax.annotate(
            kind,
            (2.0 * number + 0.5, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -17),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
        )
    ax.grid(axis="x", visible=False)
