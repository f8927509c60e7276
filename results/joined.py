"""Pieces of records joined into one frame that is sorted by (key, label), in as few bytes a row as the values need.

Columns are joined one by one, and each piece's column is let go of once it is, so that no more than one column is there
twice. Words become categories that all pieces share, whole numbers the smallest type that holds them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd


class Words(NamedTuple):
    """A column of words: the place of each row's word among the distinct ones."""

    places: npt.NDArray[np.integer[Any]]
    distinct: list[str]


Columns: TypeAlias = dict[str, Any]
"""Columns by name, each an array or `Words`."""


def columns_of(frame: "pd.DataFrame", names: Iterable[str], *, words: Collection[str]) -> Columns:
    """Copies of some columns of a frame; those that are `words` as such."""
    return {name: _words(frame[name]) if name in words else frame[name].to_numpy(copy=True) for name in names}


def _words(column: "pd.Series[Any]") -> Words:
    category = column.astype("category").cat
    return Words(category.codes.to_numpy(), category.categories.tolist())


def shared_words(pieces: Iterable[Columns], names: Iterable[str]) -> dict[str, list[str]]:
    """For each column of words the sorted words of all pieces."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for piece in pieces:
        for name in found.keys() & piece.keys():
            found[name].update(piece[name].distinct)
    return {name: sorted(words) for name, words in found.items()}


def joined(pieces: Sequence[Columns], words: Mapping[str, list[str]]) -> "pd.DataFrame":
    """All rows of all pieces, sorted by (key, label); the pieces are emptied.

    Args:
        pieces: at least one, all with the same columns, `key` a number.
        words: from `shared_words`.
    """
    import pandas as pd

    label = _places([piece["label"] for piece in pieces], words["label"])
    order = np.lexsort((label, np.concatenate([piece["key"] for piece in pieces])))
    columns: dict[str, Any] = {}
    for name in list(pieces[0]):
        parts = [piece.pop(name) for piece in pieces]
        if name in words:
            kind = pd.CategoricalDtype(pd.Index(words[name], dtype=object))
            columns[name] = pd.Categorical.from_codes(_places(parts, words[name])[order], dtype=kind, validate=False)
        else:
            columns[name] = smallest(np.concatenate(parts))[order]
    return pd.DataFrame(columns, copy=False)


def _places(parts: Sequence[Words], words: list[str]) -> npt.NDArray[np.signedinteger[Any]]:
    """The place of each row's word in `words`."""
    place = {word: number for number, word in enumerate(words)}
    kind = np.min_scalar_type(-max(len(words), 1))
    own = (np.array([place[word] for word in part.distinct], dtype=kind) for part in parts)
    return np.concatenate([number[part.places] for number, part in zip(own, parts, strict=True)])


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
