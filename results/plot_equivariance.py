"""Figure: equivariance error: how far the answer to a moved image is from the moved answer.

The floor of a stochastic model is 1 - Dice between its answers to the same clean image from two fire seeds: an error at
the floor is no worse than asking twice. A deterministic model has none.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS: Final = 4


def equivariance_error(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw the errors of one scope, a panel per perturbation.

    Args:
        table: rows of `equivariance`: model, perturbation, severity, shift_mod4 (NaN where the perturbation is no
            shift), error_mean, floor_mean.
        looks: of every model.
    """
    from matplotlib.lines import Line2D

    families, models = sorted(table["perturbation"].unique()), sorted(table["model"].unique())
    columns = min(_COLUMNS, len(families))
    rows = math.ceil(len(families) / columns)
    figure = new_figure(max(4.0, PAGE_WIDTH * columns / _COLUMNS), 2.3 * rows + 1.2)
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for ax in axes[len(families) :]:
        ax.remove()
    for place, family in enumerate(families):
        _panel(axes[place], table[table["perturbation"] == family], looks)
        axes[place].set_title(family)
        axes[place].set_xlabel("severity")
        if place % columns == 0:
            axes[place].set_ylabel("equivariance error")
    axes[0].set_ylim(bottom=0)
    forms: dict[str, dict[str, Any]] = {
        model: {"color": looks[model].colour, "marker": looks[model].marker, "linestyle": looks[model].line}
        for model in models
    }
    handles = [Line2D([], [], **form, markersize=4, label=model) for model, form in forms.items()]
    handles.append(Line2D([], [], color="0.4", linestyle=":", label="floor (another fire seed)"))
    if table["shift_mod4"].notna().any():
        hollow: dict[str, Any] = {
            "color": "0.3",
            "marker": "o",
            "linestyle": "none",
            "markersize": 4,
            "markerfacecolor": "white",
        }
        handles.append(Line2D([], [], **hollow, label="hollow: no multiple of 4 pixels"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(2 if columns < 3 else 3, len(handles)), frameon=False
    )
    return figure


def _panel(ax: "Axes", rows: "pd.DataFrame", looks: Mapping[str, Look]) -> None:
    for model, mine in rows.groupby("model", sort=True):
        look = looks[str(model)]
        curve = mine.groupby("severity")[["error_mean", "floor_mean"]].mean()
        ax.plot(curve.index, curve["error_mean"], color=look.colour, linestyle=look.line, linewidth=1.3)
        ax.plot(curve.index, curve["floor_mean"], color=look.colour, linestyle=":", linewidth=1.0)
        off = mine["shift_mod4"].fillna(0) != 0
        for part, fill in ((mine[~off], look.colour), (mine[off], "white")):
            ax.plot(
                part["severity"],
                part["error_mean"],
                color=look.colour,
                marker=look.marker,
                markerfacecolor=fill,
                markersize=4,
                linestyle="none",
            )
    ax.set_xticks(sorted(rows["severity"].unique()))
