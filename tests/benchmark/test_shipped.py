"""Reference weights: resolved by name, added with a card, refused where they would mislead; as typed."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mednca_bench.benchmark import shipped as shipped_module
from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.model_card import _course, card
from mednca_bench.benchmark.shipped import PACKAGE, WEIGHTS, references, weights_file, write_references
from mednca_bench.benchmark.trained import contestant
from mednca_bench.models import weights
from mednca_bench.results import atomic, plots, reference_records
from mednca_bench.results.parts import read_part
from mednca_bench.results.store import Store

ON_DISK = {"val": "23", "test": "47"}  # volumes of the hippocampus split that its records were made of
SHIPPED = sorted(name for name, entry in references().items() if entry.shipped)
PLUGIN = Path(__file__).with_name("tiny_plugin.py")
TINY = ("--plugin", str(PLUGIN), "--recipe", "tiny", "--model", "med-nca-16")

pytestmark = pytest.mark.usefixtures("one_thread", "registries")


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Type a command in an empty folder; plots are left out."""
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plots, "write", lambda folder, **options: [])

    def make(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        return (caught.value.code, *capsys.readouterr())

    return make


@pytest.fixture
def scored(typed, msd_folder, tmp_path) -> tuple[Path, Path]:
    """Tiny weights trained on a small task folder that is no phantom, and the run that scored them."""
    data = msd_folder(10, name="Task99_Test").root
    code, _, err = typed("train", *TINY, "--data", data, "--out", "w.safetensors")
    assert code == 0, err
    words = ("--split", "val", "--jobs", "1", "--out", "r", "--weights", "w.safetensors", "--plugin", PLUGIN)
    code, _, err = typed("run", "--suite", "accuracy", "--data", data, *words)
    assert code == 0, err
    return tmp_path / "w.safetensors", tmp_path / "r"


def test_added_weights_have_a_checksum_a_card_and_records(typed, scored, tmp_path, monkeypatch):
    file, run = scored
    code, out, err = typed("weights", "add", file, "--run", run, "--into", "tree")
    assert code == 0, err
    tree = tmp_path / "tree"
    (entry,) = references(tree).values()
    assert entry.name == "med-nca-16-tiny-test" and entry.shipped and entry.seed == 0
    assert entry.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert entry.weights == contestant(file).weights
    assert weights_file(entry.name, root=tree).read_bytes() == file.read_bytes()
    text = (tree / WEIGHTS / f"{entry.name}.md").read_text()
    for said in (
        "not of the Medical Segmentation Decathlon",
        "Research only",
        "Task99_Test, split part: **val**",
        "no test scores",
        entry.sha256,
        "| betas |",
        "| 4 | 0.",
    ):
        assert said in text, said
    monkeypatch.setattr(reference_records, "files", lambda _: tree / "results/reference")
    (kept,) = reference_records.records()
    assert kept.name == entry.name and set(kept.frame["weights"]) == {entry.weights}
    assert len(kept.frame) == len(Store(run).load()) and (kept.frame["severity"] == 0).all()
    assert out.split() == [str(path) for path in map(Path, out.split())] and len(out.split()) == 4
    assert typed("weights", "add", file, "--run", run, "--into", "tree")[0] == 0  # again: the same
    assert references(tree) == {entry.name: entry}


COURSE = {
    "samples": 160_000,
    "flops": 2.7e14,
    "late_gain": -0.00213,
    "plateau": True,
    "largest_state": 5018.2,
    "rollbacks": [[1851, 1800], [2466, 2400]],
    "val_cases": 3,
    "curve": [[400, 0.51, None], [10000, 0.8821, 0.86]],
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            (
                "| 160,000 |",
                "| 270 |",
                "| -0.0021 (fell) |",
                "| 5,018 |",
                "update 1851 to 1800, update 2466 to 2400",
            ),
        ),
        ({}, ("Dice of 3 val volumes", "| 400 | 0.510 | – |", "| 10,000 | 0.882 | 0.860 |")),
        ({"late_gain": 0.0011}, ("| +0.0011 (plateau) |",)),
        ({"late_gain": 0.01, "plateau": False, "rollbacks": []}, ("| +0.0100 (no plateau) |", "| rollbacks | none |")),
        ({"late_gain": None, "plateau": None, "largest_state": None}, ("fifth | – |", "| not finite |")),
        ({"largest_state": 0.0}, ("| largest absolute state | – |",)),  # a network has none
    ],
)
def test_the_card_tells_the_training(changes, said):
    text = _course({"training": COURSE | changes})
    assert all(words in text for words in said), text


