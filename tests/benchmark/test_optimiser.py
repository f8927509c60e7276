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
    assert lengths.diagonal().min() > 0.67 and lengths.diagonal().max() < 1.14
    assert (lengths - torch.diag(lengths.diagonal())).abs().max() < 1e-3


def test_a_direction_a_hundred_times_weaker_is_stepped_along_as_far():
    u, _, v = torch.linalg.svd(normal(8, 12), full_matrices=False)
    strengths = torch.tensor([1.0, 0.01, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0])
    lengths = (u.T @ orthogonal(u @ torch.diag(strengths) @ v) @ v.T).diagonal()
    assert lengths[:3].min() > 0.67 and lengths[:3].max() < 1.14
    assert lengths[3:].abs().max() < 1e-3  # no gradient, no step


def test_the_lengths_by_strength():
    """What the docstring says of singular values of at least, and of less than, a hundredth of the norm."""
    wide = torch.diag(torch.tensor([1.0, 1e-4], dtype=torch.float64))
    for strength in torch.logspace(-2, -0.01, 200, dtype=torch.float64):
        wide[1, 1] = strength * (1 - strength**2) ** -0.5  # of the norm
        assert 0.68 < orthogonal(wide)[1, 1] < 1.14
    for strength in torch.logspace(-5, -2, 200, dtype=torch.float64):
        wide[1, 1] = strength
        assert 0.0 < orthogonal(wide)[1, 1] < min(1.21, 485 * strength)
    wide[1, 1] = 5e-4
    assert orthogonal(wide)[1, 1] == pytest.approx(480 * 5e-4, rel=0.02)


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


def test_the_root_mean_square_of_a_step_by_the_gradients_rank():
    u, _, v = torch.linalg.svd(normal(32, 128), full_matrices=False)
    for rank in (1, 8):
        step = stepped([u[:, :rank] @ v[:rank]], lr=0.02)
        assert 0.67 * 0.02 < step.square().mean().sqrt() / (rank / 32) ** 0.5 < 1.14 * 0.02
    assert stepped([normal(64)], lr=0.02).square().mean().sqrt() == pytest.approx(0.70 * 0.02, rel=0.01)


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


def test_empty_tensors_and_numbers_are_parameters_too():
    assert stepped([torch.zeros(0, 3)]).shape == (0, 3) and stepped([torch.zeros(0)]).shape == (0,)
    assert stepped([torch.tensor(5.0)], lr=0.1) == pytest.approx(-0.07, rel=0.01)


def test_a_closure_computes_the_gradient_and_its_loss_comes_back():
    parameter = torch.nn.Parameter(torch.ones(2, 3))

    def loss() -> float:
        value = (parameter**2).sum()
        value.backward()
        return value.item()

    assert Muon([parameter], lr=0.1, momentum=0.9).step(loss) == 6.0
    assert (parameter < 1.0).all()


def test_the_recipe_chooses():
    model = models.build("med-nca-16")
    adam = recipe_for("stable", "med-nca-16")
    assert type(optimiser_for(model, adam)) is torch.optim.Adam
    muon = optimiser_for(model, replace(adam, optimiser="muon", learning_rate=0.5, betas=(0.9, 0.99)))
    assert isinstance(muon, Muon) and muon.defaults == {"lr": 0.5, "momentum": 0.9}
    assert sum(len(group["params"]) for group in muon.param_groups) == len(list(model.parameters()))
