"""All tables of a run, as CSV for machines and, for readers, Markdown, LaTeX and HTML fragments.

Each is a pure function of the run folder's files: the same records in another order give the same bytes.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .atomic import write_text
from .compact import CompactRun, compact
from .reference_accuracy import published_accuracy
from .reference_records import records, shipped
from .report.fragment import html
from .reproduction_notes import why_nothing
from .run_info import RunInfo, read_run_info
from .scored import ledger
from .table import Table
from .table_accuracy import accuracy, accuracy_details
from .table_data import data, outside
from .table_efficiency import efficiency, read_efficiency
from .table_end_to_end import end_to_end
from .table_equivariance import equivariance
from .table_ladder import memory_ladder, read_ladders
from .table_latex import latex
from .table_pairwise import pairwise
from .table_paper import table1
from .table_quality import quality
from .table_ranks import rank_conventions, ranks
from .table_reproduction import reproduction
from .table_seeds import training_seeds
from .table_severity import robustness_by_severity
from .table_subjects import subjects
from .table_summary import robustness_summary
from .table_training import training
from .table_variance import variance

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "accuracy",
    "accuracy_details",
    "build",
    "data",
    "efficiency",
    "equivariance",
    "pairwise",
    "quality",
    "rank_conventions",
    "ranks",
    "reproduce",
    "reproduction",
    "robustness_by_severity",
    "robustness_summary",
    "subjects",
    "table1",
    "training",
    "training_seeds",
    "variance",
    "write",
]


def build(run_folder: str | Path, *, reference: str | None = None, baseline: str | None = None) -> dict[str, Table]:
    """The tables of a run by name; those that have nothing to show are left out.

    Args:
        run_folder: as given to `--out`.
        reference: the model that `pairwise` compares the others with; not chosen by any score when None.
        baseline: the shipped weights whose errors CE and mCE are relative to; the first that fit when None.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file of the run is damaged, or there is no such reference or baseline; names it and the remedy.
    """
    folder, baselines = Path(run_folder), shipped(baseline)
    run = compact(folder)
    info = read_run_info(folder)
    rows = _ledger(run)
    clean = run.with_clean_metrics(rows)
    failures, strangers = run.failures, outside(run.frame, rows)
    del run  # the ledger has all that is shown of it
    with ThreadPoolExecutor() as pool:
        # The longest two beside the others. Frame objects of their own: pandas may rearrange one while it is read.
        foreseen = pool.submit(quality, rows.copy(deep=False))
        severities = pool.submit(robustness_by_severity, rows.copy(deep=False))
        scores, timed = accuracy(clean), read_efficiency(folder)
        tables = (
            scores,
            accuracy_details(clean),
            table1(scores, parameters=info.parameters),
            reproduction(rows, scores, published=published_accuracy(), shipped=records("accuracy")),
            robustness_summary(rows, references=baselines),
            severities.result(),
            pairwise(rows, reference=reference),
            ranks(rows),
            rank_conventions(rows),
            training_seeds(rows),
            variance(rows),
            subjects(rows),
            equivariance(rows),
            *foreseen.result(),
            efficiency(timed, info=info),
            end_to_end(timed, info=info),
            memory_ladder(read_ladders(folder), info=info),
            *training(rows, info),
            data(rows, failures=failures, info=info, strangers=strangers),
        )
    return {table.name: table for table in tables if table is not None}


def reproduce(run_folder: str | Path) -> Table | str:
    """The table `reproduction` of a run alone, as `build` makes it, or a sentence that says why there is none.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file of the run is damaged; names it and the remedy.
    """
    run, published = compact(Path(run_folder)), published_accuracy()
    rows = _ledger(run)
    table = reproduction(rows, accuracy(run.with_clean_metrics(rows)), published=published, shipped=records("accuracy"))
    return why_nothing(rows, published) if table is None else table


def _ledger(run: CompactRun) -> "pd.DataFrame":
    return ledger(run.frame, run.intended, failed={entry["key"] for entry in run.failures if "key" in entry})


def write(run_folder: str | Path, *, tables: Mapping[str, Table] | None = None) -> list[Path]:
    """Write RUN/tables/NAME.csv for every table with something to show, and NAME.md, .tex and .html if it has words.

    Args:
        run_folder: as given to `--out`.
        tables: from `build`, if they are at hand.

    Returns:
        The files written.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file of the run is damaged; names it and the remedy.
        OSError: a table cannot be written; names it.
    """
    folder = Path(run_folder)
    info = read_run_info(folder)
    source = tuple(f"{word}: {text}" for word, text in (("Suite", info.suite), ("Command", info.command)) if text)
    forms = {"md": Table.markdown, "tex": latex, "html": html}
    written = []
    for name, table in (build(folder) if tables is None else tables).items():
        marks = info.marks(phantom=_is_phantom(table, info), of_training=table.of_training)
        written.append(write_text(folder / "tables" / f"{name}.csv", table.csv()))
        for ending, form in forms.items() if len(table.shown.columns) else ():  # curves are numbers only
            written.append(write_text(folder / "tables" / f"{name}.{ending}", form(table, marks=marks, source=source)))
    return written


def _is_phantom(table: Table, info: RunInfo) -> bool:
    return bool(table.frame["phantom"].any()) or (info.phantom is True and not table.of_training)
