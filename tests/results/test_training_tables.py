"""Training costs and learning curves: told by run.json of each model's weights, hand-worked, nothing made up."""

import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from mednca_bench.results import drawings, plots, report, style, tables
from mednca_bench.results.course import read_course
from mednca_bench.results.plot_training import learning_curves
from mednca_bench.results.store import Store
from tests.results.test_plots import assert_nothing_is_clipped

COURSE: dict[str, Any] = {
    "task": "Task04_Hippocampus",
    "phantom": False,
    "updates": 10_000,
    "threads": 1,
    "samples": 160_000,
    "flops": 2.77e14,
    "late_gain": 0.0011,
    "plateau": True,
    "largest_state": 894.4,
    "rollbacks": [[4_137, 4_100]],
    "val_cases": 12,
    "curve": [[400, 0.5, 0.4], [800, 0.88, 0.85], [9_000, None, None], [10_000, 0.875, 0.86]],
}


def scored(
    folder: Path, fake: ModuleType, courses: dict[tuple[str, int], Any], *, passes: int = 1, **about: Any
) -> Path:
    """A run of one clean case with these trainings."""
    rows = [fake.record(0.9, model=m, train_seed=seed, split="test", passes=passes) for m, seed in courses]
    Store(folder).append(rows)
    models = [
        {"model": model, "weights": fake.sha(model, "quick", seed), "training": course}
        for (model, seed), course in courses.items()
    ]
    (folder / "run.json").write_text(
        json.dumps({"task": "Task04_Hippocampus", "split": "test", "models": models} | about)
    )
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
    assert table.notes[0].startswith("Val Dice: mean over 12 cases of the val part")
    assert table.notes[-1] == "Weights that do not tell how they were come by: unet (seed 0)."


def test_curves_are_of_val_whatever_was_scored(tmp_path: Path, fake: ModuleType) -> None:
    frame = tables.build(scored(tmp_path, fake, {("med-nca", 0): COURSE}))["learning_curves"].frame
    assert set(frame["split"]) == {"val"} and frame["update"].tolist() == [400, 800, 9_000, 10_000]
    assert frame["val_dice"].tolist() == pytest.approx([0.5, 0.88, math.nan, 0.875], nan_ok=True)


def test_what_is_not_known_stays_unknown(tmp_path: Path, fake: ModuleType) -> None:
    """A network has no state, a task without val no curve, weights of another machine no minutes."""
    bare = COURSE | {"largest_state": 0.0, "late_gain": None, "plateau": None, "curve": [], "val_cases": 0}
    built = tables.build(scored(tmp_path, fake, {("unet", 0): bare}))
    (row,) = built["training"].shown.to_dict("records")
    names = ("Minutes", "Min. to 0.85", "Val Dice", "Best at update", "Last fifth", "Largest state")
    assert {row[name] for name in names} == {"–"} and built["training"].frame["updates"].tolist() == [10_000]
    assert "learning_curves" not in built


def test_a_curve_without_a_dice_is_no_figure(tmp_path: Path, fake: ModuleType) -> None:
    built = tables.build(scored(tmp_path, fake, {("unet", 0): COURSE | {"curve": [[1, None, None]]}}))
    assert "learning_curves" in built and "learning_curves.png" not in {p.name for p in plots.write(tmp_path)}


def test_the_last_dice_is_that_of_the_last_update(tmp_path: Path, fake: ModuleType) -> None:
    """Curves are put in order; an answer that was not finite at the end leaves no Dice."""
    courses = {
        ("a", 0): COURSE | {"curve": [[10_000, 0.7, 0.6], [400, 0.8, 0.7]]},
        ("b", 0): COURSE | {"curve": [[400, 0.8, 0.7], [10_000, None, None]], "largest_state": None},
        ("c", 0): COURSE | {"late_gain": -0.02, "rollbacks": []},
        ("d", 0): COURSE | {"late_gain": 0.02, "plateau": False},
    }
    shown = tables.build(scored(tmp_path, fake, courses))["training"].shown
    assert shown["Val Dice"].tolist() == ["0.700", "–", "0.875", "0.875"]
    assert shown["Best at update"].tolist()[:2] == ["0.800 at 400"] * 2
    assert shown["Largest state"].tolist() == ["894", "not finite", "894", "894"]
    assert shown["Last fifth"].tolist()[1:] == ["+0.0011, plateau", "-0.0200, fell", "+0.0200, no plateau"]


