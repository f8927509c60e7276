"""What a recipe is: everything that decides what a training run does, as frozen data that is hashed into every key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal

from .errors import UsageProblem, unknown_name
from .preprocess import Preprocess

AUGMENTATIONS: Final = ("flip", "scale", "shift", "gamma")


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
        optimiser: "adam" or "muon", see `optimiser.py`.
        learning_rate: at its highest.
        betas: of Adam; Muon's momentum is the first.
        schedule: "exponential" multiplies the learning rate by `decay` after each update, "cosine" lets it fall to 0.
        decay: factor per update, for "exponential".
        clip_norm: the gradient's norm is clipped to this; None leaves it alone.
        assumed: settings that the source does not publish.
        version: raised when the settings under a name change.
        warm_up: updates over which the learning rate rises linearly to its schedule.
        average: the weights kept are a running mean with this factor per update, less in the beginning; None keeps
            the last ones.
        step_jitter: an NCA trains with its number of steps, give or take up to so many, drawn for each update.
        state_bound: |state| beyond which `state_penalty` acts, at the end of each level of an NCA.
        state_penalty: weight in the loss of the mean squared excess over `state_bound`.
        foreground: probability with which a training slice without foreground gives way to one with some, and with
            which an NCA's patch is one that holds foreground of its slice; 0: every slice once a pass, any patch.
        coarse_loss: weight in the loss of an NCA's coarse level's own loss, see `losses.py`; 0: it learns by the fine
            level's alone.
        loss_spike: divergence is a median of the last `spike_window` losses above this times that of the ten times as
            many before; None looks for numbers that are not finite only.
        norm_spike: the same for the gradient's norm.
        spike_window: updates that these two look at; they are compared with the ten times as many before them.
        rollbacks: how often a diverged run goes back to its last good state with half the learning rate.
        augment: strength of each of `AUGMENTATIONS`; see `augment.py`.
        validations: points of the learning curve with a validation score.
        validation_cases: cases it is taken over, spread over the part.
    """

    name: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (64, 64)
    intensity: Literal["volume", "slice", "official"] = "volume"
    batch: int
    updates: int | None = None
    epochs: int | None = None
    learning_rate: float
    betas: tuple[float, float]
    schedule: Literal["exponential", "cosine"]
    decay: float = 1.0
    clip_norm: float | None = None
    assumed: tuple[str, ...] = ()
    version: int = 1
    optimiser: Literal["adam", "muon"] = "adam"
    warm_up: int = 0
    average: float | None = None
    step_jitter: int = 0
    state_bound: float = 10.0
    state_penalty: float = 0.0
    foreground: float = 0.0
    coarse_loss: float = 0.0
    loss_spike: float | None = None
    norm_spike: float | None = None
    spike_window: int = 5
    rollbacks: int = 0
    augment: Mapping[str, float] = field(default_factory=dict)
    validations: int = 10
    validation_cases: int = 4

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
        """Plain data for hashing and for the weights' metadata; later fields only where they are set.

        Weights trained before a field existed keep their key.
        """
        content = asdict(self)
        return {name: value for name, value in content.items() if name not in _LATER or value != _LATER[name]}


_LATER: dict[str, Any] = {
    "version": 1,
    "optimiser": "adam",
    "warm_up": 0,
    "average": None,
    "step_jitter": 0,
    "state_bound": 10.0,
    "state_penalty": 0.0,
    "foreground": 0.0,
    "coarse_loss": 0.0,
    "loss_spike": None,
    "norm_spike": None,
    "spike_window": 5,
    "rollbacks": 0,
    "augment": {},
    "validations": 10,
    "validation_cases": 4,
}

_FROM_ONE = ("batch", "updates", "epochs", "version", "validations", "validation_cases", "spike_window")
_FROM_ZERO = ("warm_up", "step_jitter", "rollbacks", "state_penalty", "coarse_loss", "learning_rate")
_ABOVE_ZERO = ("clip_norm", "state_bound", "decay")
_ABOVE_ONE = ("loss_spike", "norm_spike")


def check(recipe: Recipe, *, source: str) -> Recipe:
    """The recipe, if every number is in its range.

    Raises:
        UsageProblem: names the source, the setting, its value and what is allowed.
    """

    def demand(name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise UsageProblem(f"{source}: {name} is {getattr(recipe, name)!r}; it must be {allowed}")

    ranges: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
        (_FROM_ONE, lambda v: v >= 1, "at least 1"),
        (_FROM_ZERO, lambda v: v >= 0, "at least 0"),
        (_ABOVE_ZERO, lambda v: v > 0, "above 0"),
        (_ABOVE_ONE, lambda v: v > 1, "above 1"),
    )
    for names, least, words in ranges:
        for name in names:
            value = getattr(recipe, name)
            demand(name, value is None or (value == value and value < float("inf") and least(value)), words)
    demand("updates", recipe.updates is not None or recipe.epochs is not None, "given, or epochs")
    demand("size", len(recipe.size) == 2 and min(recipe.size) >= 8, "two numbers from 8")
    demand("betas", len(recipe.betas) == 2 and all(0 <= beta < 1 for beta in recipe.betas), "two numbers in [0, 1)")
    demand("optimiser", recipe.optimiser in ("adam", "muon"), "'adam' or 'muon'")
    demand("schedule", recipe.schedule in ("exponential", "cosine"), "'exponential' or 'cosine'")
    demand("intensity", recipe.intensity in ("volume", "slice", "official"), "'volume', 'slice' or 'official'")
    demand("foreground", 0 <= recipe.foreground <= 1, "between 0 and 1")
    demand("average", recipe.average is None or 0 < recipe.average < 1, "between 0 and 1")
    steps = recipe.options.get("steps", recipe.step_jitter + 1)
    demand("step_jitter", recipe.step_jitter == 0 or recipe.step_jitter < steps, f"below the {steps} steps")
    for name in recipe.augment:
        if name not in AUGMENTATIONS:
            raise unknown_name("augmentation", name, AUGMENTATIONS)
    demand("augment", all(0 <= strength < 1 for strength in recipe.augment.values()), "strengths in [0, 1)")
    return recipe


FIELDS: Final = tuple(each.name for each in fields(Recipe))
