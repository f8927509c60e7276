"""Ranks in two schemes, under other conventions, and the tables of ranks, pairs and seeds."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mednca_bench.results import tables
from mednca_bench.results.comparisons import reference_model
from mednca_bench.results.metrics import derive
from mednca_bench.results.ranks import aggregate_then_rank, rank_then_aggregate, ranked
from mednca_bench.results.table import Table


def table_of(make: Any, rows: list[dict[str, Any]], **options: Any) -> Table:
    table = make(derive(pd.DataFrame(rows)), **options)
    assert isinstance(table, Table)
    return table


def scores(fake: ModuleType, dice: dict[str, list[float | None]], **values: Any) -> list[dict[str, Any]]:
    """A clean case a subject for every number; None: nothing of the structure was found."""
    return [
        fake.record(
            one or 0.0,
            model=model,
            case=f"case {n}",
            group=f"subject {n}",
            measures={"tp": 0, "fp": 0, "fn": 1000} if one is None else None,
            **values,
        )
        for model, column in dice.items()
        for n, one in enumerate(column)
    ]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.booleans())
def test_ranked_is_scipys_minimum_rank(values: list[int], higher: bool) -> None:
    scores_ = np.array(values) / 20
    expected = stats.rankdata(-scores_ if higher else scores_, method="min")
    np.testing.assert_array_equal(ranked(scores_, higher=higher), expected)


def test_the_two_schemes_can_disagree() -> None:
    """A wins four cases of five by a little and fails in one: best by case, worst by mean."""
    values = np.array([[0.90, 0.89], [0.91, 0.90], [0.88, 0.87], [0.92, 0.91], [0.0, 0.85]])
    means, inside = aggregate_then_rank(values, range(5)), rank_then_aggregate(values, range(5))
    assert means.rank.tolist() == [2, 1] and inside.rank.tolist() == [1, 2]
    assert inside.score.tolist() == pytest.approx([1.2, 1.8])
    assert means.low.tolist() == [1, 1] and means.high.tolist() == [2, 2]
    # The failure is drawn at least once in 1 - 0.8^5 of the resamples, and then the mean of A is below B's.
    assert means.first[1] == pytest.approx(1 - 0.8**5, abs=0.02)


def test_rank_intervals_are_certain_where_one_model_always_wins() -> None:
    values = np.random.default_rng(0).normal(0, 1, (12, 1)) + np.array([0.0, 0.1, -0.1])
    for scheme in (aggregate_then_rank, rank_then_aggregate):
        found = scheme(values, np.arange(12) // 2)
        assert found.rank.tolist() == found.low.tolist() == found.high.tolist() == [2, 1, 3]
    assert aggregate_then_rank(values, np.arange(12), higher=False).rank.tolist() == [2, 3, 1]
    assert np.isnan(aggregate_then_rank(values, np.zeros(12)).low).all()
    assert np.isnan(rank_then_aggregate(np.array([[math.nan, 1.0]]), [0]).rank).all()


def test_a_rank_that_hangs_on_the_convention_is_marked(fake: ModuleType) -> None:
    """Model a misses one structure and is better elsewhere: first only where what is missed is left out."""
    rows = scores(fake, {"a": [0.9, 0.9, None], "b": [0.8, 0.8, 0.8]})
    table = table_of(tables.rank_conventions, rows)
    dice = table.frame[table.frame["metric"] == "dice"].set_index("model")
    assert dice["mean_adopted"].tolist() == pytest.approx([0.6, 0.8])
    assert dice["mean_undefined_left_out"].tolist() == pytest.approx([0.9, 0.8])
    assert dice["rank_adopted"].tolist() == [2, 1] and dice["rank_undefined_left_out"].tolist() == [1, 2]
    assert dice["flips"].all() and "The rank depends on the convention for: a, b." in table.notes
    assert "flips" in table.markdown()


def test_other_conventions_by_hand(fake: ModuleType) -> None:
    empty, invented = {"tp": 0, "fp": 0, "fn": 0}, {"tp": 0, "fp": 9, "fn": 0}
    shared = {"case": "x", "group": "x"}
    rows = scores(fake, {"a": [0.9], "b": [0.7]})
    rows += [
        fake.record(0, model="a", measures=empty, **shared),
        fake.record(0, model="b", measures=invented, **shared),
    ]
    frame = table_of(tables.rank_conventions, rows).frame
    dice = frame[frame["metric"] == "dice"].set_index("model")
    found = {name: dice[f"mean_{name}"].tolist() for name in ("adopted", "empty_is_best", "truth_needed")}
    assert found["adopted"] == pytest.approx([0.9, 0.35])
    assert found["empty_is_best"] == pytest.approx([0.95, 0.35])
    assert found["truth_needed"] == pytest.approx([0.9, 0.7])
    hd95 = frame[frame["metric"] == "hd95"].set_index("model")
    assert hd95.loc["b", "mean_adopted"] == pytest.approx((80 + hd95.loc["b", "mean_truth_needed"]) / 2)


def test_pairs_are_tested_by_subject_and_corrected_by_family(fake: ModuleType) -> None:
    rng = np.random.default_rng(1)
    dice = {
        m: list(np.clip(0.8 + shift + rng.normal(0, 0.02, 8), 0, 1)) for m, shift in (("a", 0), ("b", 0.02), ("c", 0.1))
    }
    rows = scores(fake, dice)
    rows += [row | {"case": row["case"] + " right", "key": row["key"][::-1]} for row in rows]
    frame = table_of(tables.pairwise, rows).frame
    assert frame["subjects"].tolist() == [8, 8, 8] and frame["tests"].tolist() == [3, 3, 3]
    clean = derive(pd.DataFrame(rows)).groupby(["model", "group"])["dice"].mean().unstack("model")
    p = [stats.wilcoxon(clean[one] - clean[two]).pvalue for one, two in (("a", "b"), ("a", "c"), ("b", "c"))]
    assert frame["p"].tolist() == pytest.approx(p)
    assert frame["difference"].iloc[1] == pytest.approx((clean["a"] - clean["c"]).mean())
    assert frame["p_holm"].iloc[1] == pytest.approx(min(1, 3 * min(p)))


def test_what_cannot_become_significant_is_said(fake: ModuleType) -> None:
    table = table_of(tables.pairwise, scores(fake, {"a": [0.9, 0.8, 0.85], "b": [0.7, 0.6, 0.62]}))
    assert not table.frame["possible"].any() and "cannot be" in set(table.shown["Significant"])
    assert any(note.startswith("Cannot become significant: 1 of 1 comparisons") for note in table.notes)
    assert tables.accuracy(derive(pd.DataFrame(scores(fake, {"a": [0.9] * 3, "b": [0.7] * 3})))).strong == frozenset()  # type: ignore[union-attr]


def test_the_best_dice_is_bold_only_where_the_test_says_so(fake: ModuleType) -> None:
    rng = np.random.default_rng(2)
    low, close, high = (list(mean + rng.normal(0, 0.01, 10)) for mean in (0.7, 0.8, 0.8))
    assert table_of(tables.accuracy, scores(fake, {"a": low, "b": high})).strong == {(1, "Dice")}
    undecided = table_of(tables.accuracy, scores(fake, {"a": low, "b": high, "c": close}))
    assert undecided.strong == frozenset() and not any("Bold" in note for note in undecided.notes)


def test_perturbed_models_against_themselves_and_a_reference(run_folder: Path) -> None:
    frame = tables.build(run_folder)["pairwise"].frame
    assert frame["family"].value_counts().to_dict() == {
        "against itself clean": 12,
        "against the reference": 6,
        "models, clean": 1,
    }
    noise = frame[(frame["perturbation"] == "noise") & (frame["family"] == "against the reference")].iloc[0]
    assert (noise["model"], noise["other"]) == ("unet-small", "med-nca") and noise["difference"] < 0
    assert set(frame["tests"]) == {12, 6, 1}


def test_the_reference_is_named_or_fixed_but_not_picked_by_score() -> None:
    assert reference_model(["a", "med-nca", "unet"]) == "med-nca"
    assert reference_model(["a", "b"]) == "a"
    assert reference_model(["a", "b"], "b") == "b"
    with pytest.raises(ValueError, match="reference model 'x' was not scored; scored: a, b"):
        reference_model(["a", "b"], "x")


@pytest.mark.parametrize("seeds", [3, 5])
def test_few_seeds_are_shown_one_by_one(fake: ModuleType, seeds: int) -> None:
    rng = np.random.default_rng(3)
    rows = [
        row
        for seed in range(seeds)
        for row in scores(fake, {"a": list(0.8 + 0.02 * seed + rng.normal(0, 0.01, 6))}, train_seed=seed)
    ]
    table = table_of(tables.training_seeds, rows)
    frame = table.frame
    assert frame["train_seed"].tolist() == [*map(str, range(seeds)), "all"]
    whole = frame.iloc[-1]
    assert whole["dice_mean"] == pytest.approx(frame["dice_mean"].iloc[:-1].mean())
    assert whole["seed_sd"] == pytest.approx(frame["dice_mean"].iloc[:-1].std())
    assert math.isnan(whole["dice_low"]) == (seeds < 5)
    assert any("fewer than 5: no interval over seeds" in note for note in table.notes) == (seeds < 5)
    assert tables.training_seeds(derive(pd.DataFrame(rows[:6]))) is None


def test_one_model_has_no_ranks(fake: ModuleType) -> None:
    frame = derive(pd.DataFrame(scores(fake, {"a": [0.8, 0.9]})))
    assert tables.ranks(frame) is None and tables.rank_conventions(frame) is None and tables.pairwise(frame) is None
