"""Comparing runs: identical ones, moved ones, and ones that have nothing in common."""

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mednca_bench.results.atomic import write_text
from mednca_bench.results.compare import compare
from mednca_bench.results.compare_provenance import differences
from mednca_bench.results.intervals import mean_intervals
from mednca_bench.results.store import Store


def stored(folder: Path, rows: list[dict[str, Any]], **run: Any) -> Path:
    Store(folder).append(rows)
    write_text(folder / "run.json", json.dumps({"task": "Task04_Hippocampus", "split": "val"} | run))
    return folder


WHOLE = {
    "mednca_bench": "0.1.0", "data_sha256": "1" * 64, "versions": {"torch": "2.4"}, "machine": {"cores": 2},
    "models": [{"model": "med-nca", "train_seed": 0, "weights": "a" * 64, "recipe": "quick"}],
}  # fmt: skip
"""What run.json must tell so that two runs can be said to be of the same making."""


def rows_of(fake: ModuleType, *, weights: str, shift: float = 0.0, cases: int = 6) -> list[dict[str, Any]]:
    dices = np.round(np.linspace(0.7, 0.9, cases) + shift * np.arange(cases), 3)
    return [
        fake.record(
            float(dice), case=f"c{n}", group=f"g{n // 2}", grid=grid, weights=weights, key=fake.sha(weights, n, grid)
        )
        for n, dice in enumerate(dices)
        for grid in ("native", "model")
    ]


def test_a_run_and_its_copy_are_identical(run_folder: Path, tmp_path: Path) -> None:
    run, copy = tmp_path / "run", tmp_path / "copy"
    shutil.copytree(run_folder, run)
    write_text(run / "run.json", json.dumps(json.loads((run / "run.json").read_text()) | WHOLE))
    shutil.copytree(run, copy)
    found = compare(run, copy)
    assert found.identical == len(Store(run_folder).load())
    assert found.provenance == ("provenance: the same code, versions, data, weights and machine",)
    assert (found.table.frame["dice_change_mean"].dropna() == 0).all() and (found.table.frame["changed"] == 0).all()


def test_the_order_and_number_of_parts_does_not_matter(fake: ModuleType, tmp_path: Path) -> None:
    rows = rows_of(fake, weights="a" * 64)
    one, two = stored(tmp_path / "one", rows), stored(tmp_path / "two", rows[:5])
    Store(two).append(rows[5:])
    assert compare(one, two).identical == len(rows)


def test_one_voxel_is_not_identical(fake: ModuleType, tmp_path: Path) -> None:
    rows = rows_of(fake, weights="a" * 64)
    one = stored(tmp_path / "one", rows)
    two = stored(tmp_path / "two", [rows[0] | {"tp": rows[0]["tp"] + 1, "fn": rows[0]["fn"] - 1}, *rows[1:]])
    found = compare(one, two)
    assert found.identical is None and found.table.frame["changed"].sum() == 1


def test_other_weights_are_compared_answer_by_answer(fake: ModuleType, tmp_path: Path) -> None:
    one = stored(tmp_path / "one", rows_of(fake, weights="a" * 64))
    two = stored(tmp_path / "two", rows_of(fake, weights="b" * 64, shift=0.01))
    found = compare(one, two)
    assert found.identical is None
    row = found.table.frame.set_index("grid").loc["native"]
    change = 0.01 * np.arange(6)
    assert row["dice_change_mean"] == pytest.approx(change.mean(), abs=2e-3) and row["cases"] == 6
    measured = np.array([b["tp"] - a["tp"] for a, b in zip(rows_of(fake, weights="a"), rows_of(fake, weights="b", shift=0.01), strict=True)][::2])  # fmt: skip  # noqa: E501
    sums = (measured / 1000).reshape(3, 2).sum(axis=1, keepdims=True)
    low, high = mean_intervals(sums, np.full_like(sums, 2))
    assert (row["dice_change_low"], row["dice_change_high"]) == (pytest.approx(low[0]), pytest.approx(high[0]))
    back = compare(two, one).table.frame.set_index("grid").loc["native"]
    assert back["dice_change_mean"] == pytest.approx(-row["dice_change_mean"])


