"""The optimisers a recipe can name: Adam, and Muon for recurrent rules whose gradient is nearly of rank one.

A cell's update is added up over dozens of steps, so that what all hidden units push alike ("more everywhere", "less
everywhere") outweighs in the gradient whatever tells one place from another, and Adam, which weighs element by element,
follows it to and fro. Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) takes the momentum of a
weight matrix as a whole and evens out how far it steps along its singular directions. Measured here on Med-NCA only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from .recipe_type import Recipe

_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's
_ROUNDS = 5
_SMALL = 1e-7


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal tensor by tensor.

    A kernel counts as a matrix of its first axis × everything else; anything of one axis or none as a single row, whose
    step has a fixed length. The root mean square of a step is about the learning rate for a gradient of full rank,
    √(rank / smaller side) of it otherwise, and 0.70 of it for a single row.

    Args:
        params: what to train.
        lr: learning rate.
        momentum: factor of the running mean of the gradient, in [0, 1); Nesterov's, looking one gradient ahead.
    """

    def __init__(self, params: Iterable[torch.Tensor], lr: float, momentum: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; what `closure` returns, if there is one, which computes the gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, lr=group["lr"], momentum=group["momentum"])
        return loss

    def _move(self, parameter: torch.Tensor, gradient: torch.Tensor, *, lr: float, momentum: float) -> None:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        mean = state["momentum"].lerp_(gradient, 1.0 - momentum)
        ahead = torch.lerp(gradient, mean, momentum)
        matrix = ahead.flatten(1) if ahead.ndim > 1 else ahead.reshape(1, ahead.numel())
        step = orthogonal(matrix) * max(matrix.shape) ** 0.5
        parameter.sub_(step.reshape(parameter.shape), alpha=lr)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix with orthonormal rows (columns, of a tall one), about: its singular values lie near 1.

    Args:
        matrix: (M, N).

    Returns:
        (M, N): of U S V', U T V' with T between 0.68 and 1.13 where S is at least a hundredth of the norm, at most 1.21
        below, and some 480 S / norm below a thousandth, so that directions without a gradient stay without a step.
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
