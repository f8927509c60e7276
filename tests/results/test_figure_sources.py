"""Figures and the tables behind them: stale once any number shown has changed; captions say what is so."""

import hashlib
import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from mednca_bench.results import drawings, plots, report, tables
from mednca_bench.results.atomic import write_text
from mednca_bench.results.figure_kinds import KINDS
from mednca_bench.results.figure_sources import file_of, sha256_of
from mednca_bench.results.store import Store
from mednca_bench.results.table import Table

COSTS = ("dice_parameters", "dice_latency", "dice_energy")


@pytest.fixture
def timed(fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small run with times and energy, and its figures of costs."""
    Store(tmp_path).append([fake.record(0.8), fake.record(0.7, model="unet-small")])
    fake.efficiency(tmp_path)
    change(tmp_path, energy_slice_j=0.5)
    monkeypatch.setattr(drawings, "KINDS", tuple(kind for kind in KINDS if kind.name in COSTS))
    plots.write(tmp_path)
    return tmp_path


def change(folder: Path, **values: float) -> None:
    path = folder / "efficiency" / "med-nca-64x64-t2.json"
    write_text(path, json.dumps(json.loads(path.read_text()) | values))


def shown(folder: Path) -> set[str]:
    text = report.write(folder).read_text(encoding="utf-8")
    return {name for name in COSTS if f'id="figure-{name}"' in text}


@pytest.mark.parametrize(
    "values", [{"latency_slice_ms_median": 99.0}, {"energy_slice_j": 0.6}, {"parameters": 70_017}], ids=str
)
def test_a_cost_that_has_changed_makes_its_figures_stale(timed: Path, values: dict[str, float]) -> None:
    assert shown(timed) == set(COSTS)
    change(timed, **values)
    assert shown(timed) == set()


def test_a_sidecar_has_the_hash_of_every_table_behind_the_figure(timed: Path) -> None:
    built = tables.build(timed)
    expected = {f"tables/{name}.csv": hashlib.sha256(built[name].csv().encode()).hexdigest() for name in ("accuracy", "efficiency")}  # fmt: skip  # noqa: E501
    for name in COSTS:
        about = json.loads((timed / "plots" / f"{name}.json").read_text())
        assert about["sources_sha256"] == expected
        assert (about["source"], about["source_sha256"]) == ("tables/accuracy.csv", expected["tables/accuracy.csv"])


def test_times_that_come_later_make_a_figure_of_sizes_stale(
    fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path).append([fake.record(0.8)])
    write_text(tmp_path / "run.json", '{"models": [{"model": "med-nca", "parameters": 70016}]}')
    monkeypatch.setattr(drawings, "KINDS", tuple(kind for kind in KINDS if kind.name == "dice_parameters"))
    plots.write(tmp_path)
    assert shown(tmp_path) == {"dice_parameters"}
    fake.efficiency(tmp_path)
    assert shown(tmp_path) == set()


def test_a_sidecar_that_does_not_say_is_not_trusted(timed: Path) -> None:
    for name, said in zip(COSTS, (None, {}, []), strict=True):
        path = timed / "plots" / f"{name}.json"
        write_text(path, json.dumps(json.loads(path.read_text()) | {"sources_sha256": said}))
    assert shown(timed) == set()


def test_what_is_not_there_has_no_hash(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1]})
    known = {"accuracy": Table("accuracy", "", frame, frame)}
    for source in ("efficiency", "examples.npz"):
        assert sha256_of(file_of(source), folder=tmp_path, tables=known) == ""
    assert sha256_of(file_of("accuracy"), folder=tmp_path, tables=known) == hashlib.sha256(b"a\n1\n").hexdigest()


def test_the_caption_of_ranks_says_what_its_bars_are_and_where_the_tests_are() -> None:
    (caption,) = (kind.caption for kind in KINDS if kind.name == "ranks")
    assert "not told apart" not in caption and "resamples of the subjects" in caption and "table pairwise" in caption
