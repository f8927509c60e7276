"""Figure: share of training runs that survived, one bar of the interval per recipe and setting."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .style import PAGE_WIDTH, new_figure, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def survival_shares(table: "pd.DataFrame", *, labels: Sequence[str]) -> "Figure":
    """Draw the shares with their intervals.

    Args:
        table: the numbers of the `survival` table.
        labels: of its rows.
    """
    rows = table.to_dict("records")
    figure = new_figure(PAGE_WIDTH, 1.8 + 0.4 * len(rows))
    ax = figure.subplots()
    for place, row in enumerate(rows):
        share = float(row["share"])
        reach = [[max(0.0, share - float(row["share_low"]))], [max(0.0, float(row["share_high"]) - share)]]
        ax.errorbar([share], [place], xerr=reach, fmt="o", capsize=3, color=f"C{place}")
        ax.annotate(
            f"{row['survived']} of {row['runs']}",
            (share, place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ax.set_yticks(range(len(rows)), [plain(label, limit=48) for label in labels])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-0.05, 1.05)
    ax.set_xlabel("share of runs that survived, with Wilson's 95 % interval")
    return figure
