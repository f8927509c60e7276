"""Variance components: hand-worked, against simulated truth, and what a design cannot tell said so."""

import math
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mednca_bench.results import tables
from mednca_bench.results.metrics import derive
from mednca_bench.results.scored import ledger
from mednca_bench.results.variance_components import BOTH, CASE, FIRE, TRAINING, Component, variance_components


def parts(scores: Any, **options: bool) -> dict[str, Component]:
    return {part.name: part for part in variance_components(np.asarray(scores, dtype=float), **options)}


def test_by_hand() -> None:
    """Two cases, two trainings, two fire seeds.

    Cells (1, 3), (4, 6) | (5, 7), (12, 14): means 2, 5, 6, 13; cases 3.5, 9.5; trainings 4, 9; mean 6.5.
    MS_C = 4 * 18 / 1 = 72, MS_T = 4 * 12.5 / 1 = 50, MS_CT = 2 * 4 * 1 = 8 (every inner deviation is 1), MS_F = 8 / 4.
    """
    found = parts([[[1, 3], [4, 6]], [[5, 7], [12, 14]]])
    assert found[FIRE].variance == pytest.approx(2.0)
    assert found[BOTH].variance == pytest.approx((8 - 2) / 2)
    assert found[CASE].variance == pytest.approx((72 - 8) / 4)
    assert found[TRAINING].variance == pytest.approx((50 - 8) / 4)
    assert [found[name].degrees for name in (CASE, TRAINING, BOTH, FIRE)] == [1, 1, 1, 4]
    assert all(part.remark == "" for part in found.values())


def test_simulated_components_are_found() -> None:
    rng = np.random.default_rng(5)
    wanted = {CASE: 4.0, TRAINING: 1.0, BOTH: 0.5, FIRE: 0.25}
    shapes = {CASE: (60, 1, 1), TRAINING: (1, 60, 1), BOTH: (60, 60, 1), FIRE: (60, 60, 3)}
    scores = sum((rng.normal(0, math.sqrt(wanted[name]), shapes[name]) for name in wanted), np.zeros((60, 60, 3)))
    found = parts(scores)
    for name, variance in wanted.items():
        assert found[name].variance == pytest.approx(variance, rel=0.45 if name in (CASE, TRAINING) else 0.1), name


def test_a_negative_estimate_is_0_and_says_what_it_was() -> None:
    found = parts([[[1.0], [3.0]], [[3.0], [1.0]]])
    assert found[CASE].estimate < 0 and found[CASE].variance == 0.0
    assert "is negative, reported as 0" in found[CASE].remark


def test_one_training_holds_the_interaction_in_the_case() -> None:
    """Cases 2 and 6 of two fire seeds each: MS_C = 2 * 8 = 16, MS_F = 2."""
    found = parts([[[1, 3]], [[5, 7]]])
    assert found[CASE].variance == pytest.approx((16 - 2) / 2) and "from training to training" in found[CASE].remark
    for name in (TRAINING, BOTH):
        assert math.isnan(found[name].variance) and found[name].remark == "cannot be estimated from one training"


def test_one_fire_seed_is_held_by_the_interaction() -> None:
    found = parts([[[1.0], [2.0]], [[5.0], [9.0]]])
    assert math.isnan(found[FIRE].variance) and found[FIRE].remark == "cannot be estimated from one fire seed"
    assert "holds the fire seed" in found[BOTH].remark and found[BOTH].variance == pytest.approx(2.25)


def test_a_deterministic_model_has_none_from_fire_seeds() -> None:
    found = parts([[[1.0], [2.0]], [[5.0], [9.0]]], stochastic=False)
    assert found[FIRE].variance == 0.0 and "deterministic" in found[FIRE].remark
    assert found[BOTH].variance == pytest.approx(2.25) and found[BOTH].remark == ""


def test_too_few_cases_or_a_hole_are_refused() -> None:
    for scores in (np.zeros((1, 2, 2)), np.full((2, 2, 2), np.nan)):
        with pytest.raises(ValueError, match="at least two are needed"):
            variance_components(scores)


def rows(fake: ModuleType, *, seeds: int, fires: int, skip: tuple[int, int] | None = None) -> pd.DataFrame:
    """Dice 0.5 + 0.1 case + 0.05 training + 0.01 fire seed of three cases; one (case, training) may be missing."""
    found = [
        fake.record(
            0.5 + 0.1 * case + 0.05 * seed + 0.01 * fire,
            case=f"case {case}",
            group=f"subject {case}",
            train_seed=seed,
            fire_seed=fire,
        )
        for case in range(3)
        for seed in range(seeds)
        for fire in range(fires)
        if (case, seed) != skip
    ]
    return ledger(derive(pd.DataFrame(found)))


def test_the_table_splits_what_it_is_given(fake: ModuleType) -> None:
    table = tables.variance(rows(fake, seeds=2, fires=2))
    assert table is not None
    frame = table.frame.set_index("component")
    assert frame["variance"].to_dict() == pytest.approx(
        {CASE: 0.01, TRAINING: 0.00125, BOTH: 0.0, FIRE: 0.00005}, abs=3e-5
    )
    assert frame["share"].sum() == pytest.approx(1) and set(frame["fire_seeds"]) == {2}
    assert "negative, reported as 0" in frame.loc[BOTH, "remark"]
    assert table.shown["Component"].tolist() == [CASE, TRAINING, BOTH, FIRE]


def test_cases_without_a_score_under_every_seed_are_left_out_and_said(fake: ModuleType) -> None:
    table = tables.variance(rows(fake, seeds=2, fires=1, skip=(2, 1)))
    assert table is not None and set(table.frame["cases"]) == {2}
    assert any("left out for want of a score under every seed: 1 case" in note for note in table.notes)


def test_one_seed_of_each_kind_has_no_table(fake: ModuleType) -> None:
    assert tables.variance(rows(fake, seeds=1, fires=1)) is None
