"""RUN/report.html: one page that holds a run's findings, tables, figures and provenance, and needs nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..table import Table


def write(run_folder: str | Path, *, tables: "Mapping[str, Table] | None" = None) -> Path:
    """Write RUN/report.html from the run's tables, the figures in RUN/plots and run.json.

    The page opens from disk, asks for nothing over the network, and the same run gives the same bytes.

    Args:
        run_folder: as given to `--out`; its plots are those that `plots.write` left there.
        tables: from `tables.build`, if they are at hand.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a file of the run is damaged; names it and the remedy.
        OSError: the page cannot be written; names it.
    """
    from ..atomic import write_text
    from ..tables import build
    from .page import page

    folder = Path(run_folder)
    return write_text(folder / "report.html", page(folder, build(folder) if tables is None else tables))