def test_only_common_answers_count_and_the_others_are_told(fake: ModuleType, tmp_path: Path) -> None:
    rows = rows_of(fake, weights="a" * 64)
    one, two = stored(tmp_path / "one", rows), stored(tmp_path / "two", rows[4:])
    found = compare(one, two)
    assert set(found.table.frame["answers"]) == {4}
    assert "Only in the first run: 4 records." in found.table.notes
    assert not any("Only in the second" in note for note in found.table.notes)


def test_an_undefined_answer_is_in_neither_mean(fake: ModuleType, tmp_path: Path) -> None:
    rows = rows_of(fake, weights="a" * 64)
    empty = fake.measured(0, tp=0, fp=0, fn=0)
    one, two = stored(tmp_path / "one", rows), stored(tmp_path / "two", [rows[0] | empty, *rows[1:]])
    row = compare(one, two).table.frame.set_index("grid").loc["native"]
    assert row["cases"] == 5 and row["answers"] == 6
    assert row["dice_first_mean"] == row["dice_second_mean"] and row["dice_change_mean"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"phantom": True}, r"Task04_Hippocampus val \(phantom\)"),
        ({"split": "test"}, "Task04_Hippocampus test"),
        ({"train_seed": 1}, "med-nca seed 1"),
        ({"passes": 10}, "med-nca ×10 seed 0"),
        ({"model": "unet-small"}, "unet-small seed 0"),
    ],
)
def test_nothing_in_common_says_what_each_holds(fake, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    rows = rows_of(fake, weights="a" * 64)
    one, two = stored(tmp_path / "one", rows), stored(tmp_path / "two", [row | change for row in rows])
    with pytest.raises(ValueError, match=rf"no answer in common: .*one holds Task04_Hippocampus val: .*{said}"):
        compare(one, two)


def test_an_empty_run_has_nothing_in_common(fake: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    with pytest.raises(ValueError, match="two holds no record"):
        compare(stored(tmp_path / "one", rows_of(fake, weights="a" * 64)), tmp_path / "two")


def test_what_differs_in_provenance_is_listed_by_name() -> None:
    model = {"model": "med-nca", "train_seed": 0, "weights": "a" * 64, "recipe": "quick"}
    one = {
        "mednca_bench": "0.1.0", "data_sha256": "1" * 64, "versions": {"torch": "2.4", "numpy": "2.0"},
        "models": [model], "cases": ["a", "b"], "command": "x", "perturbations": {"noise": {"version": 1}},
    }  # fmt: skip
    two = one | {
        "mednca_bench": "0.2.0", "versions": {"torch": "2.5", "numpy": "2.0"}, "command": "y",
        "models": [model | {"weights": "b" * 64}], "cases": ["a"],
        "perturbations": {"noise": {"version": 2}, "shift": {}},
    }  # fmt: skip
    assert differences(one, two) == (
        "mednca_bench: 0.1.0 | 0.2.0",
        "cases: 2 | 1",
        "versions torch: 2.4 | 2.5",
        "perturbations: noise | noise, shift",
        'perturbation noise: {"version": 1} | {"version": 2}',
        f"med-nca seed 0 weights: {'a' * 12} | {'b' * 12}",
    )
    assert differences(one, {}) == ("provenance is unknown: run.json is missing",)


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ({"suite": "x"}, {"suite": "x"},
         "provenance is unknown (code, versions, data, weights and machine): run.json does not tell of it in both"),
        (WHOLE | {"machine": {}}, WHOLE | {"machine": None},
         "provenance: the same code, versions, data and weights; unknown, since run.json does not tell of it in both: "
         "machine"),
        (WHOLE | {"models": [], "versions": {}}, WHOLE | {"models": [], "versions": {}},
         "provenance: the same code, data and machine; unknown, since run.json does not tell of it in both: versions "
         "and weights"),
        (WHOLE, WHOLE, "provenance: the same code, versions, data, weights and machine"),
    ],
)  # fmt: skip
def test_what_run_json_does_not_tell_is_called_unknown(one: dict[str, Any], two: dict[str, Any], said: str) -> None:
    assert differences(one, two) == (said,)


