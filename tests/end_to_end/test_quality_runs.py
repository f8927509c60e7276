"""The quality suite, `compare` and `merge` through the real command line, on a small phantom."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import mednca_bench.results.tables

FAST = {"TEST_WITHOUT_PLOTS": "1"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def run(home):
    """Run the quality suite for some models into a folder; one case, three passes, one perturbation."""

    def make(out: str, *models: str) -> Path:
        training = ("--recipe", "tiny", "--plugin", str(home.tiny_plugin), "--perturbation", "shift")
        named = [word for model in models for word in ("--model", model)]
        size = ("--limit", "2", "--jobs", "1", "--passes", "3")
        done = home.run("run", "--suite", "quality", *named, *training, *size, "--out", out, **FAST)
        assert done.returncode == 0, done.stderr
        return home.folder / out

    return make


@pytest.fixture(scope="module")
def both(run) -> Path:
    return run("both", "med-nca-16", "threshold")


def test_ensembles_are_scored_and_shown_as_such(both):
    frame = mednca_bench.results.load(both)
    assert set(zip(frame["model"], frame["passes"], strict=True)) == {("med-nca-16", 3), ("threshold", 1)}
    assert set(frame["severity"]) == {0, 1, 3, 5} and len(frame) == 2 * 2 * (2 + 3)
    assert frame["nqm"].notna().equals(frame["passes"] == 3) and (frame["entropy"] > 0).all()
    quality = pd.read_csv(both / "tables/quality.csv")
    assert set(zip(quality["model"], quality["score"], strict=True)) == {
        ("med-nca-16 ×3", "nqm"),
        ("med-nca-16 ×3", "entropy"),
        ("threshold", "entropy"),
    }
    assert quality["phantom"].all() and "PHANTOM DATA" in (both / "tables/quality.md").read_text(encoding="utf-8")
    assert set(pd.read_csv(both / "tables/accuracy.csv")["model"]) == {"med-nca-16 ×3", "threshold"}
    assert json.loads((both / "run.json").read_text())["seeds"]["passes"] == 3


def test_two_runs_merged_are_the_run_of_both(home, run, both):
    one, two = run("one", "med-nca-16"), run("two", "threshold")
    words = ("merge", "one", "two", "--out", "merged")
    merged = home.run(*words)
    assert merged.returncode == 0 and "20 of 20 units are done in merged" in merged.stderr, merged.stderr
    before = files(home.folder / "merged")
    again = home.run(*words)
    assert again.returncode == 0 and "0 files were written" in again.stderr and files(home.folder / "merged") == before
    same = home.run("compare", "both", "merged")
    assert same.returncode == 0 and "identical: 20 records" in same.stdout
    mednca_bench.results.tables.write(home.folder / "merged")
    for name in ("accuracy", "quality", "risk_coverage", "robustness_summary"):
        assert (home.folder / f"merged/tables/{name}.csv").read_bytes() == (both / f"tables/{name}.csv").read_bytes()
    found = json.loads((home.folder / "merged/run.json").read_text())
    assert sorted(entry["folder"] for entry in found["merged"]) == ["one", "two"] and found["phantom"] is True
    assert {model["model"] for model in found["models"]} == {"med-nca-16", "threshold"}
    partly = home.run("compare", str(one), "both")
    assert partly.returncode == 0 and "Only in the second run: 10 records." in partly.stdout, partly.stderr
    assert "| med-nca-16 ×3 | clean (model grid)" in partly.stdout and "PHANTOM DATA" in partly.stdout
    nothing = home.run("compare", str(one), str(two))
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert nothing.stderr.startswith("error: no answer in common") and nothing.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("compare", "both"), 2, "Missing argument 'RUN'"),
        (("compare", "both", "empty"), 1, "no answer in common"),
        (("merge", "both", "copy"), 2, "Missing option '--out'"),
        (("merge", "both", "--out", "m"), 1, "one run cannot be merged"),
        (("compare", "both", "nowhere"), 2, "'nowhere' does not exist"),
        (("merge", "both", "empty", "--out", "m"), 1, "empty: holds no records"),
        (("merge", "both", "copy", "--out", "copy"), 1, "is one of the runs to merge"),
    ],
)
def test_wrong_usage_is_one_line(home, both, words, code, said):
    (home.folder / "empty").mkdir(exist_ok=True)
    shutil.copytree(both, home.folder / "copy", dirs_exist_ok=True)
    done = home.run(*words)
    assert done.returncode == code and said in done.stderr, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and not (home.folder / "m").exists()
