"""Training costs and learning curves: told by run.json of each model's weights, hand-worked, nothing made up."""

import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mednca_bench.results import plots, style, tables
from mednca_bench.results.course import read_course
from mednca_bench.results.store import Store
from tests.results.test_plots import assert_nothing_is_clipped

COURSE: dict[str, Any] = {
    "task": "Task04_Hippocampus",
    "phantom": False,
    "samples": 160_000,
    "flops": 2.77e14,
    "late_gain": 0.0011,
    "plateau": True,
    "largest_state": 894.4,
    "rollbacks": [[4_137, 4_100]],
    "val_cases": 12,
    "curve": [[400, 0.5, 0.4], [800, 0.88, 0.85], [9_000, None, None], [10_000, 0.875, 0.86]],
}


def scored(folder: Path, fake: ModuleType, courses: dict[tuple[str, int], Any], *, passes: int = 1) -> Path:
    """A run of one clean case with these trainings."""
    rows = [fake.record(0.9, model=model, train_seed=seed, split="test") for model, seed in courses]
    many = [fake.record(0.9, model=m, train_seed=s, split="test", passes=passes) for m, s in courses]
    Store(folder).append(rows + many if passes > 1 else rows)
    models = [
        {"model": model, "weights": fake.sha(model, "quick", seed), "training": course}
        for (model, seed), course in courses.items()
    ]
    (folder / "run.json").write_text(json.dumps({"task": "Task04_Hippocampus", "split": "test", "models": models}))
    return folder


def test_what_a_training_cost_and_came_to(tmp_path: Path, fake: ModuleType) -> None:
    timed = COURSE | {"minutes": 40.25, "minutes_to_soft_dice_0.85": 3.5}
    silent = {("unet", 0): None}
    table = tables.build(scored(tmp_path, fake, {("med-nca", 2): timed} | silent, passes=10))["training"]
    (row,) = table.frame.to_dict("records")
    assert (row["task"], row["split"], row["phantom"]) == ("Task04_Hippocampus", "val", False)
    assert (row["model"], row["train_seed"], row["updates"], row["rollbacks"]) == ("med-nca", 2, 10_000, 1)
    assert (row["val_dice_last"], row["val_dice_best"], row["best_update"]) == (0.875, 0.88, 800)
    assert (row["minutes"], row["minutes_to_soft_dice_0.85"], row["samples"]) == (40.25, 3.5, 160_000)
    assert table.shown.to_dict("records") == [
        {
            "Model": "med-nca",
            "Seed": "2",
            "Slices": "160,000",
            "TFLOP": "277",
            "Minutes": "40.2",
            "Min. to 0.85": "3.5",
            "Val Dice": "0.875",
            "Best at update": "0.880 at 800",
            "Last fifth": "+0.0011, plateau",
            "Largest state": "894",
            "Rollbacks": "1",
        }
    ]
    assert table.notes[-1] == "Weights that do not tell how they were come by: unet (seed 0)."


def test_curves_are_of_val_whatever_was_scored(tmp_path: Path, fake: ModuleType) -> None:
    frame = tables.build(scored(tmp_path, fake, {("med-nca", 0): COURSE}))["learning_curves"].frame
    assert set(frame["split"]) == {"val"} and frame["update"].tolist() == [400, 800, 9_000, 10_000]
    assert frame["val_dice"].tolist() == pytest.approx([0.5, 0.88, math.nan, 0.875], nan_ok=True)


def test_what_is_not_known_stays_unknown(tmp_path: Path, fake: ModuleType) -> None:
    """A network has no state, an early end no last fifth, weights of another machine no minutes."""
    bare = COURSE | {"largest_state": 0.0, "late_gain": None, "plateau": None, "curve": [[1, None, None]]}
    built = tables.build(scored(tmp_path, fake, {("unet", 0): bare}))
    (row,) = built["training"].shown.to_dict("records")
    names = ("Minutes", "Min. to 0.85", "Val Dice", "Best at update", "Last fifth", "Largest state")
    assert {row[name] for name in names} == {"–"}
    assert "learning_curves" in built and not (tmp_path / "plots").exists()
    assert "learning_curves.png" not in {path.name for path in plots.write(tmp_path, tables=built)}


def test_runs_without_such_weights_have_no_such_tables(tmp_path: Path, fake: ModuleType) -> None:
    assert not {"training", "learning_curves"} & set(tables.build(scored(tmp_path, fake, {("unet", 0): None})))


@pytest.mark.parametrize(
    "damage",
    [
        None,
        [],
        {},
        COURSE | {"curve": [[1, 2]]},
        COURSE | {"curve": 3},
        COURSE | {"samples": "many"},
        COURSE | {"rollbacks": 2},
        COURSE | {"flops": None},
    ],
    ids=lambda value: str(value)[-40:],
)
def test_what_cannot_be_read_is_not_told(damage: Any) -> None:
    assert read_course(damage) is None
    assert read_course(COURSE) is not None


def test_the_figure_has_a_line_a_training_and_a_name_a_model(tmp_path: Path, fake: ModuleType) -> None:
    courses = {("med-nca", 0): COURSE, ("med-nca", 1): COURSE, ("unet-small", 0): COURSE | {"curve": [[120, 0.8, 0.7]]}}
    built = tables.build(scored(tmp_path, fake, courses))
    figures: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "save", lambda figure, folder, name, *, marks: figures.setdefault(name, figure) and [])
        plots.write(tmp_path, tables=built)
    figure = figures["learning_curves"]
    assert_nothing_is_clipped(figure)
    (ax,) = figure.axes
    looks = style.looks(["med-nca", "unet-small"])
    assert [line.get_color() for line in ax.lines] == [looks["med-nca"].colour] * 2 + [looks["unet-small"].colour]
    assert list(ax.lines[0].get_xdata()) == [400, 800, 10_000]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["med-nca", "unet-small"]
    assert "split: val" in figure.get_suptitle()
