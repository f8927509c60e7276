"""Which figures a run has: what each is drawn from, what it shows in words, and what it says to who cannot see it."""

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .estimates import MACRO
from .figure_kinds import CASES, EXAMPLE_SLICES, KINDS, Kind, NothingToDrawError, Run
from .figure_sources import EXAMPLES
from .plot_cases import read_cases, worst_median_best
from .plot_examples import Examples, example_slices, read_examples
from .run_info import RunInfo
from .scored import SCOPE, Scope
from .style import Look, looks, plain
from .table import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_LOG = logging.getLogger(__name__)
_WORD = 60  # letters of a task's name in a file's


@dataclass(frozen=True)
class Drawing:
    """A figure with what is told of it.

    Attributes:
        name: of its files.
        what: heading.
        caption: how to read it.
        alt: what a reader sees who cannot see it.
        sources: the names of the tables it is drawn from, the one that has its rows first; or "examples.npz".
        scope: what was scored.
        figure: as drawn.
        of_training: it shows how weights were come by; no record of the run stands behind it.
    """

    name: str
    what: str
    caption: str
    alt: str
    sources: tuple[str, ...]
    scope: Scope
    figure: "Figure"
    of_training: bool = False


def drawings(folder: Path, tables: Mapping[str, Table], info: RunInfo) -> Iterator[Drawing]:
    """All figures of a run, drawn one at a time; of one that is not, the log says why.

    Raises:
        ValueError: RUN/examples.npz is damaged; names it and the remedy.
    """
    examples = read_examples(folder)
    names = _names(_models(tables.values()).union(examples.models if examples else ()))
    run = Run(tables, info, names, _looks(names, tables))
    for kind in KINDS:
        for scope, rows, name in _parts(tables, kind):
            try:
                figure = kind.draw(rows, run)
            except NothingToDrawError as reason:
                _LOG.info("%s is not drawn: %s", name, reason)
                continue
            sources, learnt = (kind.table, *kind.beside), tables[kind.table].of_training
            yield Drawing(name, kind.what, kind.caption, _alt(kind, rows), sources, scope, figure, learnt)
    yield from _example_drawings(folder, examples, run)


def _looks(names: Mapping[str, str], tables: Mapping[str, Table]) -> dict[str, Look]:
    """A look for each name; a model of examples or trainings alone is no rival of its ensemble and may look like it."""
    drawn = _models(tables[kind.table] for kind in KINDS if kind.table in tables and not tables[kind.table].of_training)
    return looks(names.values()) | looks(names[model] for model in drawn)


def _models(tables: Iterable[Table]) -> set[str]:
    return {str(model) for table in tables if "model" in table.frame for model in table.frame["model"]}


def _names(models: Collection[str]) -> dict[str, str]:
    """Each model's name in figures; those that shortening would make equal are numbered."""
    shown: dict[str, str] = {}
    for model in sorted(map(str, models)):
        name, number = plain(model), 2
        while name in shown.values():
            name, number = f"{plain(model)} ({number})", number + 1
        shown[model] = name
    return shown


def _of(models: Collection[str], run: Run) -> tuple[str, ...]:
    return tuple(run.names[model] for model in models)


def _example_drawings(folder: Path, examples: Examples | None, run: Run) -> Iterator[Drawing]:
    cases, scope = read_cases(folder), _examples_scope(run)
    if cases is None:
        _LOG.info("cases is not drawn: %s has no cases in its examples.npz", folder)
    else:
        alt = f"Image slices with contours: the worst, median and best clean case of {', '.join(cases.models)}."
        figure = worst_median_best(replace(cases, models=_of(cases.models, run)), looks=run.looks)
        what = "Worst, median and best clean case of each model"
        yield Drawing("cases", what, CASES, alt, (EXAMPLES,), scope, figure)
    if examples is None:
        _LOG.info("examples is not drawn: %s has no examples.npz", folder)
    else:
        alt = f"Image slices of {examples.case} under {', '.join(examples.titles)}, with the contours of truth and of "
        alt += f"{', '.join(examples.models)}."
        figure = example_slices(replace(examples, models=_of(examples.models, run)), looks=run.looks)
        yield Drawing("examples", f"One slice of {examples.case}", EXAMPLE_SLICES, alt, (EXAMPLES,), scope, figure)


def _parts(tables: Mapping[str, Table], kind: Kind) -> "Iterator[tuple[Scope, pd.DataFrame, str]]":
    """The scopes of a table, one label each (the mean over labels where there are several), and the figure's name."""
    if kind.table not in tables:
        _LOG.info("%s is not drawn: the run has no %s table", kind.name, kind.table)
        return
    groups = list(tables[kind.table].frame.groupby(list(SCOPE), sort=True))
    for (task, split, phantom), rows in groups:
        scope = Scope(str(task), str(split), bool(phantom))
        words = [] if len(groups) == 1 else [scope.task, scope.split, "phantom" * scope.phantom]
        parts = [re.sub(r"[^\w.-]+", "_", word)[:_WORD] for word in words if word]  # a task's name is anybody's
        yield scope, _one_label(rows) if kind.scored else rows, "-".join([kind.name, *parts])


def _one_label(rows: "pd.DataFrame") -> "pd.DataFrame":
    if "label" not in rows.columns:
        return rows
    label = MACRO if (rows["label"] == MACRO).any() else rows["label"].iloc[0]
    return rows[rows["label"] == label]


def _alt(kind: Kind, rows: "pd.DataFrame") -> str:
    models = sorted(map(str, rows["model"].unique()))
    return f"{kind.what}, of {', '.join(models)}. The numbers are in the table {kind.table}."


def _examples_scope(run: Run) -> Scope:
    info = run.info
    for table in run.tables.values():
        first = table.frame.iloc[0]
        phantom = bool(info.phantom or first["phantom"])
        return Scope(info.task or str(first["task"]), info.split or str(first["split"]), phantom)
    return Scope(info.task, info.split, bool(info.phantom))
