"""Figure: latency of one slice against image side, log-log, beside timings published for a Raspberry Pi."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .log_axis import few_ticks
from .reference_timings import PUBLISHED_RATIO, RATIO_SIDE, published_timings
from .style import PAGE_WIDTH, Look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY: Final = "0.55"
_MS_PER_S: Final = 1e3


def latency_against_side(table: "pd.DataFrame", *, looks: Mapping[str, Look]) -> "Figure":
    """Draw one line per model, steps, engine and threads.

    Args:
        table: rows of `efficiency` with a side and a latency.
        looks: of every model.
    """
    figure = new_figure(PAGE_WIDTH, 4.4)
    ax = figure.subplots()
    _published(ax)
    engines = table["engine"].astype(object).fillna("PyTorch")
    filled = table.assign(engine=engines).fillna({"steps": 0, "threads": 0})
    most = filled.groupby("model")["steps"].max()
    groups: Any = filled.groupby(["model", "steps", "engine", "threads"], sort=True)
    for (model, steps, engine, threads), rows in groups:
        look, ordered = looks[str(model)], rows.sort_values("image_side")
        words = [f"{steps} steps"] * (steps > 0) + [str(engine)] * (engine != "PyTorch")
        words += [f"{threads} thread{'s' * (threads > 1)}"] * (threads > 0)
        ax.plot(
            ordered["image_side"].astype(float),
            ordered["latency_slice_ms_median"].astype(float),
            color=look.colour,
            marker=look.marker,
            markersize=5,
            alpha=1.0 if steps == most[model] else 0.5,
            linestyle="-" if threads <= 1 else "--",
            markerfacecolor=look.colour if engine == "PyTorch" else "white",
            label=f"{model} ({', '.join(words)})" if words else str(model),
        )
    _cross_out(ax, filled)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    sides = sorted({int(side) for side in filled["image_side"]} | {RATIO_SIDE, 640, 960})
    ax.set_xticks(_apart(sides), [str(side) for side in _apart(sides)])
    ax.minorticks_off()
    few_ticks(ax.yaxis, *ax.get_ylim())
    ax.set(xlabel="image side (pixels, log scale)", ylabel="one slice (ms, log scale)")
    _mark_ratio(ax, filled)
    figure.legend(loc="outside right upper", frameon=False, fontsize=7)
    return figure


def _cross_out(ax: "Axes", table: "pd.DataFrame") -> None:
    """Cross out what was timed beside other work or on a machine that slowed down."""
    flagged = table[[name for name in ("busy", "throttled") if name in table]].eq(True).any(axis=1)
    if flagged.any():
        wrong = table[flagged]
        ax.plot(
            wrong["image_side"].astype(float),
            wrong["latency_slice_ms_median"].astype(float),
            color="0.1",
            marker="x",
            linestyle="none",
            zorder=5,
            label="too long: machine busy or throttled",
        )


def _apart(sides: list[int]) -> list[int]:
    """Those of the sides whose names do not touch."""
    kept: list[int] = []
    for side in sides:
        if not kept or side >= 1.2 * kept[-1]:
            kept.append(side)
    return kept


def _published(ax: "Axes") -> None:
    for style, (model, rows) in zip((":", "-.", "--"), published_timings().groupby("model", sort=True), strict=False):
        ax.plot(
            rows["image_side"],
            rows["seconds"] * _MS_PER_S,
            color=_GREY,
            linestyle=style,
            linewidth=1,
            label=f"{model}, published, Raspberry Pi",
        )


def _mark_ratio(ax: "Axes", table: "pd.DataFrame") -> None:
    """UNet against Med-NCA at 320 × 320, published and, where both were measured with as many threads, here."""
    published = published_timings().query(f"image_side == {RATIO_SIDE}").set_index("model")["seconds"] * _MS_PER_S
    _bracket(ax, published["med-nca"], published["unet"], f"× {PUBLISHED_RATIO}", _GREY)
    at = table[table["image_side"].eq(RATIO_SIDE) & table["engine"].eq("PyTorch")]
    unet, nca = (at[at["model"].eq(name)].sort_values(["threads", "steps"]) for name in ("unet", "med-nca"))
    shared = sorted(set(unet["threads"]) & set(nca["threads"]))
    if shared:
        low = float(nca[nca["threads"].eq(shared[0])]["latency_slice_ms_median"].iloc[-1])
        high = float(unet[unet["threads"].eq(shared[0])]["latency_slice_ms_median"].iloc[0])
        _bracket(ax, low, high, f"× {high / low:.2f}", "0.1")


def _bracket(ax: "Axes", low: float, high: float, words: str, colour: str) -> None:
    from matplotlib.patheffects import withStroke

    arrow: dict[str, Any] = {"arrowstyle": "<->", "color": colour, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (RATIO_SIDE, high), xytext=(RATIO_SIDE, low), arrowprops=arrow)
    ax.annotate(
        words,
        (RATIO_SIDE, math.sqrt(low * high)),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7,
        color=colour,
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )
