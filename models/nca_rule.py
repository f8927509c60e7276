"""The update rule of one NCA level and its parameters.

    perception = concat(x, conv_a(x), conv_b(x))           C -> 3C, reflect padding
    x += mask * fc1(relu(fc0(perception)))                  3C -> hidden -> C, fc1 without bias, zero at the start

The image channels (the first ones) never change. Names follow the authors' checkpoints: p0 and p1 are the convolutions.
Rule and names: Kalkhof et al., Med-NCA, arXiv 2302.03473, and its code (MECLabTUDA/Med-NCA).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

HIDDEN = 128
KERNEL = 3


@dataclass(frozen=True)
class RuleShape:
    """Sizes of one level.

    Attributes:
        channels: C, numbers per cell: image, output, hidden.
        hidden: width of the hidden layer.
        kernel: side of the convolutions' kernel, odd, at least 3.
        image: number of image channels.
    """

    channels: int
    hidden: int
    kernel: int
    image: int

    def __post_init__(self) -> None:
        if self.kernel < 3 or self.kernel % 2 == 0:
            raise ValueError(f"kernel_size is {self.kernel}; it must be odd and at least 3")
        if self.hidden < 1:
            raise ValueError(f"hidden is {self.hidden}; it must be at least 1")

    @property
    def reach(self) -> int:
        """Cells the kernel reaches beyond its centre."""
        return self.kernel // 2

    @property
    def macs_per_cell(self) -> int:
        """Multiply-accumulates of one cell and step by the dense rule: 34,816 for C 32, hidden 128, kernel 3."""
        return 2 * self.channels**2 * self.kernel**2 + 4 * self.channels * self.hidden


@dataclass(frozen=True)
class RuleWeights:
    """The parameters of one level laid out for matrix products on channels-last cells.

    Attributes:
        look: (kernel * kernel * C, 2C): a neighbourhood, row by row, times this is both convolutions without bias.
        first: (3C, hidden).
        bias: (hidden,): the first layer's, plus what the convolutions' biases contribute to it.
        second: (hidden, C), image columns 0: the image channels get no update.
    """

    look: Tensor
    first: Tensor
    bias: Tensor
    second: Tensor


class Rule(nn.Module):
    """The parameters of one level: 35,008 for C 32, hidden 128, kernel 3."""

    def __init__(self, shape: RuleShape) -> None:
        super().__init__()
        self.shape = shape
        self.fc0 = nn.Linear(3 * shape.channels, shape.hidden)
        self.fc1 = nn.Linear(shape.hidden, shape.channels, bias=False)
        nn.init.zeros_(self.fc1.weight)
        self.p0 = nn.Conv2d(shape.channels, shape.channels, shape.kernel)
        self.p1 = nn.Conv2d(shape.channels, shape.channels, shape.kernel)

    def weights(self) -> RuleWeights:
        """Lay the parameters out; differentiable."""
        both = torch.cat((self.p0.weight, self.p1.weight))  # (2C, C, kernel, kernel)
        first = self.fc0.weight.t().contiguous()
        biases = torch.cat([bias for bias in (self.p0.bias, self.p1.bias) if bias is not None])
        second = self.fc1.weight.t().clone()
        second[:, : self.shape.image] = 0.0
        return RuleWeights(
            look=both.permute(2, 3, 1, 0).reshape(-1, both.shape[0]),  # contiguous, as the products like it
            first=first,
            bias=self.fc0.bias + biases @ first[self.shape.channels :],
            second=second,
        )
