"""Means over cases with bootstrap intervals over subjects.

Cases of one subject are alike (a left and a right hippocampus), so an interval over cases would be too narrow: subjects
are resampled with replacement, each bringing all its cases, and the statistic is the mean over the cases drawn
(Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 8; percentile interval).

All means of a table share one set of resamples, so any two of them are paired. The resamples follow from
`BOOTSTRAP_SEED` and the number of subjects alone.
"""

from collections.abc import Iterator
from functools import lru_cache
from threading import Lock
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from .surface import Reals

_REALS_KEPT: Final = 40_000_000
"""Weights kept ready for multiplication (8 bytes each)."""

Counts: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]

BOOTSTRAP_SEED: Final = 2302_03473
"""Fixed so that a table is a pure function of its records (the number is the paper's on arXiv)."""

RESAMPLES: Final = 10_000
"""The Monte-Carlo error of a 95 % bound is then about 1.5 % of the interval's width."""

LEVEL: Final = 0.95
ENOUGH_SUBJECTS: Final = 100
"""Bootstrap intervals over fewer subjects are too narrow (docs/statistics.md); tables say so."""

_CHUNK: Final = 256
"""Statistics resampled at once: 10,000 x 256 float64 are 20 MB."""

_BLOCK: Final = 4_000_000
"""Weights multiplied at once: 32 MB."""

_WEIGHTS_KEPT: Final = 100_000_000
"""Weights kept in memory (2 bytes each); those of more subjects are drawn again whenever they are needed."""


class Resamples:
    """How often each subject is drawn in each bootstrap resample.

    Args:
        subjects: how many there are.
        resamples: how many resamples.
        seed: of the draw.

    Raises:
        ValueError: there is no subject.
    """

    def __init__(self, subjects: int, *, resamples: int = RESAMPLES, seed: int = BOOTSTRAP_SEED) -> None:
        if subjects < 1:
            raise ValueError(f"{subjects} subjects cannot be resampled; at least one is needed")
        self._subjects, self._resamples, self._seed = subjects, resamples, seed
        self._drawing = Lock()
        self._kept: list[Counts] | None = None
        self._kept_reals: list[Reals] | None = None

    def blocks(self) -> Iterator[Counts]:
        """The weights (resamples, subjects) in blocks of rows; the same numbers however they are cut."""
        if self._subjects * self._resamples > _WEIGHTS_KEPT:
            yield from self._drawn()
            return
        with self._drawing:  # tables are made in several threads: draw once
            if self._kept is None:
                self._kept = list(self._drawn())
        yield from self._kept

    def _drawn(self) -> Iterator[Counts]:
        generator = np.random.Generator(np.random.PCG64(self._seed))
        chances = np.full(self._subjects, 1 / self._subjects)
        rows = max(1, _BLOCK // self._subjects)
        kind = np.uint16 if self._subjects < 2**16 else np.uint32
        for start in range(0, self._resamples, rows):
            size = min(rows, self._resamples - start)
            yield generator.multinomial(self._subjects, chances, size=size).astype(kind)

    def _reals(self) -> Iterator[Reals]:
        if self._subjects * self._resamples > _REALS_KEPT:
            yield from (weights.astype(np.float64) for weights in self.blocks())
            return
        with self._drawing:
            if self._kept_reals is None:
                blocks = self._drawn() if self._kept is None else self._kept
                self._kept_reals = [weights.astype(np.float64) for weights in blocks]
        yield from self._kept_reals

    def means(self, sums: Reals, counts: Reals) -> Iterator[tuple[slice, Reals]]:
        """Replicates of many means, in chunks.

        Args:
            sums: (subjects, statistics) sum over the cases of each subject.
            counts: (subjects, statistics) number of cases of each subject, 0 where it has none.

        Yields:
            Which statistics, and their replicates (resamples, statistics of the chunk); NaN where a resample has no
            case at all.
        """
        for start in range(0, sums.shape[1], _CHUNK):
            part = slice(start, min(start + _CHUNK, sums.shape[1]))
            # Most statistics are over the same cases: each distinct column of counts is summed once.
            first, place = _equal_columns(counts[:, part])
            distinct = counts[:, part][:, first]
            rows = [_means(weights, sums[:, part], distinct, place) for weights in self._reals()]
            yield part, np.concatenate(rows)


def _equal_columns(counts: Reals) -> tuple[list[int], list[int]]:
    """The first of every set of equal columns, and to which set each column belongs."""
    known: dict[bytes, int] = {}
    place = [known.setdefault(column.tobytes(), len(known)) for column in counts.T]
    return [place.index(number) for number in range(len(known))], place


def _means(weights: Reals, sums: Reals, distinct: Reals, place: list[int]) -> Reals:
    # One product, since the weights are read from memory once for both.
    both = weights @ np.concatenate([sums, distinct], axis=1)
    total, size = both[:, : sums.shape[1]], both[:, sums.shape[1] :]
    size = size if size.shape[1] == 1 else size[:, place]
    means: Reals = np.divide(total, size, out=np.full(total.shape, np.nan), where=size > 0)
    return means


@lru_cache(maxsize=4)
def resamples_of(subjects: int) -> Resamples:
    """The shared resamples of this many subjects."""
    return Resamples(subjects)


def interval(replicates: Reals, *, level: float = LEVEL) -> tuple[Reals, Reals]:
    """Percentile interval of each column; NaN replicates are left out, and a column with nothing else gives NaN.

    Args:
        replicates: (resamples, statistics).
        level: of confidence.

    Returns:
        The lower and the upper bounds, (statistics,) each.
    """
    tails = [50 * (1 - level), 50 * (1 + level)]
    bounds = np.full((2, replicates.shape[1]), np.nan)
    broken = np.isnan(replicates).any(axis=0)
    if not broken.all():
        bounds[:, ~broken] = np.percentile(replicates[:, ~broken], tails, axis=0)
    for column in np.flatnonzero(broken):
        kept = replicates[~np.isnan(replicates[:, column]), column]
        if kept.size:
            bounds[:, column] = np.percentile(kept, tails)
    return bounds[0], bounds[1]


def bootstrap_mean(
    values: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> tuple[float, float]:
    """Bootstrap interval of the mean over cases, resampling groups.

    Args:
        values: (cases,) NaN cases are left out.
        groups: (cases,) the subject of each.
        level: of confidence.
        resamples: how many.
        seed: of the resampling.

    Returns:
        The two bounds; NaN when fewer than two groups have a value.
    """
    data = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(data)
    names, index = np.unique(np.asarray(groups)[known], return_inverse=True)
    if names.size < 2:
        return np.nan, np.nan
    sums = np.bincount(index, weights=data[known]).astype(np.float64)[:, None]
    counts = np.bincount(index).astype(np.float64)[:, None]
    (_, replicates), *_ = Resamples(names.size, resamples=resamples, seed=seed).means(sums, counts)
    low, high = interval(replicates, level=level)
    return float(low[0]), float(high[0])
