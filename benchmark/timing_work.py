"""The work that is timed: fresh images and fire keys through one model, in a process of its own.

A round is one slice or one volume (all its slices, in the passes that evaluation uses). Every round has images and fire
seeds of its own, so no mask is answered from memory: drawing the masks is part of the time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..models import build
from ..models.base import FireKey, Segmenter, parameter_count
from .errors import BenchError
from .other_engines import PYTORCH, Exported, exported
from .plugins import load_plugins
from .workload import Workload

CASE = hashlib.sha256(b"efficiency").hexdigest()  # the timed volume's place in the fire keys

Pass = tuple[torch.Tensor, list[FireKey]]


def make_model(work: Workload) -> Segmenter:
    """Load plug-ins, set the threads and make the model, in evaluation mode on the CPU.

    Raises:
        BenchError: the weights file is of another model, or the engine does not take the model.
        ValueError: the model cannot be made.
    """
    load_plugins(map(Path, work.plugins))
    torch.set_num_threads(work.threads)
    model = _model(work)
    return model if work.engine == PYTORCH else exported(model, work.engine, threads=work.threads).eval()


def _model(work: Workload) -> Segmenter:
    if work.weights is None:
        fresh = build(work.model, in_channels=work.in_channels, out_channels=work.out_channels, **work.options)
        return fresh.eval()
    from ..models.weights import load

    model, _ = load(Path(work.weights))
    if model.name != work.model:
        raise BenchError(f"{work.weights}: holds weights of '{model.name}', not of '{work.model}'; give its own file")
    return model.eval()


def prepare(work: Workload, *, slices: int, turn: int) -> list[Pass]:
    """Make the input of one round.

    Args:
        work: gives channels, size and slices per pass.
        slices: slices of the round.
        turn: number of the round; another one gives other images and fire seeds.

    Returns:
        Passes: images (B, C, H, W) uniform in [0, 1), one fire key each.
    """
    images = torch.from_numpy(
        np.random.default_rng(turn).random((slices, work.in_channels, *work.size), dtype=np.float32)
    )
    keys = [FireKey(seed=turn, case=CASE, slice=index) for index in range(slices)]
    step = work.slices_per_pass
    return [(images[start : start + step], keys[start : start + step]) for start in range(0, slices, step)]


def segment(model: Segmenter, passes: Sequence[Pass]) -> list[torch.Tensor]:
    """Segment a round. These two lines are what is timed."""
    with torch.inference_mode():
        return [model(images, keys=keys) for images, keys in passes]


def facts(model: Segmenter, work: Workload) -> dict[str, int | str | None]:
    """Count parameters, bytes of a weights file's tensors, MACs of one slice, steps a level; name the engine."""
    tensors = [*model.parameters(), *model.buffers()]  # each once, where a state dict may name one twice
    return {
        "parameters": parameter_count(model),
        "weight_bytes": sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        "macs": model.macs(*work.size),
        "steps": model.options.get("steps"),
        "engine_version": model.version if isinstance(model, Exported) else f"torch {torch.__version__}",
    }
