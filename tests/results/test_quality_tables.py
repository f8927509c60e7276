"""Tables of quality under shift: against plain recomputation, and the laws every table keeps."""

import math
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from mednca_bench.results import tables
from mednca_bench.results.metrics import derive
from mednca_bench.results.table_quality import POOLED, quality

CASES = 12


def dice_of(case: int, severity: int, model: str) -> float:
    return 0.95 - 0.01 * case - 0.03 * severity - 0.02 * (model == "unet-small")


def answers(fake: ModuleType) -> list[dict[str, Any]]:
    """An ensemble whose NQM rises exactly with its risk, and a net whose entropy falls with it."""
    rows = []
    for model, passes, fire in (("med-nca", 10, 0), ("unet-small", 1, -1)):
        for case in range(CASES):
            for family, grid, severity in (
                ("clean", "native", 0),
                ("clean", "model", 0),
                *(("noise", "native", s) for s in (1, 3, 5)),
                *(("shift", "model", s) for s in (1, 3, 5)),
            ):
                dice = dice_of(case, severity, model)
                kind = {"clean": "clean", "noise": "acquisition", "shift": "grid"}[family]
                measures = {
                    "nqm": 1 - dice if passes > 1 else math.nan,
                    "entropy_sum": 1000 * dice,
                    "p_sum_model": 1000.0,
                }
                who = {"case": f"case-{case:02d}", "group": f"subject-{case // 2}", "model": model, "fire_seed": fire}
                what = {"perturbation": family, "kind": kind, "grid": grid, "severity": severity, "passes": passes}
                rows.append(fake.record(dice, measures=measures, **who, **what))
    return rows


@pytest.fixture(scope="module")
def rows(fake: ModuleType) -> list[dict[str, Any]]:
    return answers(fake)


