"""The way back in training: gradients of the weights and of the initial state, over the firing cells only.

The gradient of a state has three parts, because both convolutions are linear and the same at every step:

    gradient(cell) = gradient of the final state(cell)
                   + sum over later steps of what passed through the cell's own place in the perception
                   + transposed convolution of the sum over later steps of the gradient of the convolutions' outputs

The two sums are running totals (`own`, `passed`) that each step adds to at its firing cells only. The transposed
convolution is evaluated by a gather, and only where a gradient is asked for: at the cells that fire one step before.
Nothing is ever scattered onto overlapping neighbourhoods. A border cell's gradient goes to the cell it reflects.
"""

import torch
from torch import Tensor

from .nca_grid import Cells, run_numbers
from .nca_rule import RuleShape, RuleWeights
from .nca_step import Pieces, spans
from .nca_tape import Kept, Tape


class Backward:
    """Gradients of a loss, accumulated over the steps of a tape from the last to the first.

    Attributes:
        look, first, bias, second: gradients of the fields of `RuleWeights`.
        own: (cells, C) gradient of the final state plus what passed through the cells' own place in the perception.
        passed: sums of the gradient of the convolutions' outputs, 2C a cell.
    """

    def __init__(self, tape: Tape, weights: RuleWeights, shape: RuleShape, gradient: Tensor) -> None:
        kernel, channels, dtype = shape.kernel, shape.channels, gradient.dtype
        self.tape = tape
        self.weights = weights
        self.shape = shape
        self.pieces = Pieces(shape, dtype=dtype)
        self.look, self.first, self.bias, self.second = (
            torch.zeros_like(part) for part in (weights.look, weights.first, weights.bias, weights.second)
        )
        self.own = gradient.reshape(-1, channels).clone()
        self.passed = Cells(tape.schedule.grid, 2 * channels, dtype=dtype)
        turned = weights.look.view(kernel, kernel, channels, 2 * channels).flip(0, 1)
        self.look_transposed = turned.transpose(2, 3).reshape(-1, channels).contiguous()
        self.border, self.mirrored = tape.schedule.grid.mirrors()
        self.near = torch.empty(self.pieces.size * kernel, kernel * 2 * channels, dtype=dtype)
        self.hidden = torch.empty(self.pieces.size, shape.hidden, dtype=dtype)

    def step(self, step: int) -> None:
        """Undo one step and add its part of all gradients."""
        index, cells = self.tape.schedule.firing(step)
        if not len(index):
            self.tape.undo(cells)
            return
        own = self.own.index_select(0, index)
        gradient = self._gradient(own, index, cells)
        kept = self.tape.undo(cells)
        channels = self.shape.channels
        runs = run_numbers(self.tape.schedule.grid, cells)
        through = gradient.new_empty(len(index), 3 * channels)
        for part in spans(len(index), size=self.pieces.size):
            self._piece(runs[part], kept, part, gradient[part], through[part])
        self.own.index_copy_(0, index, own.add_(through[:, :channels]))
        passed = self.passed.flat.index_select(0, cells)
        self.passed.flat.index_copy_(0, cells, passed.add_(through[:, channels:]))

    def _piece(self, runs: Tensor, kept: Kept, part: slice, gradient: Tensor, through: Tensor) -> None:
        """Add a piece's part of the weights' gradients; write its gradient of the perception to `through`."""
        weights, channels = self.weights, self.shape.channels
        if kept.seen is None:
            perception = self.pieces.look(self.tape.cells, runs, kept.old[part], weights)
            near = self.pieces.near[: runs.numel()].view(len(runs), -1)
        else:
            perception, near = kept.seen[part], self.tape.cells.gather(runs, out=self.pieces.near)
        hidden = self.pieces.think(perception, weights) if kept.thought is None else kept.thought[part]
        self.second.addmm_(hidden.t(), gradient)
        before = torch.mm(gradient, weights.second.t(), out=self.hidden[: len(gradient)])
        torch.ops.aten.threshold_backward.grad_input(before, hidden, 0, grad_input=before)  # the ReLU
        self.first.addmm_(perception.t(), before)
        self.bias.add_(before.sum(0))
        torch.mm(before, weights.first.t(), out=through)
        self.look.addmm_(near.t(), through[:, channels:])

    def _gradient(self, own: Tensor, index: Tensor, cells: Tensor) -> Tensor:
        """Give the (n, C) gradient of the present state at inner cells, ascending, where `own` is the total so far."""
        rank = torch.searchsorted(index, self.mirrored).clamp_(max=len(index) - 1)
        mirrors = index[rank] == self.mirrored
        convolved = self._convolved(torch.cat((cells, self.border[mirrors])))
        return (own + convolved[: len(index)]).index_add_(0, rank[mirrors], convolved[len(index) :])

    def _convolved(self, cells: Tensor) -> Tensor:
        """Evaluate the transposed convolution of `passed` at cells of the grid, border or not."""
        result = self.own.new_empty(len(cells), self.shape.channels)
        runs = run_numbers(self.tape.schedule.grid, cells)
        for part in spans(len(cells), size=self.pieces.size):
            torch.mm(self.passed.gather(runs[part], out=self.near), self.look_transposed, out=result[part])
        return result

    def initial(self) -> Tensor:
        """Give the gradient of the state at which the walk has arrived, (B, H, W, C)."""
        grid = self.tape.schedule.grid
        every = torch.arange(len(self.own))
        return self._gradient(self.own, every, grid.inner(grid.numbers()).reshape(-1)).view(
            grid.batch, grid.height, grid.width, -1
        )
