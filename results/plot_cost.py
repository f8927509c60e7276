"""Figure: clean Dice against what a model costs (parameters, latency), with 95 % intervals over subjects.

The Pareto front are the models that no other beats in both: none is at least as good and cheaper, or better and at most
as dear.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .log_axis import few_ticks, thousands
from .style import Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Point:
    model: str
    cost: float
    dice: float
    below: float
    above: float


def dice_against_cost(table: "pd.DataFrame", *, cost: str, words: str, looks: Mapping[str, Look]) -> "Figure":
    """Draw one point per model, and the Pareto front through those that are on it.

    Args:
        table: rows of `accuracy` of one scope and label with the column `cost`.
        cost: the column to draw against; positive, less is better.
        words: its axis label, with the unit.
        looks: of every model.
    """
    figure = new_figure(5.0, 3.6)
    ax = figure.subplots()
    points = _points(table, cost)
    best = pareto(points)
    for point in points:
        look = looks[point.model]
        ax.errorbar(
            [point.cost],
            [point.dice],
            yerr=[[point.below], [point.above]],
            color=look.colour,
            marker=look.marker,
            markersize=6,
            markeredgecolor="black" if point in best else look.colour,
            capsize=3,
            linestyle="none",
        )
    if len(best) > 1:
        line = ([point.cost for point in best], [point.dice for point in best])
        ax.step(*line, where="post", color="0.45", linestyle=":", linewidth=1.2, zorder=1, label="Pareto front")
        ax.legend(loc="lower right", frameon=False, fontsize=8)
    ax.set_xscale("log")
    low, high = float(table[cost].min()), float(table[cost].max())
    ax.set_xlim(low / 3, high * 10)  # room for the names at the right
    few_ticks(ax.xaxis, low / 3, high * 10, words=thousands)
    ax.set(xlabel=f"{words} (log scale)", ylabel="Dice, clean images")
    ax.margins(y=0.2)
    _names(ax, points, looks)
    return figure


def pareto(points: "Sequence[_Point]") -> "list[_Point]":
    """The points on the Pareto front, by cost; of equals all."""
    return sorted(
        (
            point
            for point in points
            if not any(
                other.cost <= point.cost
                and other.dice >= point.dice
                and (other.cost, other.dice) != (point.cost, point.dice)
                for other in points
            )
        ),
        key=lambda point: (point.cost, point.dice),
    )


def _points(table: "pd.DataFrame", cost: str) -> list[_Point]:
    """The table's rows from the lowest Dice to the highest; no interval gives no bar."""
    rows = table.sort_values(["dice_mean", "model"])
    columns = (rows[name].astype(float) for name in (cost, "dice_mean", "dice_low", "dice_high"))
    return [
        _Point(str(model), x, y, *(0.0 if math.isnan(low) else max(0.0, bar) for bar in (y - low, high - y)))
        for model, x, y, low, high in zip(rows["model"], *columns, strict=True)
    ]


def _names(ax: "Axes", points: Sequence[_Point], looks: Mapping[str, Look]) -> None:
    """Each name beside its point: at the right, left, above or below its bar, or higher up, where nothing else is."""
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    figure: Any = ax.figure
    figure.draw_without_rendering()  # fixes the axes' place, so that extents are final
    taken = [_bar(ax, point) for point in points]
    for point in points:
        text = ax.annotate(
            point.model,
            (point.cost, point.dice),
            xytext=(8, 0),
            textcoords="offset points",
            color=looks[point.model].colour,
            fontweight="bold",
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )
        for height, offset, sideways, upright in _places(point):
            text.xy = (point.cost, height)
            text.set(position=offset, horizontalalignment=sideways, verticalalignment=upright)
            box = text.get_window_extent()
            inside = Bbox.intersection(box, ax.bbox)
            if inside is not None and inside.width > box.width - 1 and not any(box.overlaps(other) for other in taken):
                break
        taken.append(text.get_window_extent())


def _places(point: _Point) -> list[tuple[float, tuple[int, int], str, str]]:
    """Where a name may go, best first: height in data units, offset in points, alignments."""
    top, bottom = point.dice + point.above, point.dice - point.below
    return [
        (point.dice, (8, 0), "left", "center"),
        (point.dice, (-8, 0), "right", "center"),
        (top, (0, 6), "center", "bottom"),
        (bottom, (0, -6), "center", "top"),
        (bottom, (0, -16), "center", "top"),
        (top, (0, 16), "center", "bottom"),
        *((point.dice, (8, shift), "left", "center") for shift in range(12, 120, 6)),
    ]


def _bar(ax: "Axes", point: _Point) -> Any:
    """What a point and its bar cover, in pixels."""
    from matplotlib.transforms import Bbox

    ends = ((point.cost, point.dice - point.below), (point.cost, point.dice + point.above))
    (x, low), (_, high) = ax.transData.transform(ends)
    pixels = 4 * ax.figure.dpi / 72
    return Bbox.from_extents(x - pixels, low - pixels, x + pixels, high + pixels)
