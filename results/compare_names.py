"""Which model of one run is which of another, and the name under which both are shown.

A model is the same in both runs by its name, passes and training seed, whatever recipe and weights are behind it: that
is what a comparison is for. Only where a run has a model by several recipes does the recipe count too, and where it has
one training seed with several weights, so do the weights: else it could not be told which is meant.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .scored import names

if TYPE_CHECKING:
    import pandas as pd

_MODEL: Final = ["task", "model"]
_TRAINING: Final = [*_MODEL, "recipe", "train_seed"]
_ALL: Final = [*_TRAINING, "weights", "passes"]
_WORDS: Final = [*_MODEL, "recipe", "weights"]


def named_alike(one: "pd.DataFrame", two: "pd.DataFrame") -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Two ledgers whose column `name` tells models apart in the same way, so that answers can be matched by it."""
    import pandas as pd

    # A run has few trainings and may have millions of rows.
    parts = [rows[_ALL].drop_duplicates().astype(dict.fromkeys(_WORDS, object)) for rows in (one, two)]
    trainings = pd.concat([part.assign(second=bool(n)) for n, part in enumerate(parts)], ignore_index=True)
    trainings = trainings.assign(recipe=_where_several(trainings, "recipe", by=_MODEL))
    trainings = trainings.assign(weights=_where_several(trainings, "weights", by=_TRAINING))
    found = names(trainings)
    return _named(one, found[: len(parts[0])]), _named(two, found[len(parts[0]) :])


def _named(rows: "pd.DataFrame", found: "pd.Series[str]") -> "pd.DataFrame":
    """The rows under the names of their trainings, which are in the order in which they first appear."""
    import pandas as pd

    order = rows.groupby(_ALL, sort=False, observed=True).ngroup().to_numpy()
    return rows.assign(name=pd.Categorical(found.to_numpy()[order], categories=found.cat.categories))


def _where_several(rows: "pd.DataFrame", column: str, *, by: Sequence[str]) -> "pd.Series[str]":
    """The column where a run has several of it in a group, "" where it has one."""
    distinct = rows[[*by, "second", column]].drop_duplicates()
    each = distinct.groupby([*by, "second"]).size().groupby(list(by)).max().rename("several")
    several = rows[list(by)].merge(each.reset_index(), on=list(by), how="left")["several"].to_numpy() > 1
    return rows[column].where(several, "")
