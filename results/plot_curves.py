"""Figure: Dice against severity, a panel per perturbation, 95 % bands over subjects."""

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS: Final = 4
_PANEL_HEIGHT: Final = 2.2
_LABEL_WIDTH: Final = 27
"""Characters of an axis label that fit under a panel."""

_LONG_TICK: Final = 5
"""Characters of a physical value from which it needs smaller letters, lest neighbours touch."""


def severity_curves(
    table: "pd.DataFrame", *, looks: Mapping[str, Look], severities: Mapping[str, Mapping[str, Any]]
) -> "Figure":
    """Draw the curves of one scope and label.

    Args:
        table: rows of `robustness_by_severity`.
        looks: of every model.
        severities: per perturbation `severities` (the physical values of 1 to 5), `parameter` and `unit`; shown under
            the ticks where given.
    """
    import numpy as np

    families = list(
        table[["kind", "perturbation"]].drop_duplicates().sort_values(["kind", "perturbation"])["perturbation"]
    )
    columns = min(_COLUMNS, len(families))
    rows = math.ceil(len(families) / columns)
    figure = new_figure(max(PAGE_WIDTH * columns / _COLUMNS, 4.0), _PANEL_HEIGHT * rows + 0.9)
    axes = np.atleast_1d(figure.subplots(rows, columns, sharey=True, squeeze=False)).ravel()
    for family, ax in zip(families, axes, strict=False):
        _panel(ax, table[table["perturbation"] == family], looks)
        _ticks(ax, family, severities.get(family, {}), sorted(table["severity"].unique()))
        ax.set_title(family)
    for ax in axes[len(families) :]:
        ax.remove()
    for ax in axes[: len(families) : columns]:
        ax.set_ylabel("Dice")
    axes[0].set_ylim(*_range(table))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    return figure


def _panel(ax: "Axes", rows: "pd.DataFrame", looks: Mapping[str, Look]) -> None:
    for model in sorted(looks):
        mine = rows[rows["model"] == model].sort_values("severity")
        look = looks[model]
        ax.plot(
            mine["severity"],
            mine["dice_mean"],
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            markersize=3.5,
            linewidth=1.4,
            label=model,
        )
        ax.fill_between(
            mine["severity"], mine["dice_low"], mine["dice_high"], color=look.colour, alpha=0.2, linewidth=0
        )


def _ticks(ax: "Axes", family: str, table: Mapping[str, Any], severities: list[int]) -> None:
    values = ["", *(_short(value) for value in table.get("severities", ()))]
    ax.set_xticks(severities, [f"{s}\n{values[s]}" if 0 < s < len(values) else str(s) for s in severities])
    ax.set_xlim(min(severities) - 0.25, max(severities) + 0.25)
    words, unit = (str(table.get(key) or "").replace("_", " ") for key in ("parameter", "unit"))
    physical = f"{words} ({unit})" if words and unit and not unit.startswith(words) else unit or words
    ax.set_xlabel("\n".join(["severity", *textwrap.wrap(physical, _LABEL_WIDTH)]), fontsize=8)
    ax.tick_params(axis="x", labelsize=7 if max(map(len, values)) < _LONG_TICK else 6)


def _short(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_short(part) for part in value)
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _range(table: "pd.DataFrame") -> tuple[float, float]:
    """From the tenth below the lowest band to 1 (a Dice of 1 is the top of every figure)."""
    lowest = table[["dice_mean", "dice_low"]].min().min()
    return (0.0 if math.isnan(lowest) else max(0.0, math.floor(lowest * 10 - 0.2) / 10)), 1.0