def test_the_card_of_weights_that_do_not_tell_is_silent():
    assert _course({}) == ""


def test_records_of_a_robustness_run_are_kept_beside_the_clean_ones(typed, scored, tmp_path, monkeypatch):
    file, _ = scored
    data = next(path.parent for path in tmp_path.rglob("dataset.json"))
    words = ("--split", "val", "--jobs", "1", "--out", "shifted", "--weights", file, "--plugin", PLUGIN)
    families = ("--perturbation", "shift", "--perturbation", "noise")
    code, _, err = typed("run", "--suite", "robustness-v2", *families, "--data", data, *words)
    assert code == 0, err
    code, _, err = typed("weights", "add", file, "--run", "shifted", "--into", "tree")
    assert code == 0, err
    monkeypatch.setattr(reference_records, "files", lambda _: tmp_path / "tree/results/reference")
    assert {found.suite for found in reference_records.records()} == {"accuracy-v1", "robustness-v2"}
    (clean,), (every,) = (reference_records.records(family) for family in ("accuracy", "robustness"))
    assert set(clean.frame["severity"]) == {0} and set(every.frame["severity"]) == {0, 1, 2, 3, 4, 5}
    assert len(every.frame) == len(Store(tmp_path / "shifted").load())
    assert list(reference_records.shipped()) == ["med-nca-16-tiny-test"]
    parts = Store(tmp_path / "shifted").parts()
    parts[-1].unlink()
    code, _, err = typed("weights", "add", file, "--run", "shifted", "--into", "tree")
    assert code == 1 and ("finish the run first" in err or "has no clean score" in err)


def test_a_file_above_the_limit_is_named_and_not_copied(typed, scored, tmp_path, monkeypatch):
    from mednca_bench.benchmark import ship

    monkeypatch.setattr(ship, "NCA_BYTES", 10)
    file, run = scored
    assert typed("weights", "add", file, "--run", run, "--into", "tree", "--name", "big")[0] == 0
    (entry,) = references(tmp_path / "tree").values()
    assert not entry.shipped and not list((tmp_path / "tree").rglob("*.safetensors"))
    assert "not shipped" in (tmp_path / "tree" / WEIGHTS / "big.md").read_text()
    with pytest.raises(UsageProblem, match="not shipped; `mednca-bench train --model med-nca-16 --recipe tiny"):
        weights_file("big", root=tmp_path / "tree")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"phantom": True}, "not a run on real data"),
        ({"scored_train_cases": True}, "scored training cases"),
        ({"suite": "accuracy-v1 + robustness-v2"}, "its suite is 'accuracy-v1 + robustness-v2'"),
        ({"suite": "paper-v2"}, "an accuracy or a robustness suite alone"),
        ({"cases_on_disk": {}}, "does not say how many volumes there were"),
    ],
)
def test_a_run_that_says_nothing_of_the_weights_is_refused(typed, scored, tmp_path, change, why):
    file, run = scored
    described = json.loads((run / "run.json").read_text()) | change
    atomic.write_text(run / "run.json", json.dumps(described))
    code, _, err = typed("weights", "add", file, "--run", run, "--into", "tree")
    assert code == 1 and why in err and not (tmp_path / "tree").exists()


