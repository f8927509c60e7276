"""CE and mCE: hand-worked against a reference on the same cases, NaN with the reason otherwise."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from mednca_bench.results import reference_records, tables
from mednca_bench.results.metrics import derive


def run(fake: ModuleType, families: dict[str, float], **values: Any) -> pd.DataFrame:
    """Two cases, clean 0.9, and each family's Dice at severities 1 and 2."""
    rows = []
    for case in ("a", "b"):
        shared = {"case": case, "group": case, **values}
        rows.append(fake.record(0.9, **shared))
        for family, dice in families.items():
            for severity in (1, 2):
                kind = {"perturbation": family, "kind": "acquisition", "perturbation_version": 1}
                rows.append(fake.record(dice, severity=severity, **kind, **shared))
    return derive(pd.DataFrame(rows))


def reference(families: dict[str, float], *, cases: str = "ab", **values: Any) -> pd.DataFrame:
    base = {
        "suite": "robustness-v1",
        "task": "Task04_Hippocampus",
        "split": "val",
        "model": "unet",
        "weights": "c" * 64,
        "label": "foreground",
        "perturbation_version": 1,
    } | values
    return pd.DataFrame(
        base | {"case": case, "perturbation": family, "severity": severity, "dice": dice}
        for case in cases
        for family, dice in families.items()
        for severity in (0, 1, 2)
    )


def ce(frame: pd.DataFrame, references: dict[str, pd.DataFrame]) -> tuple[dict[str, float], str]:
    table = tables.robustness_summary(frame, references=references)
    assert table is not None
    note = next(note for note in table.notes if "CE" in note)
    return dict(zip(table.frame["perturbation"], table.frame["ce"], strict=True)), note


def test_hand_worked(fake: ModuleType) -> None:
    """Errors 0.2 against 0.4 and 0.3 against 0.3: CE 0.5 and 1, mCE 0.75, whatever the number of severities."""
    values, note = ce(
        run(fake, {"noise": 0.8, "ghosting": 0.7}), {"unet-paper": reference({"noise": 0.6, "ghosting": 0.7})}
    )
    assert values == pytest.approx({"noise": 0.5, "ghosting": 1.0, "all acquisition families": 0.75})
    assert "relative to unet-paper (weights cccccccc)" in note


def test_labels_are_averaged_before_the_ratio(fake: ModuleType) -> None:
    """Errors 0.2 and 0.4 of the labels against 0.4 and 0.5: CE 0.5 and 0.8, of the mean error 0.3 / 0.45."""
    parts = [run(fake, {"noise": dice}, label=label) for label, dice in (("one", 0.8), ("two", 0.6))]
    references = [reference({"noise": dice}, label=label) for label, dice in (("one", 0.6), ("two", 0.5))]
    table = tables.robustness_summary(pd.concat(parts), references={"r": pd.concat(references)})
    assert table is not None
    found = dict(zip(table.frame["label"], table.frame["ce"], strict=True))
    assert found == pytest.approx({"one": 0.5, "two": 0.8, "macro mean": 2 / 3})


def test_the_baseline_that_is_asked_for_is_taken_or_the_known_ones_are_named() -> None:
    every = reference_records.shipped()
    assert len(every) > 1
    # Weights that come later, of whatever name, do not change what an mCE is relative to.
    assert next(iter(every)) == "med-nca-stable-hippocampus" != min(every)
    for name in every:
        assert list(reference_records.shipped(name)) == [name]
    with pytest.raises(ValueError, match=f"no baseline 'x' for corruption errors is shipped; known: {min(every)}, "):
        reference_records.shipped("x")


@pytest.mark.parametrize("clean_name", ["noise", "clean"])
def test_relative_ce_by_hand(fake: ModuleType, clean_name: str) -> None:
    """Noise takes 0.1 from the model and 0.2 from the reference, whose clean rows may stand under either name."""
    other = reference({"noise": 0.6})
    start = other["severity"] == 0
    other = other.assign(dice=other["dice"].where(~start, 0.8))
    other["perturbation"] = other["perturbation"].where(~start, clean_name)
    table = tables.robustness_summary(run(fake, {"noise": 0.8}), references={"r": other})
    assert table is not None
    assert table.frame["relative_ce"].tolist() == pytest.approx([0.5])
    assert not any("unstable" in note for note in table.notes)


@pytest.mark.parametrize(("clean", "expected"), [(0.605, 0.1 / 0.005), (0.6, math.nan), (0.5, math.nan)])
def test_a_reference_that_hardly_loses_anything_is_called_unstable(
    fake: ModuleType, clean: float, expected: float
) -> None:
    other = reference({"noise": 0.6})
    other["dice"] = other["dice"].where(other["severity"] > 0, clean)
    table = tables.robustness_summary(run(fake, {"noise": 0.8}), references={"r": other})
    assert table is not None
    assert table.frame["relative_ce"].tolist() == pytest.approx([expected], nan_ok=True)
    assert any("unstable" in note and "noise" in note for note in table.notes)


def test_a_reference_without_clean_scores_has_a_ce_and_no_relative_one(fake: ModuleType) -> None:
    other = reference({"noise": 0.6})
    table = tables.robustness_summary(run(fake, {"noise": 0.8}), references={"r": other[other["severity"] > 0]})
    assert table is not None
    assert table.frame["ce"].tolist() == pytest.approx([0.5]) and table.frame["relative_ce"].isna().all()
    assert "Relative CE: undefined, r has no clean scores of these cases." in table.notes


@pytest.mark.parametrize(
    "other",
    [{"cases": "a"}, {"split": "test"}, {"perturbation_version": 2}, {"label": "anterior"}],
    ids=lambda other: next(iter(other)),
)
def test_a_reference_on_anything_else_does_not_count(fake: ModuleType, other: dict[str, Any]) -> None:
    values, note = ce(run(fake, {"noise": 0.8}), {"unet-paper": reference({"noise": 0.6}, **other)})
    assert math.isnan(values["noise"])
    assert "unet-paper shipped for Task04_Hippocampus has not the same" in note


def test_phantoms_and_other_tasks_have_no_reference(fake: ModuleType) -> None:
    references = {"unet-paper": reference({"noise": 0.6})}
    assert "for phantom data" in ce(run(fake, {"noise": 0.8}, phantom=True), references)[1]
    values, note = ce(run(fake, {"noise": 0.8}, task="Task05_Prostate"), references)
    assert math.isnan(values["noise"]) and note.endswith("are shipped for Task05_Prostate.")


def test_a_perfect_reference_gives_no_ratio(fake: ModuleType) -> None:
    assert math.isnan(ce(run(fake, {"noise": 0.8}), {"r": reference({"noise": 1.0})})[0]["noise"])


def test_shipped_references_have_their_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for frame in reference_records.shipped().values():
        assert set(reference_records.COLUMNS) <= set(frame.columns)
    reference({"noise": 0.6}).to_csv(tmp_path / "corruption-unet-paper.csv", index=False)
    (tmp_path / "published.csv").write_text("x\n1\n")
    monkeypatch.setattr(reference_records, "files", lambda _: tmp_path)
    assert list(reference_records.shipped()) == ["unet-paper"]
    (tmp_path / "corruption-bad.csv").write_text("task\nx\n")
    with pytest.raises(ValueError, match=r"corruption-bad\.csv: columns missing: case, dice"):
        reference_records.shipped()
