"""What happens to a score: the record, the store, metrics, statistics, tables and plots.

Everything here is a pure function of the files of a run folder; no model is ever run again.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load(run_folder: str | Path, *, everything: bool = False) -> "pd.DataFrame":
    """The records of a run as a tidy DataFrame with derived metrics.

    One row per case, label, condition and seeds. Columns: the identity and the scalar measurements of
    `results.record.COLUMNS`, and the metrics of `results.metrics.METRICS` (lengths in mm). Histograms and calibration
    bins are left in the store; `results.store.Store(run_folder).load()` has them.

    Args:
        run_folder: as given to `--out`.
        everything: also records of units that the run does not ask for any more (its last command named other models,
            suites or cases), which no table shows.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: a part is damaged or foreign, or records contradict each other; names the file or the units.

    Example:
        >>> frame = load("runs/mine")  # doctest: +SKIP
        >>> frame.groupby(["model", "perturbation", "severity"])["dice"].mean()  # doctest: +SKIP
    """
    from .store import load_units
    from .tidy import tidy

    frame, units = tidy(run_folder), None if everything else load_units(run_folder)
    return frame if units is None else frame[frame["key"].isin(set(units["key"]))].reset_index(drop=True)
