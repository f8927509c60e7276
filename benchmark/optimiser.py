"""The optimisers a recipe can name: Adam, and Muon for recurrent rules whose gradient is nearly of rank one.

A cell's update is added up over dozens of steps, so that what all hidden units push alike ("more everywhere", "less
everywhere") outweighs in the gradient whatever tells one place from another, and Adam, which weighs element by element,
follows it to and fro. Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) takes the momentum of a
weight matrix as a whole and steps as far along each of its singular directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from .recipe_type import Recipe

_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's: five rounds bring singular values from 0.01 to between 0.7 and 1.2
_ROUNDS = 5
_SMALL = 1e-7


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal tensor by tensor.

    A kernel counts as a matrix of outputs × everything else, a bias as a matrix of one row, whose step is its momentum
    at a fixed length. The root mean square of a step is about the learning rate, as with Adam where gradients agree.

    Args:
        params: what to train.
        lr: learning rate.
        momentum: factor of the running mean of the gradient, in [0, 1); Nesterov's, looking one gradient ahead.
    """

    def __init__(self, params: Iterable[torch.Tensor], lr: float, momentum: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step; `closure` is not used."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                mean = state["momentum"].lerp_(parameter.grad, 1.0 - group["momentum"])
                ahead = torch.lerp(parameter.grad, mean, group["momentum"])
                matrix = ahead.reshape(len(ahead) if ahead.ndim > 1 else 1, -1)
                step = orthogonal(matrix) * max(matrix.shape) ** 0.5
                parameter.sub_(step.reshape(parameter.shape), alpha=group["lr"])


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix with orthonormal rows (columns, of a tall one), about: its singular values lie near 1.

    Args:
        matrix: (M, N).

    Returns:
        (M, N): U V' of M = U S V', with singular values between 0.7 and 1.2 for those above a hundredth of the norm;
        smaller ones grow by a factor of some 480, so that directions without a gradient stay without a step.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    wide: torch.Tensor = matrix.T if tall else matrix
    wide = wide / wide.norm().clamp(min=_SMALL)
    a, b, c = _QUINTIC
    for _ in range(_ROUNDS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if tall else wide


def optimiser_for(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser of a model's parameters; Muon's momentum is the first of `betas`."""
    if recipe.optimiser == "muon":
        return Muon(model.parameters(), lr=recipe.learning_rate, momentum=recipe.betas[0])
    return torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, betas=recipe.betas)