@pytest.mark.parametrize("phantom", [False, True])
def test_marks_are_of_the_data_that_each_number_is_of(tmp_path: Path, fake: ModuleType, phantom: bool) -> None:
    """Scored on real cases and trained on a phantom, or the other way round."""
    course = COURSE | {"phantom": not phantom, "task": "Another_Task"}
    scored(tmp_path, fake, {("med-nca", 0): course}, phantom=phantom, scored_train_cases=True)
    tables.write(tmp_path)
    plots.write(tmp_path)
    marked = {
        name: "PHANTOM DATA" in (tmp_path / f"tables/{name}.md").read_text(encoding="utf-8")
        for name in ("accuracy", "training")
    }
    assert marked == {"accuracy": phantom, "training": not phantom}
    assert "TRAINING CASES" in (tmp_path / "tables/accuracy.md").read_text(encoding="utf-8")
    assert "TRAINING CASES" not in (tmp_path / "tables/training.md").read_text(encoding="utf-8")
    sidecar = json.loads((tmp_path / "plots/learning_curves.json").read_text(encoding="utf-8"))
    assert sidecar["marks"] == ([] if phantom else ["PHANTOM DATA – not real MRI"])
    assert (sidecar["task"], sidecar["records"], sidecar["records_sha256"]) == ("Another_Task", 0, "")
    page = report.write(tmp_path).read_text(encoding="utf-8")
    assert ('<p class="mark" role="note"><strong>PHANTOM' in page) == phantom


def test_the_axis_leaves_out_what_is_far_below_every_end() -> None:
    def axis(**ends: float) -> tuple[float, float]:
        rows = [
            {"model": model, "train_seed": 0, "update": update, "val_dice": dice}
            for model, end in ends.items()
            for update, dice in ((10, 0.1), (100, end))
        ]
        bottom, top = learning_curves(pd.DataFrame(rows), looks=style.looks(ends)).axes[0].get_ylim()
        return bottom, top

    assert axis(a=0.9, b=0.8) == pytest.approx((0.7, 0.93))
    assert axis(a=0.9, b=0.12) == pytest.approx((0.05, 0.93)), "one that hardly learns is seen too"


def test_a_task_of_any_name_stays_in_the_folder(tmp_path: Path, fake: ModuleType) -> None:
    hostile = "/../../../../escaped/" + "x" * 300
    courses = {("a", 0): COURSE, ("b", 0): COURSE | {"task": hostile}, ("c", 0): COURSE | {"task": "\ud800"}}
    written = plots.write(scored(tmp_path / "run", fake, courses))
    assert {path.parent for path in written} == {tmp_path / "run" / "plots"}
    assert (
        len([path for path in written if path.name.startswith("learning_curves-")]) == 6
    )  # two tasks that can be told


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
        COURSE | {"curve": ["123"]},
        COURSE | {"curve": [[0, 0.1, 0.1]]},
        COURSE | {"curve": [[1, 1.5, 0.1]]},
        COURSE | {"curve": [[1, math.nan, 0.1]]},
        COURSE | {"phantom": None},
        COURSE | {"task": "\ud800"},
        COURSE | {"minutes": "fast"},
        COURSE | {"updates": True},
        COURSE | {"samples": "many"},
        COURSE | {"rollbacks": "ab"},
        COURSE | {"flops": None},
        COURSE | {"flops": math.inf},
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


def test_an_ensemble_is_told_of_by_its_model_and_looks_like_it(tmp_path: Path, fake: ModuleType) -> None:
    built = tables.build(scored(tmp_path, fake, {("med-nca", 0): COURSE}, passes=10))
    assert built["training"].frame["model"].tolist() == ["med-nca"]
    names = {name: name for name in ("med-nca", "med-nca ×10")}
    found = drawings._looks(names, built)
    assert found["med-nca"] == found["med-nca ×10"] == style.looks(["med-nca"])["med-nca"]


@pytest.mark.parametrize("length", [5, 12, 18, 24, style.NAME_LENGTH])
def test_names_of_any_length_fit_below(length: int) -> None:
    names = [f"{n}{'n' * (length - 1)}" for n in range(9)]
    rows = [{"model": name, "train_seed": 0, "update": update, "val_dice": 0.5} for name in names for update in (9, 99)]
    with style.styled():
        assert_nothing_is_clipped(learning_curves(pd.DataFrame(rows), looks=style.looks(names)))


@pytest.mark.parametrize("updates", [(1,), (410,), (199, 299), (40, 600)])
def test_the_axis_of_updates_has_numbers(updates: tuple[int, ...]) -> None:
    rows = [{"model": "med-nca", "train_seed": 0, "update": update, "val_dice": 0.5} for update in updates]
    with style.styled():
        (ax,) = learning_curves(pd.DataFrame(rows), looks=style.looks(["med-nca"])).axes
    assert 1 <= len(ax.get_xticks()) <= 7
