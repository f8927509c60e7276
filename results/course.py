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
    """One training. Numbers that are not known are NaN.

    Attributes:
        task: whose train part it learnt from, and whose val part it was looked at on; "" where not known.
        phantom: that data was generated.
        updates: done.
        samples: slices seen, those of undone updates counted.
        flops: of all updates.
        threads: it was trained with.
        minutes: on the machine it was trained on.
        minutes_to_goal: until soft Dice on val was 0.85 for the first time.
        curve: on val, on the model's grid, by update.
        val_cases: that a point is the mean of.
        late_gain: best Dice in the last fifth of the updates minus the best before.
        plateau: whether that is below the stated gain, and anything was learnt; None without scores in both.
        largest_state: of a recurrent model, in absolute value; infinite if it was not finite once.
        rollbacks: how often it went back to an earlier state.
    """

    task: str
    phantom: bool
    updates: int
    samples: int
    flops: float
    threads: float
    minutes: float
    minutes_to_goal: float
    curve: tuple[Point, ...]
    val_cases: int
    late_gain: float
    plateau: bool | None
    largest_state: float
    rollbacks: int


def late_word(gain: float, *, plateau: bool | None) -> str:
    """What a gain in the last fifth means.

    >>> late_word(-0.01, plateau=True), late_word(0.001, plateau=True), late_word(0.01, plateau=False)
    ('fell', 'plateau', 'no plateau')
    """
    return "fell" if gain < 0 else "plateau" if plateau else "no plateau"


def read_course(content: Any) -> Course | None:
    """What run.json has under a model's `training`; None where that is nothing, or not what training writes."""
    try:
        state, plateau, task = content["largest_state"], content["plateau"], content["task"]
        points = [Point(_count(at), _share(dice), _share(soft)) for at, dice, soft in _list(content["curve"])]
        return Course(
            task=_word(task),
            phantom=_flag(content["phantom"]),
            updates=_count(content["updates"]),
            samples=_count(content["samples"]),
            flops=_number(content["flops"]),
            threads=_number(content.get("threads"), missing=True),
            minutes=_number(content.get("minutes"), missing=True),
            minutes_to_goal=_number(content.get("minutes_to_soft_dice_0.85"), missing=True),
            curve=tuple(sorted(points, key=lambda point: point.update)),
            val_cases=_count(content["val_cases"], least=0),
            late_gain=_number(content["late_gain"], missing=True),
            plateau=None if plateau is None else _flag(plateau),
            largest_state=math.inf if state is None else _number(state) or math.nan,
            rollbacks=len(_list(content["rollbacks"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _count(value: Any, *, least: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise TypeError(value)
    return value


def _number(value: Any, *, missing: bool = False) -> float:
    if missing and value is None:
        return math.nan
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(value)
    return float(value)


def _share(value: Any) -> float:
    found = _number(value, missing=True)
    if not 0 <= found <= 1 and not math.isnan(found):
        raise ValueError(value)
    return found


def _word(value: Any) -> str:
    text = "" if value is None else str(value)
    text.encode("utf-8")  # half of a surrogate pair cannot be written
    return text
