"""Shipped reference records: the named baseline that a corruption error is relative to.

A file `results/reference/corruption-NAME.csv` holds one model's clean and perturbed Dice per case, with the columns of
`COLUMNS`; NAME is shown in tables. A reference counts only for the same task, part of the split, cases and perturbation
versions: relative to anything else the number would mean nothing.
"""

from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "suite",
    "task",
    "split",
    "model",
    "weights",
    "case",
    "label",
    "perturbation",
    "perturbation_version",
    "severity",
    "dice",
)


def shipped() -> dict[str, "pd.DataFrame"]:
    """Every reference that comes with the package, by name.

    Raises:
        ValueError: a file has not the columns of `COLUMNS`; names it.
    """
    import pandas as pd

    found = {}
    for entry in sorted(files("mednca_bench.results.reference").iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("corruption-") and entry.name.endswith(".csv"):
            with entry.open(encoding="utf-8") as stream:
                frame = pd.read_csv(stream)
            if missing := set(COLUMNS) - set(frame.columns):
                raise ValueError(f"{entry}: columns missing: {', '.join(sorted(missing))}")
            found[entry.name.removeprefix("corruption-").removesuffix(".csv")] = frame
    return found
