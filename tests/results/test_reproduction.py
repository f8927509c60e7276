"""The paper beside ours: the rule, the paired difference, what each number says of itself, and what is not compared."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench import results
from mednca_bench.results import atomic, reference_records, store, tables
from mednca_bench.results.intervals import mean_intervals
from mednca_bench.results.metrics import derive
from mednca_bench.results.reference_accuracy import published_accuracy
from mednca_bench.results.reference_records import ReferenceRecords
from mednca_bench.results.reproduction import MARGIN, verdict
from mednca_bench.results.reproduction_notes import why_nothing
from mednca_bench.results.scored import ledger
from mednca_bench.results.table import Table

CASES = 12


def run(fake: ModuleType, means: dict[str, float], **values: Any) -> pd.DataFrame:
    """A ledger of two cases a subject: soft Dice rises from mean - 0.022 to mean + 0.022, hard Dice is 0.02 above."""
    rows = []
    for model, mean in means.items():
        for case in range(CASES):
            soft = mean + 0.004 * (case - (CASES - 1) / 2)
            paper = {"p_sum_paper": 1000.0, "y_sum_paper": 1000.0, "py_sum_paper": 1000 * soft}
            head = {"model": model, "case": f"case {case:02d}", "group": f"subject {case // 2}"} | values
            if model == "unet":
                head |= {"fire_seed": -1}
            rows.append(fake.record(round(soft + 0.02, 3), grid="native", **head))
            rows.append(fake.record(0.5, grid="model", measures=paper, **head))
    return ledger(derive(pd.DataFrame(rows)))


def reproduction(rows: pd.DataFrame, *, shipped: tuple[ReferenceRecords, ...] = ()) -> Table:
    table = tables.reproduction(rows, tables.accuracy(rows), published=published_accuracy(), shipped=shipped)
    assert table is not None
    return table


def ours(table: Table, model: str, metric: str = "dice_soft_paper") -> "pd.Series[Any]":
    frame = table.frame
    (place,) = frame.index[(frame["model"] == model) & (frame["source"] == "this run") & (frame["metric"] == metric)]
    row: pd.Series[Any] = frame.loc[place]
    return row


def test_published_figures_are_those_of_the_papers_table() -> None:
    papers = {(p.task, p.model): (p.mean, p.sd) for p in published_accuracy() if p.source == "paper"}
    assert papers == {
        ("Task04_Hippocampus", "med-nca"): (0.886, 0.042),
        ("Task04_Hippocampus", "unet"): (0.858, 0.044),
        ("Task05_Prostate", "med-nca"): (0.838, 0.083),
        ("Task05_Prostate", "unet"): (0.799, 0.099),
    }
    others = [p for p in published_accuracy() if p.source != "paper"]
    assert [p.mean for p in others] == [0.864, 0.672] and all(math.isnan(p.sd) for p in others)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_rule_has_three_exclusive_answers(one: float, other: float, published: float) -> None:
    low, high = sorted((one, other))
    wanted = published - MARGIN
    said = verdict(low, high, published=published)
    assert (said == "reproduced") == (low > wanted)
    assert (said == "not reproduced") == (high < wanted)


def test_an_interval_that_ends_on_the_threshold_decides_nothing() -> None:
    wanted = 0.75 - MARGIN
    assert verdict(wanted, 0.9, published=0.75) == "undecided"
    assert verdict(math.nextafter(wanted, 1), 0.9, published=0.75) == "reproduced"
    assert verdict(0.5, wanted, published=0.75) == "undecided"
    assert verdict(0.5, math.nextafter(wanted, 0), published=0.75) == "not reproduced"


def test_without_an_interval_nothing_is_decided() -> None:
    assert verdict(math.nan, math.nan, published=0.5) == "undecided"


@pytest.mark.parametrize(
    ("mean", "said"), [(0.90, "reproduced"), (0.866, "undecided"), (0.80, "not reproduced")], ids=str
)
def test_soft_dice_is_compared_and_hard_dice_stands_beside_it(fake: ModuleType, mean: float, said: str) -> None:
    table = reproduction(run(fake, {"med-nca": mean}, split="test"))
    soft, hard = ours(table, "med-nca"), ours(table, "med-nca", "dice")
    assert (soft["verdict"], hard["verdict"]) == (said, "")
    assert soft["mean"] == pytest.approx(mean) and soft["minus_paper"] == pytest.approx(mean - 0.886)
    assert soft["threshold"] == pytest.approx(0.866) and hard["mean"] == pytest.approx(mean + 0.02, abs=1e-3)
    assert (soft["cases"], soft["subjects"], soft["scored"], soft["recipe"]) == (12, 6, 12, "quick")
    sources = table.frame.loc[table.frame["model"] == "med-nca", "source"].tolist()
    assert sources == ["paper", "reproduction 2026", "this run", "this run"]
    shown = table.shown[table.shown["Source"] == "this run"]
    assert shown["Verdict"].tolist() == [said, "–"] and shown["Scored on"].tolist() == ["test", "test"]
    assert any("not the paper's recipe" in note for note in table.notes)


def test_the_difference_is_paired_and_has_its_own_verdict(fake: ModuleType) -> None:
    """Both models rise over the same cases, so the difference is constant whatever the spread of either."""
    table = reproduction(run(fake, {"med-nca": 0.89, "unet": 0.85}, split="test"))
    row = ours(table, "med-nca - unet")
    assert row["mean"] == pytest.approx(0.04) and row["low"] == pytest.approx(0.04) == row["high"]
    assert row["paper"] == pytest.approx(0.028) and row["verdict"] == "reproduced"
    assert (
        ours(reproduction(run(fake, {"med-nca": 0.85, "unet": 0.85})), "med-nca - unet")["verdict"] == "not reproduced"
    )
    paper = table.frame[(table.frame["model"] == "med-nca - unet") & (table.frame["source"] == "paper")]
    assert paper["mean"].tolist() == pytest.approx([0.028])


def test_intervals_are_those_over_subjects(fake: ModuleType) -> None:
    rows = run(fake, {"med-nca": 0.87})
    soft = rows[rows["grid"] == "model"].groupby("group")["dice_soft_paper"].agg(["sum", "count"]).to_numpy(dtype=float)
    low, high = mean_intervals(soft[:, :1], soft[:, 1:])
    row = ours(reproduction(rows), "med-nca")
    assert (row["low"], row["high"]) == (pytest.approx(low[0]), pytest.approx(high[0]))
    assert row["minus_paper_low"] == pytest.approx(low[0] - 0.886)


def test_val_is_marked_and_a_phantom_gets_no_verdict(fake: ModuleType) -> None:
    val = reproduction(run(fake, {"med-nca": 0.9}))
    assert val.shown["Verdict"].tolist().count("reproduced (on val)") == 1
    assert "not on test" in val.notes[0] and not ours(val, "med-nca")["final"]
    phantom = reproduction(run(fake, {"med-nca": 0.9}, phantom=True, split="test", task="Phantom04_Hippocampus"))
    assert set(phantom.shown["Verdict"]) == {"–"} and "PHANTOM test" in set(phantom.shown["Scored on"])
    assert phantom.notes[0].startswith("PHANTOM DATA") and "PHANTOM DATA" in phantom.markdown()
    assert not ours(phantom, "med-nca")["final"]


def test_others_are_named_and_not_compared(fake: ModuleType) -> None:
    rows = run(fake, {"med-nca": 0.9, "unet-small": 0.95})
    table = reproduction(rows)
    assert "unet-small" not in set(table.frame["model"])
    assert any("ensemble: unet-small" in note for note in table.notes)


@pytest.mark.parametrize(
    ("means", "values", "why"),
    [
        ({"unet-small": 0.9}, {}, "figures are published of med-nca and unet, this run scored unet-small"),
        ({"med-nca": 0.9}, {"task": "Task09_Spleen"}, "no figure is published for Task09_Spleen; there are for"),
        ({"med-nca": 0.9}, {"label": "Anterior"}, "labels were scored apart (Anterior)"),
        ({"med-nca": 0.9}, {"passes": 10}, "no single pass"),
        (
            {"med-nca": 0.9},
            {"severity": 2, "perturbation": "noise", "kind": "acquisition"},
            "nothing was scored on clean",
        ),
    ],
)
def test_why_there_is_nothing_to_compare(
    fake: ModuleType, means: dict[str, float], values: dict[str, Any], why: str
) -> None:
    rows = run(fake, means, **values)
    assert tables.reproduction(rows, tables.accuracy(rows), published=published_accuracy()) is None
    assert why in why_nothing(rows, published_accuracy())


def test_shipped_records_stand_beside_and_the_same_weights_are_compared(fake: ModuleType) -> None:
    rows = run(fake, {"med-nca": 0.87})
    shipped = ReferenceRecords("mine", "accuracy-v1", rows.drop(columns=["name", "scored", "failed"]))
    moved = rows.assign(dice=rows["dice"] + np.where(rows["case"] == "case 03", 0.01, 0.0))
    table = reproduction(moved, shipped=(shipped,))
    beside = table.frame[table.frame["source"] == "shipped mine"]
    assert beside["metric"].tolist() == ["dice_soft_paper", "dice"] and beside["mean"].tolist()[0] == pytest.approx(
        0.87
    )
    assert any("12 answers of the shipped weights mine" in note and "is 0.01" in note for note in table.notes)
    assert beside["verdict"].tolist() == ["undecided", ""]
    elsewhere = reproduction(run(fake, {"med-nca": 0.87}, split="test"), shipped=(shipped,))
    assert not elsewhere.frame["source"].str.startswith("shipped").any()


def shipped_records(fake: ModuleType, means: dict[str, float], name: str, **values: Any) -> ReferenceRecords:
    return ReferenceRecords(name, "accuracy-v1", run(fake, means, **values).drop(columns=["name", "scored", "failed"]))


@pytest.mark.parametrize(
    ("scored", "absent", "source", "difference"),
    [
        ({"med-nca": 0.89}, {"unet": 0.85}, "this run - shipped other", 0.04),
        ({"unet": 0.85}, {"med-nca": 0.80}, "shipped other - this run", -0.05),
    ],
)
def test_shipped_records_stand_in_for_the_model_of_the_pair_that_the_run_has_not(
    fake: ModuleType, scored: dict[str, float], absent: dict[str, float], source: str, difference: float
) -> None:
    others = (
        shipped_records(fake, absent, "other", split="test", recipe="longer"),
        shipped_records(fake, absent, "elsewhere", split="val"),
    )
    frame = reproduction(run(fake, scored, split="test"), shipped=others).frame
    rows = frame[(frame["model"] == "med-nca - unet") & (frame["source"] != "paper")]
    assert rows["source"].tolist() == [source, source] and rows["cases"].tolist() == [CASES, CASES]
    assert rows["mean"].tolist() == pytest.approx([difference, difference])
    assert rows["verdict"].tolist() == ["reproduced" if difference > 0 else "not reproduced", ""]
    assert sorted(rows["recipe"].iloc[0].split(" - ")) == ["longer", "quick"]


def test_where_the_run_has_both_no_shipped_records_are_paired(fake: ModuleType) -> None:
    other = shipped_records(fake, {"unet": 0.7}, "other", split="test")
    frame = reproduction(run(fake, {"med-nca": 0.89, "unet": 0.85}, split="test"), shipped=(other,)).frame
    assert set(frame.loc[frame["model"] == "med-nca - unet", "source"]) == {"paper", "this run"}


def test_shipped_records_are_paired_with_the_cases_that_the_run_scored(fake: ModuleType) -> None:
    rows = run(fake, {"med-nca": 0.89}, split="test")
    other = shipped_records(fake, {"unet": 0.85}, "other", split="test")
    frame = reproduction(rows[rows["case"].astype(str) < "case 05"], shipped=(other,)).frame
    assert frame.loc[frame["source"] == "this run - shipped other", "cases"].tolist() == [5, 5]


def test_a_run_folder_gives_the_same_table_alone_and_among_all(run_folder: Path, tmp_path: Path) -> None:
    alone, among = tables.reproduce(run_folder), tables.build(run_folder)["reproduction"]
    assert isinstance(alone, Table) and alone.csv() == among.csv() and alone.notes == among.notes
    for kind in ("csv", "md", "tex", "html"):
        assert (kind, "reproduction") in {(p.suffix[1:], p.stem) for p in _written(run_folder, tmp_path, alone)}


def _written(run_folder: Path, tmp_path: Path, table: Table) -> list[Path]:
    atomic.write_text(tmp_path / "run.json", (run_folder / "run.json").read_text())
    return tables.write(tmp_path, tables={"reproduction": table})


def test_records_that_are_perturbed_are_a_baseline_for_corruption_errors(
    fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = [fake.record(0.8)]
    noisy = fake.record(0.7, perturbation="noise", perturbation_version=1, kind="acquisition", severity=1)
    for name, rows in (("clean-only", clean), ("both", [*clean, noisy])):
        part = store.Store(tmp_path / name).append(rows)
        assert part is not None
        (tmp_path / reference_records.file_name(name, "robustness-v1")).write_bytes(part.read_bytes())
    monkeypatch.setattr(reference_records, "files", lambda _: tmp_path)
    assert [(found.name, found.suite) for found in reference_records.records()] == [
        ("both", "robustness-v1"), ("clean-only", "robustness-v1"),
    ]  # fmt: skip
    baselines = reference_records.shipped()
    assert list(baselines) == ["both"] and tuple(baselines["both"].columns) == reference_records.COLUMNS
    assert sorted(baselines["both"]["dice"]) == [0.7, 0.8]


def test_a_model_has_the_corruption_error_one_against_its_own_records(
    fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clean images' scores on the model's grid are not those that acquisition families are held against."""
    rows = [
        fake.record(dice - 0.01 * case, case=f"case-{case}", group=f"subject-{case}", fire_seed=fire, **what)
        for case in range(4)
        for fire, better in ((0, 0.0), (1, 0.04))
        for dice, what in (
            (0.9 + better, {"grid": "native"}),
            (0.6 + better, {"grid": "model"}),
            (0.7 + better, {"perturbation": "noise", "kind": "acquisition", "severity": 1}),
            (0.6 + better, {"perturbation": "noise", "kind": "acquisition", "severity": 2}),
        )
    ]
    part = store.Store(tmp_path / "run").append(rows)
    assert part is not None
    (tmp_path / reference_records.file_name("mine", "robustness-v1")).write_bytes(part.read_bytes())
    monkeypatch.setattr(reference_records, "files", lambda _: tmp_path)
    (found,) = reference_records.shipped().values()
    assert len(found) == 4 * 3, "passes are averaged"
    table = tables.robustness_summary(results.load(tmp_path / "run"), references=reference_records.shipped())
    assert table is not None
    row = table.frame.set_index("perturbation").loc["noise"]
    assert row["ce"] == pytest.approx(1) and row["relative_ce"] == pytest.approx(1)


def test_an_install_without_records_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_records, "files", lambda _: tmp_path)
    assert reference_records.records() == () and reference_records.shipped() == {}
