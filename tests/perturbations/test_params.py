"""Typed readers of parameters that come back from JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.perturbations import params

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_number_survives_json(value: float) -> None:
    assert params.number(json.loads(json.dumps({"a": value})), "a") == value


@given(st.integers(0, 2**63))
def test_integers_are_exact_beyond_float(value: int) -> None:
    assert params.integer(json.loads(json.dumps({"a": value})), "a", low=0) == value


@given(st.lists(FINITE))
def test_numbers_survive_json(values: list[float]) -> None:
    assert params.numbers(json.loads(json.dumps({"a": values})), "a", count=len(values)) == tuple(values)


@pytest.mark.parametrize("value", [None, "1", True, [1.0], float("nan"), float("inf"), 1j])
def test_what_is_no_number_is_refused(value: Any) -> None:
    for reader in (params.number, params.integer):
        with pytest.raises(ValueError, match="parameter 'a' must be a finite number"):
            reader({"a": value}, "a")


def test_missing_key_is_named() -> None:
    with pytest.raises(ValueError, match="parameter 'a' must be a finite number, not None"):
        params.number({}, "a")


@pytest.mark.parametrize("value", [0.9, 3.1])
def test_range_is_kept(value: float) -> None:
    assert params.number({"a": 2}, "a", low=1, high=3) == 2.0
    with pytest.raises(ValueError, match=r"outside \[1, 3\]"):
        params.number({"a": value}, "a", low=1, high=3)


def test_whole_floats_are_integers_and_others_not() -> None:
    assert params.integer({"a": 4.0}, "a") == 4
    with pytest.raises(ValueError, match=r"must be a whole number, not 4\.5"):
        params.integer({"a": 4.5}, "a")


@pytest.mark.parametrize("value", [None, 3.0, [1.0], [1.0, 2.0, 3.0], [1.0, "2"], "12"])
def test_wrong_lists_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="parameter 'a' must be"):
        params.numbers({"a": value}, "a", count=2)


def test_choice() -> None:
    assert params.choice({"a": "x"}, "a", allowed=("x", "y")) == "x"
    for wrong in ("z", None, ["x"], 0):
        with pytest.raises(ValueError, match="parameter 'a' must be one of x, y, not"):
            params.choice({"a": wrong}, "a", allowed=("x", "y"))
