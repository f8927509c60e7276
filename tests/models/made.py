"""Random rules, states and images for the tests, from seeds of their own."""

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from mednca_bench.models.base import FireKey
from mednca_bench.models.nca_rule import Rule, RuleShape

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


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    """A rule's shape, a batch's size, a number of steps and a fire rate."""
    kernel = draw(st.sampled_from([3, 3, 5, 7]))
    image = draw(st.integers(1, 3))
    least = kernel // 2 + 1  # reflection needs this many cells
    return {
        "shape": RuleShape(
            channels=draw(st.integers(image + 1, 9)), hidden=draw(st.integers(1, 20)), kernel=kernel, image=image
        ),
        "batch": draw(st.integers(1, 3)),
        "height": draw(st.integers(least, 9)),
        "width": draw(st.integers(least, 9)),
        "steps": draw(st.integers(1, 4)),
        "rate": draw(st.sampled_from([0.001, 0.2, 0.5, 0.9, 1.0])),
        "seed": draw(st.integers(0, 99)),
    }
