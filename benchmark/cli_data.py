"""`data`: list, fetch, verify, generate and corrupt data. What is heavy is imported inside the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli_perturbed import calibrate, corrupt, gallery

if TYPE_CHECKING:
    from .verify import Finding

Row = dict[str, Any]
_FILE_WIDTH = 160  # characters of a table that goes to a file or a pipe

_data_option = click.option(
    "--data", metavar="DIR", help="Data root. Default: MEDNCA_DATA, else a folder in the user's cache."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="data")
def data() -> None:
    """List, fetch, verify, generate and corrupt data."""


data.add_command(calibrate)
data.add_command(corrupt)
data.add_command(gallery)


@data.command("list")
@_data_option
@_json_option
def list_command(data: str | None, as_json: bool) -> None:
    """The ten MSD tasks and whatever else the data root holds: cases, and how many of each part of the split."""
    from .data_list import task_rows
    from .locations import data_root, default_data_root

    root = data_root(data)
    rows = task_rows(root, missing_root=default_data_root())
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    click.echo(f"data root: {root}" if root else f"data root: {default_data_root()} (does not exist yet)")
    _print_table(["task", "alias", "cases", "train", "val", "test", "folder"], [_shown(row) for row in rows])


@data.command()
@click.argument("task")
@_data_option
def fetch(task: str, data: str | None) -> None:
    """Download TASK (e.g. hippocampus), check its checksum and extract it into the data root."""
    from .fetch import fetch as fetch_task
    from .locations import data_root, default_data_root

    folder = fetch_task(task, root=data_root(data) or default_data_root())
    click.echo(str(folder))


@data.command()
@click.argument("task")
@_data_option
@_json_option
def verify(task: str, data: str | None, as_json: bool) -> None:
    """Open every pair of TASK, a name or a folder, and list what is wrong. Exit code 1 if there are errors."""
    from dataclasses import asdict

    from .verify import verify as verify_folder

    folder = _folder(task, data)
    findings = verify_folder(folder)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _print_findings(findings)
        click.echo(f"{folder}: {errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise SystemExit(1)


@data.command()
@click.option("--kind", default="hippocampus", show_default=True, help="hippocampus or prostate.")
@click.option("--out", required=True, metavar="DIR", help="Data root in which the task folder is made.")
@click.option("--seed", default=0, show_default=True, help="Seed of the whole data set.")
@click.option("--subjects", type=int, help="Default: 24 (48 volumes) for hippocampus, 9 for prostate.")
def phantom(kind: str, out: str, seed: int, subjects: int | None) -> None:
    """Generate a phantom task: no real data, same format."""
    from .phantom import make

    click.echo(str(make(Path(out).expanduser(), kind=kind, seed=seed, subjects=subjects)))


def _folder(task: str, data: str | None) -> Path:
    """The task folder meant by a name or a path."""
    from .errors import BenchError
    from .locations import data_root, default_data_root, task_folder, task_folders
    from .msd import find_task

    path = Path(task).expanduser()
    if path.is_dir():
        found = task_folders(path)
        if len(found) > 1:
            names = ", ".join(folder.name for folder in found)
            raise BenchError(f"{path}: holds several task folders ({names}); name one of them")
        return found[0] if found else path  # opening it says what is missing
    if len(path.parts) > 1:
        raise BenchError(f"{path}: no such folder; give a task folder, or a task's name with --data")
    root = data_root(data)
    if root is None:
        find_task(task)  # an unknown name is the better answer
        raise BenchError(f"{default_data_root()}: no data there; name a folder with --data or fetch a task first")
    return task_folder(task, root)


def _shown(row: Row) -> list[str]:
    """A task's row as text: "47 of 79" where some cases are missing."""
    parts = [" of ".join(map(str, row["split"][part])) if row["split"] else "" for part in ("train", "val", "test")]
    name = Path(row["folder"]).name + "/"
    where = f"{name} ({row['problem']})" if row["problem"] else name if row["found"] else f"{name} not there"
    return [row["task"], row["alias"], str(row["cases"]) if row["found"] else "", *parts, where]


def _print_findings(findings: list[Finding]) -> None:
    if findings:
        rows = [[found.severity, found.case, found.file, found.problem, found.remedy] for found in findings]
        _print_table(["severity", "case", "file", "problem", "remedy"], rows)


def _print_table(columns: list[str], rows: list[list[str]]) -> None:
    """A plain table; cells are text, never markup, and long ones are folded."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns[:-1]:
        table.add_column(column, overflow="fold", no_wrap=column in ("task", "severity"))
    table.add_column(columns[-1], overflow="fold", ratio=1)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=_FILE_WIDTH)
    console.print(table)
