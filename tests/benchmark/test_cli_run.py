"""`run`, `train` and `report` as typed, in one process and without plots; end_to_end/ has the whole of it."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from mednca_bench.benchmark import cli_run, evaluate
from mednca_bench.benchmark import run as run_module
from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.request import Request
from mednca_bench.benchmark.run import Outcome
from mednca_bench.models import weights
from mednca_bench.results import plots
from mednca_bench.results.store import Store

EVERY_OPTION = """
    --split val --model failing --perturbation noise --perturbation shift --seed 3 --seed 1 --draws 2 --fire-seeds 4
    --out there --jobs 5 --threads 6 --limit 7 --allow-train-cases --labels classes --channel MRI --task Task99_Test
"""
TWICE = "--model threshold --model failing --model threshold --seed 1 --seed 1 --seed 0"

pytestmark = pytest.mark.usefixtures("one_thread", "registries")


@pytest.fixture
def typed(msd_folder, tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Type a command with the small task, model and recipe of tests: exit code, standard output and error."""
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plots, "write", lambda folder, **options: [])
    data = msd_folder(10).root
    plugin = Path(__file__).with_name("tiny_plugin.py")

    def make(*words: str, **changes: str) -> tuple[int, str, str]:
        options = {"data": str(data), "plugin": str(plugin), "recipe": "tiny", "model": "threshold"} | changes
        given = [part for name, value in options.items() if value for part in (f"--{name}", value)]
        with pytest.raises(SystemExit) as caught:
            main([*words, *given])
        return (caught.value.code, *capsys.readouterr())

    return make


@pytest.fixture
def asked(typed, monkeypatch, tmp_path) -> Callable[..., Request]:
    """The request that a `run` command makes; nothing is run."""
    requests: list[Request] = []

    def note(request: Request) -> Outcome:
        requests.append(request)
        return Outcome(tmp_path, 0, 0, 0, 0.0)

    monkeypatch.setattr(run_module, "run", note)
    monkeypatch.setattr(cli_run, "show_results", lambda folder: None)

    def make(*words: str, **changes: str) -> Request:
        code, _, err = typed("run", "--suite", "robustness", *words, **changes)
        assert code == 0, err
        return requests[-1]

    return make


def error(outcome: tuple[int, str, str], *, code: int) -> str:
    """The last line of standard error; no traceback, and the exit code expected."""
    assert outcome[0] == code and "Traceback" not in outcome[2]
    line = outcome[2].splitlines()[-1]
    assert line.startswith("error: ") and outcome[2].count("error: ") == 1
    return line


