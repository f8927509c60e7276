"""Weights from a folder: our own file in it, or the authors' checkpoint, converted once into the cache.

The converted file is a weights file like any other, so every command takes it. Which cases the authors trained on is
not in the checkpoint, so nothing can be refused for having been seen.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import BenchError, UsageProblem
from .identity import key
from .locations import cache_root
from .progress import say
from .recipe import recipe_for

OWN = "weights.safetensors"
SIZE = 64  # pixels a side, of the authors' tutorial


def weights_in(folder: Path, *, steps: int | None = None, size: int | None = None) -> Path:
    """The weights file that a folder stands for.

    Args:
        folder: holds `weights.safetensors`, or `model0.pth` and `model1.pth`.
        steps: updates per level of an official checkpoint; by default the tutorial's 16.
        size: side in pixels of the slices it is shown; by default the tutorial's 64.

    Raises:
        BenchError: it holds neither, or the checkpoint is refused.
        UsageProblem: steps or size are given, and the weights are ours.
    """
    from ..models import official, weights
    from ..results.atomic import write_bytes

    if (folder / OWN).is_file() and not official.is_official(folder):
        if steps or size:
            raise UsageProblem("--steps and --size go with an official checkpoint; other weights hold their own")
        return folder / OWN
    options = {"steps": steps or official.STEPS}
    try:
        model = official.load_official(folder, **options)
    except ValueError as error:
        raise BenchError(str(error)) from error
    side = size or SIZE
    recipe = replace(
        recipe_for("official-tutorial", "med-nca"),
        name="official-checkpoint",
        model=model.name,
        options=model.options,
        size=(side, side),
        intensity="official",
    )
    metadata: dict[str, Any] = {
        "task": "unknown",
        "labels": "merged",
        "channel": None,
        "recipe": recipe.as_dict(),
        "seed": 0,
        "train_cases": [],
    }
    name = key(weights=weights.digest(model), options=model.options, size=side)[:12]
    say(f"{folder}: official, {model.options['steps']} steps, {side} x {side}; what it was trained on is unknown")
    return write_bytes(
        cache_root() / "weights" / f"official-checkpoint-{name}" / OWN, weights.to_bytes(model, metadata=metadata)
    )
