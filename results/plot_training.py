"""Figure: learning curves, Dice on val against updates, a line per training."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .log_axis import few_ticks
from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


_LETTERS: Final = 92  # of a legend, in a row
_HANDLE: Final = 7  # of one name's line and its distance, in letters


def learning_curves(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw the curves of one scope; Dice from a tenth below the best of the lowest curve on, so that ends can be told.

    Args:
        table: rows of `learning_curves` with a Dice.
        looks: of every model.
    """
    models = sorted(table["model"].unique())
    columns = max(1, min(4, len(models), _LETTERS // (max(map(len, models)) + _HANDLE)))
    figure = new_figure(PAGE_WIDTH, 3.2 + 0.2 * -(-len(models) // columns))
    ax = figure.subplots()
    lines: dict[str, Any] = {}
    for (model, _), mine in table.groupby(["model", "train_seed"], sort=True):
        look, mine = looks[str(model)], mine.sort_values("update")
        (lines[str(model)],) = ax.plot(
            mine["update"],
            mine["val_dice"],
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markersize=3,
            linewidth=1.2,
        )
    first, last = float(table["update"].min()), float(table["update"].max())
    margin = 1.15 if last > 3 * first else 1.8  # there is a round number in any range of 1 to 3
    ax.set_xscale("log")
    ax.set_xlim(first / margin, last * margin)
    few_ticks(ax.xaxis, first / margin, last * margin)
    ax.set_xlabel("update")
    ax.set_ylabel("Dice on val")
    lowest_best = float(table.groupby(["model", "train_seed"])["val_dice"].max().min())
    bottom = max(float(table["val_dice"].min()) - 0.05, lowest_best - 0.1, 0.0)
    ax.set_ylim(bottom, min(1.0, float(table["val_dice"].max()) + 0.03))
    figure.legend(list(lines.values()), list(lines), loc="outside lower center", ncols=columns, frameon=False)
    return figure
