"""Training and validation slices, read lazily from memory-mapped prepared cases, in an order fixed by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

_ORDER_STREAM = 0x51  # separates the order of slices from every other use of the training seed
_FOREGROUND_STREAM = 0xF5  # separates the choice of slices with foreground


@dataclass(frozen=True)
class PreparedCase:
    """One case on the model's grid.

    Attributes:
        id: the case's id.
        sha256: of the case's native data; keys the fire masks.
        image: (Z, C, H, W) float32 in [0, 1].
        target: (Z, K, H, W) uint8.
    """

    id: str
    sha256: str
    image: NDArray[np.float32]
    target: NDArray[np.uint8]


class SliceSet:
    """All slices of some cases, addressed by one index."""

    def __init__(self, cases: Sequence[PreparedCase]) -> None:
        self.cases = tuple(cases)
        self._rows = np.array([(c, z) for c, case in enumerate(cases) for z in range(len(case.image))], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def with_foreground(self) -> NDArray[np.int64]:
        """Indices of the slices whose target is not empty; every target is read once."""
        filled = [case.target.reshape(len(case.target), -1).any(axis=1) for case in self.cases]
        return np.flatnonzero(np.concatenate(filled))

    def batch(self, indices: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (B, C, H, W) and targets (B, K, H, W), both float32."""
        picked = [(self.cases[c], z) for c, z in self._rows[indices]]
        images = np.stack([case.image[z] for case, z in picked])
        targets = np.stack([case.target[z] for case, z in picked]).astype(np.float32)
        return torch.from_numpy(images), torch.from_numpy(targets)


def batch_indices(*, slices: int, batch: int, update: int, seed: int) -> NDArray[np.int64]:
    """Which slices update number `update` sees: consecutive pieces of one seeded permutation per pass.

    A pure function of its arguments, so a resumed run needs no state to go on with the same slices.
    """
    positions = range(update * batch, (update + 1) * batch)
    passes = {
        epoch: np.random.default_rng([_ORDER_STREAM, seed, epoch]).permutation(slices)
        for epoch in range(positions[0] // slices, positions[-1] // slices + 1)
    }
    return np.array([passes[p // slices][p % slices] for p in positions], dtype=np.int64)


def towards_foreground(
    indices: NDArray[np.int64], with_foreground: NDArray[np.int64], *, probability: float, update: int, seed: int
) -> NDArray[np.int64]:
    """Replace slices without foreground, each with this probability, by one that has some, drawn uniformly.

    A pure function of its arguments; where no slice has foreground nothing is replaced.
    """
    chosen = indices.copy()
    for sample in range(len(indices)) if probability and len(with_foreground) else ():
        random = np.random.default_rng([_FOREGROUND_STREAM, seed, update, sample])
        if random.random() < probability and not np.isin(indices[sample], with_foreground):
            chosen[sample] = random.choice(with_foreground)
    return chosen
