"""`reproduce`: the paper's figures beside a run's own."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV, and nothing else.")
def reproduce(run_folder: Path, as_csv: bool) -> None:
    """Print the paper's figures beside those of a run, with intervals, differences and verdicts.

    Reproduced: all of the 95 % interval lies above the paper's mean - 0.02; not reproduced: all of it lies below; else
    undecided. The table is written to RUN/tables/reproduction.* too.
    """
    from ..results import tables
    from ..results.run_info import require_run
    from .progress import say

    require_run(run_folder)
    table = tables.reproduce(run_folder)
    if isinstance(table, str):
        say(f"{run_folder}: {table}")
        return
    written = tables.write(run_folder, tables={table.name: table})
    if as_csv:
        click.echo(table.csv(), nl=False)
        return
    (page,) = (path for path in written if path.suffix == ".md")
    click.echo(page.read_text(encoding="utf-8"), nl=False)
