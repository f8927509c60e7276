"""All figures of a run, as PNG and SVG, drawn from its tables and example slices alone."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .estimates import MACRO
from .plot_curves import severity_curves
from .plot_energy import dice_against_energy, with_energy
from .plot_examples import example_slices, read_examples
from .plot_heatmap import delta_heatmap
from .plot_ladder import ladder_steps
from .plot_latency import latency_against_side
from .plot_parameters import dice_against_parameters
from .run_info import RunInfo, read_run_info
from .scored import SCOPE, Scope
from .style import Look, looks, save, styled, title
from .table import Table, heading
from .tables import build

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Drawing:
    """A figure with what its heading and file name need."""

    name: str
    what: str
    scope: Scope
    figure: "Figure"


def write(run_folder: str | Path, *, tables: Mapping[str, Table] | None = None) -> list[Path]:
    """Write RUN/plots/NAME.png and NAME.svg; a figure without data is skipped, and the log says why.

    Args:
        run_folder: as given to `--out`.
        tables: from `tables.build`, if they are at hand.

    Returns:
        The files written.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file of the run is damaged; names it and the remedy.
        OSError: a figure cannot be written; names it.
    """
    folder = Path(run_folder)
    info = read_run_info(folder)
    built = build(folder) if tables is None else tables
    written: list[Path] = []
    with styled():
        for drawing in _drawings(folder, built, info):
            marks = info.marks(phantom=drawing.scope.phantom)
            scope = heading(drawing.scope.task, drawing.scope.split, phantom=False)
            title(drawing.figure, drawing.what, scope, marks)
            written += save(drawing.figure, folder / "plots", drawing.name, marks=marks)
    return written


def _drawings(folder: Path, tables: Mapping[str, Table], info: RunInfo) -> Iterator[_Drawing]:
    examples = read_examples(folder)
    models = {model for table in tables.values() if "model" in table.frame for model in table.frame["model"]}
    style = looks(models.union(examples.models if examples else ()))
    for scope, rows, name in _parts(tables, "robustness_by_severity", "severity_curves"):
        figure = severity_curves(rows, looks=_of(rows, style), severities=info.severities)
        yield _Drawing(name, "Dice under perturbation (bands: 95 % over subjects)", scope, figure)
    for scope, rows, name in _parts(tables, "robustness_summary", "delta_dice"):
        if rows["delta_mean"].notna().any():
            yield _Drawing(name, "Mean ΔDice over severities, against the same cases clean", scope, delta_heatmap(rows))
        else:
            _LOG.info("%s is not drawn: no case was scored at every severity", name)
    for scope, rows, name in _parts(tables, "accuracy", "dice_parameters"):
        known = _with_parameters(rows, tables, info)
        if known.empty:
            _LOG.info("%s is not drawn: no model's number of parameters is known", name)
            continue
        figure = dice_against_parameters(known, looks=style)
        yield _Drawing(name, "Dice against model size (bars: 95 % over subjects)", scope, figure)
    yield from _device_drawings(tables, info, style)
    if examples is None:
        _LOG.info("examples is not drawn: %s has no examples.npz", folder)
    else:
        figure = example_slices(examples, looks=style)
        yield _Drawing("examples", f"One slice of {examples.case}", _examples_scope(tables, info), figure)


def _device_drawings(tables: Mapping[str, Table], info: RunInfo, style: Mapping[str, Look]) -> Iterator[_Drawing]:
    """What was timed and what fits into memory, under the heading of the run whose folder they lie in."""
    timed = tables["efficiency"].frame if "efficiency" in tables else None
    if timed is None or (sided := timed.dropna(subset=["image_side", "latency_slice_ms_median"])).empty:
        _LOG.info("latency is not drawn: the run has no timings")
    else:
        figure = latency_against_side(sided, looks=style)
        yield _Drawing("latency", "Latency of one slice against its side", _first_scope(timed), figure)
    if "memory_ladder" in tables:
        frame = tables["memory_ladder"].frame
        figure = ladder_steps(frame, looks=style)
        yield _Drawing("memory_ladder", "Largest image under a memory cap", _first_scope(frame), figure)
    else:
        _LOG.info("memory_ladder is not drawn: the run has no ladder; see `mednca-bench ladder`")
    for scored, rows, name in _parts(tables, "accuracy", "dice_energy"):
        known = rows if timed is None else with_energy(rows, timed)
        if timed is None or known.empty:
            _LOG.info("%s is not drawn: no energy was measured", name)
            continue
        yield _Drawing(name, "Dice against energy per slice", scored, dice_against_energy(known, looks=style))


def _first_scope(frame: "pd.DataFrame") -> Scope:
    first = frame.iloc[0]
    return Scope(str(first["task"]), str(first["split"]), bool(first["phantom"]))


def _parts(tables: Mapping[str, Table], table: str, figure: str) -> Iterator[tuple[Scope, "pd.DataFrame", str]]:
    """The scopes of a table, one label each (the mean over labels where there are several), and the figure's name."""
    if table not in tables:
        _LOG.info("%s is not drawn: the run has no %s table", figure, table)
        return
    frame = tables[table].frame
    groups = list(frame.groupby(list(SCOPE), sort=True))
    for (task, split, phantom), rows in groups:
        scope = Scope(str(task), str(split), bool(phantom))
        label = MACRO if (rows["label"] == MACRO).any() else rows["label"].iloc[0]
        suffix = (
            ""
            if len(groups) == 1
            else "-" + "-".join(filter(None, [scope.task, scope.split, "phantom" * scope.phantom]))
        )
        yield scope, rows[rows["label"] == label], f"{figure}{suffix}"


def _of(rows: "pd.DataFrame", style: Mapping[str, Look]) -> dict[str, Look]:
    return {model: style[model] for model in sorted(rows["model"].unique())}


def _with_parameters(rows: "pd.DataFrame", tables: Mapping[str, Table], info: RunInfo) -> "pd.DataFrame":
    """Rows whose model's size is known, from timing runs or run.json, under the model's name or its first word."""
    known = dict(info.parameters)
    if "efficiency" in tables:
        sizes = tables["efficiency"].frame.dropna(subset="parameters")
        for name in ("model", "label"):
            known |= {str(key): int(value) for key, value in zip(sizes[name], sizes["parameters"], strict=True)}
    found = rows["model"].map(lambda name: known.get(name, known.get(name.split(" ")[0])))
    return rows.assign(parameters=found)[found.notna() & rows["dice_mean"].notna()]


def _examples_scope(tables: Mapping[str, Table], info: RunInfo) -> Scope:
    for table in tables.values():
        first = table.frame.iloc[0]
        return Scope(
            info.task or str(first["task"]), info.split or str(first["split"]), bool(info.phantom or first["phantom"])
        )
    return Scope(info.task, info.split, bool(info.phantom))
