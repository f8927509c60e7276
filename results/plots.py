"""All figures of a run, as PNG and SVG, drawn from its tables and example slices alone, each with a sidecar."""

from collections.abc import Mapping
from pathlib import Path

from .atomic import write_text
from .drawings import drawings
from .run_info import read_run_info
from .sidecar import Sidecars
from .style import save, styled, title
from .table import Table, heading
from .tables import build


def write(run_folder: str | Path, *, tables: Mapping[str, Table] | None = None) -> list[Path]:
    """Write RUN/plots/NAME.png, NAME.svg and NAME.json; a figure without data is skipped, and the log says why.

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
    sidecars = Sidecars(folder, built, info)
    written: list[Path] = []
    with styled():
        for drawing in drawings(folder, built, info):
            marks = info.marks(phantom=drawing.scope.phantom, of_training=drawing.of_training)
            scope = heading(drawing.scope.task, drawing.scope.split, phantom=False)
            title(drawing.figure, drawing.what, scope, marks)
            written += save(drawing.figure, folder / "plots", drawing.name, marks=marks)
            text = sidecars.text(drawing, marks=marks)
            written.append(write_text(folder / "plots" / f"{drawing.name}.json", text))
    return written
