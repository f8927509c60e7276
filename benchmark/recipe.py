"""The recipes by name.

`quick` and `stable…` are ours. The `paper-…` and `official-…` recipes follow the paper (Kalkhof et al., IPMI 2023) and
its official code; what neither publishes is listed in `assumed`. What each sets and why: docs/training.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import UsageProblem, unknown_name
from .recipe_type import Recipe

__all__ = ["RECIPES", "SUMMARIES", "Recipe", "publishes", "recipe_for"]

_NCAS = ("med-nca", "med-nca-16")
# What the recipes by Muon share; what each of these is for, and what happens without: docs/training.md.
_MUON: dict[str, Any] = {
    "optimiser": "muon",
    "betas": (0.95, 0.99),
    "warm_up": 30,
    "state_penalty": 0.05,
    "state_bound": 5.0,
    "coarse_loss": 1.0,
    "spike_window": 25,
}
_AUGMENT = {"flip": 0.5, "scale": 0.15, "shift": 0.1, "gamma": 0.3}


def _quick(model: str) -> Recipe:
    if model in _NCAS:
        return Recipe(
            name="quick",
            model=model,
            options={"steps": 16},
            batch=16,
            updates=2800,
            epochs=14,
            learning_rate=1.6e-3,
            betas=(0.5, 0.5),
            schedule="cosine",
            clip_norm=1.0,
        )
    return Recipe(
        name="quick",
        model=model,
        batch=16,
        updates=2000,
        epochs=10,
        learning_rate=1e-3 if model == "unet" else 5e-3,
        betas=(0.9, 0.99),
        schedule="cosine",
        clip_norm=1.0,
        version=2 if model == "unet" else 1,
    )


def _stable(model: str) -> Recipe:
    """Quick's settings, longer, with what keeps a long run from being lost."""
    updates = {"unet": 1500} | dict.fromkeys(_NCAS, 10000)
    return replace(
        _quick(model),
        name="stable",
        updates=updates.get(model, 3000),
        epochs=None,
        warm_up=100,
        average=0.995,
        loss_spike=3.0,
        rollbacks=3,
        validations=25,
        validation_cases=12,
    )


def _stable_muon(model: str) -> Recipe:
    settings = _MUON | {"learning_rate": 4e-4, "updates": 5000, "foreground": 0.5}
    return replace(_stable(model), name="stable-muon", **settings)


def _stable_64(model: str) -> Recipe:
    settings = _MUON | {"learning_rate": 1e-3, "updates": 5000, "foreground": 0.9, "version": 3}
    return replace(_stable(model), name="stable-64", options={"steps": 64}, **settings)


def _stable_64_slow(model: str) -> Recipe:
    # On 64 x 64 slices of real MRI the state of stable-64 runs away after some 700 updates.
    return replace(_stable_64(model), name="stable-64-slow", learning_rate=3e-4, updates=2500)


def _stable_aug(model: str) -> Recipe:
    if model in _NCAS:
        return replace(_stable_muon(model), name="stable-aug", version=3, augment=_AUGMENT, updates=14000)
    return replace(_stable(model), name="stable-aug", augment=_AUGMENT)


def _paper(name: str, model: str, *, size: tuple[int, int], batch: int, **changes: Any) -> Recipe:
    nca = model in _NCAS
    settings: dict[str, Any] = {"options": {"steps": 64} if nca else {}, "epochs": 1000} | changes
    return Recipe(
        name=name,
        model=model,
        size=size,
        batch=batch,
        learning_rate=1.6e-3 if nca else 1e-4,
        betas=(0.5, 0.5) if nca else (0.9, 0.99),
        schedule="exponential",
        decay=0.9999,
        intensity="official",
        version=2,
        **settings,
    )


def _paper_prostate(model: str) -> Recipe:
    return _paper("paper-prostate", model, size=(256, 256), batch=20)


def _paper_hippocampus(model: str) -> Recipe:
    # the paper names neither; the official example script for hippocampus uses both
    return _paper("paper-hippocampus", model, size=(64, 64), batch=48, assumed=("size", "batch", "steps"))


def _official_example(model: str) -> Recipe:
    return _paper("official-example-c16", model, size=(64, 64), batch=48)


def _official_tutorial(model: str) -> Recipe:
    return _paper("official-tutorial", model, size=(64, 64), batch=40, options={"steps": 16}, epochs=1500)


RECIPES: dict[str, Callable[[str], Recipe]] = {
    "quick": _quick,
    "stable": _stable,
    "stable-muon": _stable_muon,
    "stable-64": _stable_64,
    "stable-64-slow": _stable_64_slow,
    "stable-aug": _stable_aug,
    "paper-hippocampus": _paper_hippocampus,
    "paper-prostate": _paper_prostate,
    "official-example-c16": _official_example,
    "official-tutorial": _official_tutorial,
}
SUMMARIES = {
    "quick": "ours: minutes on a laptop, 64 x 64, Med-NCA with 16 steps per level",
    "stable": "ours: long, 64 x 64, 16 steps per level, with warm-up, averaged weights and rollback",
    "stable-muon": "stable in half its length: Muon, bounded state, more samples around foreground, a coarse loss",
    "stable-64": "ours for 64 steps per level: Muon, bounded state, samples around foreground, a coarse loss",
    "stable-64-slow": "stable-64 with a third of its learning rate and half its length, for 64 x 64 slices of MRI",
    "stable-aug": "stable-muon of NCAs and stable of the others with flips, scaling, shifts and gamma",
    "paper-hippocampus": "the paper's method on MSD Task04, 64 x 64, 64 steps per level, 1000 epochs",
    "paper-prostate": "the paper's method on MSD Task05, 256 x 256, 64 steps per level, 1000 epochs",
    "official-example-c16": "the official example script: 16 channels, 64 steps per level, 64 x 64, batch 48",
    "official-tutorial": "the official tutorial's checkpoint: 32 channels, 16 steps, 64 x 64, batch 40, 1500 epochs",
}
_ONLY = {
    "stable-muon": _NCAS,
    "stable-64": _NCAS,
    "stable-64-slow": _NCAS,
    "paper-hippocampus": (*_NCAS, "unet"),
    "paper-prostate": (*_NCAS, "unet"),
    "official-example-c16": ("med-nca-16",),
    "official-tutorial": ("med-nca",),
}


def publishes(name: str, model: str) -> bool:
    """Whether the recipe of that name says anything about a model."""
    return model in _ONLY.get(name, (model,))


def recipe_for(name: str, model: str) -> Recipe:
    """The recipe of that name, or in that TOML file, for a model.

    Raises:
        UsageProblem: no recipe has that name, it says nothing about this model, or the file is not a recipe.
    """
    if name.endswith(".toml"):
        from .recipe_file import read_recipe

        return read_recipe(Path(name), model)
    if name not in RECIPES:
        raise unknown_name("recipe", name, list(RECIPES))
    if not publishes(name, model):
        raise UsageProblem(f"recipe '{name}' publishes no settings for model '{model}'; use --recipe quick")
    return RECIPES[name](model)
