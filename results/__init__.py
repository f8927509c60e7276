"""What happens to a score: the record, the store, metrics, statistics, tables and plots.

Everything here is a pure function of the files of a run folder; no model is ever run again.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load(run_folder: str | Path) -> "pd.DataFrame":
    """All records of a run as a tidy DataFrame with derived metrics.

    One row per case, label, condition and seeds. Columns: the identity and the scalar measurements of
    `results.record.COLUMNS`, and the metrics of `results.metrics.METRICS` (lengths in mm). Histograms and calibration
    bins are left in the store; `results.store.Store(run_folder).load()` has them.

    Args:
        run_folder: as given to `--out`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a part is damaged or foreign, or records contradict each other; names the file or the units.

    Example:
        >>> frame = load("runs/mine")  # doctest: +SKIP
        >>> frame.groupby(["model", "perturbation", "severity"])["dice"].mean()  # doctest: +SKIP
    """
    from .tidy import tidy

    return tidy(run_folder)
