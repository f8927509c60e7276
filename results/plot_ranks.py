"""Figure: every model's rank with its bootstrap interval, a panel per scheme of ranking; 1 is best."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SCHEMES: Final = {"aggregate, then rank": "rank", "rank, then aggregate": "case_rank"}
"""How models are ranked, and the prefix of the columns that hold it."""


def rank_intervals(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw the ranks of one scope and condition.

    Args:
        table: rows of `ranks`, one per model. An interval that is NaN is not drawn.
        looks: of every model.
    """
    order = list(table.sort_values(["rank", "model"])["model"])
    figure = new_figure(PAGE_WIDTH, 1.5 + 0.3 * len(order))
    panels = figure.subplots(1, len(SCHEMES), sharey=True)
    for ax, (scheme, prefix) in zip(panels, SCHEMES.items(), strict=True):
        _panel(ax, table, prefix, order, looks)
        ax.set_title(scheme)
    return figure


def _panel(ax: "Axes", rows: "pd.DataFrame", prefix: str, order: list[str], looks: Mapping[str, Look]) -> None:
    columns = (rows[name].astype(float) for name in (prefix, f"{prefix}_low", f"{prefix}_high"))
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
