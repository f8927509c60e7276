"""What was typed, checked before anything is done: unknown names, files that are none, options that do not go together.

Raises `UsageProblem` or `BenchError` with one line; a name is answered with the nearest one known.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageProblem, unknown_name

if TYPE_CHECKING:
    from .suite import Suite


def place_to_write(out: Path, *, file: bool = False) -> None:
    """Refuse an --out that cannot be written to, before the work; the folder, or the file's, need not be there yet."""
    for folder in (out.parent, *out.parent.parents) if file else (out, *out.parents):
        if folder.exists():
            if not folder.is_dir():
                raise UsageProblem(f"--out {out}: {folder} is a file, no folder; give another --out")
            if not os.access(folder, os.W_OK):
                raise UsageProblem(f"--out {out}: {folder} is not writable; give another --out")
            return


def plugins_given(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """Load plug-ins, and give their files."""
    from .plugins import load_plugins

    load_plugins(files)
    return files


def known_models(names: tuple[str, ...]) -> tuple[str, ...]:
    """The models, each once."""
    from .. import models

    for name in names:
        if name not in models.names():
            raise unknown_name("model", name, models.names())
    return tuple(dict.fromkeys(names))


def known_recipe(name: str, models: tuple[str, ...]) -> None:
    """Refuse a recipe that is unknown, says nothing about one of the models, or has options that it cannot take."""
    from ..models import build
    from .recipe import RECIPES, recipe_for

    for model in models:
        recipe = recipe_for(name, model)
        if name in RECIPES:
            continue
        try:
            build(model, **recipe.options)
        except ValueError as error:
            raise UsageProblem(f"{name}: {error}") from error


def known_timing(suite: Suite, profile: str, sides: tuple[int, ...], engines: tuple[str, ...]) -> tuple[str, ...]:
    """The engines to time, each once."""
    from .timing_profile import find_profile

    found = find_profile(profile)
    if not suite.sweep and (found.name != "quick" or sides or engines):
        raise UsageProblem(
            f"--profile, --side and --engine belong to suite efficiency-v2; {suite.name} times as models are used"
        )
    if not engines:
        return ("pytorch",)
    from .other_engines import known_engine

    return tuple(dict.fromkeys(map(known_engine, engines)))


def check_options(suite: Suite, given: dict[str, Any], *, weights: bool) -> None:
    """Refuse options that would be passed over."""
    if weights and given["models"]:
        raise UsageProblem("--weights says which model it is; leave out --model to score them, or --weights to train")
    if weights and given["labels"] != "merged":
        raise UsageProblem("--outputs is decided in training; leave it away, these weights have their own")
    if given["perturbations"] and not suite.clean:
        raise UsageProblem(f"suite {suite.name} scores nothing; leave --perturbation away, or --suite robustness")


def known_perturbations(names: tuple[str, ...]) -> None:
    """Refuse a family that is not registered."""
    from .. import perturbations

    for name in names:
        if name not in perturbations.names():
            raise unknown_name("perturbation", name, perturbations.names())


def weights_given(given: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of the weights to score, each once; none where models are trained."""
    if "reference" in given:
        raise UsageProblem("--weights reference: say which, `mednca-bench list weights` shows them; or use train")
    words = tuple(word for word in dict.fromkeys(given) if word != "train")
    if words and "train" in given:
        raise UsageProblem("--weights train and --weights PATH do not go together; name files only, or train all")
    from .shipped import weights_file

    return tuple(weights_file(word) for word in words)
