"""What must hold before run folders are merged; everything here reads and nothing writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .duplicates import resolve
from .parts import to_frame
from .record import IDENTITY
from .store import Store, load_units

if TYPE_CHECKING:
    import pandas as pd

ANSWER: Final = (
    "task", "case", "label", "model", "weights", "perturbation", "severity", "grid", "draw_seed", "fire_seed", "passes",
)  # fmt: skip
"""What tells one answer from another, whatever its key."""

_SHOWN: Final = 3


def check_records(sources: Sequence[Path]) -> None:
    """Refuse runs of different data, and two records of one (key, label); only units in two runs are read whole.

    Raises:
        ValueError: names the runs, and what differs or the keys.
    """
    import pandas as pd
    import pyarrow.compute as pc

    _check_scope(sources)
    seen: set[str] = set()
    shared: set[str] = set()
    for folder in sources:
        keys = Store(folder).keys()
        shared |= seen & keys
        seen |= keys
    if not shared:
        return
    frames = []
    for folder in sources:
        for table in Store(folder).tables():
            found = table.filter(pc.is_in(table.column("key"), value_set=_array(shared)))
            if len(found):
                frames.append(to_frame(found))
    resolve(pd.concat(frames, ignore_index=True), source=" and ".join(map(str, sources)))


def _array(keys: set[str]) -> Any:
    import pyarrow as pa

    return pa.array(sorted(keys), pa.string())


def _check_scope(sources: Sequence[Path]) -> None:
    """One task, one part, phantom or real; said by the records themselves."""
    first: tuple[Path, dict[str, Any]] | None = None
    for folder in sources:
        for table in Store(folder).tables(["task", "split", "phantom"]):
            for row in table.group_by(["task", "split", "phantom"]).aggregate([]).to_pylist():
                first = first or (folder, row)
                if row != first[1]:
                    raise ValueError(
                        f"{first[0]} holds {_words(first[1])}, {folder} holds {_words(row)}: these are never put "
                        "into one run"
                    )


def _words(scope: dict[str, Any]) -> str:
    return f"{scope['task']}, part {scope['split']}, {'phantom' if scope['phantom'] else 'real'} data"


def all_units(sources: Sequence[Path]) -> "pd.DataFrame":
    """Every unit and label intended, or scored by a run that has no list of what it intended; identity columns.

    Raises:
        ValueError: two runs say different things of one unit; names the keys and columns.
    """
    import pandas as pd

    frames = []
    for folder in sources:
        units = load_units(folder)
        if units is None and Store(folder).parts():
            units = Store(folder).load(IDENTITY)
        if units is not None:
            frames.append(units[list(IDENTITY)].assign(parameters="{}"))
    try:
        return resolve(pd.concat(frames, ignore_index=True), source=" and ".join(map(str, sources)))
    except ValueError as error:
        raise ValueError(f"{error} (their units.parquet disagree)") from error


def check_answers(units: "pd.DataFrame", sources: Sequence[Path]) -> None:
    """Refuse one answer under two keys: data, split, preprocessing or code changed between the runs.

    Raises:
        ValueError: names runs and answers.
    """
    repeated = units[units.duplicated(list(ANSWER), keep=False)].sort_values(list(ANSWER))
    if repeated.empty:
        return
    names = [
        f"{row.model} {row.case} {row.perturbation} {row.severity} ({str(row.key)[:12]})"
        for row in repeated.head(2 * _SHOWN).itertuples(index=False)
    ]
    raise ValueError(
        f"{' and '.join(map(str, sources))}: {len(repeated)} answers are there under two keys, so data, split, "
        f"preprocessing or code changed between the runs: {', '.join(names)}; run the older one again"
    )
