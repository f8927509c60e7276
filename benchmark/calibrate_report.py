"""What a calibration is written as: calibration.csv, calibration.md, and a plot as PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..results.atomic import write_text
from ..results.run_info import PHANTOM
from ..results.style import PAGE_WIDTH, new_figure, save, styled, title
from ..results.table import Table, count_of, number
from .calibrate import TARGETS, TOLERANCE, problems
from .task import Task

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^vPX<>*"


def write(table: pd.DataFrame, folder: Path, *, task: Task, part: str, command: str) -> list[Path]:
    """Write the table and the plot.

    Args:
        table: from `calibrate`.
        folder: made if it is not there.
        task: the data measured on.
        part: of its split.
        command: as typed, for the heading.

    Returns:
        The files written.
    """
    scoped = table.assign(task=task.name, split=part, phantom=task.phantom)
    many, draws = count_of(int(table["cases"].max()), "case"), count_of(int(table["draws"].max()), "draw")
    cases = f"{many} of the {part} part of {task.name}, {draws}"
    wrong = problems(table)
    verdict = f"not calibrated on this data: {'; '.join(wrong)}" if wrong else "all targets are met, every family grows"
    notes = (
        f"Measured on {cases}.",
        "NRMSE: root mean square difference over the standard deviation of the clean image, on what a model sees; SSIM "
        "beside it. Means over cases.",
        f"Targets of acquisition families: {', '.join(map(str, TARGETS))}, within {TOLERANCE:.0%}. {verdict}.",
    )
    marks = (PHANTOM,) if task.phantom else ()
    sheet = Table("calibration", "Distance from clean by severity", scoped, _shown(table), notes)
    paths = [
        write_text(folder / "calibration.csv", sheet.csv()),
        write_text(folder / "calibration.md", sheet.markdown(marks=marks, source=(f"Command: {command}",))),
    ]
    with styled():
        figure = draw(table)
        title(figure, "Distance from clean by severity", cases, marks)
        return [*paths, *save(figure, folder, "calibration", marks=marks)]


def draw(table: pd.DataFrame) -> Figure:
    """NRMSE and SSIM against severity: acquisition families above with their targets, grid families below."""
    kinds = [kind for kind in ("acquisition", "grid") if (table["kind"] == kind).any()]
    figure = new_figure(PAGE_WIDTH, 2.9 * len(kinds) + 0.4)
    for kind, axes in zip(kinds, figure.subplots(len(kinds), 2, squeeze=False), strict=True):
        rows = table[table["kind"] == kind]
        for ax, column, label in zip(axes, ("nrmse", "ssim"), ("NRMSE", "SSIM"), strict=True):
            _curves(ax, rows, column)
            ax.set(xlabel="severity", ylabel=label, title=f"{kind} families")
            ax.set_xticks(sorted(rows["severity"].unique()))
        if kind == "acquisition":
            for severity, target in enumerate(TARGETS, start=1):
                reach = target * TOLERANCE
                axes[0].errorbar(severity, target, yerr=reach, color="0.6", linewidth=7, alpha=0.5, zorder=0)
        axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    return figure


def _curves(ax: Axes, rows: pd.DataFrame, column: str) -> None:
    import seaborn as sns

    names = list(rows["perturbation"].drop_duplicates())
    colours = sns.color_palette("colorblind", len(names))
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        mine = rows[rows["perturbation"] == name]
        marker = _MARKERS[place % len(_MARKERS)]
        ax.plot(mine["severity"], mine[column], color=colour, marker=marker, markersize=3.5, linewidth=1.1, label=name)


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows: list[Any] = list(table.itertuples(index=False))
    return pd.DataFrame(
        {
            "Perturbation": row.perturbation,
            "Version": row.version,
            "Severity": row.severity,
            "Magnitude": f"{row.magnitude} {row.unit}",
            "NRMSE": f"{row.nrmse:.3f} ± {row.nrmse_sd:.3f}",
            "Target": number(row.target, 1) + (" (saturated)" if row.saturated else ""),
            "Off, %": number(100 * row.off, 0, sign=True),
            "SSIM": f"{row.ssim:.3f} ± {row.ssim_sd:.3f}",
        }
        for row in rows
    )