@pytest.fixture(scope="module")
def built(rows: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    summary, curves = quality(derive(pd.DataFrame(rows)))
    return summary.frame, curves.frame


def test_models_families_and_scores_have_rows(built) -> None:
    summary = built[0]
    wanted = {(m, p, s) for m, s in (("med-nca ×10", "nqm"), ("med-nca ×10", "entropy"), ("unet-small", "entropy"))
              for p in ("noise", "shift", POOLED)}  # fmt: skip
    for frame in built:
        assert set(zip(frame["model"], frame["perturbation"], frame["score"], strict=True)) == wanted
    assert set(summary["passes"]) == {10, 1} and not summary.duplicated(["model", "perturbation", "score"]).any()
    by_family = summary.set_index(["model", "perturbation", "score"])
    assert by_family.loc[("unet-small", "noise", "entropy"), "answers"] == CASES * 4, "clean ones on its grid too"
    assert by_family.loc[("unet-small", POOLED, "entropy"), "answers"] == CASES * 8


def test_a_perfect_score_has_no_excess_and_an_inverted_one_foresees_nothing(built) -> None:
    for row in built[0].itertuples(index=False):
        assert row.failures and math.isnan(row.auroc_low), "no resample can differ"
        assert row.reason == f"failures all score {'higher' if row.score == 'nqm' else 'lower'}: no interval of AUROC"
        assert row.aurc == pytest.approx(row.aurc_optimal + row.excess)
        if row.score == "nqm":
            assert row.excess == pytest.approx(0, abs=1e-12) and row.auroc == 1
        else:
            assert row.aurc > row.risk_mean and row.auroc == 0


def test_numbers_are_those_of_a_plain_loop(rows) -> None:
    """Scores of no use at all: recomputed from the records with scipy and a loop."""
    rng = np.random.default_rng(0)
    noisy = [row | {"entropy_sum": float(rng.uniform(100, 900))} for row in rows]
    frame = derive(pd.DataFrame(noisy))
    found = quality(frame)[0].frame.set_index(["model", "perturbation", "score"])
    mine = frame[(frame["model"] == "unet-small") & ((frame["perturbation"] == "noise") | (frame["grid"] == "native"))]
    mine = mine.assign(risk=1 - mine["dice"], score=mine["entropy_sum"] / mine["p_sum_model"]).sort_values("score")
    risk, failed = mine["risk"].to_numpy(), (mine["dice"] < 0.8).to_numpy()
    row = found.loc[("unet-small", "noise", "entropy")]
    assert row["failures"] == failed.sum() and row["answers"] == len(mine)
    assert row["aurc"] == pytest.approx(np.mean([risk[:k].mean() for k in range(1, len(risk) + 1)]))
    best = np.sort(risk)
    assert row["aurc_optimal"] == pytest.approx(np.mean([best[:k].mean() for k in range(1, len(best) + 1)]))
    u = mannwhitneyu(mine["score"][failed], mine["score"][~failed]).statistic
    assert row["auroc"] == pytest.approx(u / (failed.sum() * (~failed).sum()))
    assert row["auroc_low"] < row["auroc"] < row["auroc_high"] and row["aurc_low"] < row["aurc"] < row["aurc_high"]


def test_order_of_records_does_not_matter(rows) -> None:
    shuffled = list(rows)
    np.random.default_rng(1).shuffle(shuffled)  # type: ignore[arg-type]
    for one, other in zip(quality(derive(pd.DataFrame(rows))), quality(derive(pd.DataFrame(shuffled))), strict=True):
        assert one.csv() == other.csv()


@pytest.mark.parametrize(
    ("dice", "reason"),
    [(0.95, "no failure"), (0.5, "no success")],
)
def test_without_failures_or_successes_the_reason_is_said(rows, fake, dice: float, reason: str) -> None:
    same = [row | fake.measured(dice, nqm=row["nqm"], entropy_sum=row["entropy_sum"]) for row in rows]
    frame = quality(derive(pd.DataFrame(same)))[0].frame
    assert set(frame["reason"]) == {reason} and frame["auroc"].isna().all() and frame["auroc_low"].isna().all()
    assert frame["aurc"].notna().all()


def test_few_failures_have_a_point_and_no_interval(rows, fake) -> None:
    one_bad = [
        row | fake.measured(0.5 if row["case"] == "case-00" and row["severity"] == 5 else 0.9, nqm=row["nqm"])
        for row in rows
    ]
    table = quality(derive(pd.DataFrame(one_bad)))[0]
    frame = table.frame[table.frame["perturbation"] != POOLED]
    assert set(frame["failures"]) == {1} and frame["auroc"].notna().all() and frame["auroc_low"].isna().all()
    assert set(frame["reason"]) == {"only 1 failure: no interval of AUROC"}


def test_undefined_answers_are_counted_and_not_dropped_in_silence(rows, fake) -> None:
    empty = {"tp": 0, "fp": 0, "fn": 0, "py_sum": 0.0}
    some = [row | fake.measured(0.9, **empty) if row["case"] == "case-03" else row for row in rows]
    frame = quality(derive(pd.DataFrame(some)))[0].frame.set_index(["perturbation", "score"])
    assert set(frame.loc["noise", "undefined"]) == {4} and set(frame.loc[POOLED, "undefined"]) == {8}
    assert (frame["scored"] == frame["answers"] + frame["undefined"]).all()


def test_only_cases_that_every_model_answered_count(rows) -> None:
    fewer = [row for row in rows if not (row["model"] == "unet-small" and row["case"] == "case-01")]
    table = quality(derive(pd.DataFrame(fewer)), pd.DataFrame(rows))[0]
    assert set(table.frame["cases"]) == {CASES - 1}
    unet = table.frame[table.frame["model"] == "unet-small"]
    assert (unet["intended"] - unet["scored"] == unet["intended"] // CASES).all()
    assert any("not every model has a score" in note for note in table.notes)


def test_single_passes_and_ensembles_are_never_one_row(rows, fake) -> None:
    singles = [
        fake.record(0.7, **{n: row[n] for n in ("case", "group", "perturbation", "kind", "grid", "severity")})
        for row in rows
        if row["model"] == "med-nca"
    ]
    frame = derive(pd.DataFrame([*rows, *singles]))
    for table in (tables.accuracy(frame), tables.robustness_summary(frame), tables.robustness_by_severity(frame)):
        assert table is not None
        assert {"med-nca", "med-nca ×10", "unet-small"} == set(table.frame["model"])
        assert any(note.startswith("×10: one answer is the mean of that many passes") for note in table.notes)
    accuracy = tables.accuracy(frame)
    assert accuracy is not None
    dice = accuracy.frame.set_index("model")["dice_mean"]
    assert dice["med-nca"] == pytest.approx(0.7)
    assert dice["med-nca ×10"] == pytest.approx(
        np.mean([dice_of(case, 0, "med-nca") for case in range(CASES)]), abs=1e-3
    )


def test_clean_runs_have_no_such_tables(rows) -> None:
    clean = [row for row in rows if row["severity"] == 0]
    assert quality(derive(pd.DataFrame(clean))) == ()


def test_curves_are_numbers_only_and_words_fit(rows, run_folder, tmp_path) -> None:
    summary, curves = quality(derive(pd.DataFrame(rows)))
    assert list(curves.frame.columns)[3:] == [
        "model",
        "label",
        "perturbation",
        "score",
        "coverage",
        "risk",
        "threshold",
    ]
    assert curves.shown.columns.empty and curves.frame.groupby(["model", "perturbation", "score"]).size().max() <= 200
    assert (curves.frame.groupby(["model", "perturbation", "score"])["coverage"].max() == 1).all()
    assert "| med-nca ×10 | NQM" in summary.markdown()
    names = {path.name for path in tables.write(run_folder)}
    assert {"quality.csv", "quality.md", "risk_coverage.csv"} <= names and "risk_coverage.md" not in names
