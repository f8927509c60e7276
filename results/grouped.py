"""Group means of millions of rows by several columns: the columns become one whole number a row.

pandas groups by one column at a time and builds an index of as many levels; over a million rows by seven columns that
is most of a table's time.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .surface import Reals
from .surface_metrics import ratio

if TYPE_CHECKING:
    import pandas as pd

Codes: TypeAlias = npt.NDArray[np.int64]
_LARGEST: Final = 2**62
_SPARSE: Final = 32
"""Possible numbers per row up to which a table of all of them is made, which is faster than sorting."""


def codes(frame: "pd.DataFrame", by: Sequence[str]) -> tuple[Codes, int]:
    """One number for each combination of the values of `by`, in their sort order, and how many numbers there may be.

    Values must not be missing.

    Example:
        >>> import pandas as pd
        >>> codes(pd.DataFrame({"a": ["y", "x", "y"], "b": [1, 2, 2]}), ["a", "b"])
        (array([2, 1, 3]), 4)
    """
    number, size = np.zeros(len(frame), dtype=np.int64), 1
    for name in by:
        one, many = _column(frame[name])
        if size * max(many, 1) > _LARGEST:  # make room: only the numbers in use count
            used, number = places(number, size)
            size = used.size
        number, size = number * many + one, size * max(many, 1)
    return number, size


def _column(column: "pd.Series[Any]") -> tuple[Codes, int]:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        order = np.argsort(np.argsort(np.asarray(categories.astype(object)), kind="stable"), kind="stable")
        return order.astype(np.int64)[column.cat.codes.to_numpy()], len(categories)
    values = column.to_numpy()
    if values.dtype.kind in "iub" and values.size:
        low, high = int(values.min()), int(values.max())
        if high - low < 1024:
            return values.astype(np.int64) - low, high - low + 1
    number, distinct = pd.factorize(column, sort=True)
    return number.astype(np.int64), len(distinct)


def groups(frame: "pd.DataFrame", by: Sequence[str]) -> tuple[Codes, "pd.DataFrame"]:
    """Number the groups of a frame by `by`, in their sort order.

    Returns:
        (rows,) the number of each row's group; and one row per group with the columns of `by`.
    """
    found, place = places(*codes(frame, by))
    first = np.zeros(found.size, dtype=np.int64)
    first[place[::-1]] = np.arange(place.size)[::-1]  # the first row is written last
    return place, frame[list(by)].take(first).reset_index(drop=True)


def sums(values: Reals, place: Codes, size: int) -> tuple[Reals, Reals]:
    """Sum and number of the values in each of `size` groups, NaN left out; added up in the order of the rows."""
    known = ~np.isnan(values)
    if not known.all():
        values, place = values[known], place[known]
    total = np.bincount(place, weights=values, minlength=size)
    return total.astype(np.float64), np.bincount(place, minlength=size).astype(np.float64)


def means(
    frame: "pd.DataFrame", by: Sequence[str], metrics: Sequence[str], *, order: str | None = None
) -> "pd.DataFrame":
    """The mean of each metric in each group, NaN left out; a group without any value stays, as NaN.

    Args:
        frame: rows.
        by: columns without missing values.
        metrics: columns of numbers.
        order: the column in whose order the values of a group are added up; in that of the rows when None.

    Returns:
        One row per group, sorted by `by`: the columns of `by` and of `metrics`.
    """
    place, table = groups(frame, by)
    rows: Any = slice(None)
    if order is not None and len(table) < len(frame) and not frame[order].is_monotonic_increasing:
        rows = np.argsort(_column(frame[order])[0], kind="stable")
    place = place[rows]
    found = {}
    for name in metrics:
        found[name] = ratio(*sums(frame[name].to_numpy(dtype=np.float64)[rows], place, len(table)))
    return table.assign(**found)


def distinct_per_group(frame: "pd.DataFrame", by: Sequence[str], name: str) -> tuple[Codes, Codes]:
    """How many distinct values of a column each group has.

    Returns:
        Of every row the place of its group, and of every group the number; groups are sorted by `by`.
    """
    group, size = codes(frame, by)
    found, owner = places(group, size)
    one, many = _column(frame[name])
    pairs = distinct(owner * max(many, 1) + one, found.size * max(many, 1))
    return owner, np.bincount(pairs // max(many, 1), minlength=found.size).astype(np.int64)


def distinct(number: Codes, size: int) -> Codes:
    """The numbers that occur, rising.

    Args:
        number: each at least 0 and below `size`.
        size: from `codes`.
    """
    if size > _SPARSE * number.size + 1024:
        ordered = np.sort(number)
        return ordered[np.diff(ordered, prepend=-1) > 0]
    seen = np.zeros(size, dtype=np.bool_)
    seen[number] = True
    return np.flatnonzero(seen).astype(np.int64, copy=False)


def places(number: Codes, size: int) -> tuple[Codes, Codes]:
    """The numbers that occur, rising, and the place of each row's number among them."""
    found = distinct(number, size)
    if size > _SPARSE * number.size + 1024:
        return found, np.searchsorted(found, number).astype(np.int64, copy=False)
    place = np.zeros(size, dtype=np.int64)
    place[found] = np.arange(found.size)
    return found, place[number]