def test_defaults(asked, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(3)))
    request = asked(model="", recipe="")
    assert request.suite.name == "robustness-v2" and request.models == ("med-nca", "unet-small")
    assert (request.recipe, request.part, request.labels) == ("quick", "test", "merged")
    assert (request.seeds, request.draws, request.fire_seeds, request.jobs, request.threads) == ((0,), 1, 1, 3, 1)
    assert (request.out, request.limit, request.allow_train_cases) == (None, None, False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert asked().jobs == 8


def test_every_option_reaches_the_request(asked, tmp_path):
    request = asked(*shlex.split(EVERY_OPTION))
    assert request.models == ("failing", "threshold") and request.perturbations == ("noise", "shift")
    assert (request.seeds, request.draws, request.fire_seeds, request.limit) == ((3, 1), 2, 4, 7)
    assert (request.jobs, request.threads, request.out, request.part) == (5, 6, Path("there"), "val")
    assert (request.channel, request.labels, request.task) == ("MRI", "classes", "Task99_Test")
    assert request.allow_train_cases and request.plugins[0].name == "tiny_plugin.py"


def test_what_is_typed_twice_is_asked_once(asked):
    request = asked(*shlex.split(TWICE), model="")
    assert (request.models, request.seeds) == (("threshold", "failing"), (1, 0))


def test_weights_are_files_or_the_word_train(asked, typed, tmp_path):
    (tmp_path / "w.safetensors").touch()
    assert asked("--weights", "train").weights == ()
    given = ("--weights", "w.safetensors", "--weights", "w.safetensors")
    assert asked(*given, model="").weights == (Path("w.safetensors"),)
    both = typed("run", "--suite", "accuracy", "--weights", "train", "--weights", "w.safetensors")
    assert "--weights train and --weights PATH do not go together" in error(both, code=2)
    missing = typed("run", "--suite", "accuracy", "--weights", "missing.safetensors")
    assert "--weights missing.safetensors: no such file" in error(missing, code=2)


@pytest.mark.parametrize(
    ("suite", "options", "hint"),
    [
        ("accuracy", ("--weights", "w.safetensors"), "--weights says which model it is"),
        ("efficiency", ("--perturbation", "noise"), "scores nothing"),
    ],
)
def test_options_that_would_be_passed_over_are_refused(typed, tmp_path, suite, options, hint):
    (tmp_path / "w.safetensors").touch()
    assert hint in error(typed("run", "--suite", suite, *options), code=2)


def test_the_outputs_of_trained_weights_are_their_own(typed, tmp_path):
    (tmp_path / "w.safetensors").touch()
    said = typed("run", "--suite", "accuracy", "--weights", "w.safetensors", "--outputs", "classes", model="")
    assert "these weights have their own" in error(said, code=2)


def test_weights_need_no_recipe_for_the_default_models(asked, tmp_path):
    (tmp_path / "w.safetensors").touch()
    assert asked("--weights", "w.safetensors", model="", recipe="paper-prostate").weights


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"suite": "robustnes"}, "unknown suite 'robustnes'; did you mean 'robustness'?"),
        ({"model": "unet-smal"}, "unknown model 'unet-smal'; did you mean 'unet-small'?"),
        ({"perturbation": "goshting"}, "unknown perturbation 'goshting'; did you mean 'ghosting'?"),
        ({"recipe": "quik"}, "unknown recipe 'quik'; did you mean 'quick'?"),
        ({"recipe": "paper-prostate"}, "publishes no settings for model 'threshold'"),
        ({"task": "hipocampus"}, "unknown task 'hipocampus'; did you mean 'hippocampus'?"),
        ({"channel": "T1"}, "no channel 'T1'; allowed: 0 MRI"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_an_unknown_name_is_answered_with_the_nearest_before_anything_is_done(typed, tmp_path, options, hint, dry):
    assert hint in error(typed("run", *dry, **{"suite": "accuracy"} | options), code=2)
    assert not (tmp_path / "cache/weights").exists()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"data": "/nonexistent"}, "/nonexistent: no such folder, given by --data"),
        ({"task": "prostate"}, "holds no Task05_Prostate (found: Task99_Test)"),
        ({"plugin": "missing.py"}, "missing.py: no such plug-in file"),
        ({"weights": "text.safetensors"}, "text.safetensors"),
        ({"out": "taken"}, "taken: cannot be made"),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_code_1(typed, tmp_path, options, hint):
    (tmp_path / "taken").touch()
    (tmp_path / "text.safetensors").write_text("no weights")
    if "plugin" in options:
        options = options | {"model": "unet-small", "recipe": "quick"}
    if "weights" in options:
        options = options | {"model": ""}
    assert hint in error(typed("run", **{"suite": "accuracy"} | options), code=1)


def test_a_run_prints_its_tables_and_counts(typed, tmp_path):
    code, out, err = typed("run", "--suite", "accuracy", "--out", "r", "--jobs", "1")
    assert code == 0 and out.startswith("# Accuracy") and "| threshold | foreground | 3/3 |" in out
    assert "6 units computed" in err and "0 of 6 were done before" in err
    assert (tmp_path / "r/tables/accuracy.csv").is_file()
    code, again, err = typed("run", "--suite", "accuracy", "--out", "r", "--jobs", "1")
    assert code == 0 and again == out and "0 units computed in 0 s, 6 of 6 were done before" in err


def test_failed_units_give_exit_code_1_and_show_in_the_tables(typed, tmp_path, monkeypatch):
    show = evaluate.show

    def sometimes(case, condition, recipe):
        if case.id == "case_002" or condition.grid == "model":
            raise RuntimeError("no luck")
        return show(case, condition, recipe)

    monkeypatch.setattr(evaluate, "show", sometimes)
    code, out, err = typed("run", "--suite", "accuracy", "--out", "r", "--jobs", "1")
    failed = len(Store(tmp_path / "r").failures())
    assert code == 1 and f"{failed} units failed: see r/failures.jsonl; the next run tries them again" in err
    scored = 6 - failed
    assert f"| threshold | foreground | {scored}/3 |" in out


def test_an_interrupted_run_is_one_line_and_exit_code_1(typed, monkeypatch):
    def interrupted(request: Request) -> Outcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "run", interrupted)
    line = error(typed("run", "--suite", "accuracy"), code=1)
    assert line == "error: interrupted; what was computed is kept, the same command goes on from there"


def test_a_dry_run_prints_the_plan_and_writes_no_run_folder(typed, tmp_path):
    code, out, _ = typed("run", "--suite", "robustness-v1", "--dry-run", "--out", "r")
    assert code == 0 and "threshold: 126 units, 0 done, 126 to do in" in out and "about" in out
    assert not (tmp_path / "r").exists()


