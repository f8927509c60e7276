"""Muon: the singular value decomposition and torch's own as oracles; what it is there for, by hand."""

from dataclasses import replace

import pytest
import torch

from mednca_bench import models
from mednca_bench.benchmark.optimiser import Muon, optimiser_for, orthogonal
from mednca_bench.benchmark.recipe import recipe_for

SHAPES = [(32, 128), (128, 96), (32, 288), (7, 7), (1, 40), (40, 1)]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def stepped(gradients: list[torch.Tensor], *, lr: float = 0.1, momentum: float = 0.95) -> torch.Tensor:
    """A parameter that began at 0, after a step for each gradient."""
    parameter = torch.nn.Parameter(torch.zeros_like(gradients[0]))
    optimiser = Muon([parameter], lr=lr, momentum=momentum)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimiser.step()
    return parameter.detach()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_singular_directions_stay_and_their_lengths_become_one(shape):
    matrix = normal(*shape)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    lengths = u.T @ orthogonal(matrix) @ v.T
    assert lengths.diagonal().min() > 0.65 and lengths.diagonal().max() < 1.25
    assert (lengths - torch.diag(lengths.diagonal())).abs().max() < 1e-3


def test_a_direction_a_hundred_times_weaker_is_stepped_along_as_far():
    u, _, v = torch.linalg.svd(normal(8, 12), full_matrices=False)
    strengths = torch.tensor([1.0, 0.01, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0])
    lengths = (u.T @ orthogonal(u @ torch.diag(strengths) @ v) @ v.T).diagonal()
    assert lengths[:3].min() > 0.65 and lengths[:3].max() < 1.25
    assert lengths[3:].abs().max() < 1e-3  # no gradient, no step


@pytest.mark.parametrize("factor", [1e-4, 1.0, 1e6])
def test_the_length_of_the_gradient_does_not_matter(factor):
    assert torch.allclose(orthogonal(factor * normal(5, 9)), orthogonal(normal(5, 9)), atol=1e-5)


@pytest.mark.parametrize("shape", [(32, 128), (128, 96), (12, 12)])
def test_torchs_muon_steps_the_same_way(shape):
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon (from 2.9)")
    gradients = [normal(*shape, seed=n) + normal(*shape, seed=9) for n in range(4)]
    parameter = torch.nn.Parameter(torch.zeros(shape))
    lr = 0.1 * max(shape) ** 0.5 / max(1.0, shape[0] / shape[1]) ** 0.5  # its own factor for tall matrices taken out
    theirs = torch.optim.Muon([parameter], lr=lr, momentum=0.9, weight_decay=0.0)
    for gradient in gradients:
        parameter.grad = gradient
        theirs.step()
    error = stepped(gradients, momentum=0.9) - parameter.detach()
    assert error.norm() < 0.03 * parameter.detach().norm()  # theirs counts in bfloat16


@pytest.mark.parametrize("shape", [(32, 128), (32, 32, 3, 3), (64,), (1,)])
def test_the_root_mean_square_of_a_step_is_about_the_learning_rate(shape):
    step = stepped([normal(*shape)], lr=0.02)
    assert 0.65 * 0.02 < step.square().mean().sqrt() < 1.25 * 0.02


def test_a_bias_goes_along_its_momentum_at_a_fixed_length():
    first, second = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 1.0])
    both = stepped([first, second], momentum=0.5) - stepped([first], momentum=0.5)
    mean = 0.5 * 0.5 * first + 0.5 * second  # then one gradient ahead
    ahead = 0.5 * second + 0.5 * mean
    assert torch.nn.functional.cosine_similarity(-both, ahead, dim=0) == pytest.approx(1.0, abs=1e-5)


def test_no_gradient_no_step():
    assert not stepped([torch.zeros(4, 6), torch.zeros(4, 6)]).any()
    parameter = torch.nn.Parameter(torch.ones(3))
    Muon([parameter], lr=1.0, momentum=0.9).step()
    assert torch.equal(parameter.detach(), torch.ones(3))


def test_the_recipe_chooses():
    model = models.build("med-nca-16")
    adam = recipe_for("stable", "med-nca-16")
    assert type(optimiser_for(model, adam)) is torch.optim.Adam
    muon = optimiser_for(model, replace(adam, optimiser="muon", learning_rate=0.5, betas=(0.9, 0.99)))
    assert isinstance(muon, Muon) and muon.defaults == {"lr": 0.5, "momentum": 0.9}
    assert sum(len(group["params"]) for group in muon.param_groups) == len(list(model.parameters()))
