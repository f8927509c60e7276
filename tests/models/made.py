"""Random rules, states and images for the tests, from seeds of their own."""

import torch
from mednca_bench.models.base import FireKey
from mednca_bench.models.nca_rule import Rule, RuleShape
from torch import Tensor

CASE = "00112233445566778899aabbccddeeff" * 2


def made_rule(shape: RuleShape, *, seed: int = 0, dtype: torch.dtype = torch.float32, update: float = 0.1) -> Rule:
    """A rule whose last layer is not zero, as it would be at the start; `update` is its standard deviation."""
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        rule = Rule(shape).to(dtype)
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.uniform_(-1, 1, generator=random).div_(parameter[0].numel() ** 0.5)
        rule.fc1.weight.normal_(std=update, generator=random)
    return rule


def made(*size: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform numbers in [0, 1)."""
    return torch.rand(size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def keys(count: int, *, seed: int = 0) -> list[FireKey]:
    return [FireKey(seed=seed, case=CASE, slice=index) for index in range(count)]
