"""Shipped reference records: what a run's own scores can be held against.

Two forms lie in `results/reference/`:

- `NAME.SUITE.parquet`: records of the shipped weights NAME under a suite, in the store's own schema, so that every
  metric can be derived from them. `records` reads them.
- `corruption-NAME.csv`: one model's clean and perturbed Dice per case, with the columns of `COLUMNS`.

What is perturbed in either is the named baseline that a corruption error is relative to (`shipped`); NAME is shown in
tables. A reference counts only for the same task, part of the split, cases and perturbation versions: relative to
anything else the number would mean nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, Final

from .grouped import means
from .metrics import derive
from .parts import read_part, to_frame
from .record import LIST_COLUMNS, SCHEMA

if TYPE_CHECKING:
    import pandas as pd

PREFERRED: Final = "med-nca-stable-hippocampus"  # the baseline of corruption errors unless another is asked for
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


@dataclass(frozen=True)
class ReferenceRecords:
    """Records of one shipped model.

    Attributes:
        name: of the weights, e.g. med-nca-quick-hippocampus.
        suite: with version.
        frame: as `results.load` gives it.
    """

    name: str
    suite: str
    frame: "pd.DataFrame"


def file_name(name: str, suite: str) -> str:
    """How the records of shipped weights are called."""
    return f"{name}.{suite}.parquet"


def records(family: str = "") -> tuple[ReferenceRecords, ...]:
    """The records of shipped weights, by name; nothing where none are installed.

    Args:
        family: of suites, "accuracy" or "robustness"; all when empty.

    Raises:
        ValueError: a file is damaged or of another record schema; names it.
    """
    every = _read(family, columns=SCHEMA.names)
    return tuple(ReferenceRecords(name, suite, frame.drop(columns=list(LIST_COLUMNS))) for name, suite, frame in every)


def shipped(only: str | None = None) -> dict[str, "pd.DataFrame"]:
    """Every baseline for corruption errors that comes with the package; Dice is the mean over passes.

    `PREFERRED` is the first, so that weights that come later do not change what an mCE is relative to; then by name.

    Args:
        only: the name of one that is wanted.

    Raises:
        ValueError: there is none of that name, or a file has not the columns of `COLUMNS`, is damaged or of another
            schema; names it.
    """
    import pandas as pd

    needed = [name for name in SCHEMA.names if name in (*COLUMNS, "grid", "tp", "fp", "fn")]
    found = {}
    for name, suite, frame in _read("robustness", columns=needed):
        # Corruption errors are of acquisition families, which are scored on the native grid; clean images on both.
        native = frame[frame["grid"] == "native"].assign(suite=suite)
        if (native["severity"] > 0).any():
            found[name] = means(native, COLUMNS[:-1], COLUMNS[-1:])
    for entry in _entries(".csv"):
        if entry.name.startswith("corruption-"):
            with entry.open(encoding="utf-8") as stream:
                frame = pd.read_csv(stream)
            if missing := set(COLUMNS) - set(frame.columns):
                raise ValueError(f"{entry}: columns missing: {', '.join(sorted(missing))}")
            found[entry.name.removeprefix("corruption-").removesuffix(".csv")] = frame
    if only is None:
        return {name: found[name] for name in sorted(found, key=lambda name: (name != PREFERRED, name))}
    if only not in found:
        raise ValueError(f"no baseline '{only}' for corruption errors is shipped; known: {', '.join(sorted(found))}")
    return {only: found[only]}


def _read(family: str, *, columns: list[str]) -> Iterator[tuple[str, str, "pd.DataFrame"]]:
    """Name, suite and columns, with the metrics that follow from them, of the records of a family of suites."""
    for entry in _entries(".parquet"):
        name, suite, _ = entry.name.rsplit(".", 2)
        if suite.startswith(family):
            with as_file(entry) as path:
                yield name, suite, derive(to_frame(read_part(path, columns=columns)))


def _entries(ending: str) -> Iterator[Any]:
    for entry in sorted(files("mednca_bench.results.reference").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(ending):
            yield entry
