"""Frames of records joined into one that is sorted by (key, label), in as few bytes a row as the values need.

Columns are joined one by one, and each frame's column is let go of once it is, so that no more than one column is there
twice. Words become categories that all frames share, whole numbers the smallest type that holds them.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd


def shared_words(frames: "Iterable[pd.DataFrame]", names: Iterable[str]) -> "dict[str, pd.CategoricalDtype]":
    """For each column of words the sorted words of all frames."""
    import pandas as pd

    found: dict[str, set[str]] = {name: set() for name in names}
    for frame in frames:
        for name in found.keys() & set(frame.columns):
            column = frame[name]
            known = isinstance(column.dtype, pd.CategoricalDtype)
            found[name].update(column.cat.categories if known else column.unique())
    return {name: pd.CategoricalDtype(pd.Index(sorted(words), dtype=object)) for name, words in found.items()}


def joined(frames: "list[pd.DataFrame]", kinds: "Mapping[str, pd.CategoricalDtype]") -> "pd.DataFrame":
    """All rows of all frames, sorted by (key, label); the frames are emptied.

    Args:
        frames: at least one, all with the same columns, `key` a number.
        kinds: from `shared_words`.
    """
    import pandas as pd

    names = list(frames[0].columns)
    key = np.concatenate([frame["key"].to_numpy() for frame in frames])
    order = np.lexsort((np.concatenate([_codes(frame["label"], kinds["label"]) for frame in frames]), key))
    del key
    columns: dict[str, Any] = {}
    for name in names:
        parts = [frame.pop(name) for frame in frames]
        if name in kinds:
            codes = np.concatenate([_codes(part, kinds[name]) for part in parts])
            columns[name] = pd.Categorical.from_codes(codes[order], dtype=kinds[name], validate=False)
        else:
            columns[name] = smallest(np.concatenate([part.to_numpy() for part in parts]))[order]
    return pd.DataFrame(columns, copy=False)


def _codes(column: "pd.Series[Any]", kind: "pd.CategoricalDtype") -> npt.NDArray[np.signedinteger[Any]]:
    """The place of each row's word in `kind`."""
    column = column.astype("category")
    place = kind.categories.get_indexer(column.cat.categories)
    place = place.astype(np.min_scalar_type(-max(len(kind.categories), 1)))
    found: npt.NDArray[np.signedinteger[Any]] = place[column.cat.codes.to_numpy()]
    return found


def smallest(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Signed whole numbers in the smallest type that holds them all; other values as they are.

    Example:
        >>> smallest(np.array([-1, 300])).dtype, smallest(np.array([0.5])).dtype
        (dtype('int16'), dtype('float64'))
    """
    if values.dtype.kind != "i" or not values.size:
        return values
    low, high = int(values.min()), int(values.max())
    return values.astype(np.min_scalar_type(min(low, -high - 1)))
