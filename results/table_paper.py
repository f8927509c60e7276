"""The accuracy table in the layout of Table 1 of the Med-NCA paper: a row per model, a column per task, mean ± sd.

Per task it has hard Dice on the native grid and, for comparison with the paper, the paper's soft Dice on the resampled
grid. Where a task has several labels both are the mean over them.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from .estimates import MACRO
from .table import MISSING, Table, spread

if TYPE_CHECKING:
    import pandas as pd

_METRICS: Final = {"dice": "Dice", "dice_soft_paper": "soft Dice (paper)"}


def table1(accuracy: Table | None, *, parameters: Mapping[str, int] | None = None) -> Table | None:
    """Lay the accuracy table out as the paper does.

    Args:
        accuracy: from `table_accuracy.accuracy`.
        parameters: trainable parameters by model, where known.

    Returns:
        None without an accuracy table. Columns of `frame`: task (several are joined by " + "), split, phantom, model,
        parameters and per task T and metric m (dice, dice_soft_paper, in [0, 1]): T_m_mean, T_m_sd. Phantom and real
        data, and parts of a split, never share a row.
    """
    import pandas as pd

    if accuracy is None:
        return None
    rows = accuracy.frame.assign(place=range(len(accuracy.frame)))
    several = rows.groupby(["task", "split", "phantom", "model"])["label"].transform("nunique") > 1
    rows = rows[~several | (rows["label"] == MACRO)]
    lines, words, strong = [], [], set()
    for (split, phantom), group in rows.groupby(["split", "phantom"], sort=True):
        tasks = sorted(group["task"].unique())
        for model, mine in group.groupby("model", sort=True):
            by_task = {str(row["task"]): row for _, row in mine.iterrows()}
            size = _size(str(model), parameters or {})
            scope = {"task": " + ".join(tasks), "split": split, "phantom": phantom, "model": model}
            lines.append({**scope, "parameters": np.nan if size is None else size} | _numbers(by_task))
            words.append({"Model": model, "Parameters": MISSING if size is None else f"{size:,}"} | _words(by_task))
            strong |= {
                (len(words) - 1, _heading(task, "dice"))
                for task, row in by_task.items()
                if (row["place"], "Dice") in accuracy.strong
            }
    frame, shown = pd.DataFrame(lines), pd.DataFrame(words).fillna(MISSING)
    frame["parameters"] = frame["parameters"].astype("Int64")
    return Table("table1", "Accuracy, in the layout of the paper's Table 1", frame, shown, _NOTES, frozenset(strong))


def short_name(task: str) -> str:
    """A task as papers call it.

    >>> short_name("Task04_Hippocampus")
    'Hippocampus'
    """
    return re.sub(r"^Task\d+_", "", task) or "unknown task"


def _size(model: str, parameters: Mapping[str, int]) -> int | None:
    """Parameters of a model, under the name that tables give it or under its first word, the model's own."""
    return parameters.get(model, parameters.get(model.split(" ")[0]))


def _heading(task: str, metric: str) -> str:
    return f"{short_name(task)} {_METRICS[metric]}"


def _numbers(by_task: "Mapping[str, pd.Series[float]]") -> dict[str, float]:
    parts = ("mean", "sd")
    return {
        f"{task}_{m}_{part}": row[f"{m}_{part}"] for task, row in by_task.items() for m in _METRICS for part in parts
    }


def _words(by_task: "Mapping[str, pd.Series[float]]") -> dict[str, str]:
    return {
        _heading(task, metric): spread(row[f"{metric}_mean"], row[f"{metric}_sd"], 3)
        for task, row in by_task.items()
        for metric in _METRICS
    }


_NOTES: Final = (
    "Mean ± standard deviation over cases; where a task has several labels, of the mean over them. Dice: thresholded, "
    "on the native grid. Soft Dice (paper): not thresholded, on the resampled grid, as the Med-NCA paper reports it.",
)
