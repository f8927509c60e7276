"""The cell grid: channels-last states with a reflected border, and the gather that reads neighbourhoods from it.

A padded state is (B, H + 2r, W + 2r, C) with r the kernel's reach. Its cells are numbered in one flat order, so that
the `kernel` neighbours of a cell along x are one contiguous run of numbers and a neighbourhood is `kernel` such runs.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Grid:
    """Geometry of a batch of padded states.

    Attributes:
        batch: number of images.
        height: cells along y, without the border.
        width: cells along x, without the border.
        reach: width of the border, in cells.
    """

    batch: int
    height: int
    width: int
    reach: int

    @property
    def pitch(self) -> int:
        """Cells from one row to the next."""
        return self.width + 2 * self.reach

    @property
    def rows(self) -> int:
        """Rows of one padded state."""
        return self.height + 2 * self.reach

    def flat_index(self) -> NDArray[np.int64]:
        """Give the number in the padded batch of each cell of (batch, height, width), in that order."""
        cells = np.arange(self.batch * self.rows * self.pitch).reshape(self.batch, self.rows, self.pitch)
        inner = slice(self.reach, -self.reach)
        return cells[:, inner, inner].reshape(-1)

    def pad(self, state: Tensor) -> Tensor:
        """Copy (B, H, W, C) into a new padded state, border included."""
        reach = self.reach
        padded = state.new_empty(self.batch, self.rows, self.pitch, state.shape[-1])
        padded[:, reach:-reach, reach:-reach] = state
        self.reflect(padded)
        return padded

    def crop(self, padded: Tensor) -> Tensor:
        """View the (B, H, W, C) cells inside the border."""
        inner = slice(self.reach, -self.reach)
        return padded[:, inner, inner]

    def reflect(self, padded: Tensor) -> None:
        """Write the border again from the cells inside, in place (reflection without the edge cell)."""
        reach, last_row, last_column = self.reach, self.reach + self.height - 1, self.reach + self.width - 1
        for away in range(1, reach + 1):
            padded[:, reach - away, :] = padded[:, reach + away, :]
            padded[:, last_row + away, :] = padded[:, last_row - away, :]
        for away in range(1, reach + 1):
            padded[:, :, reach - away] = padded[:, :, reach + away]
            padded[:, :, last_column + away] = padded[:, :, last_column - away]


def row_offsets(grid: Grid) -> Tensor:
    """Give, for each kernel row, how far its run of cells starts from the centre cell, in flat numbers."""
    reach = grid.reach
    return torch.arange(-reach, reach + 1) * grid.pitch - reach


def runs(padded: Tensor, *, kernel: int) -> Tensor:
    """View a padded state as overlapping runs of `kernel` cells: row i starts at flat cell i."""
    channels = padded.shape[-1]
    cells = padded.numel() // channels
    return padded.as_strided((cells - kernel + 1, kernel * channels), (channels, 1))


def dense_neighbourhoods(state: Tensor, *, reach: int) -> Tensor:
    """Pad (B, H, W, C) by reflection and return it as (B, C, H + 2r, W + 2r); differentiable."""
    return functional.pad(state.movedim(-1, 1), (reach,) * 4, mode="reflect")
