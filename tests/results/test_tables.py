"""Tables against straightforward recomputation, and the laws: order-free, nothing dropped in silence."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mednca_bench.results import load, tables
from mednca_bench.results.atomic import write_text
from mednca_bench.results.metrics import derive
from mednca_bench.results.store import Store, load_units, write_units
from mednca_bench.results.table import Table


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return derive(pd.DataFrame(rows))


def subject_interval(values: Any, groups: Any) -> tuple[float, float]:
    """The rule's interval for fewer than 20 subjects, by hand: t with the error of a ratio of subjects' sums."""
    known = (
        pd.DataFrame({"value": values, "group": list(groups)}).dropna().groupby("group")["value"].agg(["sum", "size"])
    )
    n, mean = len(known), known["sum"].sum() / known["size"].sum()
    residual = known["sum"] - mean * known["size"]
    error = math.sqrt(n / (n - 1) * (residual**2).sum()) / known["size"].sum()
    return mean - stats.t.ppf(0.975, n - 1) * error, mean + stats.t.ppf(0.975, n - 1) * error


def present(table: Table | None) -> Table:
    assert table is not None
    return table


def row_of(table: Table | None, **where: object) -> "pd.Series[Any]":
    frame = present(table).frame
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1, frame
    row: pd.Series[Any] = frame.iloc[0]
    return row


@pytest.fixture(scope="module")
def built(run_folder: Path) -> dict[str, Table]:
    return tables.build(run_folder)


@pytest.fixture(scope="module")
def frame(run_folder: Path) -> pd.DataFrame:
    return load(run_folder)


def per_case(rows: pd.DataFrame, metric: str) -> dict[str, float]:
    """Mean over the passes of each case, by a plain loop."""
    passes: dict[str, list[float]] = {}
    for case, value in zip(rows["case"], rows[metric], strict=True):
        passes.setdefault(case, []).extend([] if math.isnan(value) else [value])
    return {case: math.fsum(values) / len(values) for case, values in passes.items() if values}


@pytest.mark.parametrize("model", ["med-nca", "unet-small"])
@pytest.mark.parametrize("metric", ["dice", "dice_soft", "hd95", "assd"])
def test_accuracy_is_mean_and_sd_over_cases(
    built: dict[str, Table], frame: pd.DataFrame, model: str, metric: str
) -> None:
    row = row_of(built["accuracy"], model=model)
    clean = frame[(frame["model"] == model) & (frame["severity"] == 0) & (frame["grid"] == "native")]
    cases = per_case(clean, metric)
    assert row[f"{metric}_mean"] == pytest.approx(np.mean(list(cases.values())))
    assert row[f"{metric}_sd"] == pytest.approx(np.std(list(cases.values()), ddof=1))
    groups = [dict(zip(clean["case"], clean["group"], strict=True))[case] for case in cases]
    assert (row[f"{metric}_low"], row[f"{metric}_high"]) == pytest.approx(
        subject_interval(list(cases.values()), groups)
    )
    assert (row["cases"], row["subjects"], row["both_empty"]) == (11, 6, 2 if model == "med-nca" else 1)


def test_the_papers_number_comes_from_the_model_grid(built: dict[str, Table], frame: pd.DataFrame) -> None:
    clean = frame[(frame["model"] == "unet-small") & (frame["severity"] == 0) & (frame["grid"] == "model")]
    expected = np.mean(list(per_case(clean, "dice_soft_paper").values()))
    assert row_of(built["accuracy"], model="unet-small")["dice_soft_paper_mean"] == pytest.approx(expected)


@pytest.mark.parametrize("severity", [1, 4, 5])
def test_delta_is_paired_with_the_same_case_and_fire_seed(
    built: dict[str, Table], frame: pd.DataFrame, severity: int
) -> None:
    clean = {(r.key, r.label): r.dice for r in frame.itertuples() if r.severity == 0}
    rows = frame[(frame["model"] == "med-nca") & (frame["perturbation"] == "noise") & (frame["severity"] == severity)]
    partner = [clean[key, label] for key, label in zip(rows["clean_key"], rows["label"], strict=True)]
    rows = rows.assign(partner=partner, delta=rows["dice"] - partner)
    found = row_of(built["robustness_by_severity"], model="med-nca", perturbation="noise", severity=severity)
    deltas = per_case(rows, "delta")
    assert found["delta_mean"] == pytest.approx(np.mean(list(deltas.values())))
    dice, before = (sum(per_case(rows, name).values()) for name in ("dice", "partner"))
    assert found["retention"] == pytest.approx(dice / before)
    assert found["delta_low"] < found["delta_mean"] < found["delta_high"]


def test_what_failed_is_counted(built: dict[str, Table]) -> None:
    row = row_of(built["robustness_by_severity"], model="med-nca", perturbation="noise", severity=5)
    assert (row["scored"], row["intended"], row["failed"], row["cases"]) == (22, 24, 2, 10)
    shown = present(built["robustness_by_severity"]).shown
    assert "22/24" in set(shown["n"])
    data = row_of(built["data"], model="unet-small")
    assert (data["scored"], data["failed"], data["not_tried"]) == (data["intended"] - 2, 1, 1)
    assert any("units failed: MemoryError" in note for note in built["data"].notes)


def test_a_missed_structure_counts_as_zero(built: dict[str, Table], frame: pd.DataFrame) -> None:
    row = row_of(built["robustness_by_severity"], model="unet-small", perturbation="shift", severity=5)
    rows = frame[(frame["model"] == "unet-small") & (frame["perturbation"] == "shift") & (frame["severity"] == 5)]
    assert row["missed"] == 1 and rows["dice"].min() == 0
    assert row["dice_mean"] == pytest.approx(rows["dice"].dropna().mean())


def test_severity_0_is_the_clean_score_on_the_familys_grid(built: dict[str, Table], frame: pd.DataFrame) -> None:
    for family, grid in (("noise", "native"), ("shift", "model")):
        clean = frame[(frame["model"] == "unet-small") & (frame["severity"] == 0) & (frame["grid"] == grid)]
        row = row_of(built["robustness_by_severity"], model="unet-small", perturbation=family, severity=0)
        assert row["dice_mean"] == pytest.approx(clean["dice"].mean())
        assert row["delta_mean"] == 0


def test_summary_sums_up_the_curve(built: dict[str, Table]) -> None:
    curve = built["robustness_by_severity"].frame
    curve = curve[(curve["model"] == "unet-small") & (curve["perturbation"] == "ghosting")]
    row = row_of(built["robustness_summary"], model="unet-small", perturbation="ghosting")
    dice = curve["dice_mean"].to_numpy()
    assert row["clean_mean"] == pytest.approx(dice[0])
    assert row["dice_mean"] == pytest.approx(dice[1:].mean())
    assert row["delta_mean"] == pytest.approx((dice[1:] - dice[0]).mean())
    assert row["area_mean"] == pytest.approx(np.trapezoid(dice, np.arange(6)) / 5)
    assert (row["worst_severity"], row["worst_dice"]) == (1 + np.argmin(dice[1:]), pytest.approx(dice[1:].min()))
    assert row["retention"] == pytest.approx(dice[1:].mean() / dice[0])


def test_summary_is_over_cases_scored_at_every_severity(built: dict[str, Table]) -> None:
    summary = built["robustness_summary"]
    assert row_of(summary, model="med-nca", perturbation="noise")["cases"] == 10
    assert row_of(summary, model="med-nca", perturbation="ghosting")["cases"] == 11
    assert any(note.startswith("Left out, since not every model has every severity: 1 case") for note in summary.notes)
    families = summary.frame[(summary.frame["model"] == "med-nca") & (summary.frame["kind"] == "grid")]
    several, single = families["perturbation"].str.startswith("all "), families["delta_mean"]
    assert single[several].item() == pytest.approx(single[~several].mean())


def test_tables_do_not_depend_on_the_order_of_records(run_folder: Path, frame: pd.DataFrame) -> None:
    intended = load_units(run_folder)
    assert intended is not None
    shuffled = frame.sample(frac=1, random_state=3), intended.sample(frac=1, random_state=4)
    makers = (tables.accuracy, tables.accuracy_details, tables.robustness_by_severity, tables.robustness_summary)
    for make in (*makers, tables.pairwise, tables.ranks, tables.rank_conventions, tables.data):
        one, other = present(make(frame, intended)), present(make(*shuffled))
        pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
        assert (one.csv(), one.markdown()) == (other.csv(), other.markdown())


def test_parts_in_another_order_give_the_same_bytes(tmp_path: Path, fake: ModuleType) -> None:
    rows = [fake.score(unit) for unit in fake.units(cases=4)]
    texts = []
    for name, order in (("a", rows), ("b", rows[::-1])):
        store = Store(tmp_path / name)
        for start in range(0, len(order), 97):
            store.append(order[start : start + 97])
        texts.append([path.read_bytes() for path in tables.write(tmp_path / name)])
    assert texts[0] == texts[1]


def test_models_are_compared_on_the_cases_all_of_them_have(fake: ModuleType) -> None:
    cases = {"a": (0.9, 0.5), "b": (0.8, 0.6), "c": (0.1, None)}
    rows = [
        fake.record(dice, case=case, group=case, model=model)
        for case, scores in cases.items()
        for model, dice in zip(("med-nca", "unet-small"), scores, strict=True)
        if dice is not None
    ]
    table = present(tables.accuracy(frame_of(rows)))
    assert row_of(table, model="med-nca")["dice_mean"] == pytest.approx(0.85)
    assert "Models are compared on the cases all of them scored; left out: 1 case." in table.notes
    assert any("2 subjects" in note for note in table.notes)


def test_a_model_without_any_score_is_named_and_does_not_empty_the_table(fake: ModuleType) -> None:
    intended = [fake.identity(case=case, model=model) for case in "ab" for model in ("med-nca", "unet-small")]
    rows = [unit | fake.measured(0.9) for unit in intended if unit["model"] == "med-nca"]
    table = present(tables.accuracy(frame_of(rows), pd.DataFrame(intended), failed={intended[1]["key"]}))
    lost = row_of(table, model="unet-small")
    assert (lost["scored"], lost["intended"], lost["failed"], lost["cases"]) == (0, 2, 1, 0)
    assert math.isnan(lost["dice_mean"])
    assert row_of(table, model="med-nca")["dice_mean"] == pytest.approx(0.9)
    assert any("Nothing was scored of unet-small" in note for note in table.notes)


def test_passes_of_a_case_are_averaged_before_cases(fake: ModuleType) -> None:
    """Case a: fire seeds 0.8 and 0.6; case b: one pass of 0.9. The mean is (0.7 + 0.9) / 2."""
    rows = [
        fake.record(0.8, case="a", group="a", fire_seed=0),
        fake.record(0.6, case="a", group="a", fire_seed=1),
        fake.record(0.9, case="b", group="b", train_seed=7),
    ]
    row = row_of(tables.accuracy(frame_of(rows)))
    assert row["dice_mean"] == pytest.approx(0.8)
    assert (row["train_seeds"], row["fire_seeds"], row["cases"], row["scored"]) == (2, 2, 2, 3)


def test_labels_are_averaged_last(fake: ModuleType) -> None:
    """Label one: 0.8, 0.6; label two: 0.4 and nothing to find. Class means 0.7 and 0.4, macro mean 0.55."""
    empty = {"tp": 0, "fp": 0, "fn": 0}
    rows = [
        fake.record(0.8, case="a", group="a", label="one"),
        fake.record(0.4, case="a", group="a", label="two"),
        fake.record(0.6, case="b", group="b", label="one"),
        fake.record(0.0, case="b", group="b", label="two", measures=empty),
    ]
    table = tables.accuracy(frame_of(rows))
    assert row_of(table, label="one")["dice_mean"] == pytest.approx(0.7)
    assert row_of(table, label="two")["dice_mean"] == pytest.approx(0.4)
    macro = row_of(table, label="macro mean")
    assert macro["dice_mean"] == pytest.approx(0.55)
    assert macro["dice_sd"] == pytest.approx(0.0)
    assert (macro["scored"], macro["both_empty"]) == (2, 1)
    assert list(present(table).frame["label"]) == ["one", "two", "macro mean"]


def test_the_macro_interval_resamples_labels_together(tmp_path: Path, fake: ModuleType) -> None:
    folder = fake.write_run(tmp_path, cases=8, labels=("anterior", "posterior"))
    frame = load(folder)
    clean = frame[(frame["model"] == "unet-small") & (frame["severity"] == 0) & (frame["grid"] == "native")]
    wide = clean.pivot(index=["case", "group"], columns="label", values="dice").reset_index()
    values = wide[["anterior", "posterior"]].mean(axis=1)
    macro = row_of(tables.accuracy(frame), model="unet-small", label="macro mean")
    assert (macro["dice_low"], macro["dice_high"]) == pytest.approx(subject_interval(values, wide["group"]))
    for table in (tables.robustness_by_severity(frame), tables.robustness_summary(frame)):
        rows = present(table).frame.groupby("label")["dice_mean"].mean()
        assert rows["macro mean"] == pytest.approx(rows[["anterior", "posterior"]].mean())


def test_tasks_and_phantoms_are_never_mixed(fake: ModuleType) -> None:
    rows = [
        fake.record(0.9, phantom=True),
        fake.record(0.5, phantom=False, split="test"),
        fake.record(0.1, task="Task05_Prostate"),
    ]
    rows = [row | {"key": str(place)} for place, row in enumerate(rows)]
    table = present(tables.accuracy(frame_of(rows)))
    scopes = table.frame[["task", "split", "phantom", "dice_mean"]].to_numpy().tolist()
    assert scopes == [
        ["Task04_Hippocampus", "test", False, 0.5],
        ["Task04_Hippocampus", "val", True, 0.9],
        ["Task05_Prostate", "val", False, 0.1],
    ]
    text = table.markdown()
    assert "## Task04_Hippocampus, split: test\n" in text
    assert "## Task04_Hippocampus, split: val, PHANTOM DATA\n" in text


def test_recipes_and_weights_tell_models_of_one_name_apart(fake: ModuleType) -> None:
    rows = [
        fake.record(0.9, recipe="quick"),
        fake.record(0.8, recipe="paper"),
        fake.record(0.7, model="unet-small", weights="a" * 64),
        fake.record(0.6, model="unet-small", weights="b" * 64),
    ]
    names = present(tables.accuracy(frame_of(rows))).frame["model"]
    assert list(names) == ["med-nca [paper]", "med-nca [quick]", "unet-small aaaaaaaa", "unet-small bbbbbbbb"]


def test_records_outside_the_plan_are_not_shown_but_counted(fake: ModuleType) -> None:
    rows = [fake.record(0.9), fake.record(0.1, case="other")]
    plan = pd.DataFrame([fake.identity()])
    assert row_of(tables.accuracy(frame_of(rows), plan))["dice_mean"] == pytest.approx(0.9)
    notes = present(tables.data(frame_of(rows), plan)).notes
    assert "Not shown, since no unit of this run: 1 record in the store." in notes


def test_a_case_that_one_model_lacks_at_a_severity_is_left_out_there(fake: ModuleType) -> None:
    rows = []
    for model in ("med-nca", "unet-small"):
        for case in ("a", "b"):
            shared = {"model": model, "case": case, "group": case}
            rows.append(fake.record(0.9, **shared))
            if (model, case) != ("unet-small", "b"):
                rows.append(fake.record(0.5, perturbation="noise", kind="acquisition", severity=2, **shared))
    table = present(tables.robustness_by_severity(frame_of(rows)))
    assert set(table.frame.loc[table.frame["severity"] == 2, "cases"]) == {1}
    assert "Left out, since not every model has a score: 1 case of a severity." in table.notes


def test_a_perturbed_pass_without_its_clean_partner_is_left_out_and_said(fake: ModuleType) -> None:
    rows = [fake.record(0.9)]
    for case in ("hippocampus_001", "orphan"):
        rows.append(fake.record(0.5, case=case, perturbation="noise", kind="acquisition", severity=2))
    table = present(tables.robustness_by_severity(frame_of(rows)))
    assert row_of(table, severity=2)["cases"] == 1
    assert "Left out for lack of a scored clean partner: 1 pass." in table.notes


def test_nothing_perturbed_gives_no_robustness_tables(fake: ModuleType) -> None:
    frame = frame_of([fake.record(0.9)])
    assert tables.robustness_by_severity(frame) is None
    assert tables.robustness_summary(frame) is None
    assert tables.accuracy(frame_of([fake.record(0.9, grid="model")])) is None


def test_written_files(tmp_path: Path, fake: ModuleType) -> None:
    folder = fake.write_run(tmp_path, cases=4, phantom=True)
    written = tables.write(folder)
    names = {"accuracy", "accuracy_details", "robustness_by_severity", "robustness_summary", "efficiency", "data"}
    names |= {"pairwise", "ranks", "rank_conventions", "table1", "subjects", "quality", "reproduction", "variance"}
    endings = ("csv", "md", "tex", "html")
    expected = {f"{name}.{ending}" for name in names for ending in endings} | {"risk_coverage.csv"}
    assert {path.name for path in written} == expected
    for name in names:
        text = (folder / "tables" / f"{name}.md").read_text(encoding="utf-8")
        assert "**PHANTOM DATA – not real MRI**" in text
        assert "Command: mednca-bench run --suite robustness" in text
        assert "Task04_Hippocampus, split: val, PHANTOM DATA" in text
        frame = pd.read_csv(folder / "tables" / f"{name}.csv")
        assert frame["phantom"].all() and (frame["split"] == "val").all()
    assert not list(folder.rglob("*.tmp"))


def test_training_cases_are_marked(tmp_path: Path, fake: ModuleType) -> None:
    Store(tmp_path).append([fake.record(0.9)])
    write_text(tmp_path / "run.json", '{"scored_train_cases": true}')
    tables.write(tmp_path)
    assert "**SCORED ON TRAINING CASES" in (tmp_path / "tables" / "accuracy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("run", [None, "{}", '{"suite": null, "models": "x", "perturbations": [1], "phantom": "no"}'])
def test_run_json_may_lack_anything(tmp_path: Path, fake: ModuleType, run: str | None) -> None:
    Store(tmp_path).append([fake.record(0.9)])
    if run is not None:
        write_text(tmp_path / "run.json", run)
    names = ("accuracy", "accuracy_details", "table1", "data")
    assert [path.stem for path in tables.write(tmp_path)] == [name for name in names for _ in range(4)]


@pytest.mark.parametrize("run", ["{", "[]"])
def test_a_damaged_run_json_is_named(tmp_path: Path, run: str) -> None:
    write_text(tmp_path / "run.json", run)
    with pytest.raises(ValueError, match=f"{tmp_path}/run.json is not"):
        tables.write(tmp_path)


def test_an_empty_run_writes_nothing(tmp_path: Path) -> None:
    write_units(tmp_path, [])
    assert tables.write(tmp_path) == []


def test_markdown_is_safe_and_csv_has_six_digits(fake: ModuleType) -> None:
    rows = [fake.record(2 / 3, model="a|b <script>\nc", measures={"size": 3_000_000})]
    table = present(tables.accuracy(frame_of(rows)))
    assert "| a\\|b &lt;script> c |" in table.markdown()
    assert "0.666667" in table.csv()


def test_cells_to_be_emphasised_are_bold_in_their_own_section() -> None:
    scope = {"task": ["a", "b"], "split": ["val", "val"], "phantom": [False, False]}
    shown = pd.DataFrame({"Model": ["one", "two"], "Dice": ["0.9", "0.8|"]})
    text = Table("x", "X", pd.DataFrame(scope), shown, strong=frozenset({(1, "Dice")})).markdown()
    assert "| **0.8\\|** |" in text and "  0.9 |" in text
    assert text.index("## b") < text.index("**")
    with pytest.raises(ValueError, match="table x: no cell 'Dice' in row 2"):
        Table("x", "X", pd.DataFrame(scope), shown, strong=frozenset({(2, "Dice")}))


def test_many_kinds_of_failure_are_cut_short(fake: ModuleType) -> None:
    plan = [fake.identity(case=f"case {n}") for n in range(13)]
    failures = [{"key": unit["key"], "error": f"error {n}"} for n, unit in enumerate(plan) if n]
    rows = frame_of([plan[0] | fake.measured(0.9)])
    notes = present(tables.data(rows, pd.DataFrame(plan), failures=failures)).notes
    assert notes[-1] == "2 more kinds of failure are in failures.jsonl."
    assert len([note for note in notes if note.startswith("1 unit failed")]) == 10
