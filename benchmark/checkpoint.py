"""Training checkpoints: model, optimiser state, averaged weights, last good state and position in one safetensors file.

It is written atomically. The loader reads tensors and JSON and nothing else, so a checkpoint cannot run code.
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
from .errors import BenchError


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One point of a learning curve: after `update` updates; `val_dice` is None where it was not taken."""

    update: int
    loss: float
    gradient_norm: float
    learning_rate: float
    val_dice: float | None
    val_soft_dice: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """A divergence that was undone.

    Attributes:
        update: at which it was seen.
        loss: of that update.
        gradient_norm: of that update, before clipping.
        reason: in words.
        back_to: updates done in the state gone back to.
        rate_factor: what the learning rate is multiplied with from there on.
    """

    update: int
    loss: float
    gradient_norm: float
    reason: str
    back_to: int
    rate_factor: float


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a training run stands.

    Attributes:
        updates: done and kept.
        seconds: spent.
        log: the learning curve so far.
        computed: updates, undone ones among them.
        rollbacks: so far.
        losses: of the last updates, for the divergence rule.
        norms: of the gradients of the same updates.
        good: updates done in the state that a rollback goes back to.
        good_losses: `losses` when it was kept.
        good_norms: `norms` when it was kept.
        largest_state: largest |state| of an NCA at the end of a level in any update; infinite if one was not finite.
        seconds_to_dice: until the soft Dice of `train.GOAL_DICE` on val; None if not reached.
    """

    updates: int
    seconds: float
    log: tuple[LogLine, ...]
    computed: int = 0
    rollbacks: tuple[Rollback, ...] = ()
    losses: tuple[float, ...] = ()
    norms: tuple[float, ...] = ()
    good: int | None = None
    good_losses: tuple[float, ...] = ()
    good_norms: tuple[float, ...] = ()
    largest_state: float = 0.0
    seconds_to_dice: float | None = None


SEEN = ("losses", "norms", "good_losses", "good_norms")  # of a position: what the divergence rule looks at
Tensors = dict[str, torch.Tensor]

_OPTIMISER = "adam."  # whichever it is: the name from when there was one, in the checkpoints of runs under way


def capture(model: torch.nn.Module, optimiser: torch.optim.Optimizer, average: Tensors) -> Tensors:
    """Copies of everything that an update changes, under names of their own."""
    tensors = {f"model.{name}": tensor for name, tensor in own_tensors(model).items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"{_OPTIMISER}{index}.{name}": value.contiguous() for name, value in state.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
    return {name: tensor.clone() for name, tensor in tensors.items()}


def restore(tensors: Tensors, model: torch.nn.Module, optimiser: torch.optim.Optimizer, average: Tensors) -> None:
    """Put model, optimiser and averaged weights back to what `capture` copied."""
    model.load_state_dict(_under("model.", tensors), strict=False)  # only second names of a tensor are missing
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in _under(_OPTIMISER, tensors).items():
        index, field = name.split(".", 1)
        state.setdefault(int(index), {})[field] = tensor.clone()  # a step works in place
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    average.update({name: tensor.clone() for name, tensor in _under("average.", tensors).items()})


def save_checkpoint(
    path: Path,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    *,
    key: str,
    position: Position,
    average: Tensors | None = None,
    good: Tensors | None = None,
) -> None:
    """Write everything a run needs to go on as if it had never stopped.

    Args:
        path: of the file.
        model: as it stands.
        optimiser: as it stands.
        key: of the run.
        position: reached.
        average: the averaged weights.
        good: what `capture` gave for the state that a rollback goes back to.
    """
    tensors = capture(model, optimiser, average or {})
    tensors |= {f"good.{name}": tensor for name, tensor in (good or {}).items()}
    metadata = {"key": key, "position": json.dumps(asdict(position)), "threads": str(torch.get_num_threads())}
    write_bytes(path, save(tensors, metadata=metadata))


def load_checkpoint(
    path: Path,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    *,
    key: str,
    average: Tensors | None = None,
    good: Tensors | None = None,
) -> Position:
    """Put a run back to where it stood; `average` and `good` are filled.

    Returns:
        The position reached; update 0 where there is no checkpoint of this key or it cannot be read.

    Raises:
        BenchError: the run was begun with another number of threads, with which the weights would be of neither.
    """
    start = Position(updates=0, seconds=0.0, log=())
    if not path.is_file():
        return start
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        position = _position(json.loads(metadata["position"]))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return start  # a damaged checkpoint costs the time since the start, never the run
    if metadata.get("key") != key or set(_under("model.", tensors)) != set(own_tensors(model)):
        return start
    begun, now = metadata.get("threads"), torch.get_num_threads()
    if begun not in (None, str(now)):  # older checkpoints do not say
        raise BenchError(
            f"{path}: this training was begun with --threads {begun}, and other numbers give other weights; go on with "
            f"--threads {begun}, or delete the file to begin again with {now}"
        )
    restore(tensors, model, optimiser, {} if average is None else average)
    if good is not None:
        good.update(_under("good.", tensors))
    return position


def _position(content: dict[str, Any]) -> Position:
    lists: dict[str, Any] = {name: tuple(content[name]) for name in SEEN if name in content}
    log = tuple(LogLine(**line) for line in content["log"])
    rollbacks = tuple(Rollback(**each) for each in content.get("rollbacks", ()))
    return Position(**(content | lists | {"log": log, "rollbacks": rollbacks}))


def own_tensors(model: torch.nn.Module) -> Tensors:
    """Each tensor once, under its first name: PyPI unet registers every layer twice, and safetensors refuses that."""
    first: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        first.setdefault(id(tensor), (name, tensor.detach().contiguous()))
    return dict(first.values())


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