def trained(fake: ModuleType, *trainings: tuple[str, str, int], shift: float = 0.0, **values: Any) -> list[Any]:
    """Records of two cases by trainings of one model: recipe, weights, seed; their Dice differ by training."""
    return [
        fake.record(
            0.8 + 0.01 * n + 0.001 * ord(weights) + shift, case=f"c{n}", group=f"g{n}", recipe=recipe,
            weights=weights * 64, train_seed=seed, key=fake.sha(recipe, weights, seed, n, values), **values,
        )
        for recipe, weights, seed in trainings
        for n in range(2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ([("quick", "a", 0)], [("quick", "a", 0), ("stable", "b", 0)], {"med-nca [quick]": 0.0}),
        ([("quick", "a", 0)], [("quick", "a", 0), ("quick", "b", 0)], {"med-nca aaaaaaaa": 0.0}),
        ([("quick", "a", 0)], [("stable", "c", 0)], {"med-nca": 0.002}),
        ([("quick", "a", 0)], [("quick", "c", 0), ("stable", "b", 0)], {"med-nca [quick]": 0.002}),
        ([("quick", "a", 0), ("quick", "b", 1)], [("quick", "a", 0), ("quick", "d", 1)], {"med-nca": 0.001}),
        (
            [("quick", "a", 0), ("stable", "b", 0)],
            [("stable", "c", 0), ("quick", "a", 0), ("paper", "d", 0)],
            {"med-nca [quick]": 0.0, "med-nca [stable]": 0.001},
        ),
    ],
)
def test_a_model_is_matched_by_recipe_and_weights_only_where_a_run_has_several(
    fake: ModuleType, tmp_path: Path, one: Any, two: Any, expected: dict[str, float]
) -> None:
    first, second = stored(tmp_path / "one", trained(fake, *one)), stored(tmp_path / "two", trained(fake, *two))
    for runs, sign in (((first, second), 1), ((second, first), -1)):
        table = compare(*runs).table
        changes = dict(zip(table.frame["model"], sign * table.frame["dice_change_mean"], strict=True))
        assert changes == pytest.approx(expected, abs=1e-9)
        assert list(table.shown["Model"]) == list(expected)


def test_recipes_that_neither_run_shares_are_not_taken_for_each_other(fake: ModuleType, tmp_path: Path) -> None:
    one = stored(tmp_path / "one", trained(fake, ("paper", "a", 0)))
    two = stored(tmp_path / "two", trained(fake, ("quick", "b", 0), ("stable", "c", 0)))
    with pytest.raises(
        ValueError, match=r"med-nca \[paper\] seed 0 .*med-nca \[quick\] seed 0, med-nca \[stable\] seed 0"
    ):
        compare(one, two)


def test_an_ensemble_keeps_its_name_beside_a_recipe(fake: ModuleType, tmp_path: Path) -> None:
    passes = {"passes": 10, "fire_seed": -1}
    one = stored(tmp_path / "one", [*trained(fake, ("quick", "a", 0)), *trained(fake, ("quick", "a", 0), **passes)])
    both = [("quick", "a", 0), ("stable", "b", 0)]
    two = stored(tmp_path / "two", [*trained(fake, *both), *trained(fake, *both, **passes)])
    assert list(compare(one, two).table.frame["model"]) == ["med-nca [quick]", "med-nca ×10 [quick]"]
