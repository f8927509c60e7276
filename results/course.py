"""How weights were come by, as run.json tells it of each model: what it cost, its learning curve, its rollbacks."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Point:
    """One point of a learning curve: Dice and soft Dice on val after so many updates; NaN where there was none."""

    update: int
    dice: float
    soft_dice: float


@dataclass(frozen=True)
class Course:
    """One training.

    Attributes:
        task: whose train part it learnt from, and whose val part it was looked at on.
        phantom: that data was generated.
        samples: slices seen, those of undone updates counted.
        flops: of all updates.
        minutes: on the machine it was trained on; NaN where not known, as for the other numbers.
        minutes_to_goal: until soft Dice on val was 0.85 for the first time; NaN where it never was.
        curve: on val, on the model's grid.
        val_cases: that a point is the mean of.
        late_gain: best Dice in the last fifth of the updates minus the best before.
        plateau: whether that is below the stated gain; None without scores in both.
        largest_state: of a recurrent model, in absolute value.
        rollbacks: how often it went back to an earlier state.
    """

    task: str
    phantom: bool
    samples: int
    flops: float
    minutes: float
    minutes_to_goal: float
    curve: tuple[Point, ...]
    val_cases: int
    late_gain: float
    plateau: bool | None
    largest_state: float
    rollbacks: int


def read_course(content: Any) -> Course | None:
    """What run.json has under a model's `training`; None where that is nothing, or nothing one can read."""
    try:
        plateau = content["plateau"]
        return Course(
            task=str(content["task"]),
            phantom=content["phantom"] is True,
            samples=int(content["samples"]),
            flops=float(content["flops"]),
            minutes=_number(content.get("minutes")),
            minutes_to_goal=_number(content.get("minutes_to_soft_dice_0.85")),
            curve=tuple(Point(int(at), _number(dice), _number(soft)) for at, dice, soft in content["curve"]),
            val_cases=int(content["val_cases"]),
            late_gain=_number(content["late_gain"]),
            plateau=plateau if isinstance(plateau, bool) else None,
            largest_state=_number(content["largest_state"]),
            rollbacks=len(content["rollbacks"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return None


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
