"""Tables do not depend on how records are cut into parts, how many rows are worked on at once, or how many workers."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from mednca_bench.results import compact as module
from mednca_bench.results import tables, tidy
from mednca_bench.results.atomic import write_bytes
from mednca_bench.results.compact import WORDS, compact
from mednca_bench.results.grouped import distinct, places
from mednca_bench.results.joined import columns_of, joined, shared_words, smallest
from mednca_bench.results.parts import part_name, read_batches, read_part, to_bytes
from mednca_bench.results.record import UNIT_SCHEMA
from mednca_bench.results.store import Store
from tests.perf.many_records import write_run


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 models, 60 subjects, 12,480 records in two parts a model."""
    folder = tmp_path_factory.mktemp("many")
    write_run(folder, models=2, subjects=60)
    return folder


def written(run_folder: Path) -> dict[str, str]:
    return {name: table.csv() + table.markdown() for name, table in tables.build(run_folder).items()}


def cut(source: Path, target: Path, *, parts: int) -> Path:
    """The same records dealt out over so many parts, in another order."""
    import pyarrow as pa

    records = pa.concat_tables(list(Store(source).tables()))
    owner = np.random.default_rng(3).integers(0, parts, len(records))
    for part in range(parts):
        data = to_bytes(records.take(np.flatnonzero(owner == part)[::-1].copy()))
        write_bytes(target / "records" / part_name(data), data)
    write_bytes(target / "units.parquet", (source / "units.parquet").read_bytes())
    return target


@pytest.mark.parametrize("parts", [1, 7])
def test_tables_do_not_depend_on_the_cut_into_parts(many: Path, tmp_path: Path, parts: int) -> None:
    assert written(cut(many, tmp_path, parts=parts)) == written(many)


@pytest.mark.parametrize(("rows", "workers"), [(1, 1), (6000, 3), (10**6, 5)])
def test_records_read_batch_by_batch_are_those_read_at_once(
    many: Path, monkeypatch: pytest.MonkeyPatch, rows: int, workers: int
) -> None:
    usual = compact(many)
    monkeypatch.setattr(tidy, "BATCH_ROWS", rows)
    monkeypatch.setattr(os, "cpu_count", lambda: workers)
    found = compact(many)
    for name in ("frame", "clean"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(usual, name))
    # The plain way: all records as one frame.
    plain = module._plain(many, [])
    columns = [name for name in usual.frame if name not in module.KEYS]
    pd.testing.assert_frame_equal(plain.frame[columns], usual.frame[columns])
    pd.testing.assert_frame_equal(plain.clean[[*module.CLEAN_ONLY]], usual.clean[[*module.CLEAN_ONLY]])


def test_a_record_takes_few_bytes(many: Path) -> None:
    frame = compact(many).frame
    assert frame.memory_usage(index=False, deep=False).sum() / len(frame) < 130


@pytest.mark.parametrize("rows", [999, 10**6])
def test_batches_of_a_file_are_the_file(many: Path, rows: int) -> None:
    path, words = many / "units.parquet", [name for name in WORDS if name in UNIT_SCHEMA.names]
    batches = list(read_batches(path, columns=["key", "task", "severity"], words=words, rows=rows))
    whole = read_part(path, columns=["key", "task", "severity"], schema=UNIT_SCHEMA)
    frames = [batch.to_pandas().astype({"task": str}) for batch in batches]
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), whole.to_pandas().astype({"task": str}))


def test_joined_frames_share_words_and_are_sorted() -> None:
    frames = [
        pd.DataFrame({"key": [3, 1], "label": pd.Categorical(["b", "a"]), "value": [0.5, np.nan]}),
        pd.DataFrame({"key": [2, 1], "label": pd.Categorical(["c", "A"]), "value": [1.5, 2.5]}),
    ]
    pieces = [columns_of(frame, list(frame), words=["label"]) for frame in frames]
    whole = joined(pieces, shared_words(pieces, ["label"]))
    assert pieces == [{}, {}]
    assert whole["key"].tolist() == [1, 1, 2, 3] and whole["key"].dtype == np.int8
    assert whole["label"].tolist() == ["A", "a", "c", "b"]
    assert whole["label"].cat.categories.tolist() == ["A", "a", "b", "c"]
    assert whole["value"].tolist()[0] == 2.5 and np.isnan(whole["value"][1])


@given(stn.arrays(np.int64, st.integers(0, 9)))
def test_the_smallest_type_holds_the_same_numbers(values: np.ndarray) -> None:
    found = smallest(values)
    assert found.tolist() == values.tolist() and found.dtype.kind == "i"
    if found.dtype.itemsize > 1 and values.size:
        half = np.iinfo(f"i{found.dtype.itemsize // 2}")
        assert values.min() < half.min or values.max() > half.max


@given(st.lists(st.integers(0, 5000), max_size=40), st.sampled_from([5001, 10**6, 2**60]))
def test_numbers_in_use_and_their_places_are_numpys(numbers: list[int], size: int) -> None:
    values = np.array(numbers, dtype=np.int64)
    expected, inverse = np.unique(values, return_inverse=True)
    assert distinct(values, size).tolist() == expected.tolist()
    found, place = places(values, size)
    assert (found.tolist(), place.tolist()) == (expected.tolist(), inverse.tolist())
