"""All tables of a run, as CSV for machines and Markdown for readers.

Each is a pure function of the run folder's files: the same records in another order give the same bytes.
"""

from pathlib import Path

from . import load
from .atomic import write_text
from .reference_records import shipped
from .run_info import RunInfo, read_run_info
from .store import Store, load_units
from .table import Table
from .table_accuracy import accuracy
from .table_data import data
from .table_efficiency import efficiency, read_efficiency
from .table_end_to_end import end_to_end
from .table_ladder import memory_ladder, read_ladders
from .table_severity import robustness_by_severity
from .table_summary import robustness_summary

__all__ = ["accuracy", "build", "data", "efficiency", "robustness_by_severity", "robustness_summary", "write"]


def build(run_folder: str | Path) -> dict[str, Table]:
    """The tables of a run by name; those that have nothing to show are left out.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file of the run is damaged; names it and the remedy.
    """
    folder = Path(run_folder)
    frame = load(folder)
    intended = load_units(folder)
    failures = Store(folder).failures()
    failed = {str(entry["key"]) for entry in failures if "key" in entry}
    info = read_run_info(folder)
    timed = read_efficiency(folder)
    tables = (
        accuracy(frame, intended, failed=failed),
        robustness_summary(frame, intended, failed=failed, references=shipped()),
        robustness_by_severity(frame, intended, failed=failed),
        efficiency(timed, info=info),
        end_to_end(timed, info=info),
        memory_ladder(read_ladders(folder), info=info),
        data(frame, intended, failures=failures, info=info),
    )
    return {table.name: table for table in tables if table is not None}


def write(run_folder: str | Path) -> list[Path]:
    """Write RUN/tables/NAME.csv and NAME.md for every table that has something to show.

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
    written = []
    for name, table in build(folder).items():
        marks = info.marks(phantom=_is_phantom(table, info))
        written.append(write_text(folder / "tables" / f"{name}.csv", table.csv()))
        written.append(write_text(folder / "tables" / f"{name}.md", table.markdown(marks=marks, source=source)))
    return written


def _is_phantom(table: Table, info: RunInfo) -> bool:
    return bool(table.frame["phantom"].any()) or info.phantom is True
