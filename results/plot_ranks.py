"""Figure: every model's rank with its bootstrap interval, a panel per scheme of ranking; 1 is best."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def rank_intervals(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw the ranks of one scope.

    Args:
        table: rows of `ranks`: model, scheme, rank, rank_low, rank_high; one row per model and scheme. An interval
            that is NaN is not drawn.
        looks: of every model.
    """
    schemes = sorted(table["scheme"].unique())
    order = list(table[table["scheme"] == schemes[0]].sort_values(["rank", "model"])["model"])
    order += sorted(set(table["model"]) - set(order))
    figure = new_figure(PAGE_WIDTH if len(schemes) > 1 else 4.5, 1.5 + 0.3 * len(order))
    for ax, scheme in zip(figure.subplots(1, len(schemes), sharey=True, squeeze=False)[0], schemes, strict=True):
        _panel(ax, table[table["scheme"] == scheme], order, looks)
        ax.set_title(scheme)
    return figure


def _panel(ax: "Axes", rows: "pd.DataFrame", order: list[str], looks: Mapping[str, Look]) -> None:
    columns = (rows[name].astype(float) for name in ("rank", "rank_low", "rank_high"))
    for model, rank, low, high in zip(rows["model"], *columns, strict=True):
        look, height = looks[model], order.index(model)
        bars = [[max(0.0, rank - low)], [max(0.0, high - rank)]] if low == low and high == high else None
        ax.errorbar(
            [rank],
            [height],
            xerr=bars,
            color=look.colour,
            marker=look.marker,
            capsize=3,
            markersize=6,
            elinewidth=2,
            linestyle="none",
        )
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(len(order) - 0.5, -0.7)
    ax.set_xticks(range(1, len(order) + 1))
    ax.set_xlim(0.5, len(order) + 0.5)
    ax.set_xlabel("rank (1 is best)")
