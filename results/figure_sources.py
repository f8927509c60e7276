"""What a figure is drawn from, as files of the run folder, and the hash of each as the run has it now."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .table import Table

EXAMPLES: Final = "examples.npz"


def file_of(source: str) -> str:
    """The file of a table, or of the example slices, in a run folder.

    Example:
        >>> file_of("accuracy"), file_of("examples.npz")
        ('tables/accuracy.csv', 'examples.npz')
    """
    return source if source == EXAMPLES else f"tables/{source}.csv"


def sha256_of(file: str, *, folder: Path, tables: Mapping[str, Table]) -> str:
    """The SHA-256 of a file from `file_of`: of a table's CSV as `tables.write` leaves it; "" where the run has none.

    Args:
        file: relative to the run folder.
        folder: the run folder.
        tables: of the run, from `tables.build`.
    """
    if file == EXAMPLES:
        path = folder / EXAMPLES
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
    table = tables.get(Path(file).stem)
    return "" if table is None else hashlib.sha256(table.csv().encode("utf-8")).hexdigest()
