"""`compare` and `merge`: commands on finished run folders."""

from __future__ import annotations

from pathlib import Path

import click

from .progress import say

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("first", metavar="RUN", type=_FOLDER)
@click.argument("second", metavar="RUN", type=_FOLDER)
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV, and nothing else.")
def compare(first: Path, second: Path, as_csv: bool) -> None:
    """Compare two runs, answer by answer: what differs in provenance, and the second minus the first, paired.

    Answers are matched by model, case, label, condition and seeds, whatever weights, data and versions are behind them;
    where a run has several recipes or weights of a model, by these too.
    """
    from ..results.compare import compare as compare_runs

    found = compare_runs(first, second)
    if as_csv:
        click.echo(found.table.csv(), nl=False)
        return
    for line in found.provenance:
        click.echo(line)
    if found.identical is not None:
        click.echo(f"identical: {found.identical:,} records")
        return
    click.echo("")
    click.echo(found.table.markdown(marks=found.marks))


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=_FOLDER)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Run folder to make, or an earlier merge to add to.")  # fmt: skip
def merge(runs: tuple[Path, ...], out: Path) -> None:
    """Merge runs of one task and part into one run folder; conflicting records are named and nothing is written.

    Interrupted and run again it goes on; done twice it changes nothing. Then `mednca-bench report DIR`.
    """
    from ..results.merge import merge as merge_runs
    from .provenance import command_line

    merged = merge_runs(runs, out, command=command_line())
    say(f"{merged.done:,} of {merged.units:,} units are done in {out}; {merged.written} files were written")
    say(f"type `mednca-bench report {out}` for tables and plots")
