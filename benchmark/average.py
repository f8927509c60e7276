"""Averaged weights: a running mean over the updates, which a single bad step moves little.

The factor is (1 + u) / (10 + u) at update u until the recipe's is reached, so that the start is soon forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .checkpoint import Tensors, own_tensors


@torch.no_grad()
def blend(average: Tensors, model: torch.nn.Module, *, update: int, factor: float) -> None:
    """Move the average, in place, towards the model as it is after an update (counted from 0)."""
    kept = min(factor, (1 + update) / (10 + update))
    for name, tensor in own_tensors(model).items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, 1.0 - kept)
        else:
            average[name].copy_(tensor)  # a counter of a normalisation layer


@contextmanager
def averaged(model: torch.nn.Module, average: Tensors) -> Iterator[None]:
    """Give the model its averaged weights inside the block; nothing happens where there are none."""
    if not average:
        yield
        return
    own = {name: tensor.clone() for name, tensor in own_tensors(model).items()}
    model.load_state_dict(average, strict=False)
    try:
        yield
    finally:
        model.load_state_dict(own, strict=False)
