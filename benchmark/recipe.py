"""Recipes: everything that decides what a training run does, as frozen data that is hashed into every key.

`quick` is ours, for a laptop. The `paper-…` recipes follow the paper (Kalkhof et al., IPMI 2023) and its official code;
what neither publishes is listed in `assumed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .errors import UsageProblem, unknown_name
from .preprocess import Preprocess


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one model is trained.

    Attributes:
        name: the recipe's name; the same name may hold different settings for different models.
        model: the model's registered name.
        options: what `models.build` is given beside channels, e.g. {"steps": 16}.
        size: slice size (H, W) in pixels.
        intensity: see `Preprocess`.
        batch: slices per update.
        updates: optimiser steps, at most.
        epochs: passes over all training slices, at most. One of the two is set, or both.
        learning_rate: of Adam, at its highest.
        betas: of Adam.
        schedule: "exponential" multiplies the learning rate by `decay` after each update, "cosine" lets it fall to 0.
        decay: factor per update, for "exponential".
        clip_norm: the gradient's norm is clipped to this; None leaves it alone.
        assumed: settings that the source does not publish.
    """

    name: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (64, 64)
    intensity: Literal["volume", "slice"] = "volume"
    batch: int
    updates: int | None = None
    epochs: int | None = None
    learning_rate: float
    betas: tuple[float, float]
    schedule: Literal["exponential", "cosine"]
    decay: float = 1.0
    clip_norm: float | None = None
    assumed: tuple[str, ...] = ()

    def total_updates(self, slices: int) -> int:
        """Optimiser steps for a training set of that many slices."""
        limits = [] if self.updates is None else [self.updates]
        if self.epochs is not None:
            limits.append(self.epochs * -(-slices // self.batch))
        return min(limits)

    def preprocess(self, labels: Literal["merged", "classes"]) -> Preprocess:
        """The preprocessing the model is trained and scored with."""
        return Preprocess(size=self.size, intensity=self.intensity, labels=labels)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for hashing and for the weights' metadata."""
        return asdict(self)


_NCAS = ("med-nca", "med-nca-16")


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
        learning_rate=1e-4 if model == "unet" else 5e-3,
        betas=(0.9, 0.99),
        schedule="cosine",
        clip_norm=1.0,
    )


def _paper(name: str, model: str, *, size: tuple[int, int], batch: int, assumed: tuple[str, ...]) -> Recipe:
    nca = model in _NCAS
    return Recipe(
        name=name,
        model=model,
        options={"steps": 64} if nca else {},
        size=size,
        intensity="slice",
        batch=batch,
        epochs=1000,
        learning_rate=1.6e-3 if nca else 1e-4,
        betas=(0.5, 0.5) if nca else (0.9, 0.99),
        schedule="exponential",
        decay=0.9999,
        assumed=assumed,
    )


def _paper_prostate(model: str) -> Recipe:
    return _paper("paper-prostate", model, size=(256, 256), batch=20, assumed=())


def _paper_hippocampus(model: str) -> Recipe:
    # the paper names neither; the official example script for hippocampus uses both
    return _paper("paper-hippocampus", model, size=(64, 64), batch=48, assumed=("size", "batch", "steps"))


RECIPES = {"quick": _quick, "paper-hippocampus": _paper_hippocampus, "paper-prostate": _paper_prostate}
SUMMARIES = {
    "quick": "ours: minutes on a laptop, 64 x 64, Med-NCA with 16 steps per level",
    "paper-hippocampus": "the paper's method on MSD Task04, 64 x 64, 64 steps per level, 1000 epochs",
    "paper-prostate": "the paper's method on MSD Task05, 256 x 256, 64 steps per level, 1000 epochs",
}


def recipe_for(name: str, model: str) -> Recipe:
    """The recipe of that name for a model.

    Raises:
        UsageProblem: no recipe has that name, or the `paper-…` recipes say nothing about this model.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, list(RECIPES))
    if name.startswith("paper-") and model not in (*_NCAS, "unet"):
        raise UsageProblem(f"recipe '{name}' publishes no settings for model '{model}'; use --recipe quick")
    return RECIPES[name](model)
