"""One record per (key, label): copies are dropped, contradictions refused.

The key of a unit hashes everything that can change its result, so two records of one key must agree. Integers, words
and distances must agree exactly. Soft sums may differ by a relative 1e-4: the tolerance to which a model's logits agree
between thread counts and machines. Calibration bins follow from the same probabilities and are not compared.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .record import DISTANCE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

RELATIVE_TOLERANCE: Final = 1e-4
_NOT_COMPARED: Final = ("cal_count", "cal_p", "cal_y")
_SHOWN: Final = 5


def resolve(frame: "pd.DataFrame", *, source: str | Path) -> "pd.DataFrame":
    """Sort by (key, label) and keep one row of each.

    The row kept does not depend on the order of `frame`.

    Args:
        frame: records, with any subset of the columns that has `key` and `label`.
        source: named in the error.

    Raises:
        ValueError: two rows of one (key, label) contradict each other; names the keys and columns.
    """
    pair = ["key", "label"]
    ties = [name for name in ("p_sum", "py_sum") if name in frame.columns]
    ordered = frame.sort_values([*pair, *ties], kind="stable", ignore_index=True)
    repeated = ordered.duplicated(pair, keep="first")
    if not repeated.any():
        return ordered
    first = ordered.drop_duplicates(pair).set_index(pair)
    copies = ordered[repeated]
    originals = first.loc[list(zip(copies["key"], copies["label"], strict=True))]
    conflicts: dict[str, set[str]] = {}
    for name in [name for name in frame.columns if name not in (*pair, *_NOT_COMPARED)]:
        for key, same in zip(copies["key"], _agree(name, copies[name], originals[name]), strict=True):
            if not same:
                conflicts.setdefault(str(key), set()).add(name)
    if conflicts:
        shown = [f"{key} ({', '.join(sorted(names))})" for key, names in sorted(conflicts.items())[:_SHOWN]]
        more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        raise ValueError(
            f"{source}: different records of the same unit: {'; '.join(shown)}{more}. Two programs disagree under one "
            "key: find out which is right and delete the other's parts"
        )
    return ordered[~repeated].reset_index(drop=True)


def _agree(name: str, left: "pd.Series[Any]", right: "pd.Series[Any]") -> list[bool]:
    import numpy as np

    if name in DISTANCE_COLUMNS:
        return [list(a) == list(b) for a, b in zip(left, right, strict=True)]
    if left.dtype.kind == "f":
        close = np.isclose(left.to_numpy(), right.to_numpy(), rtol=RELATIVE_TOLERANCE, atol=1e-6, equal_nan=True)
        return [bool(value) for value in close]
    return [bool(value) for value in left.to_numpy() == right.to_numpy()]
