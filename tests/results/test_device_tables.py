"""Tables and figures of what devices can do: end to end, memory ladder, energy, beside the published timings."""

import json
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from mednca_bench.results import plots, tables
from mednca_bench.results.atomic import write_text
from mednca_bench.results.plot_energy import with_energy
from mednca_bench.results.plot_latency import latency_against_side
from mednca_bench.results.reference_timings import PUBLISHED_RATIO, RATIO_SIDE, published_timings
from mednca_bench.results.style import looks
from mednca_bench.results.table_ladder import read_ladders


def timed(model: str, ms: float, **changes: Any) -> dict[str, Any]:
    return {
        "model": model,
        "engine": "PyTorch",
        "steps": 64 if "nca" in model else None,
        "parameters": 70_016,
        "image_side": RATIO_SIDE,
        "size": [RATIO_SIDE, RATIO_SIDE],
        "slices": 2,
        "threads": 2,
        "latency_slice_ms_median": ms,
        "latency_slice_ms_p90": ms * 1.1,
        "latency_slice_ms_p99": ms * 1.2,
        "latency_end_to_end_ms_median": 2 * ms,
        "latency_end_to_end_ms_p90": 2.1 * ms,
        "latency_end_to_end_ms_p99": 2.2 * ms,
        "throughput_slices_per_s": 1e3 / ms,
        "cold_total_s": 3.21,
        "cold_import_s": 3.0,
        "cold_model_s": 0.1,
        "peak_memory_mb": 300.4,
        "baseline_memory_mb": 230.6,
        "energy_slice_j": None,
        "energy_source": "unavailable: this system has no RAPL counters",
        "cpu": "Some CPU",
        "throttled": False,
    } | changes


def row(cap: int, side: int | None, stopped: str) -> dict[str, Any]:
    return {"cap_mb": cap, "largest_side": side, "stopped_by": stopped, "baseline_mb": 612.3, "peak_memory_mb": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models at the side of the published ratio, the second three times as slow, and a ladder of each."""
    for entry in (timed("med-nca", 1000.0), timed("unet", 3000.0, throttled=True)):
        write_text(tmp_path / "efficiency" / f"{entry['model']}.json", json.dumps(entry))
    top = "nothing larger was tried"
    for model, rows in (
        ("med-nca", [row(64, 256, "memory"), row(128, 480, "time"), row(256, 1024, top)]),
        ("unet", [row(64, None, "weights"), row(128, None, "weights"), row(256, 96, "memory")]),
    ):
        ladder = {"model": model, "label": model, "threads": 1, "method": "a cap", "step": 32, "rows": rows}
        write_text(tmp_path / "efficiency" / "ladder" / f"{model}.json", json.dumps(ladder))
    return tmp_path


def test_the_tables_of_a_sweep(folder):
    found = tables.build(folder)
    assert list(found) == ["efficiency", "efficiency_end_to_end", "memory_ladder"]
    shown = found["efficiency_end_to_end"].shown.iloc[0]
    assert shown["End to end (ms)"] == "2,000 [2,100, 2,200]" and shown["Cold start (s)"] == "3.21"
    assert shown["Energy (J per slice)"] == "unavailable" and shown["Peak memory (MB)"] == "300"
    assert all(len(table.shown.columns) <= 12 for table in found.values())
    assert (
        found["efficiency"].notes[-1].startswith("The machine slowed down")
        and "unet 320x320" in (found["efficiency"].notes[-1])
    )


def test_the_ratio_stands_beside_the_published_one(folder):
    (note,) = (note for note in tables.build(folder)["efficiency"].notes if "times as long" in note)
    assert "unet takes 3.00 times as long as med-nca of 64 steps" in note and note.endswith("Raspberry Pi: 2.29.")


def test_the_published_ratio_is_that_of_the_published_timings():
    at = published_timings().query("image_side == @RATIO_SIDE", local_dict={"RATIO_SIDE": RATIO_SIDE})
    seconds = at.set_index("model")["seconds"]
    assert seconds["unet"] / seconds["med-nca"] == pytest.approx(PUBLISHED_RATIO, abs=0.005)
    assert len(published_timings()) == 9 + 9 + 5


def test_the_ladder_in_words_and_numbers(folder):
    table = tables.build(folder)["memory_ladder"]
    words = table.shown.set_index("Model")
    assert list(words.loc["med-nca", ["64 MB", "128 MB", "256 MB"]]) == ["256", "480 (time)", "≥ 1024"]
    assert list(words.loc["unet", ["64 MB", "256 MB"]]) == ["not even the weights", "96"]
    assert words.loc["unet", "Libraries (MB)"] == "612"
    assert table.frame.loc[0, "side_64_mb"] == 256 and pd.isna(table.frame.loc[1, "side_64_mb"])
    assert any("a cap" in note for note in table.notes)


@pytest.mark.parametrize("text", ["[]", "{", '{"rows": [1]}', '{"rows": 3}'])
def test_a_damaged_ladder_is_named(tmp_path, text):
    path = write_text(tmp_path / "efficiency" / "ladder" / "a.json", text)
    with pytest.raises(ValueError, match=f"{path}.*delete it; the ladder is measured again"):
        read_ladders(tmp_path)


def test_energy_is_that_of_the_counters_alone(folder):
    scored = pd.DataFrame({"model": ["med-nca", "unet", "other"], "dice_mean": [0.8, 0.9, 0.7]})
    frame = tables.build(folder)["efficiency"].frame
    assert with_energy(scored, frame).empty
    assert with_energy(scored, frame.drop(columns="energy_slice_j")).empty
    known = with_energy(scored, frame.assign(energy_slice_j=[0.5, float("nan")]))
    assert known[["model", "energy_slice_j"]].to_numpy().tolist() == [["med-nca", 0.5]]


def test_figures(folder, caplog):
    with caplog.at_level(logging.INFO):
        written = {path.name for path in plots.write(folder)}
    assert written == {f"{name}.{ending}" for name in ("latency", "memory_ladder") for ending in ("png", "svg", "json")}
    assert "dice_energy is not drawn" in caplog.text


def test_energy_is_drawn_where_it_was_measured(tmp_path, fake: ModuleType):
    fake.write_run(tmp_path)
    path = tmp_path / "efficiency" / "med-nca-64x64-t2.json"
    write_text(path, json.dumps(json.loads(path.read_text()) | {"energy_slice_j": 0.25}))
    assert "dice_energy.png" in {each.name for each in plots.write(tmp_path)}


def test_lines_are_those_of_the_table(folder):
    frame = tables.build(folder)["efficiency"].frame
    (ax,) = latency_against_side(frame, looks=looks(["med-nca", "unet"])).axes
    lines = {line.get_label(): line.get_ydata().tolist() for line in ax.get_lines()}
    assert lines["med-nca (64 steps, 2 threads)"] == [1000.0] and lines["unet (2 threads)"] == [3000.0]
    assert lines["unet, published, Raspberry Pi"][0] == 10_090.0
    assert lines["too long: machine busy or throttled"] == [3000.0]  # unet's row is flagged
    assert {text.get_text() for text in ax.texts} >= {"× 2.29", "× 3.00"}
