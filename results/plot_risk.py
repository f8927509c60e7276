"""Figure: risk against coverage: the mean loss of the cases kept, those that a quality score trusts least left out."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS: Final = 4


def risk_coverage(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw the curves of one scope, a panel per quality score, or per perturbation where the table tells them apart.

    Args:
        table: rows of `risk_coverage`: model, score, coverage and risk in [0, 1], and perhaps perturbation.
        looks: of every model.
    """
    by = [name for name in ("score", "perturbation") if name in table.columns and table[name].nunique() > 1] or [
        "score"
    ]
    panels = list(table.groupby(by, sort=True))
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(max(4.0, PAGE_WIDTH * columns / _COLUMNS), 2.1 * rows + 1.2)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.remove()
    handles: dict[str, Any] = {}
    for place, (names, mine) in enumerate(panels):
        handles |= _panel(axes[place], mine, looks)
        axes[place].set_title(", ".join(map(str, names)), fontsize=8)
        axes[place].xaxis.set_tick_params(labelbottom=place + columns >= len(panels))
        if place % columns == 0:
            axes[place].set_ylabel("risk")
        if place + columns >= len(panels):
            axes[place].set_xlabel("coverage")
    axes[0].set(xlim=(0, 1.02), ylim=(0, None))
    axes[0].set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=min(2 if columns < 3 else 4, len(handles)),
        frameon=False,
    )
    return figure


def _panel(ax: "Axes", rows: "pd.DataFrame", looks: Mapping[str, Look]) -> dict[str, Any]:
    handles = {}
    several = rows["score"].nunique() > 1
    for (model, score), mine in rows.groupby(["model", "score"], sort=True):
        mine = mine.sort_values("coverage")
        look = looks[str(model)]
        (line,) = ax.plot(mine["coverage"], mine["risk"], color=look.colour, linestyle=look.line, linewidth=1.5)
        handles[f"{model}, {score}" if several else str(model)] = line
    return handles
