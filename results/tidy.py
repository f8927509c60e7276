"""Records as a tidy frame: metrics derived part by part, so that the histograms are never in memory all at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .duplicates import resolve
from .metrics import derive
from .parts import BATCH_ROWS, to_frame
from .record import LIST_COLUMNS
from .store import Store

if TYPE_CHECKING:
    import pandas as pd


def tidy(run_folder: str | Path) -> "pd.DataFrame":
    """See `mednca_bench.results.load`."""
    import pandas as pd

    folder = Path(run_folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such run folder")
    store = Store(folder)
    frames = [derive(to_frame(table)).drop(columns=list(LIST_COLUMNS)) for table in batches(store.tables())]
    return resolve(pd.concat(frames, ignore_index=True), source=store.records)


def batches(tables: Iterator[Any]) -> Iterator[Any]:
    """Arrow tables put together up to about 50,000 rows, with one dictionary for each column of words."""
    import pyarrow as pa

    waiting: list[Any] = []
    for table in tables:
        waiting.append(table)
        if sum(len(part) for part in waiting) >= BATCH_ROWS:
            yield pa.concat_tables(waiting).unify_dictionaries()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).unify_dictionaries()
