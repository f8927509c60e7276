"""Figure: clean Dice against energy per slice, for models whose energy the processor's counters gave."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .log_axis import few_ticks
from .style import Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def with_energy(accuracy: "pd.DataFrame", timed: "pd.DataFrame") -> "pd.DataFrame":
    """Rows of the accuracy table with `energy_slice_j`, the least over sides and threads; others are left out.

    Args:
        accuracy: rows of `accuracy`, one label.
        timed: the `efficiency` table.
    """
    if "energy_slice_j" not in timed:
        return accuracy.iloc[:0].assign(energy_slice_j=[])
    known = timed.dropna(subset="energy_slice_j").groupby("model")["energy_slice_j"].min()
    energy = accuracy["model"].map(lambda name: known.get(name, known.get(name.split(" ")[0])))
    return accuracy.assign(energy_slice_j=energy.astype(float))[energy.notna() & accuracy["dice_mean"].notna()]


def dice_against_energy(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw one point per model.

    Args:
        table: from `with_energy`.
        looks: of every model.
    """
    figure = new_figure(5.0, 3.6)
    ax = figure.subplots()
    rows: list[Any] = list(table.itertuples(index=False))
    for row in rows:
        look = looks[row.model]
        bars = [[max(0.0, row.dice_mean - row.dice_low)], [max(0.0, row.dice_high - row.dice_mean)]]
        ax.errorbar(
            [row.energy_slice_j],
            [row.dice_mean],
            yerr=None if row.dice_low != row.dice_low else bars,
            color=look.colour,
            marker=look.marker,
            capsize=3,
            linestyle="none",
            label=row.model,
        )
    ax.set_xscale("log")
    ax.margins(x=0.3, y=0.2)
    few_ticks(ax.xaxis, *ax.get_xlim())
    ax.set(xlabel="energy per slice (J, log scale; packages, idle power included)", ylabel="Dice, clean images")
    ax.legend(frameon=True, fontsize=8)
    return figure
