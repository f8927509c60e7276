"""The command of the README, from nothing to tables and plots, and the same command again."""

import json
from pathlib import Path

import pandas as pd
import pytest

import mednca_bench.results
from mednca_bench.results.record import COLUMNS
from mednca_bench.results.store import Store, load_units

MARK = "PHANTOM DATA"
TABLES = (
    "accuracy", "accuracy_details", "table1", "robustness_summary", "robustness_by_severity", "subjects", "pairwise",
    "ranks", "rank_conventions", "equivariance", "quality", "training", "data",
)  # fmt: skip
PLOTS = (
    "severity_curves", "delta_dice", "slopes", "ranks", "dice_parameters", "risk_coverage", "equivariance", "cases",
    "examples", "learning_curves",
)  # fmt: skip


@pytest.fixture(scope="module")
def command(home) -> tuple[str, ...]:
    """No data is named and there is none: the built-in phantom is used."""
    training = ("--recipe", "tiny", "--plugin", str(home.tiny_plugin))
    options = ("--model", "med-nca-16", "--model", "threshold", *training)
    return ("run", "--suite", "robustness", *options, "--limit", "1", "--jobs", "1", "--out", "main")


@pytest.fixture(scope="module")
def done(home, command):
    return home.run(*command)


def test_it_succeeds_without_a_warning(done):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr


def test_every_file_is_there(home, done):
    folder = home.folder / "main"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    expected = {"run.json", "units.parquet", "examples.npz", "report.html", "tables/risk_coverage.csv"}
    expected |= {"tables/learning_curves.csv"}
    expected |= {f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "md", "tex", "html")}
    expected |= {f"plots/{name}.{kind}" for name in PLOTS for kind in ("png", "svg", "json")}
    assert expected <= names
    assert {name.split("/")[0] for name in names - expected} == {"records"}


def test_the_phantom_is_said_on_the_terminal_in_every_table_and_on_every_plot(home, done):
    folder = home.folder / "main"
    assert MARK in done.stderr and MARK in done.stdout
    assert json.loads((folder / "run.json").read_text())["phantom"] is True
    assert MARK in (folder / "report.html").read_text()
    for name in TABLES:
        for kind in ("md", "tex", "html"):
            assert MARK in (folder / f"tables/{name}.{kind}").read_text(), name
        assert "phantom" in pd.read_csv(folder / f"tables/{name}.csv").to_csv().lower(), name
    for name in PLOTS:
        assert MARK in (folder / f"plots/{name}.svg").read_text(), name  # letters are paths, with the text beside them
    assert Store(folder).load(["phantom"])["phantom"].all()


def test_every_intended_unit_is_scored(home, done):
    folder = home.folder / "main"
    records, units = Store(folder).load(), load_units(folder)
    assert units is not None and list(records["key"]) == list(units["key"])
    assert len(records) == 2 * (2 + 16 * 5) and set(records.columns) == {column.name for column in COLUMNS}
    assert "164 units computed" in done.stderr
    tidy = mednca_bench.results.load(folder)
    assert tidy["dice"].notna().sum() + (tidy["state"] == "both_empty").sum() == 164


def test_the_machine_code_and_command_are_recorded(home, done, command):
    found = json.loads((home.folder / "main/run.json").read_text())
    assert found["command"] == "mednca-bench " + " ".join(command)
    assert found["cases_on_disk"]["train"] == "36 of 36" and len(found["cases"]) == 1
    assert {model["model"]: model["parameters"] for model in found["models"]}["med-nca-16"] == 25_920
    assert (
        found["versions"] and found["machine"] and found["seeds"] == {"train": [0], "draws": 1, "fire": 1, "passes": 1}
    )


def test_the_same_command_again_computes_nothing(home, done, command):
    records = home.folder / "main" / "records"
    tables = {path: path.read_bytes() for path in (records.parent / "tables").iterdir()}
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in records.iterdir()}
    again = home.run(*command, TEST_WITHOUT_PLOTS="1")
    assert again.returncode == 0 and again.stdout == done.stdout
    assert "0 units computed in 0 s, 164 of 164 were done before" in again.stderr and "training" not in again.stderr
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in records.iterdir()} == before
    assert {path: path.read_bytes() for path in tables} == tables
    assert len(json.loads((records.parent / "run.json").read_text())["commands"]) == 2


def test_a_dry_run_knows_what_is_done(home, done, command):
    def files() -> list[tuple[Path, int]]:
        return sorted((path, path.stat().st_mtime_ns) for path in (home.folder / "main").rglob("*"))

    before = files()
    planned = home.run(*command, "--dry-run")
    assert planned.returncode == 0 and "med-nca-16: 82 units, 82 done, 0 to do in 0 s" in planned.stdout
    assert files() == before
