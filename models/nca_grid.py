"""The cell grid: flat channels-last cells with a border, and the gather that reads neighbourhoods from them.

A grid is (B, H + 2r, W + 2r) cells with r the reach of the kernel, numbered in this order. The `kernel` neighbours of a
cell along x are then one contiguous run of numbers, and a neighbourhood is `kernel` such runs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """Geometry of a batch of bordered states.

    Attributes:
        batch: number of images.
        height: cells along y, without the border.
        width: cells along x, without the border.
        reach: width of the border in cells, half the kernel's side rounded down.
    """

    batch: int
    height: int
    width: int
    reach: int

    @property
    def rows(self) -> int:
        """Rows of one image, with the border."""
        return self.height + 2 * self.reach

    @property
    def pitch(self) -> int:
        """Cells from one row to the next."""
        return self.width + 2 * self.reach

    @property
    def guard(self) -> int:
        """Cells kept free before the first and after the last, so that the neighbours of border cells exist."""
        return self.reach * (self.pitch + 1)

    def numbers(self) -> Tensor:
        """Give the numbers of all cells as (B, H + 2r, W + 2r)."""
        return torch.arange(self.batch * self.rows * self.pitch).view(self.batch, self.rows, self.pitch)

    def inner(self, bordered: Tensor) -> Tensor:
        """View the (B, H, W, ...) cells inside the border of (B, H + 2r, W + 2r, ...)."""
        inside = slice(self.reach, -self.reach)
        return bordered[:, inside, inside]

    def reflect(self, bordered: Tensor) -> None:
        """Write the border from the cells inside, in place: reflection that does not repeat the edge cell."""
        reach, bottom, right = self.reach, self.reach + self.height - 1, self.reach + self.width - 1
        for away in range(1, reach + 1):
            bordered[:, reach - away] = bordered[:, reach + away]
            bordered[:, bottom + away] = bordered[:, bottom - away]
        for away in range(1, reach + 1):
            bordered[:, :, reach - away] = bordered[:, :, reach + away]
            bordered[:, :, right + away] = bordered[:, :, right - away]

    def mirrors(self) -> tuple[Tensor, Tensor]:
        """List the border cells and, for each, the cell it reflects as an index into the flat (B, H, W)."""
        source = self.numbers().new_full((self.batch, self.rows, self.pitch), -1)
        cells = torch.arange(self.batch * self.height * self.width).view(self.batch, self.height, self.width)
        self.inner(source).copy_(cells)
        border = (source < 0).view(-1).nonzero()[:, 0]
        self.reflect(source)
        return border, source.view(-1)[border]


class Cells:
    """The numbers of a bordered grid, zero at first, seen in four ways.

    Attributes:
        flat: (cells, channels).
        bordered: (B, H + 2r, W + 2r, channels).
        inner: (B, H, W, channels), without the border.
    """

    def __init__(self, grid: Grid, channels: int, *, dtype: torch.dtype) -> None:
        kernel = 2 * grid.reach + 1
        count = grid.batch * grid.rows * grid.pitch
        whole = torch.zeros(count + 2 * grid.guard, channels, dtype=dtype)
        self.grid = grid
        self.flat = whole[grid.guard : grid.guard + count]
        self.bordered = self.flat.view(grid.batch, grid.rows, grid.pitch, channels)
        self.inner = grid.inner(self.bordered)
        self._runs = whole.as_strided((len(whole) - kernel + 1, kernel * channels), (channels, 1))

    def gather(self, runs: Tensor, *, out: Tensor) -> Tensor:
        """Read neighbourhoods.

        Args:
            runs: (n, kernel) `run_numbers` of n cells.
            out: (at least n * kernel, kernel * channels) numbers of working space.

        Returns:
            (n, kernel * kernel * channels): row by row, from left to right.
        """
        space = out[: runs.numel()]
        torch.index_select(self._runs, 0, runs.view(-1), out=space)
        return space.view(len(runs), -1)

    def reflect(self) -> None:
        """Write the border from the cells inside."""
        self.grid.reflect(self.bordered)


def run_numbers(grid: Grid, cells: Tensor) -> Tensor:
    """Give, for each of n cells and each kernel row, where its run starts, as (n, kernel)."""
    rows = torch.arange(2 * grid.reach + 1) * grid.pitch
    return cells[:, None] + rows