def test_training_cases_are_refused_with_exit_code_2_and_marked_when_allowed(typed, tmp_path):
    words = ("run", "--suite", "accuracy", "--split", "train", "--out", "r", "--jobs", "1")
    assert "--allow-train-cases" in error(typed(*words), code=2)
    code, out, _ = typed(*words, "--allow-train-cases")
    assert code == 0 and "SCORED ON TRAINING CASES" in out
    assert "SCORED ON TRAINING CASES" in (tmp_path / "r/tables/data.md").read_text()


def test_report_writes_tables_and_plots_again(typed, tmp_path, capsys):
    _, printed, _ = typed("run", "--suite", "accuracy", "--out", "r", "--jobs", "1")
    table = tmp_path / "r/tables/accuracy.csv"
    before = table.read_bytes()
    table.unlink()
    with pytest.raises(SystemExit) as caught:
        main(["report", "r"])
    out, err = capsys.readouterr()
    assert caught.value.code == 0 and out == printed and "tables and plots in r" in err
    assert table.read_bytes() == before
    assert "<title>accuracy-v1" in (tmp_path / "r/report.html").read_text()


@pytest.mark.parametrize(
    ("option", "words"),
    [("--reference", "reference model 'nobody' was not scored"), ("--baseline", "no baseline 'nobody' for corruption")],
)
def test_a_report_against_nobody_names_those_there_are(typed, tmp_path, capsys, option, words):
    typed("run", "--suite", "robustness", "--perturbation", "shift", "--out", "r", "--jobs", "1")
    before = (tmp_path / "r/tables/pairwise.csv").read_bytes()
    with pytest.raises(SystemExit) as caught:
        main(["report", "r", option, "nobody"])
    assert caught.value.code == 1 and words in capsys.readouterr().err
    assert (tmp_path / "r/tables/pairwise.csv").read_bytes() == before
    with pytest.raises(SystemExit) as caught:
        main(["report", "r", "--reference", "threshold"])
    assert caught.value.code == 0


def test_a_report_on_damaged_records_names_the_file(typed, tmp_path, capsys):
    typed("run", "--suite", "accuracy", "--out", "r", "--jobs", "1")
    (part,) = (tmp_path / "r/records").iterdir()
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(SystemExit) as caught:
        main(["report", "r"])
    assert caught.value.code == 1 and part.name in capsys.readouterr().err
    assert part.name in error(typed("run", "--suite", "accuracy", "--out", "r", "--jobs", "1"), code=1)


def test_train_keeps_the_weights_and_says_where(typed, tmp_path):
    code, out, _ = typed("train", "--seed", "4", "--threads", "1")
    path = Path(out.strip())
    model, metadata = weights.load(path)
    assert code == 0 and path.parent.name.startswith("threshold-tiny-s4-") and metadata["seed"] == 4
    assert typed("train", "--seed", "4", "--threads", "1")[1] == out
    code, out, err = typed("train", "--seed", "4", "--threads", "1", "--out", "copy.safetensors")
    assert (code, out) == (0, "copy.safetensors\n") and "training" not in err
    assert weights.digest(weights.load(tmp_path / "copy.safetensors")[0]) == weights.digest(model)
    assert json.loads((path.parent / "training.json").read_text())["updates"] == 4


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"model": "unet-smal"}, "did you mean 'unet-small'"),
        ({"recipe": "quik"}, "did you mean 'quick'"),
        ({"task": "hipocampus"}, "did you mean 'hippocampus'"),
    ],
)
def test_train_answers_an_unknown_name_with_the_nearest(typed, options, hint):
    assert hint in error(typed("train", "--threads", "1", **options), code=2)


def test_trained_by_train_is_not_trained_again_by_run(typed, monkeypatch):
    from mednca_bench.benchmark import trained as trained_module

    typed("train", "--threads", "1")

    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trained_module, "train", never)
    assert typed("run", "--suite", "accuracy", "--out", "r", "--jobs", "1")[0] == 0


def test_profile_and_sides_are_of_the_sweep(asked, typed):
    request = asked("--suite", "efficiency-v2", "--profile", "conformant", "--side", "64", "--side", "32")
    assert (request.profile, request.sides) == ("conformant", (64, 32))
    assert "belong to suite efficiency-v2" in error(typed("run", "--suite", "accuracy", "--side", "64"), code=2)
    wrong = typed("run", "--suite", "efficiency", "--profile", "conform")
    assert "did you mean 'conformant'?" in error(wrong, code=2)