def test_unfinished_runs_other_weights_and_taken_names_are_refused(typed, scored, tmp_path):
    file, run = scored
    model, metadata = weights.load(file)
    phantom = tmp_path / "phantom.safetensors"
    phantom.write_bytes(weights.to_bytes(model, metadata=metadata | {"phantom": True}))
    assert "was trained on a phantom" in typed("weights", "add", phantom, "--run", run, "--into", "tree")[2]
    bare = tmp_path / "bare.safetensors"
    bare.write_bytes(weights.to_bytes(model, metadata={}))
    assert "says nothing of recipe, task" in typed("weights", "add", bare, "--run", run, "--into", "tree")[2]
    assert typed("weights", "add", file, "--run", run, "--into", "tree")[0] == 0
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights.to_bytes(model, metadata=metadata | {"updates": 5}))  # same tensors, another file
    code, _, err = typed("weights", "add", other, "--run", run, "--into", "tree")
    assert code == 2 and "other weights have this name; give another --name, or --replace" in err
    assert typed("weights", "add", other, "--run", run, "--into", "tree", "--replace")[0] == 0
    parts = Store(run).parts()
    parts[0].unlink()
    code, _, err = typed("weights", "add", file, "--run", run, "--into", "tree", "--replace")
    assert code == 1 and ("finish the run first" in err or "has no clean score" in err)


def test_records_of_other_weights_or_parts_never_stay_under_a_name(typed, scored, tmp_path):
    file, run = scored
    tree = tmp_path / "tree"
    assert typed("weights", "add", file, "--run", run, "--into", "tree", "--name", "x")[0] == 0
    beside = tree / "results/reference/x.y.accuracy-v1.parquet"  # of another name, which only begins alike
    beside.touch()
    lying = tree / "results/reference/x.robustness-v2.parquet"
    other = pq.read_table(tree / "results/reference/x.accuracy-v1.parquet")
    for column, value in (("weights", "f" * 64), ("split", "test")):
        place = other.schema.get_field_index(column)
        pq.write_table(
            other.set_column(
                place, other.schema.field(place), pa.array([value] * len(other), other.schema.field(place).type)
            ),
            lying,
        )
        code, _, err = typed("weights", "add", file, "--run", run, "--into", "tree", "--name", "x")
        assert code == 2 and f"{lying.name}: of other weights or another part" in err and lying.exists()
        assert typed("weights", "add", file, "--run", run, "--into", "tree", "--name", "x", "--replace")[0] == 0
        assert not lying.exists() and beside.exists() and (tree / "results/reference/x.accuracy-v1.parquet").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x"])
def test_a_name_stays_within_its_folder(typed, scored, tmp_path, name):
    file, run = scored
    code, _, err = typed("weights", "add", file, "--run", run, "--into", "tree", "--name", name)
    assert code == 2 and "it may hold letters, digits and - _ . only" in err and not (tmp_path / "tree").exists()


def test_scores_of_another_task_are_refused(typed, scored, tmp_path):
    file, run = scored
    model, metadata = weights.load(file)
    elsewhere = tmp_path / "elsewhere.safetensors"
    elsewhere.write_bytes(weights.to_bytes(model, metadata=metadata | {"task": "Task05_Prostate"}))
    code, _, err = typed("weights", "add", elsewhere, "--run", run, "--into", "tree")
    assert code == 1 and "scored Task99_Test; score" in err and "on Task05_Prostate" in err


def test_the_card_names_the_data_of_msd_tasks_only():
    name = SHIPPED[0]
    assert "Medical Segmentation Decathlon, medicaldecathlon.com |" in (PACKAGE / WEIGHTS / f"{name}.md").read_text()
    assert "| CC-BY-SA 4.0" in (PACKAGE / WEIGHTS / f"{name}.md").read_text()


def test_names_are_answered_with_the_nearest(tmp_path):
    entry = shipped_module.Reference(
        name="med-nca-x", model="med-nca", recipe="x", task="Task04_Hippocampus", seed=0, threads=1, bytes=1,
        sha256="0" * 64, weights="0" * 64, shipped=True,
    )  # fmt: skip
    assert entry.command == "mednca-bench train --model med-nca --recipe x --task hippocampus --seed 0"
    assert replace(entry, threads=2).command == f"{entry.command} --threads 2"
    write_references({"med-nca-x": entry}, tmp_path)
    with pytest.raises(UsageProblem, match="unknown weights 'med-nca-y'; did you mean 'med-nca-x'"):
        weights_file("med-nca-y", root=tmp_path)
    with pytest.raises(
        UsageProblem, match=r"no such file; give a \.safetensors file, or the shipped weights 'med-nca-x'"
    ):
        weights_file("there/med-nca-x.safetensors", root=tmp_path)
    with pytest.raises(BenchError, match="install the package again"):
        weights_file("med-nca-x", root=tmp_path)
    (tmp_path / WEIGHTS / "med-nca-x.safetensors").write_bytes(b"other")
    with pytest.raises(BenchError, match="is not the file that was shipped"):
        weights_file("med-nca-x", root=tmp_path)
    (tmp_path / WEIGHTS / "checksums.json").write_text("{}")
    with pytest.raises(BenchError, match=r"checksums\.json: damaged"):
        references(tmp_path)


