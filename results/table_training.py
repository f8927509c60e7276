"""Trainings of the models that were scored: what each cost, whether it had stopped gaining, and its learning curve."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .course import Course, late_word
from .run_info import RunInfo
from .scored import Scope, names
from .table import MISSING, Table, number

if TYPE_CHECKING:
    import pandas as pd

VAL: Final = "val"
"""The part that learning curves are of, whatever part was scored."""


class _Training(NamedTuple):
    """A training under the name that tables give its model."""

    model: str
    seed: int
    weights: str
    course: Course | None


def training(rows: "pd.DataFrame", info: RunInfo) -> tuple[Table, ...]:
    """The tables `training` and `learning_curves`.

    Args:
        rows: a ledger.
        info: from `run_info.read_run_info`.

    Returns:
        None of them where no model's weights tell how they were come by. `training` has a row per training: `model`,
        `train_seed`, `weights`, `updates`, `samples`, `flops`, `threads`, `minutes`, `minutes_to_soft_dice_0.85`,
        `val_cases`, `val_dice_last` (at the last update), `val_dice_best`, `best_update`, `late_gain`, `plateau`,
        `largest_state` (infinite if it was not finite once), `rollbacks`. `learning_curves` has a row per point:
        `model`, `train_seed`, `update`, `val_dice`, `val_soft_dice`. Their task is the one that was trained on, and
        what was scored may be another.
    """
    import pandas as pd

    found = list(_trainings(rows, info))
    known = [(each, each.course) for each in found if each.course is not None]
    if not known:
        return ()
    table = pd.concat([_scope(course).in_front_of(_row(each, course)) for each, course in known], ignore_index=True)
    silent = [f"{each.model} (seed {each.seed})" for each in found if each.course is None]
    notes = [_cases(table), *_LEGEND]
    if silent:
        notes.append(f"Weights that do not tell how they were come by: {', '.join(silent)}.")
    tables = [Table("training", "Training", table, _shown(table), tuple(notes), of_training=True)]
    curves = [_scope(course).in_front_of(_points(each, course)) for each, course in known if course.curve]
    if curves:
        frame = pd.concat(curves, ignore_index=True)
        words = pd.DataFrame(index=frame.index)
        tables.append(Table("learning_curves", "Learning curves", frame, words, of_training=True))
    return tuple(tables)


def _trainings(rows: "pd.DataFrame", info: RunInfo) -> Iterator[_Training]:
    """Each training once, under the model's own name, not that of its ensembles."""
    each = rows[["task", "model", "recipe", "train_seed", "weights"]].drop_duplicates().assign(passes=1)
    named = each.assign(name=names(each)).astype({"name": str, "weights": str})
    once = named.sort_values(["name", "train_seed", "weights"]).drop_duplicates("weights")
    for model, seed, weights in zip(once["name"], once["train_seed"], once["weights"], strict=True):
        yield _Training(model, int(seed), weights, info.courses.get(weights))


def _scope(course: Course) -> Scope:
    return Scope(course.task, VAL, course.phantom)


def _row(each: _Training, course: Course) -> "pd.DataFrame":
    import pandas as pd

    scored = [point for point in course.curve if not math.isnan(point.dice)]
    best = max(scored, key=lambda point: point.dice, default=None)
    return pd.DataFrame(
        [
            {
                "model": each.model,
                "train_seed": each.seed,
                "weights": each.weights,
                "updates": course.updates,
                "samples": course.samples,
                "flops": course.flops,
                "threads": course.threads,
                "minutes": course.minutes,
                "minutes_to_soft_dice_0.85": course.minutes_to_goal,
                "val_cases": course.val_cases,
                "val_dice_last": scored[-1].dice if scored and scored[-1].update == course.updates else math.nan,
                "val_dice_best": best.dice if best else math.nan,
                "best_update": best.update if best else math.nan,
                "late_gain": course.late_gain,
                "plateau": course.plateau,
                "largest_state": course.largest_state,
                "rollbacks": course.rollbacks,
            }
        ]
    )


def _points(each: _Training, course: Course) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "model": each.model,
            "train_seed": each.seed,
            "update": point.update,
            "val_dice": point.dice,
            "val_soft_dice": point.soft_dice,
        }
        for point in course.curve
    )


_LEGEND: Final = (
    "Last fifth: best val Dice in the last fifth of the updates minus the best before; from 0 to 0.002 is a plateau.",
    "TFLOP: of all updates, three times the way forward, two per multiply-accumulate. Minutes: on the machine that "
    "trained, whatever ran beside it; to 0.85: until soft Dice on val was that for the first time.",
    "Largest state: of a recurrent model, in absolute value, at the end of any level in any update.",
)


def _cases(table: "pd.DataFrame") -> str:
    few, many = table["val_cases"].min(), table["val_cases"].max()
    cases = f"{few}" if few == many else f"{few} to {many}"
    return (
        f"Val Dice: mean over {cases} cases of the val part, on the model's grid, at the last update and the best one."
    )


def _shown(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    def line(row: Any) -> dict[str, Any]:
        best = MISSING if math.isnan(row.val_dice_best) else f"{row.val_dice_best:.3f} at {row.best_update:,.0f}"
        return {
            "Model": row.model,
            "Seed": str(row.train_seed),
            "Slices": f"{row.samples:,}",
            "TFLOP": f"{row.flops / 1e12:,.3g}" if row.flops < 1e14 else f"{row.flops / 1e12:,.0f}",
            "Minutes": number(row.minutes, 1),
            "Min. to 0.85": number(row.minutes_to_goal, 1),
            "Val Dice": number(row.val_dice_last, 3),
            "Best at update": best,
            "Last fifth": _gain(row.late_gain, plateau=row.plateau),
            "Largest state": _state(row.largest_state),
            "Rollbacks": str(row.rollbacks),
        }

    named = table.rename(columns={"minutes_to_soft_dice_0.85": "minutes_to_goal"})
    return pd.DataFrame(line(row) for row in named.itertuples(index=False))


def _gain(gain: float, *, plateau: bool | None) -> str:
    return MISSING if math.isnan(gain) else f"{number(gain, 4, sign=True)}, {late_word(gain, plateau=plateau)}"


def _state(largest: float) -> str:
    return MISSING if math.isnan(largest) else "not finite" if math.isinf(largest) else f"{largest:,.0f}"
