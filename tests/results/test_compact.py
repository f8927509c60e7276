"""Compact frames give the tables that plain ones give, whatever the keys look like; grouping is pandas'."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.results import compact as module
from mednca_bench.results import load, tables
from mednca_bench.results.compact import compact, key_numbers
from mednca_bench.results.grouped import codes, distinct_per_group, means
from mednca_bench.results.remembered import remembered
from mednca_bench.results.store import Store, load_units, write_units


def test_tables_are_those_of_the_plain_frames(run_folder: Path) -> None:
    frame, intended = load(run_folder), load_units(run_folder)
    failures = Store(run_folder).failures()
    built = tables.build(run_folder)
    failed = {entry["key"] for entry in failures}
    for name in ("accuracy", "accuracy_details", "robustness_by_severity", "pairwise", "ranks", "rank_conventions"):
        plain = getattr(tables, name)(frame, intended, failed=failed)
        assert (plain.csv(), plain.markdown()) == (built[name].csv(), built[name].markdown())
    plain = tables.data(frame, intended, failures=failures)
    assert plain is not None and plain.csv() == built["data"].csv()


def test_keys_of_any_kind_give_the_same_frames(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = compact(run_folder)

    def refuse(column: object) -> None:
        raise module._UnusualKeyError("no")

    monkeypatch.setattr(module, "key_numbers", refuse)
    other = compact(run_folder)
    columns = [name for name in usual.frame if name not in ("key", "clean_key")]
    pd.testing.assert_frame_equal(usual.frame[columns], other.frame[columns])
    assert usual.frame["key"].is_monotonic_increasing and other.frame["key"].is_monotonic_increasing
    # The partner of every pass is the same.
    for run in (usual, other):
        found = run.frame.merge(run.frame[["key", "case"]], left_on="clean_key", right_on="key", how="left")
        assert (found["case_x"].astype(str) == found["case_y"].astype(str)).all()
    assert other.failures[0].keys() == usual.failures[0].keys()


def test_short_keys_and_copies_take_the_plain_way(tmp_path: Path, fake: ModuleType) -> None:
    rows = [fake.record(0.8, case="a", key="b", clean_key="b"), fake.record(0.7, case="b", key="a", clean_key="a")]
    Store(tmp_path / "short").append(rows)
    assert compact(tmp_path / "short").frame["case"].tolist() == ["b", "a"]
    for part in ([fake.record(0.8)], [fake.record(0.8), fake.record(0.6, case="x")]):
        Store(tmp_path / "copies").append(part)
    assert len(compact(tmp_path / "copies").frame) == 2
    Store(tmp_path / "copies").append([fake.record(0.8) | {"tp": 3}])
    with pytest.raises(ValueError, match="different records of the same unit"):
        compact(tmp_path / "copies")
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        compact(tmp_path / "none")


def test_an_empty_run_is_compact(tmp_path: Path) -> None:
    write_units(tmp_path, [])
    run = compact(tmp_path)
    assert run.frame.empty and run.intended is None and run.failures == []


def test_units_are_read_only_where_they_say_more_than_the_records(tmp_path: Path, fake: ModuleType) -> None:
    units = [fake.identity(case=case) for case in ("a", "b")]
    write_units(tmp_path, units)
    Store(tmp_path).append([fake.score(units[0])])
    run = compact(tmp_path)
    assert run.intended is not None and run.intended["case"].tolist() == sorted(
        ["a", "b"], key=lambda case: next(unit["key"] for unit in units if unit["case"] == case)
    )
    Store(tmp_path).append([fake.score(units[1])])
    assert compact(tmp_path).intended is None, "these and no others"
    stranger = fake.record(0.8, case="c")
    Store(tmp_path).append([stranger])
    run = compact(tmp_path)
    assert run.intended is not None and len(run.intended) == 2 and len(run.frame) == 3


def test_numbers_of_keys() -> None:
    keys = ["00" * 7 + "0f" + "f" * 48, "f" * 64, "0" * 64]
    first, second = key_numbers(pa.chunked_array([keys[:2], [], keys[2:]], pa.string()))
    assert first.tolist() == [15, 2**64 - 1, 0] and second.tolist() == [2**64 - 1, 2**64 - 1, 0]
    for bad in (["0" * 31], ["G" * 64], ["F" * 64], ["0" * 64, "0" * 65], [":" * 64]):
        with pytest.raises(ValueError, match="a key is"):
            key_numbers(pa.array(bad, pa.string()))


def test_two_keys_of_one_number_are_noticed(tmp_path: Path, fake: ModuleType) -> None:
    keys = ["a" * 16 + letter * 48 for letter in "bc"]
    Store(tmp_path).append([fake.record(0.8, case=key[-1], key=key, clean_key=key) for key in keys])
    assert compact(tmp_path).frame["key"].nunique() == 2


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(-3, 3000), st.none() | st.integers(0, 9)), max_size=30),
    st.booleans(),
)
def test_means_are_pandas(rows: list[tuple[str, int, int | None]], categories: bool) -> None:
    frame = pd.DataFrame(rows, columns=["word", "number", "value"]).astype({"value": float, "number": int})
    frame["word"] = (
        frame["word"].astype(pd.CategoricalDtype(list("zxyw"))) if categories else frame["word"].astype(object)
    )
    found = means(frame, ["word", "number"], ["value"])
    expected = frame.astype({"word": object}).groupby(["word", "number"])["value"].mean().reset_index()
    assert found["word"].astype(object).tolist() == expected["word"].tolist()
    assert found["number"].tolist() == expected["number"].tolist()
    np.testing.assert_allclose(found["value"], expected["value"])
    place, many = distinct_per_group(frame, ["word"], "number")
    wanted = frame.astype({"word": object}).groupby("word")["number"].nunique()
    assert many.tolist() == wanted.tolist()
    assert [many[one] for one in place] == [wanted[word] for word in frame["word"]]


def test_many_wide_columns_do_not_overflow() -> None:
    frame = pd.DataFrame({f"c{n}": np.arange(2000) * 7919 % 2003 * 10_000 for n in range(8)})
    number, _ = codes(frame, list(frame))
    assert (np.argsort(number) == np.argsort(frame["c0"].to_numpy())).all()


def test_a_step_is_remembered_as_long_as_its_frame() -> None:
    calls = []

    @remembered
    def size(frame: pd.DataFrame) -> int:
        calls.append(1)
        return len(frame)

    frame = pd.DataFrame({"a": [1, 2]})
    assert (size(frame), size(frame), len(calls)) == (2, 2, 1)
    del frame
    other = pd.DataFrame({"a": [1]})
    assert (size(other), len(calls)) == (1, 2)
