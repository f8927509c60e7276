"""A model that lacks conditions must not look better for it, in any number over several of them."""

import math
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from mednca_bench.results.metrics import derive
from mednca_bench.results.table_accuracy import accuracy
from mednca_bench.results.table_quality import POOLED, quality
from mednca_bench.results.table_ranks import rank_conventions
from mednca_bench.results.table_summary import robustness_summary

FAMILIES = {"noise": 0.80, "blur": 0.50}
MODELS = ("med-nca", "unet-small")


def run(fake: ModuleType, *, lacking: tuple[str, ...] = ()) -> pd.DataFrame:
    """Two models with the same Dice everywhere, eight cases; `unet-small` has no record of the families it lacks."""
    rows = []
    for model in MODELS:
        for case in range(8):
            who = {"case": f"case-{case}", "group": f"subject-{case // 2}", "model": model, "fire_seed": -1}
            rows.append(fake.record(0.9 - 0.01 * case, **who))
            for family, dice in FAMILIES.items():
                if model == "med-nca" or family not in lacking:
                    what = {"perturbation": family, "kind": "acquisition", "perturbation_version": 1}
                    rows += [fake.record(dice - 0.01 * case, severity=s, **what, **who) for s in (1, 2)]
    return derive(pd.DataFrame(rows))


def of(frame: pd.DataFrame, model: str) -> "pd.Series[Any]":
    return frame[frame["model"] == model].iloc[0]


def reference() -> pd.DataFrame:
    fixed = {"suite": "robustness-v1", "task": "Task04_Hippocampus", "split": "val", "model": "unet",
             "weights": "c" * 64, "label": "foreground", "perturbation_version": 1}  # fmt: skip
    return pd.DataFrame(
        fixed | {"case": f"case-{case}", "perturbation": family, "severity": severity, "dice": 0.9 - 0.2 * severity}
        for case in range(8)
        for family in FAMILIES
        for severity in (0, 1, 2)
    )


@pytest.mark.parametrize("lacking", [(), ("blur",)], ids=["whole", "without blur"])
def test_mce_is_over_every_family_or_none(fake: ModuleType, lacking: tuple[str, ...]) -> None:
    table = robustness_summary(run(fake, lacking=lacking), references={"r": reference()})
    assert table is not None
    mean = table.frame[table.frame["perturbation"] == "all acquisition families"]
    whole = of(mean, "med-nca")["ce"]
    assert of(mean, "unet-small")["ce"] == pytest.approx(math.nan if lacking else whole, nan_ok=True)
    said = "mCE of unet-small: undefined, it has no CE under blur." in table.notes
    assert whole > 0 and said == bool(lacking)


def test_conventions_compare_models_over_the_same_conditions(fake: ModuleType) -> None:
    """Without blur, on which both are equally poor, unet-small had the better mean; now blur counts for neither."""
    table = rank_conventions(run(fake, lacking=("blur",)))
    assert table is not None
    perturbed = table.frame[(table.frame["condition"] == "all perturbed") & (table.frame["metric"] == "dice")]
    means = [of(perturbed, model)["mean_adopted"] for model in MODELS]
    assert means == pytest.approx([0.765, 0.765])
    assert "Left out of 'all perturbed', since not every model has a score: 16 cases of a condition." in table.notes


def test_quality_pools_the_same_answers_for_every_model(fake: ModuleType) -> None:
    summary, _ = quality(run(fake, lacking=("blur",)))
    pooled = summary.frame[summary.frame["perturbation"] == POOLED]
    assert [of(pooled, model)["answers"] for model in MODELS] == [24, 24]
    assert of(pooled, "med-nca")["risk_mean"] == pytest.approx(of(pooled, "unet-small")["risk_mean"])
    blur = summary.frame[summary.frame["perturbation"] == "blur"]
    assert set(blur["model"]) == {"med-nca"}, "clean answers alone say nothing of blur"
    assert "Left out, since not every model has a score: 16 cases of a condition." in summary.notes


def test_bold_is_the_better_one_by_the_test_and_not_by_one_bad_case(fake: ModuleType) -> None:
    """19 of 20 subjects are better segmented by unet-small, whose mean one missed structure lowers below med-nca's."""
    rows = []
    for model, ordinary, last in (("med-nca", 0.80, 0.80), ("unet-small", 0.83, 0.0)):
        for case in range(20):
            who = {"case": f"case-{case}", "group": f"subject-{case}", "model": model, "fire_seed": -1}
            rows.append(fake.record((last if case == 19 else ordinary) - 0.001 * case * (model == "med-nca"), **who))
    table = accuracy(derive(pd.DataFrame(rows)))
    assert table is not None and table.frame["dice_mean"].round(3).tolist() == [0.79, 0.788] and not table.strong
