"""Figure: largest image side under memory caps, one line per model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .style import Look, new_figure
from .table_ladder import TOP

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def ladder_steps(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw the ladder; "≥" where nothing larger was tried, no point where nothing fits.

    Args:
        table: the `memory_ladder` table.
        looks: of every model.
    """
    figure = new_figure(5.6, 3.6)
    ax = figure.subplots()
    caps = sorted(int(name.split("_")[1]) for name in table.columns if name.startswith("side_"))
    models = list(table["model"])
    for row in table.to_dict("records"):
        look = looks[str(row["model"])]
        points = [(cap, row[f"side_{cap}_mb"], row[f"stopped_{cap}_mb"]) for cap in caps]
        known = [(cap, float(side), stopped) for cap, side, stopped in points if side == side and side is not None]
        several = models.count(row["model"]) > 1
        ax.plot(
            [cap for cap, _, _ in known],
            [side for _, side, _ in known],
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            label=f"{row['label']}{', ' + str(row['threads']) + ' threads' if several else ''}",
        )
        for cap, side, stopped in known:
            if stopped == TOP:
                ax.annotate(
                    f"≥ {side:.0f}", (cap, side), xytext=(-4, 5), textcoords="offset points", ha="center", fontsize=8,
                    color=look.colour,
                )  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set_xticks(caps, [str(cap) for cap in caps])
    ax.minorticks_off()
    ax.margins(y=0.1)  # room above for what the topmost points say
    ax.set_ylim(bottom=0)
    methods = ", ".join(sorted({str(method) for method in table["method"]}))
    ax.set(xlabel=f"cap (MB, log scale; {methods})", ylabel="largest image side (pixels)")
    ax.legend(frameon=True, fontsize=8)
    return figure
