"""The survival experiment, tiny: rows, what is made again, what counts as survived, table and plot."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mednca_bench.benchmark import stability as stability_module
from mednca_bench.benchmark import train as train_module
from mednca_bench.benchmark.checkpoint import LogLine, Position
from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.cli_stability import stability
from mednca_bench.benchmark.errors import UsageProblem
from mednca_bench.benchmark.identity import key
from mednca_bench.benchmark.phantom_folder import DEFAULT_SUBJECTS
from mednca_bench.benchmark.recipe import recipe_for
from mednca_bench.benchmark.stability import Experiment, _judged, survives
from mednca_bench.results import survival
from tests.benchmark.test_train import the_run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def experiment(tmp_path, monkeypatch) -> Experiment:
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    return Experiment(
        recipes=("paper-prostate", "stable"),
        seeds=2,
        updates=3,
        out=tmp_path / "out",
        side=32,
        steps=2,
        batch=2,
        subjects=3,
        shape=(32, 32, 3),
    )


def test_one_row_per_recipe_and_seed_made_once(experiment, monkeypatch):
    rows = list(survives(experiment))
    assert [(row["recipe"], row["seed"]) for row in rows] == experiment.runs()
    assert all(row["updates"] == 3 and row["phantom"] and row["final_dice"] is not None for row in rows)
    assert all(0 < row["largest_state"] < 1000 and not row["survived"] for row in rows)  # 3 updates learn nothing
    monkeypatch.setattr(stability_module, "train", None)
    assert list(survives(experiment)) == rows
    written = {path.name for path in survival.write(experiment.out)}
    assert {"survival.md", "survival_runs.csv", "survival.png"} <= written
    assert "0 of 2" in (experiment.out / "tables" / "survival.md").read_text()


def test_a_stopped_experiment_makes_what_is_missing(experiment):
    first = next(survives(experiment))
    assert len(list((experiment.out / "stability").glob("*/*.json"))) == 1
    rows = list(survives(experiment))
    assert rows[0] == first and len(rows) == 4


def test_the_seeds_can_be_shared_among_processes(experiment):
    parts = [replace(experiment, seeds=1, first_seed=first) for first in (1, 0)]
    shared = [row for part in parts for row in survives(part)]
    whole = list(survives(experiment))
    assert sorted(map(json.dumps, shared)) == sorted(map(json.dumps, whole))


def test_a_run_above_the_bound_is_lost_and_ends_there(experiment, monkeypatch):
    monkeypatch.setattr(stability_module, "STATE_BOUND", 1e-6)
    row = next(survives(experiment))
    assert not row["survived"] and row["updates"] == 0 and row["final_dice"] is None and row["rollbacks"] == []
    assert "ended at update 1: |state|" in row["problem"] and "above 1e-06" in row["problem"]
    assert not list((experiment.out / "stability").rglob("*.safetensors"))


def test_another_setting_is_another_run_and_leaves_the_first(experiment):
    """Nothing computed is lost, and runs of different lengths are not put into one share."""
    first, *_ = rows = list(survives(replace(experiment, recipes=("stable",))))
    rows += survives(replace(experiment, recipes=("stable",), updates=4, seeds=1))
    assert rows[-1]["updates"] == 4
    read = survival.read_runs(experiment.out)
    assert sorted(map(str, read)) == sorted(map(str, rows)) and first in read
    table = survival.survival(read)
    assert [(row.asked, row.runs) for row in table.frame.itertuples()] == [(3, 2), (4, 1)]
    assert list(table.shown["Updates"]) == ["3", "4"] and "Side" not in table.shown
    assert survival._labels(read) == ["stable, updates 3", "stable, updates 4"]
    assert "Updates" in survival.survival_runs(read).shown
    mixed = [rows[0], rows[2], rows[1]]  # the order of the labels is that of the table, whatever comes first
    assert [f"stable, updates {n}" for n in survival.survival(mixed).frame["asked"]] == survival._labels(mixed)
    survival.write(experiment.out)


def test_runs_of_a_recipe_that_was_edited_since_are_another_row(experiment, tmp_path):
    """Under one name and one setting, but not one share."""
    file = tmp_path / "mine.toml"
    mine = replace(experiment, recipes=(str(file),))
    file.write_text('base = "stable"')
    list(survives(mine))
    file.write_text('base = "stable"\nlearning_rate = 1e-5')
    list(survives(replace(mine, seeds=1)))
    rows = survival.read_runs(experiment.out)
    table = survival.survival(rows)
    assert list(table.frame["runs"]) == [1, 1] and list(table.frame["recipe"]) == ["mine", "mine"]
    one, other = table.shown["Recipe"]
    assert one != other and one.startswith("mine ") and survival._labels(rows) == [one, other]
    assert set(survival.survival_runs(rows).shown["Recipe"]) == {one, other}
    assert survival.survival(rows[:1]).shown["Recipe"].tolist() == ["mine"]


def test_a_recipe_that_does_not_go_with_the_steps_is_refused(experiment, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "stable"\nstep_jitter = 4')
    with pytest.raises(UsageProblem, match=r"mine\.toml with 2 steps: step_jitter is 4; it must be below the 2 steps"):
        replace(experiment, recipes=(str(file),)).recipe(str(file))


def test_ctrl_c_in_the_update_that_loses_a_run_stops_the_experiment(experiment, monkeypatch):
    monkeypatch.setattr(stability_module, "STATE_BOUND", 1e-6)
    real = train_module.one_update

    def interrupted(*arguments, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments, **options)

    monkeypatch.setattr(train_module, "one_update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(survives(experiment))
    assert not list((experiment.out / "stability").rglob("*.json"))


@pytest.fixture
def typed(experiment, monkeypatch, capsys, tmp_path) -> Callable[..., tuple[int, str, str]]:
    """Type `stability` with the small phantom."""
    small = experiment.task()
    monkeypatch.setattr(Experiment, "task", lambda self: small)
    monkeypatch.chdir(tmp_path)

    def make(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["stability", "--side", "32", "--steps", "2", "--batch", "2", "--subjects", "3", *map(str, words)])
        return (caught.value.code, *capsys.readouterr())

    return make


def test_the_experiment_as_typed(typed, tmp_path):
    words = ("--recipe", "stable", "--seeds", 2, "--updates", 2)
    code, out, err = typed(*words)
    assert code == 0 and out == (tmp_path / "runs/stability/tables/survival.md").read_text() + "\n"
    assert "| stable" in out and "0 of 2" in out and "survival.png" in err
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("stable-s*.json")}
    assert len(before) == 2 and typed(*words)[:2] == (0, out)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_two_recipes_of_one_name_are_refused(typed, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.toml").write_text('base = "stable"')
    code, out, err = typed("--recipe", "a/mine.toml", "--recipe", "b/mine.toml")
    assert (code, out) == (2, "") and "two recipes are called 'mine'; give one another name" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "unet-small"), "unet-small has no state to survive"),
        (("--recipe", "stabel"), "unknown recipe 'stabel'; did you mean 'stable'"),
        (("--seeds", 0), "0 is not in the range"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(typed, words, said):
    code, out, err = typed(*words)
    assert (code, out) == (2, "") and said in err


def test_the_figure_names_recipe_and_setting_in_full():
    rows = survival.read_runs(Path(survival.__file__).parent / "reference")
    labels = survival._labels(rows)
    figure = survival.survival_shares(survival.survival(rows).frame, labels=labels)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == labels
    assert "paper-prostate, updates 300" in labels


def test_the_default_phantom_is_the_one_that_is_made(experiment):
    default = next(option.default for option in stability.params if option.name == "subjects")
    assert default == Experiment.subjects == DEFAULT_SUBJECTS["prostate"]


class Counted:
    """A meter that adds up."""

    def __init__(self) -> None:
        self.worked = self.skipped = 0

    def advance(self, steps: int = 1, *, note: str = "") -> None:
        self.worked += steps

    def skip(self, steps: int) -> None:
        self.skipped += steps


def test_the_meter_counts_every_update_once(experiment, monkeypatch):
    first, again, lost = Counted(), Counted(), Counted()
    list(survives(experiment, meter=first))
    assert (first.worked, first.skipped) == (12, 0)
    list(survives(experiment, meter=again))
    assert (again.worked, again.skipped) == (0, 12)
    monkeypatch.setattr(stability_module, "STATE_BOUND", 1e-6)
    list(survives(replace(experiment, updates=5), meter=lost))
    assert (lost.worked, lost.skipped) == (0, 20)


def test_what_all_runs_share_is_said_once(experiment):
    rows = list(survives(replace(experiment, seeds=1)))
    assert "Updates" not in survival.survival(rows).shown
    assert survival._labels(rows) == ["paper-prostate", "stable"]
    assert "med-nca, 32 x 32, 2 + 2 steps, batch 2, phantom of 3, 3 updates" in " ".join(survival.survival(rows).notes)


@pytest.mark.parametrize(
    ("state", "dice", "problem", "survived"),
    [
        (5.0, 0.6, "", True),
        (5.0, 0.59, "", False),
        (1001.0, 0.9, "", False),
        (float("inf"), 0.9, "", False),
        (5.0, 0.9, "diverged", False),
    ],
)
def test_what_counts_as_survived(tmp_path, state, dice, problem, survived):
    line = LogLine(update=6, loss=0.1, gradient_norm=1.0, learning_rate=0.1, val_dice=dice)
    row = _judged(Position(updates=6, seconds=60.0, log=(line,), largest_state=state), the_run(tmp_path), problem)
    assert row["survived"] is survived and bool(row["problem"]) is not survived
    json.dumps(row, allow_nan=False)


def test_wilsons_interval_of_the_textbook():
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662
    assert survival.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert survival.wilson(0, 10)[0] == 0.0 and survival.wilson(10, 10)[1] == 1.0


def test_an_empty_folder_is_answered_with_the_command(tmp_path):
    with pytest.raises(ValueError, match="start it with `mednca-bench stability`"):
        survival.write(tmp_path)


def test_shipped_runs_are_of_the_recipes_of_today():
    """What docs/training.md says of survival was measured with these settings; another recipe has to be run again."""
    rows = survival.read_runs(Path(survival.__file__).parent / "reference")
    settings = {(row["model"], row["side"], row["steps"], row["batch"], row["asked"], row["phantom"]) for row in rows}
    assert settings == {("med-nca", 256, 64, 4, asked, True) for asked in (300, 2000)}
    for row in rows:
        recipe = recipe_for(row["recipe"], row["model"])
        assert (row["version"], row["recipe_sha256"]) == (recipe.version, key(**recipe.as_dict()))
    for name, asked, seeds in (("paper-prostate", 300, 10), ("stable-64", 300, 10), ("stable-64", 2000, 3)):
        mine = [row["seed"] for row in rows if (row["recipe"], row["asked"]) == (name, asked)]
        assert sorted(mine) == list(range(seeds)), (name, asked)
    said = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    for row in survival.survival(rows).frame.itertuples():
        assert f"| `{row.recipe}` | {row.asked:,} | {row.survived} of {row.runs} " in said
