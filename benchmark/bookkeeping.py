"""What a training run cost and whether it has reached its plateau, for `training.json` and one line at the end.

FLOPs are 2 per multiply-accumulate of the model's own count (`training_macs`), and three times the way forward: the way
back costs about two. Minutes are those of this machine, waiting for others included.
"""

from __future__ import annotations

import math
from typing import Any

from ..models.base import Segmenter
from ..results.course import late_word
from .checkpoint import Position
from .recipe import Recipe

LAST_PART = 0.2  # of the updates
PLATEAU_GAIN = 0.002  # Dice on val gained in the last part, below which training has reached its plateau
_OF_SHEET = ("samples", "flops", "late_gain", "plateau", "largest_state")
COURSE = (*_OF_SHEET, "rollbacks", "val_cases", "curve")  # what `course` gives
_FORWARD_AND_BACK = 3
_FLOPS_PER_MAC = 2


def bookkeeping(position: Position, recipe: Recipe, model: Segmenter) -> dict[str, Any]:
    """Samples, FLOPs, minutes, minutes to the goal on val, and the plateau check; plain data."""
    samples = position.computed * recipe.batch
    gain = late_gain(position)
    return {
        "samples": samples,
        "flops": _FLOPS_PER_MAC * _FORWARD_AND_BACK * model.training_macs(*recipe.size) * samples,
        "minutes": position.seconds / 60.0,
        "minutes_to_soft_dice_0.85": None if position.seconds_to_dice is None else position.seconds_to_dice / 60.0,
        "late_gain": gain,
        "plateau": None if gain is None else gain < PLATEAU_GAIN and _learnt(position),
        "largest_state": position.largest_state if math.isfinite(position.largest_state) else None,
    }


def course(position: Position, sheet: dict[str, Any], *, val_cases: int) -> dict[str, Any]:
    """What goes with the weights: how they were come by, without the minutes, which no other training repeats.

    Args:
        position: the final one.
        sheet: what `bookkeeping` said of it.
        val_cases: that a score of the learning curve is taken over.
    """
    scored = [line for line in position.log if line.val_dice is not None]
    return {
        **{name: sheet[name] for name in _OF_SHEET},
        "rollbacks": [[each.update, each.back_to] for each in position.rollbacks],
        "val_cases": val_cases,
        "curve": [[line.update, _short(line.val_dice), _short(line.val_soft_dice)] for line in scored],
    }


def _short(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def late_gain(position: Position) -> float | None:
    """Best Dice on val in the last fifth of the updates minus the best before; None without scores in both."""
    scores = [(line.update, line.val_dice) for line in position.log if line.val_dice is not None]
    border = (1.0 - LAST_PART) * position.updates
    before = [score for update, score in scores if update <= border]
    late = [score for update, score in scores if update > border]
    return max(late) - max(before) if before and late else None


def _learnt(position: Position) -> bool:
    """Whether val Dice was ever above 0: a training that gains nothing from the start has not reached its plateau."""
    return any(line.val_dice for line in position.log)


def summary_line(sheet: dict[str, Any], *, rollbacks: int) -> str:
    """The bookkeeping in one line.

    >>> summary_line({"samples": 320, "flops": 2.5e12, "minutes": 1.25, "minutes_to_soft_dice_0.85": None,
    ...               "late_gain": 0.01, "plateau": False}, rollbacks=1)
    '320 samples, 2.50 TFLOP, 1.2 min, soft Dice 0.85 not reached, last fifth +0.0100 Dice (no plateau), 1 rollback'
    """
    goal = sheet["minutes_to_soft_dice_0.85"]
    reached = "soft Dice 0.85 not reached" if goal is None else f"soft Dice 0.85 after {goal:.1f} min"
    words = [
        f"{sheet['samples']:,} samples",
        f"{sheet['flops'] / 1e12:.2f} TFLOP",
        f"{sheet['minutes']:.1f} min",
        reached,
    ]
    if sheet["late_gain"] is not None:
        words.append(
            f"last fifth {sheet['late_gain']:+.4f} Dice ({late_word(sheet['late_gain'], plateau=sheet['plateau'])})"
        )
    if rollbacks:
        words.append(f"{rollbacks} rollback{'s' * (rollbacks > 1)}")
    return ", ".join(words)