def test_an_install_without_weights_works(tmp_path, typed, monkeypatch):
    assert references(tmp_path) == {}
    with pytest.raises(UsageProblem, match=r"unknown weights 'med-nca'; allowed: \(none\)"):
        weights_file("med-nca", root=tmp_path)
    monkeypatch.setattr(shipped_module.references, "__defaults__", (tmp_path,))
    code, out, err = typed("list", "weights")
    assert (code, out) == (0, "") and "no reference weights are installed" in err
    assert typed("list", "weights", "--json") == (0, "[]\n", "")


def test_what_is_shipped_is_listed(typed):
    code, out, _ = typed("list", "weights", "--json")
    assert code == 0 and sorted(row["name"] for row in json.loads(out) if row["shipped"]) == SHIPPED
    assert "med-nca-quick-hippocampus" in SHIPPED and "med-nca-quick-hippocampus" in typed("list", "weights")[1]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_what_their_entry_card_and_records_say(name):
    entry, path = references()[name], weights_file(name)
    found = contestant(path)
    assert (found.model, found.recipe, found.train_seed, found.weights) == (
        entry.model, entry.recipe, entry.seed, entry.weights,
    )  # fmt: skip
    assert path.stat().st_size == entry.bytes <= (300_000 if found.stochastic else 2_000_000)
    _, metadata = weights.load(path)
    assert metadata["phantom"] is False and len(metadata["train_cases"]) > 0
    (kept,) = (each for each in reference_records.records("accuracy") if each.name == name)
    assert set(kept.frame["weights"]) == {entry.weights} and not kept.frame["phantom"].any()
    text = (PACKAGE / WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    (part,) = set(kept.frame["split"])
    assert text == card(entry, metadata, kept.frame, on_disk=ON_DISK[part])


def test_every_shipped_record_is_of_its_entry():
    known = references()
    for kept in reference_records.records():
        assert set(kept.frame["weights"]) == {known[kept.name].weights}, kept.name
        assert set(kept.frame["task"]) == {known[kept.name].task} and len(set(kept.frame["split"])) == 1
    assert {kept.name for kept in reference_records.records("accuracy")} == set(known)


def test_shipped_records_are_small_and_of_this_schema():
    paths = list((PACKAGE / "results/reference").glob("*.parquet"))
    assert paths and sum(path.stat().st_size for path in paths) <= 8_000_000
    assert all(path.stat().st_size < 300_000 for path in paths if ".accuracy-" in path.name)
    for path in paths:
        assert read_part(path).num_rows > 0


def test_reproduce_as_typed(typed, tmp_path, monkeypatch):
    """A phantom scored with shipped weights: everything runs, and nothing looks like the paper's test."""
    from mednca_bench.benchmark.phantom import make

    make(tmp_path / "data", kind="hippocampus", seed=0, subjects=3)
    words = ("--weights", "med-nca-quick-hippocampus", "--data", tmp_path / "data", "--limit", "1", "--jobs", "1")
    code, _, err = typed("run", "--suite", "accuracy", "--out", "r", *words)
    assert code == 0, err
    code, out, err = typed("reproduce", "r")
    assert code == 0 and out == (tmp_path / "r/tables/reproduction.md").read_text()
    assert "PHANTOM DATA" in out and "| paper" in out and "0.886 ± 0.042" in out and "reproduced (" not in out
    code, out, err = typed("reproduce", "r", "--csv")
    assert code == 0 and out == (tmp_path / "r/tables/reproduction.csv").read_text()
    (tmp_path / "empty").mkdir()
    code, out, err = typed("reproduce", "empty")
    assert (code, out) == (1, "") and "empty: holds nothing of a run" in err
    (tmp_path / "empty/records").mkdir()
    code, out, err = typed("reproduce", "empty")
    assert (code, out) == (0, "") and "nothing was scored on clean images yet" in err
