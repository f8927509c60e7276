"""Training checkpoints: model, Adam state and position in one safetensors file, written atomically.

The loader reads tensors and JSON and nothing else, so a checkpoint cannot run code.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..results.atomic import write_bytes


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One point of a learning curve: after `update` updates; `val_dice` is NaN where it was not taken."""

    update: int
    loss: float
    gradient_norm: float
    learning_rate: float
    val_dice: float | None


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a training run stands: updates done, seconds spent and the curve so far."""

    updates: int
    seconds: float
    log: tuple[LogLine, ...]


def save_checkpoint(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, *, key: str, position: Position
) -> None:
    """Write everything a run needs to go on as if it had never stopped."""
    tensors = {f"model.{name}": tensor for name, tensor in _own_tensors(model).items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value.contiguous() for name, value in state.items()}
    metadata = {"key": key, "position": json.dumps(asdict(position))}
    write_bytes(path, save(tensors, metadata=metadata))


def load_checkpoint(path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, *, key: str) -> Position:
    """Put a run back to where it stood.

    Returns:
        The position reached; update 0 where there is no checkpoint of this key or it cannot be read.
    """
    start = Position(updates=0, seconds=0.0, log=())
    if not path.is_file():
        return start
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        reached = json.loads(metadata["position"])
        position = Position(**{**reached, "log": tuple(LogLine(**line) for line in reached["log"])})
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return start  # a damaged checkpoint costs the time since the start, never the run
    weights = _under("model.", tensors)
    if metadata.get("key") != key or set(weights) != set(_own_tensors(model)):
        return start
    model.load_state_dict(weights, strict=False)  # only second names of a tensor are missing
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in _under("adam.", tensors).items():
        index, field = name.split(".", 1)
        state.setdefault(int(index), {})[field] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return position


def _own_tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Each tensor once, under its first name: PyPI unet registers every layer twice, and safetensors refuses that."""
    first: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        first.setdefault(id(tensor), (name, tensor.detach().contiguous()))
    return dict(first.values())


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
