"""Merging: the union of what was scored, refused where runs contradict each other, and nothing when repeated."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from mednca_bench.results import atomic, tables
from mednca_bench.results import merge as merge_module
from mednca_bench.results.atomic import write_text
from mednca_bench.results.merge import merge
from mednca_bench.results.store import Store, load_units, write_units

Run = Callable[..., Path]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(fake: ModuleType, tmp_path: Path) -> Run:
    """Make a run folder: run("a", model="med-nca", cases=(0, 1), task=…, other identity columns)."""

    def make(name: str, *, cases: tuple[int, ...] = (0, 1, 2, 3), dice: float = 0.8, **what: Any) -> Path:
        folder = tmp_path / name
        about = {key: what[key] for key in ("split_sha256", "models", "stamp") if key in what}
        columns = {key: value for key, value in what.items() if key not in about}
        rows = [
            fake.record(dice, case=f"c{n}", group=f"g{n // 2}", grid=grid, **columns)
            for n in cases
            for grid in ("native", "model")
        ]
        Store(folder).append(rows)
        write_units(folder, [{name: row[name] for name in fake.IDENTITY} for row in rows])
        model = {"model": rows[0]["model"], "weights": rows[0]["weights"], "parameters": 70_016}
        describe = {"task": rows[0]["task"], "split": rows[0]["split"], "phantom": rows[0]["phantom"], "suite": "s-v1"}
        describe |= {"models": [model], "cases": [f"c{n}" for n in cases], "commands": [{"command": name}]} | about
        write_text(folder / "run.json", json.dumps(describe))
        return folder

    return make


def test_two_models_become_one_run(run: Run, tmp_path: Path) -> None:
    one, two, out = run("one"), run("two", model="unet-small"), tmp_path / "out"
    done = merge([one, two], out, command="merge")
    assert (done.units, done.done) == (16, 16)
    both = pd.concat([Store(one).load(), Store(two).load()])
    expected = both.sort_values(["key", "label"], ignore_index=True)
    pd.testing.assert_frame_equal(Store(out).load(), expected)
    units = load_units(out)
    assert units is not None and set(units["key"]) == set(both["key"])
    assert set(tables.build(out)["accuracy"].frame["model"]) == {"med-nca", "unet-small"}
    found = json.loads((out / "run.json").read_text())
    assert {model["model"] for model in found["models"]} == {"med-nca", "unet-small"} and found["command"] == "merge"
    whole = {entry["folder"]: entry for entry in found["merged"]}
    assert whole["two"] == {"folder": "two", **json.loads((two / "run.json").read_text())}
    assert {entry["command"] for entry in found["commands"]} == {"one", "two"}


@pytest.mark.parametrize("stamp", range(6))  # the order of runs is that of their hashes
def test_what_any_run_tells_of_a_training_is_kept(run: Run, tmp_path: Path, stamp: int) -> None:
    course = {"samples": 1}
    told = [None, course, course | {"minutes": 2.0}]
    runs = [
        run(f"run{n}", cases=(n,), models=[{"model": "m", "weights": "w", "training": training}], stamp=stamp)
        for n, training in enumerate(told)
    ]
    merge(runs, tmp_path / "out", command="")
    (model,) = json.loads((tmp_path / "out/run.json").read_text())["models"]
    assert model["training"] == course | {"minutes": 2.0}


def test_the_same_records_in_two_runs_are_there_once(run: Run, tmp_path: Path) -> None:
    merge([run("one", cases=(0, 1, 2)), run("two", cases=(2, 3))], tmp_path / "out", command="")
    assert len(Store(tmp_path / "out").load()) == 8


def test_merging_twice_changes_nothing_in_any_order(run: Run, tmp_path: Path) -> None:
    one, two = run("one"), run("two", model="unet-small")
    Store(one).fail({"key": "1" * 64, "error": "OSError"})
    Store(two).fail({"key": "2" * 64, "error": "OSError"})
    merge([one, two], tmp_path / "out", command="x")
    before = contents(tmp_path / "out")
    assert merge([one, two], tmp_path / "out", command="x").written == 0
    assert merge([two, one], tmp_path / "out", command="x").written == 0
    assert contents(tmp_path / "out") == before


def test_a_merge_grows_and_a_merge_of_merges_is_the_merge_of_all(run: Run, tmp_path: Path) -> None:
    runs = [run("one"), run("two", model="unet-small"), run("three", train_seed=1)]
    merge(runs[:2], tmp_path / "step", command="x")
    merge([tmp_path / "step", runs[2]], tmp_path / "out", command="x")
    merge([runs[1], runs[2]], tmp_path / "step", command="x")
    merge(runs, tmp_path / "once", command="x")
    assert contents(tmp_path / "step") == contents(tmp_path / "once") == contents(tmp_path / "out")


@pytest.mark.parametrize("killed_at", range(6))
def test_killed_anywhere_and_run_again_it_is_as_if_never_killed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    one, two = run("one"), run("two", model="unet-small")
    Store(one).fail({"key": "1" * 64, "error": "OSError"})
    merge([one, two], tmp_path / "whole", command="x")
    calls = []
    replace = atomic.os.replace

    def dying(source: Any, target: Any) -> None:
        calls.append(target)
        if len(calls) > killed_at:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(atomic.os, "replace", dying)
    try:
        merge([one, two], tmp_path / "out", command="x")
        assert killed_at >= 5, "two parts, failures, units, run.json"
    except KeyboardInterrupt:
        assert killed_at < 5
    monkeypatch.undo()
    merge([one, two], tmp_path / "out", command="x")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_conflicting_records_are_named_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    one, two = run("one"), run("two", cases=(3,), dice=0.5)
    key = Store(two).load()["key"].iloc[0]
    columns = r"\(entropy_sum, fn, fp, py_sum, tp\)"
    with pytest.raises(ValueError, match=rf"one and .*two: different records of the same unit: .*{key} {columns}"):
        merge([one, two], tmp_path / "out", command="")
    assert not (tmp_path / "out").exists()


def test_a_conflict_with_an_earlier_merge_is_found(run: Run, tmp_path: Path) -> None:
    merge([run("one"), run("two", model="unet-small")], tmp_path / "out", command="")
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match="different records of the same unit"):
        merge([run("three", train_seed=1), run("four", dice=0.1, cases=(0,))], tmp_path / "out", command="")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"phantom": True}, "part val, real data, .*part val, phantom data"),
        ({"split": "test"}, "part val, real data, .*part test, real data"),
        ({"task": "Task05_Prostate"}, "Task04_Hippocampus, part val, real data, .*Task05_Prostate"),
    ],
)
def test_other_data_is_refused(run: Run, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    one, two = run("one"), run("two", **change)
    (two / "run.json").unlink()  # the records say it themselves
    with pytest.raises(ValueError, match=rf"one holds .*{said}.*never put into one run"):
        merge([one, two], tmp_path / "out", command="")
    assert not (tmp_path / "out").exists()


def test_another_split_is_refused(run: Run, tmp_path: Path) -> None:
    runs = [run("one", split_sha256="a"), run("two", model="unet-small", split_sha256="b")]
    with pytest.raises(ValueError, match=r"has split_sha256 ., (one|two) has split_sha256 .: these are never put"):
        merge(runs, tmp_path / "out", command="")


def test_one_answer_under_two_keys_is_refused(run: Run, fake: ModuleType, tmp_path: Path) -> None:
    """The same case, weights and condition, but data or code of another day."""
    one, two = run("one"), tmp_path / "two"
    Store(two).append([fake.record(0.8, case="c0", group="g0", key="e" * 64, clean_key="e" * 64)])
    with pytest.raises(ValueError, match=r"2 answers are there under two keys.*med-nca c0 clean 0 \(eeeeeeeeeeee\)"):
        merge([one, two], tmp_path / "out", command="")


def test_timings_and_examples_are_kept(run: Run, fake: ModuleType, tmp_path: Path) -> None:
    one, two = run("one"), run("two", model="unet-small")
    for folder in (one, two):
        fake.efficiency(folder)
    path = two / "efficiency" / "med-nca-64x64-t2.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"cpu": "Another CPU"}))
    fake.examples(two)
    merge([one, two], tmp_path / "out", command="")
    timed = tables.build(tmp_path / "out")["efficiency"].frame
    assert sorted(timed.loc[timed["model"] == "med-nca", "cpu"]) == ["Another CPU", "Some CPU | 2 cores"]
    assert len(timed) == 3 and (tmp_path / "out" / "examples.npz").read_bytes() == (two / "examples.npz").read_bytes()
    assert merge([one, two], tmp_path / "out", command="").written == 0


def test_a_damaged_part_is_named(run: Run, tmp_path: Path) -> None:
    one, two = run("one"), run("two", model="unet-small")
    (part,) = Store(two).parts()
    part.write_bytes(part.read_bytes()[:-40])
    with pytest.raises(ValueError, match=rf"{part.name} is truncated or damaged"):
        merge([one, two], tmp_path / "out", command="")
    assert not (tmp_path / "out").exists()


def test_wrong_folders_are_one_line(run: Run, tmp_path: Path) -> None:
    one, two = run("one"), run("two", model="unet-small")
    with pytest.raises(ValueError, match="one run cannot be merged"):
        merge([one, one], tmp_path / "out", command="")
    with pytest.raises(ValueError, match="is one of the runs to merge; give another --out"):
        merge([one, two], two, command="")
    with pytest.raises(ValueError, match="holds a run of its own; give another --out"):
        merge([one, two], run("three"), command="")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: holds no records"):
        merge([one, tmp_path / "empty"], tmp_path / "out", command="")
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        merge([one, tmp_path / "none"], tmp_path / "out", command="")


def test_a_whole_run_split_in_two_and_merged_gives_the_same_tables(run_folder: Path, tmp_path: Path) -> None:
    """Every table but the efficiency's notes and what only run.json knows."""
    rows: list[Any] = Store(run_folder).load().to_dict("records")
    for name, half in (("one", rows[::2]), ("two", rows[1::2])):
        shutil.copytree(run_folder, tmp_path / name, ignore=shutil.ignore_patterns("records", "tables", "plots"))
        Store(tmp_path / name).append(half)
    merge([tmp_path / "one", tmp_path / "two"], tmp_path / "out", command="x")
    whole, merged = tables.build(run_folder), tables.build(tmp_path / "out")
    assert whole.keys() == merged.keys()
    for name, table in whole.items():
        assert merged[name].csv() == table.csv(), name
    assert merge_module.Store(tmp_path / "out").failures() == Store(run_folder).failures()
