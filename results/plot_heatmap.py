"""Figure: mean ΔDice of every model under every perturbation, over severities 1 to 5."""

from typing import TYPE_CHECKING, Final

import numpy as np

from .style import FILLED, PAGE_WIDTH, new_figure
from .table import MISSING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


_ACROSS: Final = 9
"""Families whose numbers fit side by side; more than these stand below each other, and models side by side."""

_DARK: Final = 0.75
"""Share of the colour scale's range above which a cell is dark enough for white figures."""


def delta_heatmap(table: "pd.DataFrame") -> "Figure":
    """Draw the heat map of one scope and label.

    Args:
        table: rows of `robustness_summary`; rows over all families of a kind come after their kind.
    """
    import seaborn as sns

    columns = table[["kind", "perturbation"]].drop_duplicates()
    columns = columns.assign(last=columns["perturbation"].str.startswith("all "))
    order = list(columns.sort_values(["kind", "last", "perturbation"])["perturbation"])
    grid = table.pivot(index="model", columns="perturbation", values="delta_mean")[order].sort_index()
    words = grid.map(lambda value: MISSING if np.isnan(value) else f"{value:+.3f}")
    limit = float(np.nanmax(np.abs(grid.to_numpy()), initial=0.01))
    if len(order) > _ACROSS:
        grid, words = grid.T, words.T
    down, across = grid.shape
    figure = new_figure(
        max(4.0, min(PAGE_WIDTH, 2.2 + 0.62 * across)), 2.0 + (0.42 if down <= _ACROSS else 0.25) * down
    )
    ax = figure.subplots()
    sns.heatmap(
        grid.fillna(0.0),
        ax=ax,
        annot=words,
        fmt="",
        annot_kws={"fontsize": 8},
        cmap="vlag_r",
        vmin=-limit,
        vmax=limit,
        linewidths=0.6,
        linecolor="white",
        cbar_kws={"label": "mean ΔDice"},
    )
    for text, value in zip(ax.texts, grid.to_numpy().ravel(), strict=True):
        text.set_color("white" if abs(value) > _DARK * limit else "0.1")
    ax.set(xlabel="", ylabel="", label=FILLED)
    ax.set_title(" ", fontsize=6)
    ax.tick_params(axis="x", rotation=35)
    for label in ax.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    ax.tick_params(axis="y", rotation=0)
    return figure
